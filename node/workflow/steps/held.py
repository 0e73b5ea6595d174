"""`release`: a person lets an exam go on that is HELD; `judging` holds what else may be said of it."""

from __future__ import annotations

from pathlib import Path

from node.domain.ports import RELEASED, DeliveryState
from node.errors import ConflictError
from node.workflow import artefacts
from node.workflow.states import COMPUTE, State
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow

ARTEFACT_OF = {
    State.ASSEMBLED: "exam",
    State.ALIGNED: "alignment",
    State.SEGMENTED: "segmentation",
    State.QUANTIFIED: "result",
    State.ENCODED: "objects",
}
"""The artefact whose being there proves that a state was reached."""


def release(store: Store, storage: Path, exam: ExamRow, reason: str) -> State:
    """Go on from the last step that was done; failed checks stay in the result, and what a PACS refused is sent again. Returns the state.

    Raises
    ------
    ConflictError : the exam is not HELD, or no longer; or is held since its series may be of two people, which nobody can release; or
        since objects did not pass the gate, and all else is sent: only another version can send those
    """
    if exam.state is not State.HELD:
        raise ConflictError(f"{exam.name} is {exam.state.value}, not HELD: there is nothing to release")
    if exam.plan is not None and exam.plan.get("unclaimed"):
        raise ConflictError(f"{exam.name} holds no PET and no MR: send what it waits for")
    if exam.plan is None or exam.plan.get("conflicts"):
        raise ConflictError(
            f"{exam.name} is held since its series may be of two people: correct and send them again, merge or split, or reject it"
        )
    states = {row.state for row in store.deliveries.of_exam(exam.number, exam.version)}
    if DeliveryState.HELD in states and not states & RELEASED:
        raise ConflictError(
            f"{exam.name} is held since objects did not pass the gate, and what did is sent: analyse it again, or reject it"
        )
    folder = storage / "exams" / exam.name / f"v{exam.version}"
    done = [after for _, _, after in COMPUTE if artefacts.exists(folder, ARTEFACT_OF[after])]
    state = done[-1] if done else State.RECEIVED
    store.deliveries.release(exam, state, f"released by a person: {reason}")
    return state
