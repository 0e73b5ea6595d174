"""Proof: what a destination answered Success for is asked after, until it says that it holds it, or a person must look.

Storage commitment is asked first where the destination offers it: its answer may come on the same association, later on one that the
archive opens to us (`settle`), or never. Where it is not offered, or stays without an answer `ROUNDS` times, the destination is queried.
What it does not show is looked for again until the site's patience ends, then sent again, the same bytes under the same UID, and refused
after `RESENDS` times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from pydicom.uid import generate_uid

from node.deliver import FAILURES, MOST_INSTANCES, CommitmentResult, DimseDestination, Held, retry_delay_s
from node.deliver import Destination as Place
from node.domain.ports import DeliveryState
from node.settings import Destination, Settings
from node.workflow.states import State
from node.workflow.steps.telling import local, told, trouble
from node.workflow.store.commitments import CommitmentRow
from node.workflow.store.database import Store
from node.workflow.store.deliveries import parcel
from node.workflow.store.rows import REJECTION, DeliveryRow

log = structlog.get_logger()

ROUNDS = 3
"""Requests for commitment without an answer, or with one that says "later", before the destination is queried instead."""

SILENCE = timedelta(days=1)
"""How long a destination that left `ROUNDS` requests unanswered is not asked for commitment: then somebody may have mended it."""

RESENDS = 2
"""How often an object is sent again that was answered Success and can't be found."""

LOST, FOR_GOOD = 0x0112, (0x0119, 0x0122)
"""Failure Reasons: the archive does not have it; it will never commit to it. All others may pass."""


class Prover:
    """Asks one destination after what it has stored of one version."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    def prove(self, rows: Sequence[DeliveryRow], section: Destination, place: Place) -> None:
        """Ask after rows of one version that are STORED and due."""
        if not rows:
            return
        if section.proof == "none":
            self._store.deliveries.plan(section.name, _uids(rows), None, why="not proven: the settings ask for none")
            return
        left = rows
        if section.proof != "query" and isinstance(place, DimseDestination):
            left = self._by_commitment(rows, section, place)
        if left:
            self._by_query(left, section, place)

    def _by_commitment(self, rows: Sequence[DeliveryRow], section: Destination, place: DimseDestination) -> list[DeliveryRow]:
        """Ask for commitment; returns those that are to be queried instead."""
        now = self._store.clock.now()
        self._expire(rows, now)
        asked = rows
        if section.proof == "auto":
            asked = [] if self._is_silent(section.name, now) else [row for row in rows if row.looks < ROUNDS]
        left = [row for row in rows if row not in asked]
        for start in range(0, len(asked), MOST_INSTANCES):
            left += self._ask(asked[start : start + MOST_INSTANCES], section, place)
        return left

    def _ask(self, rows: Sequence[DeliveryRow], section: Destination, place: DimseDestination) -> list[DeliveryRow]:
        """One request; returns the rows where the destination takes none, and may be queried."""
        store, uid, uids = self._store, generate_uid(prefix=None), _uids(rows)
        until = store.clock.now() + timedelta(seconds=section.prove_within_s)
        # All of it before the request: its answer may be acted upon, by another thread, before the request has returned.
        store.commitments.ask(uid, section.name, rows[0].exam, rows[0].version, uids, until=until)
        store.deliveries.asked_in(section.name, uids, uid)
        store.deliveries.plan(section.name, uids, until, why=f"commitment asked {local(store.clock.now())}")
        asked = place.commit(uid, [parcel(row, self._settings.node.storage) for row in rows])
        not_taken = not asked.offered or bool(asked.declined or asked.away)
        if not_taken:
            store.commitments.forget(uid)
        if section.proof == "auto" and not asked.away and (not_taken or asked.unanswered):
            return list(rows)  # where it did take the request, its report is heard besides
        if not_taken:
            why = asked.declined or asked.away or f"{section.name} offers no storage commitment, which the settings ask for"
            self._later(rows, dict.fromkeys(uids, why))
        elif asked.result is not None:
            row = store.commitments.get(uid)
            assert row is not None
            settle(store, row, asked.result)
        return []

    def _expire(self, rows: Sequence[DeliveryRow], now: datetime) -> None:
        """Wait no more for answers whose time is over; what comes later is still heard."""
        for asked in self._store.commitments.of(rows[0].exam, rows[0].version, rows[0].destination):
            if asked.ended_at is None and asked.until <= now:
                self._store.commitments.end(asked.transaction_uid, "no answer in time", answered=False)
                log.warning("storage commitment stays without an answer", destination=asked.destination, transaction=asked.transaction_uid)

    def _is_silent(self, destination: str, now: datetime) -> bool:
        """Whether the last requests of a destination, of whichever exam, all stayed without an answer, the last of them lately."""
        last = self._store.commitments.last_ended(destination, ROUNDS)
        return len(last) == ROUNDS and not any(one.answered for one in last) and now - last[0].asked_at < SILENCE

    def _by_query(self, rows: Sequence[DeliveryRow], section: Destination, place: Place) -> None:
        proofs = place.prove([parcel(row, self._settings.node.storage) for row in rows])
        said = {held: [proof for proof in proofs if proof.held is held] for held in Held}
        of = {held: [row for row in rows if row.sop_instance_uid in {proof.sop_instance_uid for proof in said[held]}] for held in Held}
        how = {proof.sop_instance_uid: proof.how for proof in proofs}
        for words in dict.fromkeys(proof.how for proof in said[Held.YES]):
            uids = [proof.sop_instance_uid for proof in said[Held.YES] if proof.how == words]
            self._store.deliveries.proven(section.name, uids, words)
        self._not_shown(of[Held.NO], how, timedelta(seconds=section.prove_within_s))
        self._later(of[Held.UNKNOWN], how)
        if section.proof == "auto":
            why = next((proof.how for proof in said[Held.UNASKABLE]), "")
            self._store.deliveries.plan(section.name, _uids(of[Held.UNASKABLE]), None, why=f"not proven: {why}")
        else:
            self._later(of[Held.UNASKABLE], {uid: f"{why}, which the settings ask for" for uid, why in how.items()})

    def _not_shown(self, rows: Sequence[DeliveryRow], how: Mapping[str, str], patience: timedelta) -> None:
        """Look again, since an index may be late, and send again when patience ends."""
        now = self._store.clock.now()
        given_up = [row for row in rows if now - row.updated_at >= patience]
        for row in given_up:
            _missing(self._store, row, how[row.sop_instance_uid])
        self._later([row for row in rows if row not in given_up], how)

    def _later(self, rows: Sequence[DeliveryRow], why: Mapping[str, str]) -> None:
        for words in dict.fromkeys(why[row.sop_instance_uid] for row in rows):
            mine = [row for row in rows if why[row.sop_instance_uid] == words]
            later(self._store, mine, words)
            log.info("not proven yet", destination=mine[0].destination, objects=len(mine), why=words)


def settle(store: Store, asked: CommitmentRow, result: CommitmentResult) -> str:
    """Act on an archive's report; the sentence that tells so.

    That it holds an object is believed however late it is said. That it does not is believed once, and of the last request for that object
    alone: it may have been sent again since.
    """
    name, uid = asked.destination, asked.transaction_uid
    held = [one for one in result.held if one in asked.instances]
    news = store.deliveries.proven(name, held, f"storage commitment {uid}")
    rows = {row.sop_instance_uid: row for row in store.deliveries.of_exam(asked.exam, asked.version, name)}
    reasons = dict(result.failed) | {one: 0 for one in asked.instances if one not in {*result.held, *dict(result.failed)}}
    open_still = [rows[one] for one in reasons if one in asked.instances and one in rows and not asked.answered]
    failed = [row for row in open_still if row.asked_in == uid and row.state is DeliveryState.STORED]
    for row in failed:
        _failed(store, row, reasons[row.sop_instance_uid])
    later(store, [row for row in failed if reasons[row.sop_instance_uid] not in (LOST, *FOR_GOOD)], "storage commitment: not yet")
    words = f"{name} commits to {len(held)} of {len(asked.instances)} objects" + (f", {news} of them new" if news != len(held) else "")
    store.commitments.end(uid, words, answered=True)
    log.info("storage commitment", destination=name, transaction=uid, held=len(held), failed=len(failed))
    return words


def hold_if_lost(store: Store, exam: int, version: int) -> None:
    """A delivered exam is held when an archive says afterwards, where it could not be asked before, that it will not keep an object."""
    now, rows = store.exams.get(exam), store.deliveries.of_exam(exam, version)
    if (now.state, now.version) == (State.DELIVERED, version) and any(row.state is DeliveryState.REFUSED for row in rows):
        store.exams.move(exam, State.HELD, f"{told(rows)}; {trouble(rows)}", of_version=version, progress=None)


def later(store: Store, rows: Sequence[DeliveryRow], why: str) -> None:
    """Ask again after a pause that grows with each question in vain; all of them together."""
    if rows:
        looks = max(row.looks for row in rows) + 1
        at = store.clock.now() + timedelta(seconds=retry_delay_s(looks, rows[0].sop_instance_uid))
        store.deliveries.plan(rows[0].destination, _uids(rows), at, looked=1, why=why)


def _failed(store: Store, row: DeliveryRow, reason: int) -> None:
    words = f"storage commitment failed with 0x{reason:04X} ({FAILURES.get(reason, 'no reason that the standard knows')})"
    if reason == LOST:
        _missing(store, row, words)
    elif reason in FOR_GOOD:
        store.deliveries.refused(row.destination, [row.sop_instance_uid], f"{row.detail}; {words}")


def _missing(store: Store, row: DeliveryRow, why: str) -> None:
    """It was answered Success and is not there. What a rejection note takes out of sight, and the note itself, need not be shown."""
    if row.kind == REJECTION or store.exams.get(row.exam).state is State.WITHDRAWN:
        store.deliveries.plan(
            row.destination, [row.sop_instance_uid], None, why=f"not proven: {why}, as archives do with what was rejected"
        )
    elif row.resent < RESENDS:
        store.deliveries.lost(row.destination, [row.sop_instance_uid], f"sent again: {why}")
    else:
        store.deliveries.refused(row.destination, [row.sop_instance_uid], f"answered Success {row.resent + 1} times, yet {why}")


def _uids(rows: Iterable[DeliveryRow]) -> list[str]:
    return [row.sop_instance_uid for row in rows]
