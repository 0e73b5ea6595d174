"""Storage commitment as the SCP: what a scanner may rely on, because it deletes on our word.

We say yes of an instance only where an archive shows it to us, asked now, or where it is a result of ours that a destination is proven to
hold. Our own copy is no reason, and where two different images came under one UID, an archive's word is none, either. The scanner's own
store is never asked. What is not there yet is looked for again until `PATIENCE` ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from node.deliver import CommitmentResult, Held, Instance, held_by, read_request, report_commitment, retry_delay_s
from node.domain.ports import Clock
from node.errors import DataError, RefusedError, TemporaryError
from node.settings import PeerSection, Settings
from node.workflow.steps.places import peer
from node.workflow.store.commitments import Promised, PromiseRow
from node.workflow.store.database import Store
from node.workflow.store.notices import NoticeRow

log = structlog.get_logger()

PATIENCE = timedelta(minutes=10)
"""From a request to its answer: an archive gets the same images by another way and indexes them."""

LOOK_EVERY = timedelta(seconds=30)

GIVEN_UP_AFTER = timedelta(days=3)
"""A scanner that can't be told by then has its images still, and asks again."""

NOT_SAFE, NOT_HERE, CONFLICT = 0x0110, 0x0112, 0x0119
"""Failure Reasons: here and not in the archive, or with other bytes besides; not here; here under another SOP class."""


class Promiser:
    """Answers what scanners ask."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._clock: Clock = store.clock

    def take_up(self, notice: NoticeRow) -> str:
        """Note a request, to be answered later; the sentence that tells what became of it."""
        if not self._settings.receiver.commitment:
            return "not answered: receiver.commitment is off"
        try:
            transaction, wanted = read_request(notice.dataset, notice.transfer_syntax_uid)
        except DataError as error:
            return f"not answered: {error}"
        until = self._clock.now() + PATIENCE
        new = self._store.commitments.promise(transaction, notice.calling_ae, wanted, until=until)
        return "to be answered" if new else "asked again before it was answered"

    def due(self) -> tuple[int, ...]:
        """Requests for which something is to be done now."""
        now = self._clock.now()
        return tuple(row.id for row in self._store.commitments.open_promises() if row.next_at is not None and row.next_at <= now)

    def go_on(self, number: int) -> None:
        """Look for the instances of a request, and answer it once all are decided."""
        row = self._store.commitments.get_promise(number)
        if row.ended_at is None and row.decided_at is None:
            row = self._decide(row)
        if row.ended_at is None and row.decided_at is not None:
            self._answer(row)

    def _decide(self, row: PromiseRow) -> PromiseRow:
        now, archives = self._clock.now(), self._archives(row.calling_ae)
        found = self._look(row.instances, archives)
        if now >= row.until or not archives:
            found = tuple(one if one.decided else self._refused(one) for one in found)
        decided = all(one.decided for one in found)
        self._store.commitments.note_promise(row.id, found, now if decided else now + LOOK_EVERY, decided=decided)
        return self._store.commitments.get_promise(row.id)

    def _archives(self, calling_ae: str) -> list[PeerSection]:
        return [one for one in self._settings.peer if one.archive and calling_ae not in one.ae_titles]

    def _look(self, wanted: Sequence[Promised], archives: Sequence[PeerSection]) -> tuple[Promised, ...]:
        """What is known now of each."""
        results = self._store.deliveries.proven_anywhere([one.sop_instance_uid for one in wanted if not one.decided])
        here = self._store.commitments.here([one.sop_instance_uid for one in wanted if not one.decided])
        looked = {one.sop_instance_uid: one for one in wanted}
        for one in (one for one in wanted if not one.decided):
            uid = one.sop_instance_uid
            if uid in results:
                looked[uid] = replace(one, decided=True, why="a result of ours that a destination is proven to hold")
            elif uid in here and here[uid].sop_class_uid != one.sop_class_uid:
                looked[uid] = replace(one, decided=True, failure=CONFLICT, why="it is here under another SOP class")
            elif uid in here and here[uid].disputed:
                # An archive shows a UID and not its bytes: it may hold the others, and the scanner would delete the only copy of these.
                looked[uid] = replace(one, decided=True, failure=NOT_SAFE, why="other bytes came under its UID, and are in quarantine")
        open_still = [one for one in looked.values() if not one.decided and one.sop_instance_uid in here]
        for archive in archives:
            places = [here[one.sop_instance_uid].place for one in open_still]
            for uid, why in self._shown(archive, [place for place in places if place is not None]):
                looked[uid] = replace(looked[uid], decided=True, why=why)
            open_still = [one for one in open_still if not looked[one.sop_instance_uid].decided]
        return tuple(looked[one.sop_instance_uid] for one in wanted)

    def _shown(self, archive: PeerSection, wanted: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]]:
        if not wanted:
            return []
        proofs = held_by(peer(archive, self._settings), [Instance(*one) for one in wanted])
        return [(proof.sop_instance_uid, f"{archive.name}: {proof.how}") for proof in proofs if proof.held is Held.YES]

    def _refused(self, one: Promised) -> Promised:
        here = self._store.commitments.here([one.sop_instance_uid])
        if not here:
            return replace(one, decided=True, failure=NOT_HERE, why="it is not here")
        return replace(one, decided=True, failure=NOT_SAFE, why="no archive shows it")

    def _answer(self, row: PromiseRow) -> None:
        section = next(
            (one for one in self._settings.peer if row.calling_ae in one.ae_titles and one.host and one.port and one.ae_title), None
        )
        if section is None:
            self._end(row, f"not answered: no [[peer]] with the title {row.calling_ae} says host, port and ae_title")
            return
        held = tuple(one.sop_instance_uid for one in row.instances if one.failure is None)
        failed = tuple((one.sop_instance_uid, one.failure) for one in row.instances if one.failure is not None)
        classes = {one.sop_instance_uid: one.sop_class_uid for one in row.instances}
        try:
            report_commitment(peer(section, self._settings), CommitmentResult(row.transaction_uid, held, failed), classes)
        except (TemporaryError, RefusedError) as error:
            self._again(row, str(error))
        else:
            self._end(row, f"answered: {len(held)} of {len(row.instances)} instances are safe")

    def _again(self, row: PromiseRow, why: str) -> None:
        now = self._clock.now()
        if now - row.asked_at >= GIVEN_UP_AFTER:
            self._end(row, f"given up: {why}")
            return
        delay = timedelta(seconds=retry_delay_s(row.tries + 1, row.transaction_uid))
        self._store.commitments.retry_promise(row.id, why, now + delay)

    def _end(self, row: PromiseRow, told: str) -> None:
        self._store.commitments.end_promise(row.id, told)
        tell = log.info if told.startswith("answered") else log.warning
        tell("storage commitment asked of us", transaction=row.transaction_uid, calling_ae=row.calling_ae, told=told)
