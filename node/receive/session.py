"""What the services know of the association that they serve: requests, replies, and the inlet that hears of it with its first image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from node.domain.arrivals import Caller, Inlet
from node.receive.commands import Command
from node.receive.ending import How
from node.receive.negotiation import Context
from node.receive.statuses import Answer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Parameters
    ----------
    pieces : of the data set, none where there is none; each is valid until the next is asked for. What a service leaves, the association
        reads and throws away.
    """

    context: Context
    command: Command
    pieces: Iterator[memoryview]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered.

    Parameters
    ----------
    comment : Error Comment, for the sender's log; no patient in it
    instance_uid : where it is another than the request's
    """

    answer: Answer
    comment: str = ""
    instance_uid: str | None = None


class Session:
    """One association, as the inlet knows it. The inlet hears of it when it brings something, so that C-ECHO leaves no trace."""

    def __init__(self, name: str, caller: Caller, inlet: Inlet) -> None:
        self.name = name
        self.inlet = inlet
        self._caller = caller
        self._told = False

    def open(self) -> Inlet:
        """The inlet, which has heard of this association.

        Raises
        ------
        TemporaryError, OSError : the disk does not take it
        """
        if not self._told:
            self.inlet.opened(self.name, self._caller)
            self._told = True
            caller = self._caller
            log.info("association brings something", association=self.name, calling_ae=caller.calling_ae, address=caller.address)
        return self.inlet

    def close(self, how: How) -> None:
        """Tell the inlet that this association has ended, if it has heard of it."""
        if self._told:
            log.info("association ended", association=self.name, how=how.value)
            try:
                self.inlet.closed(self.name, how.value)
            except Exception:
                # Nobody is left to tell; what is found open when the node starts is closed then.
                log.exception("the end of an association could not be kept", association=self.name)
