"""`PeerAdmission`: who may come in: the site's peers, and the callers that a person has let in since, by title, address and certificate.

Several peers may share one AE title, as scanners of one vendor often do: a caller is the first peer that fits in all three.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol

from node.domain.arrivals import Caller, Rejection
from node.domain.callers import AcceptedCaller
from node.errors import SettingsError
from node.tls import normal_identity

USUAL_ASSOCIATIONS = 16
"""At one time, of a caller whom a person let in under a name that the settings do not have."""


class PeerEntry(Protocol):
    """What the settings say of a peer; `node.settings.network.PeerSection` is one."""

    @property
    def name(self) -> str:
        """The site's name for it."""
        ...

    @property
    def ae_titles(self) -> Sequence[str]:
        """By which it calls."""
        ...

    @property
    def addresses(self) -> Sequence[str]:
        """Addresses and networks from which it calls; any where there are none."""
        ...

    @property
    def certificates(self) -> Sequence[str]:
        """Fingerprints and subjects; any that is trusted, and the plain port, where there are none."""
        ...

    @property
    def max_associations(self) -> int:
        """At one time."""
        ...


@dataclass(frozen=True)
class _Entry:
    name: str
    ae_titles: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]
    certificates: frozenset[str]

    def obstacle(self, caller: Caller) -> str:
        """Why this caller, whose title fits, is not this peer; empty where it is."""
        if self.networks and not any(ip_address(caller.host) in network for network in self.networks):
            return f"its address is none of peer {self.name}"
        shown = caller.certificate
        if not self.certificates:
            return ""
        if shown is None:
            return f"peer {self.name} may come in by TLS with its certificate alone"
        if not self.certificates & {shown.fingerprint, shown.subject}:
            return f"its certificate is none of peer {self.name}"
        return ""


class PeerAdmission:
    """Fulfils `node.domain.arrivals.Admission`.

    Parameters
    ----------
    peers : of the settings
    max_associations : of all peers at one time

    Raises
    ------
    SettingsError : a peer's certificate is named so that none can be meant
    """

    def __init__(self, peers: Sequence[PeerEntry], *, max_associations: int) -> None:
        self._peers = tuple(_entry(peer) for peer in peers)
        self._limits = {peer.name: peer.max_associations for peer in peers}
        self._accepted: tuple[_Entry, ...] = ()
        self._most = max_associations
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def accept(self, accepted: Sequence[AcceptedCaller]) -> None:
        """Let these in besides the site's peers, from now on, instead of those of the last time."""
        self._accepted = tuple(_accepted(caller) for caller in accepted)

    def admit(self, caller: Caller) -> str | Rejection:
        """The peer's name, which counts as one association from now on; or why not."""
        obstacles = []
        for entry in (*self._peers, *self._accepted):
            if caller.calling_ae in entry.ae_titles:
                obstacle = entry.obstacle(caller)
                if not obstacle:
                    return self._counted(entry.name)
                obstacles.append(obstacle)
        why = "; ".join(dict.fromkeys(obstacles)) or "no peer has this AE title"
        return Rejection(1, 1, 3, why)  # permanent, calling AE title not recognized

    def left(self, peer: str) -> None:
        """An association of that peer has ended."""
        with self._lock:
            self._open[peer] -= 1

    def _counted(self, name: str) -> str | Rejection:
        with self._lock:
            if self._open.total() >= self._most:
                return _busy(f"{self._most} associations are open, as many as may be")
            limit = self._limits.get(name, USUAL_ASSOCIATIONS)
            if self._open[name] >= limit:
                return _busy(f"peer {name} has {limit} associations open, as many as it may")
            self._open[name] += 1
        return name


def _busy(why: str) -> Rejection:
    return Rejection(2, 3, 2, why)  # transient, presentation provider, local limit exceeded


def _entry(peer: PeerEntry) -> _Entry:
    try:
        certificates = frozenset(normal_identity(text) for text in peer.certificates)
    except ValueError as error:
        raise SettingsError([f"peer {peer.name}: certificates: {error}"]) from error
    networks = tuple(ip_network(text, strict=False) for text in peer.addresses)
    return _Entry(peer.name, frozenset(title.strip() for title in peer.ae_titles), networks, certificates)


def _accepted(caller: AcceptedCaller) -> _Entry:
    certificates = frozenset((caller.certificate,) if caller.certificate else ())
    return _Entry(caller.name, frozenset((caller.calling_ae,)), (ip_network(caller.host),), certificates)
