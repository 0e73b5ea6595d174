"""`Receiver`: the whole of the receiving side in one object: doors, who may come in through them, and what is done with them inside."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from node.domain.arrivals import Caller, Inlet, Rejection
from node.domain.callers import CallerBook
from node.domain.ports import Clock
from node.receive.admission import PeerAdmission, PeerEntry
from node.receive.association import AssociationService, AssociationSettings
from node.receive.listener import Door, Listener, ListenerLimits
from node.receive.lobby import Lobby
from node.receive.strangers import EVERY_S, Strangers

log = structlog.get_logger()

SOON = timedelta(days=30)
"""Our own certificate's end is told each day from then on."""


@dataclass(frozen=True)
class ReceiverSettings:
    """How the receiver listens.

    Parameters
    ----------
    doors : the plain port, the TLS port, or both
    """

    doors: tuple[Door, ...]
    association: AssociationSettings
    limits: ListenerLimits = field(default_factory=ListenerLimits)


class Receiver:
    """Takes what comes from the network into the inlet.

    The inlet is called from several threads at a time, and not after `stop` has returned.

    Parameters
    ----------
    peers : who may come in
    book : where callers that were turned away are kept, and those whom a person has let in

    Raises
    ------
    SettingsError : a peer's certificate is named so that none can be meant
    """

    def __init__(self, settings: ReceiverSettings, peers: Sequence[PeerEntry], inlet: Inlet, book: CallerBook, clock: Clock) -> None:
        self._doors = settings.doors
        self._clock = clock
        limits = settings.limits
        self._strangers = Strangers(book, clock, settings.association.ae_titles)
        self._admission = PeerAdmission(peers, max_associations=limits.associations)
        lobby = Lobby(most=limits.silent, share=limits.silent_a_host)
        admission = _Seen(self._admission, lobby)
        service = AssociationService(settings.association, admission, inlet, turned_away=self._strangers.turned_away)
        self._listener = Listener(settings.doors, service, lobby, self._strangers, limits)
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep_books, name="callers", daemon=True)

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports on which it listens, in the order of the doors; none before `start`."""
        return self._listener.ports

    @property
    def port(self) -> int:
        """The first of them; IndexError before `start`."""
        return self.ports[0]

    def start(self) -> None:
        """Listen.

        Raises
        ------
        TemporaryError : a port is taken
        """
        self._strangers.turn(self._admission)  # whom a person has let in before may come in from the first moment
        self._listener.start()
        self._keeper.start()
        for door, port in zip(self._doors, self.ports, strict=True):
            log.info("listening", host=door.host, port=port, tls=door.credentials is not None)

    def stop(self) -> None:
        """Let nobody in any more, abort what is open, wait until the last image is kept or refused."""
        self._listener.stop()
        if not self._stopping.is_set() and self._keeper.is_alive():
            self._stopping.set()
            self._keeper.join()
            self._strangers.turn(self._admission)

    def _keep_books(self) -> None:
        told: datetime | None = None
        while not self._stopping.wait(EVERY_S):
            self._strangers.turn(self._admission)
            now = self._clock.now()
            if told is None or now - told >= timedelta(days=1):
                told = now
                self._tell_expiry(now)

    def _tell_expiry(self, now: datetime) -> None:
        for door in self._doors:
            if door.credentials is not None and door.credentials.own.not_after < now + SOON:
                left = (door.credentials.own.not_after - now).days
                log.warning("our TLS certificate ends soon: renew it", days=left, until=door.credentials.own.not_after.isoformat())


class _Seen:
    """The admission, which also tells the lobby of those who were let in: they have their association, and no deadline any more."""

    def __init__(self, admission: PeerAdmission, lobby: Lobby) -> None:
        self._admission = admission
        self._lobby = lobby

    def admit(self, caller: Caller) -> str | Rejection:
        answer = self._admission.admit(caller)
        if isinstance(answer, str):
            self._lobby.asked()
        return answer

    def left(self, peer: str) -> None:
        self._admission.left(peer)
