"""What a reader says of a result: accept it, or reject it.

A result that is rejected after a destination stored it is withdrawn by a rejection note. One of which nothing was stored is not, since
there is nothing to take back: then a page says why there is no result, as for any exam that is not analysed.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.domain.ports import ARRIVED, UNSENT
from node.domain.verdict import Verdict
from node.errors import ConflictError, DataError
from node.workflow.states import State
from node.workflow.store.database import Store
from node.workflow.store.rows import DeliveryRow, ExamRow
from node.workflow.store.verdicts import Said

JUDGED = (State.DELIVERED, State.HELD, State.FAILED)
"""States in which objects may lie at a destination, and nothing is under way."""


def accept(store: Store, exam: ExamRow, *, author: str, reason: str) -> None:
    """A reader has looked at a delivered result and uses it: kept with the exam, nothing else changes. Said twice, it is kept once.

    Raises
    ------
    ConflictError : the exam is not DELIVERED
    DataError : nobody says so, or no reason is given
    """
    said = _said(exam, Verdict.ACCEPTED, author, reason)
    if exam.state is not State.DELIVERED and not lacks_proof_alone(exam, store.deliveries.of_exam(exam.number, exam.version)):
        more = f"; `ember release {exam.name}` lets it go on" if exam.state is State.HELD else ""
        raise ConflictError(f"{exam.name} is {exam.state.value}, not DELIVERED: there is no result to accept{more}")
    before = [row for row in store.verdicts.of_exam(exam.number) if row.version == exam.version][-1:]
    if not any((row.verdict, row.author, row.reason) == (said.verdict, author, reason) for row in before):
        store.verdicts.record(exam, said, f"accepted by {author}: {reason}", to=exam.state)


def reject(store: Store, exam: ExamRow, *, author: str, reason: str, verdict: Verdict = Verdict.REJECTED) -> State:
    """A reader has looked at an exam and does not want it used; returns what it is then.

    WITHDRAWN where a destination has stored objects of this version: a rejection note is owed. REJECTED where none has and the exam is
    HELD: a page is owed. IGNORED where the exam holds no image, but lesions alone that wait for theirs: there is no study for a page.

    Parameters
    ----------
    verdict : `Verdict.REJECTED`, or `Verdict.UNSAFE` where the objects must not be seen again

    Raises
    ------
    ConflictError : the exam is under way, or has ended without a result
    DataError : nobody says so, or no reason is given
    """
    said = _said(exam, verdict, author, reason)
    rows = store.deliveries.of_exam(exam.number, exam.version)
    stored = any(row.state in ARRIVED for row in rows)
    if stored and (exam.state in JUDGED or lacks_proof_alone(exam, rows)):
        text = f"withdrawn, {verdict.value} by {author}: {reason}"
        store.verdicts.record(exam, said, text, to=State.WITHDRAWN, progress="rejection note owed")
        return State.WITHDRAWN
    if exam.state is State.HELD and (exam.plan or {}).get("unclaimed"):
        store.verdicts.record(exam, said, f"turned down by {author}: {reason}", to=State.IGNORED)
        return State.IGNORED
    if exam.state is State.HELD:
        store.verdicts.record(exam, said, f"{verdict.value} by {author}: {reason}", to=State.REJECTED, progress="page owed")
        return State.REJECTED
    if stored and exam.state is State.ENCODED:
        raise ConflictError(
            f"{exam.name} is still being sent, and a part is stored: expected DELIVERED or HELD; `ember show` says what it waits for"
        )
    raise ConflictError(f"{exam.name} is {exam.state.value}: there is no result to reject")


def lacks_proof_alone(exam: ExamRow, rows: Sequence[DeliveryRow]) -> bool:
    """Whether all was sent and answered, so that a reader may have seen it, and what is waited for is proof."""
    return exam.state is State.ENCODED and any(row.state in ARRIVED for row in rows) and not any(row.state in UNSENT for row in rows)


def _said(exam: ExamRow, verdict: Verdict, author: str, reason: str) -> Said:
    if not author.strip() or not reason.strip():
        raise DataError(f"{exam.name}: a verdict needs an author and a reason; found {author!r} and {reason!r}")
    return Said(verdict, author, reason)
