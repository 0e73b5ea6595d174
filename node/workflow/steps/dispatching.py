"""`Dispatch`: beside the sweep, what comes and goes that no exam's state tells of: reports and requests of storage commitment, rejection
notes of an earlier version, proof that is still asked of an exam that has ended."""

from __future__ import annotations

import socket
from typing import Protocol

import structlog

from node.deliver import read_result
from node.domain.arrivals import NoticeKind
from node.errors import DataError
from node.settings import Destination, Settings
from node.workflow.states import Verb
from node.workflow.steps.places import titles_of
from node.workflow.steps.promising import Promiser
from node.workflow.steps.proving import hold_if_lost, settle
from node.workflow.steps.telling import told
from node.workflow.store.commitments import CommitmentRow
from node.workflow.store.database import Store
from node.workflow.store.notices import NoticeRow

log = structlog.get_logger()


class Runner(Protocol):
    """What is asked of the engine."""

    def ensure(self, verb: Verb, exam: int, version: int) -> None:
        """See to it that the work that begins with a verb is alive."""
        ...

    def ensure_promise(self, number: int) -> None:
        """See to it that somebody works on what a scanner asked of us."""
        ...


class Dispatch:
    """One pass is `once`."""

    def __init__(self, settings: Settings, store: Store, runner: Runner) -> None:
        self._settings = settings
        self._store = store
        self._runner = runner
        self._promiser = Promiser(settings, store)

    def once(self) -> None:
        """Look at everything once."""
        for notice in self._store.notices.unhandled([NoticeKind.COMMITMENT_RESULT, NoticeKind.COMMITMENT_REQUEST]):
            heard = self._hear if notice.kind is NoticeKind.COMMITMENT_RESULT else self._promiser.take_up
            self._store.notices.handled(notice.id, heard(notice))
        for number in self._promiser.due():
            self._runner.ensure_promise(number)
        for exam, version in self._store.deliveries.unattended([one.name for one in self._settings.destination]):
            self._runner.ensure(Verb.DELIVER, exam, version)

    def _hear(self, notice: NoticeRow) -> str:
        """Act on a report; the sentence that tells what became of it."""
        try:
            result = read_result(notice.dataset, notice.transfer_syntax_uid)
        except DataError as error:
            return f"not understood: {error}"
        asked = self._store.commitments.get(result.transaction_uid)
        if asked is None:
            return "not believed: of no transaction that we asked for"
        section = next((one for one in self._settings.destination if one.name == asked.destination), None)
        if section is None or not self._believes(notice, section):
            log.warning("a report of storage commitment is not believed", transaction=result.transaction_uid, calling_ae=notice.calling_ae)
            return f"not believed: it comes from {notice.calling_ae} at {notice.address}, and {asked.destination} was asked"
        words = settle(self._store, asked, result)
        self._tell(asked, words, failed=bool(result.failed))
        hold_if_lost(self._store, asked.exam, asked.version)
        return words

    def _believes(self, notice: NoticeRow, section: Destination) -> bool:
        """Whether a report comes from the destination: under its title, that of a peer that is the same archive, or from its host."""
        return notice.calling_ae in titles_of(section, self._settings) or _host(notice.address) in _addresses(section.host)

    def _tell(self, asked: CommitmentRow, words: str, *, failed: bool) -> None:
        if failed:
            self._store.exams.note(asked.exam, f"of version {asked.version}: {words}")
        rows = self._store.deliveries.of_exam(asked.exam, asked.version)
        if any(row.next_at for row in rows):
            self._store.exams.progress(asked.exam, told(rows), of_version=asked.version)


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _addresses(host: str | None) -> frozenset[str]:
    """The IP addresses of a host's name; none where it has none now."""
    if host is None:
        return frozenset()
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except OSError:
        return frozenset()
