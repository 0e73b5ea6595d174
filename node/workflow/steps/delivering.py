"""`Deliverer`: one version's objects to one destination: sent, proven, and the exam's end once nothing is left to do for any.

Every run looks at the rows that are due, does what it can, and plans the rest; it never waits. So a destination that is down takes nobody's
place, and a node that dies in the middle goes on from the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from node.deliver import Destination as Place
from node.deliver import Held, Outcome, retry_delay_s
from node.domain.ports import ARRIVED, UNSENT, DeliveryState
from node.settings import Destination, Settings
from node.settings.network import PROFILES
from node.workflow import artefacts
from node.workflow.states import State, Verb
from node.workflow.steps import outbox
from node.workflow.steps.places import place
from node.workflow.steps.proving import Prover, hold_if_lost
from node.workflow.steps.telling import told, trouble
from node.workflow.store.database import Store
from node.workflow.store.deliveries import parcel
from node.workflow.store.rows import REJECTION, DeliveryRow, ExamRow
from node.workflow.story import version_folder

log = structlog.get_logger()

TIME_TO_SETTLE = 2
"""In time-outs of the destination: an object whose answer is missing is asked after for so long before it is sent again. A worker that
starts anew is quicker than a slow archive, which shows nothing while it still stores."""

ORDER = (REJECTION, "refusal", *PROFILES["everything"])
"""What a reader needs first goes first: a withdrawal, the pages, the overlay."""
MADE_BY = {Verb.REFUSE: "refusal", Verb.WITHDRAW: REJECTION}


class Deliverer:
    """Delivers, from the rows alone."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._prover = Prover(settings, store)
        self._away: set[str] = set()  # destinations that could not be spoken with last time
        store.deliveries.hasten()  # a start may follow what was mended

    def is_made(self, verb: Verb, exam: int, version: int) -> bool:
        """Whether the page or the notes that a verb makes are in the outbox, or are a page that no destination takes."""
        if any(row.kind == MADE_BY[verb] for row in self._store.deliveries.of_exam(exam, version)):
            return True
        row = self._store.exams.get(exam)
        if verb is not Verb.REFUSE or row.version != version:
            return False
        taken = any(outbox.takes(self._settings, one, outbox.REFUSAL) for one in self._settings.destination)
        return not taken and artefacts.exists(version_folder(self._settings.node.storage, row), "refusal")

    def due(self, exam: int, version: int) -> tuple[str, ...]:
        """Destinations for which something is to be done now. Where nothing ever will be, the exam ends here."""
        planned = self._store.deliveries.planned(exam, version) or self._posted_late(exam, version)
        named = [section.name for section in self._settings.destination if section.name in planned]
        if not named:
            self._close(exam, version)
        now = self._store.clock.now()
        return tuple(name for name in named if planned[name] <= now)

    def deliver(self, exam: int, version: int, name: str) -> None:
        """Send what is due, then ask after what is stored."""
        section = next((one for one in self._settings.destination if one.name == name), None)
        if section is None:
            return  # the settings have changed since
        where = place(section, self._settings, f"E{exam:05d}-v{version}")
        self._send(self._due(exam, version, name, UNSENT), section, where)
        self._tell(exam, version)
        self._prover.prove(self._due(exam, version, name, (DeliveryState.STORED,)), section, where)
        self._tell(exam, version)
        hold_if_lost(self._store, exam, version)

    def _posted_late(self, exam: int, version: int) -> dict[str, datetime]:
        """What was made while no destination was set goes to those that are there now; as `Deliveries.planned`."""
        row = self._store.exams.get(exam)
        folder = version_folder(self._settings.node.storage, row)
        made = row.version == version and row.state is State.ENCODED and artefacts.exists(folder, "objects")
        if not made or self._store.deliveries.of_exam(exam, version):
            return {}
        outbox.post(self._store, self._settings, row, folder, "objects")
        return self._store.deliveries.planned(exam, version)

    def put_off(self, exam: int, version: int, name: str, delay_s: float | None) -> None:
        """Do nothing for a destination for a time, or never again by itself."""
        at = None if delay_s is None else self._store.clock.now() + timedelta(seconds=delay_s)
        rows = [row for row in self._store.deliveries.of_exam(exam, version, name) if row.next_at is not None]
        self._store.deliveries.plan(name, [row.sop_instance_uid for row in rows], at)

    def _tell(self, exam: int, version: int) -> None:
        """Progress, while something is left to do: afterwards it would say that something is owed."""
        rows = self._store.deliveries.of_exam(exam, version)
        if any(row.next_at for row in rows):
            self._store.exams.progress(exam, told(rows), of_version=version)

    def _due(self, exam: int, version: int, name: str, states: Collection[DeliveryState]) -> list[DeliveryRow]:
        now = self._store.clock.now()
        rows = [row for row in self._store.deliveries.of_exam(exam, version, name) if row.state in states]
        due = [row for row in rows if row.next_at is not None and row.next_at <= now]
        return sorted(due, key=_turn)

    def _send(self, rows: Sequence[DeliveryRow], section: Destination, where: Place) -> None:
        rows = self._without_unsettled(self._without_overtaken(rows), section, where)
        if not rows:
            return
        first, name = rows[0], section.name
        parcels = [parcel(row, self._settings.node.storage, required=section.requires(row.kind)) for row in rows]
        receipts = self._store.deliveries.receipts(name)
        attempt = receipts.tried(first.exam, first.version)
        outcome = where.send(parcels, receipts)
        self._notice(name, outcome, retry_delay_s(attempt, name))
        if outcome.retry:
            self._plan(outcome, rows, retry_delay_s(attempt, first.sop_instance_uid))

    def _without_overtaken(self, rows: Sequence[DeliveryRow]) -> list[DeliveryRow]:
        """What of an earlier version, or of a withdrawn one, was not handed over is not sent any more. Their notes are."""
        overtaken = [row for row in rows if row.state is DeliveryState.QUEUED and row.kind != REJECTION and self._is_overtaken(row)]
        if overtaken:
            why = "withdrawn, or replaced by another version, before it was sent"
            self._store.deliveries.drop(overtaken[0].destination, [row.sop_instance_uid for row in overtaken], why)
        return [row for row in rows if row not in overtaken]

    def _without_unsettled(self, rows: Sequence[DeliveryRow], section: Destination, where: Place) -> list[DeliveryRow]:
        """What was handed over lately and not answered may be on its way into the archive still: it is asked after, and not sent again yet.

        Not so of a folder, whose files are there whole or not at all.
        """
        now, time = self._store.clock.now(), timedelta(seconds=TIME_TO_SETTLE * section.timeout_s)
        sent = [] if section.kind == "folder" else [row for row in rows if row.state is DeliveryState.SENDING]
        young = [row for row in sent if timedelta(0) <= now - row.updated_at < time]
        proofs = where.prove([parcel(row, self._settings.node.storage) for row in young]) if young else ()
        shown = {proof.sop_instance_uid: proof.how for proof in proofs if proof.held is Held.YES}
        for uid, how in shown.items():
            self._store.deliveries.receipts(section.name).stored(uid, how)
        for row in young:
            if row.sop_instance_uid not in shown:
                again = now + timedelta(seconds=retry_delay_s(row.looks + 1, section.name))
                self._store.deliveries.plan(section.name, [row.sop_instance_uid], min(again, row.updated_at + time), looked=1)
        return [row for row in rows if row not in young]

    def _is_overtaken(self, row: DeliveryRow) -> bool:
        exam = self._store.exams.get(row.exam)
        return exam.version != row.version or exam.state is State.WITHDRAWN

    def _notice(self, name: str, outcome: Outcome, delay_s: float) -> None:
        """A destination that is away is left alone by all exams for as long; all go on at once when it is back."""
        if outcome.away:
            self._away.add(name)
            log.warning("a destination cannot be reached", destination=name, why=outcome.away)
            self._store.deliveries.away(name, self._store.clock.now() + timedelta(seconds=delay_s))
        elif name in self._away:
            self._away.discard(name)
            self._store.deliveries.hasten(name)

    def _plan(self, outcome: Outcome, rows: Sequence[DeliveryRow], delay_s: float) -> None:
        """Another attempt later; the story tells of it when the reason is news."""
        uid, why = outcome.postponed[0]
        at = self._store.clock.now() + timedelta(seconds=delay_s)
        self._store.deliveries.plan(rows[0].destination, [one for one, _ in outcome.postponed], at)
        before = next(row.detail for row in rows if row.sop_instance_uid == uid)
        if why != before:
            what = f"{len(outcome.postponed)} objects could not be sent to {rows[0].destination}"
            self._store.exams.note(rows[0].exam, f"{what}: {why}; again in {delay_s:.0f} s")

    def _close(self, exam: int, version: int) -> None:
        """Nothing is left to do: the state says how it went, unless a person has begun another version meanwhile."""
        now = self._store.exams.get(exam)
        if now.version != version:
            return
        self._leave_removed(exam, version)
        rows = self._store.deliveries.of_exam(exam, version)
        if now.state is State.REJECTED:
            self._store.exams.move(exam, State.REJECTED, now.reason, of_version=version, progress=None)
            self._store.exams.note(exam, f"the page that says why: {told(rows) if rows else 'no destination takes it, it stays here'}")
        elif now.state is State.WITHDRAWN:
            self._withdrawn(now, tuple(row for row in rows if row.kind == REJECTION))
        elif now.state is State.ENCODED and trouble(rows):
            self._store.exams.move(exam, State.HELD, f"{told(rows)}; {trouble(rows)}", of_version=version, progress=None)
        elif now.state is State.ENCODED:
            self._store.exams.reached(exam, State.DELIVERED, told(rows), of_version=version)

    def _leave_removed(self, exam: int, version: int) -> None:
        """A destination that the settings no longer name is not asked after what it stored, and the story does not say that it will be."""
        named = {section.name for section in self._settings.destination}
        rows = self._store.deliveries.of_exam(exam, version)
        left = [row for row in rows if row.destination not in named and row.state is DeliveryState.STORED and row.next_at is not None]
        for row in left:
            why = f"not proven: the settings no longer name {row.destination}"
            self._store.deliveries.plan(row.destination, [row.sop_instance_uid], None, why=why)

    def _withdrawn(self, exam: ExamRow, notes: tuple[DeliveryRow, ...]) -> None:
        """The notes were answered; what an archive did not take, a person must do by hand."""
        missing = dict.fromkeys(row.destination for row in notes if row.state not in ARRIVED)
        by_hand = "".join(f"; {name} did not take the rejection note: take the objects out there by hand" for name in missing)
        reason = exam.reason if exam.reason.endswith(by_hand) else f"{exam.reason}{by_hand}"  # told once, however often this is done
        self._store.exams.move(exam.number, State.WITHDRAWN, reason, of_version=exam.version, progress=None)
        self._store.exams.note(exam.number, f"the rejection note: {told(notes)}")


def _turn(row: DeliveryRow) -> tuple[bool, int, str]:
    """What goes first. An object whose answer is missing goes last: it may be what ends each association."""
    return row.state is DeliveryState.SENDING, ORDER.index(row.kind) if row.kind in ORDER else len(ORDER), row.path
