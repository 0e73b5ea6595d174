"""`Lobby`: the connections that have not asked for an association yet: how many there may be, and for how long.

Their number is bounded by closing the oldest instead of refusing the newest, so that whoever opens connections and says nothing keeps
nobody else out. One address has a share of the places: a flood from there pushes out its own.
"""

from __future__ import annotations

import threading
from time import monotonic

import structlog

from node.receive.connection import Connection
from node.receive.seldom import Seldom

log = structlog.get_logger()

JUST_S = 0.5
"""Long enough for whoever has something to say."""


class Lobby:
    """May be called from several threads.

    Parameters
    ----------
    most, share : places in all, and of one address
    """

    def __init__(self, *, most: int, share: int) -> None:
        self._most = most
        self._share = share
        self._here: dict[Connection, None] = {}  # in order of coming, which is that of their deadlines
        self._by_host: dict[str, dict[Connection, None]] = {}
        self._change = threading.Condition()
        self._mine = threading.local()
        self._closed = False
        self._seldom = Seldom()

    def enter(self, connection: Connection) -> None:
        """It has connected; where there is no place left, the oldest of its address, or of all, is cut off."""
        with self._change:
            self._here[connection] = None
            self._by_host.setdefault(connection.host, {})[connection] = None
            victim = self._too_many(connection.host)
            if victim is not None:
                self._remove(victim)
            if len(self._here) == 1:
                self._change.notify()
        if victim is not None:
            self._cut(victim, "too many connections that ask for nothing")

    def attend(self, connection: Connection) -> None:
        """The calling thread works on this connection from now on."""
        self._mine.connection = connection

    def asked(self) -> None:
        """The calling thread's connection has got its association: it needs no place here any more."""
        self.leave(self._mine.connection)

    def leave(self, connection: Connection) -> None:
        """It is here no more; no matter whether it was."""
        with self._change:
            self._remove(connection)

    def make_room(self) -> None:
        """Cut off the oldest, unless it has only just come: something else than places has run out."""
        with self._change:
            victim = next(iter(self._here), None)
            if victim is not None and monotonic() - victim.since < JUST_S:
                victim = None
            if victim is not None:
                self._remove(victim)
        if victim is not None:
            self._cut(victim, "a connection that asks for nothing takes up what others need")

    def watch(self) -> None:
        """Cut off who has not asked in time, until `close`: the work of a thread of its own."""
        while True:
            with self._change:
                if self._closed:
                    return
                oldest = next(iter(self._here), None)
                rest_s = None if oldest is None else oldest.deadline - monotonic()
                if oldest is None or rest_s is None or rest_s > 0:
                    self._change.wait(rest_s)
                    continue
                self._remove(oldest)
            self._cut(oldest, "asked for no association in time")

    def close(self) -> None:
        """Cut off everybody, and end `watch`."""
        with self._change:
            self._closed = True
            rest = list(self._here)
            self._here.clear()
            self._by_host.clear()
            self._change.notify_all()
        for connection in rest:
            connection.cut()

    def _too_many(self, host: str) -> Connection | None:
        if len(self._by_host[host]) > self._share:
            return next(iter(self._by_host[host]))
        return next(iter(self._here)) if len(self._here) > self._most else None

    def _remove(self, connection: Connection) -> None:
        if self._here.pop(connection, True) is None:
            of_host = self._by_host[connection.host]
            del of_host[connection]
            if not of_host:
                del self._by_host[connection.host]

    def _cut(self, connection: Connection, why: str) -> None:
        connection.cut()
        if times := self._seldom.due(connection.host, why):
            log.warning("cut off", host=connection.host, why=why, times=times)
