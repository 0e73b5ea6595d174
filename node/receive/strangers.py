"""`Strangers`: callers that were turned away, gathered in memory and handed to the register now and then.

A flood of unknown callers must not become a flood of transactions: each title and host is one entry, whatever its number of tries, and the
number of entries is bounded. With the same turn, the callers whom a person has let in since are read.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from ipaddress import ip_address

import structlog

from node.domain.arrivals import Caller, Rejection
from node.domain.callers import CallerBook, TurnedAway
from node.domain.ports import Clock
from node.errors import NodeError
from node.receive.admission import PeerAdmission
from node.receive.seldom import Seldom

log = structlog.get_logger()

MOST = 512
PERMANENT = 1
"""Result of a rejection (PS3.8 9.3.4)."""

EVERY_S = 2.0
"""How soon a caller that was let in may come in."""


class Strangers:
    """May be told from several threads.

    Parameters
    ----------
    own_titles : ours; who calls from this machine under one of them is `ember check`, and no stranger
    """

    def __init__(self, book: CallerBook, clock: Clock, own_titles: tuple[str, ...]) -> None:
        self._book = book
        self._clock = clock
        self._own_titles = own_titles
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], TurnedAway] = {}
        self._seldom = Seldom()

    def turned_away(self, caller: Caller, rejection: Rejection) -> None:
        """A caller was turned away; one that may come again later is told in the log alone."""
        if caller.calling_ae in self._own_titles and ip_address(caller.host).is_loopback:
            return
        if times := self._seldom.due(caller.host, rejection.why):
            titles = {"calling_ae": caller.calling_ae, "called_ae": caller.called_ae}
            log.warning("turned away", host=caller.host, **titles, why=rejection.why, times=times)
        if rejection.result == PERMANENT:
            fingerprint = caller.certificate.fingerprint if caller.certificate else ""
            self._remember(caller.calling_ae, caller.called_ae, caller.host, fingerprint, rejection.why)

    def nameless(self, host: str, why: str) -> None:
        """One was turned away by TLS, before it could say who it is."""
        if times := self._seldom.due(host, why):
            log.warning("turned away by TLS", host=host, why=why, times=times)
        self._remember("", "", host, "", why)

    def turn(self, admission: PeerAdmission) -> None:
        """Hand over what was gathered, and let in whom a person has accepted."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        try:
            if waiting:
                self._book.turned_away(tuple(waiting.values()))
            admission.accept(self._book.accepted())
        except (NodeError, OSError) as error:
            with self._lock:
                self._waiting = waiting | self._waiting
            if times := self._seldom.due("book"):
                log.error("the register of callers cannot be used; who was accepted before may come in", why=str(error), times=times)

    def _remember(self, calling_ae: str, called_ae: str, host: str, certificate: str, why: str) -> None:
        now = self._clock.now()
        with self._lock:
            known = self._waiting.get((calling_ae, host))
            if known is None:
                if len(self._waiting) < MOST:
                    self._waiting[calling_ae, host] = TurnedAway(calling_ae, called_ae, host, certificate, why, 1, now, now)
                return
            self._waiting[calling_ae, host] = replace(
                known, called_ae=called_ae, certificate=certificate, why=why, times=known.times + 1, last_at=now
            )
