"""N-services: storage commitment in both roles (PS3.4 J), performed procedure steps (F.7), instance availability (R).

What a peer tells is checked as far as its answer depends on it, put into the inlet, and answered. Nothing is looked up in a register
here, and nothing is done: the worker does that when it reads it. Procedure steps are remembered for as long as this process lives, so that
one that is created twice, or set after its end, is answered as the standard wants it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from uuid import uuid4

import structlog

from node.dimse import is_uid
from node.domain.arrivals import Notice, NoticeKind
from node.errors import DataError, TemporaryError
from node.receive.commands import N_ACTION, N_CREATE, N_EVENT_REPORT, N_SET
from node.receive.contexts import AVAILABILITY, COMMITMENT, PROCEDURE_STEP
from node.receive.ending import AssociationEnd
from node.receive.notice_content import FAILED, REFERENCED, STEP_STATUS, TRANSACTION, Content, collected, read
from node.receive.session import Reply, Request, Session
from node.receive.space import Memory
from node.receive.statuses import Answer

log = structlog.get_logger()

COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
"""The well-known SOP Instance of storage commitment (PS3.4 J.3.5)."""

REQUEST_COMMITMENT = 1
SUCCESSFUL, WITH_FAILURES = 1, 2
IN_PROGRESS, ENDED = "IN PROGRESS", ("COMPLETED", "DISCONTINUED")

REMEMBERED = 10_000

KINDS: dict[tuple[int, str], NoticeKind] = {
    (N_ACTION, COMMITMENT): NoticeKind.COMMITMENT_REQUEST,
    (N_EVENT_REPORT, COMMITMENT): NoticeKind.COMMITMENT_RESULT,
    (N_CREATE, PROCEDURE_STEP): NoticeKind.PROCEDURE_CREATED,
    (N_SET, PROCEDURE_STEP): NoticeKind.PROCEDURE_SET,
    (N_CREATE, AVAILABILITY): NoticeKind.AVAILABILITY,
}
"""Command Field and SOP class of the presentation context → what is told."""


@dataclass(frozen=True)
class _Told:
    """A request, read."""

    kind: NoticeKind
    instance_uid: str
    type_id: int
    content: Content


class _Refused(Exception):
    """Not to be kept."""

    def __init__(self, answer: Answer, comment: str) -> None:
        super().__init__(comment)
        self.reply = Reply(answer, comment)


class ProcedureSteps:
    """The procedure steps that this process has heard of, the last ten thousand. Several threads may ask."""

    def __init__(self) -> None:
        self._ended: OrderedDict[str, bool] = OrderedDict()
        self._lock = threading.Lock()

    def has_ended(self, sop_instance_uid: str) -> bool | None:
        """Whether a step was completed or discontinued; None where it is not known."""
        with self._lock:
            return self._ended.get(sop_instance_uid)

    def note(self, sop_instance_uid: str, status: str) -> None:
        """Remember what was kept of a step."""
        with self._lock:
            self._ended[sop_instance_uid] = status in ENDED or self._ended.get(sop_instance_uid, False)
            while len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)


def notify(request: Request, session: Session, steps: ProcedureSteps, memory: Memory) -> Reply:
    """Keep what an N-service tells, and say so.

    Parameters
    ----------
    memory : what the data sets of all associations may take together

    Raises
    ------
    AssociationEnd : the association ended half-way; nothing is kept
    """
    reply = _kept(request, session, steps, memory)
    if reply.answer is not Answer.TOLD:
        log.warning("not taken", association=session.name, status=f"0x{reply.answer.code:04X}", why=reply.comment)
    return reply


def _kept(request: Request, session: Session, steps: ProcedureSteps, memory: Memory) -> Reply:
    try:
        with collected(request.pieces, memory) as encoded:
            told = _checked(request, encoded, steps)
            session.open().notice(_notice(request, session, told, encoded))
    except _Refused as refused:
        return refused.reply
    except (TemporaryError, OSError) as error:
        return Reply(Answer.NO_ROOM, (error.strerror if isinstance(error, OSError) else None) or str(error))
    except AssociationEnd:
        raise
    except Exception:
        log.exception("not kept", association=session.name)
        return Reply(Answer.NO_ROOM, "could not be kept")
    if told.kind in (NoticeKind.PROCEDURE_CREATED, NoticeKind.PROCEDURE_SET):
        steps.note(told.instance_uid, told.content.text(STEP_STATUS))
    return Reply(Answer.TOLD, instance_uid=told.instance_uid)


def _notice(request: Request, session: Session, told: _Told, encoded: bytes) -> Notice:
    return Notice(
        association=session.name,
        kind=told.kind,
        sop_class_uid=request.command.sop_class_uid,
        sop_instance_uid=told.instance_uid,
        type_id=told.type_id,
        transfer_syntax_uid=request.context.transfer_syntax,
        dataset=encoded,
    )


def _checked(request: Request, encoded: bytes, steps: ProcedureSteps) -> _Told:
    command = request.command
    if command.sop_class_uid != request.context.abstract_syntax:
        raise _Refused(Answer.NO_CLASS, "the SOP class is not that of the context")
    kind = KINDS[command.field, request.context.abstract_syntax]
    if request.context.abstract_syntax == COMMITMENT:
        _check_commitment(kind, command.sop_instance_uid, command.type_id)
    else:
        _check_instance(command.field, command.sop_instance_uid)
    told = _Told(kind, command.sop_instance_uid or f"2.25.{uuid4().int}", command.type_id, _content(kind, request, encoded))
    _check_content(told, steps)
    return told


def _check_commitment(kind: NoticeKind, instance_uid: str, type_id: int) -> None:
    if instance_uid != COMMITMENT_INSTANCE:
        raise _Refused(Answer.NO_INSTANCE, "not the SOP instance of storage commitment")
    if kind is NoticeKind.COMMITMENT_REQUEST and type_id != REQUEST_COMMITMENT:
        raise _Refused(Answer.NO_ACTION, f"action type {type_id}, only 1 is known")
    if kind is NoticeKind.COMMITMENT_RESULT and type_id not in (SUCCESSFUL, WITH_FAILURES):
        raise _Refused(Answer.NO_EVENT, f"event type {type_id}, only 1 and 2 are known")


def _check_instance(field: int, instance_uid: str) -> None:
    """An N-CREATE may leave the UID to us (PS3.7 10.1.5.1.4)."""
    if not is_uid(instance_uid) and not (field == N_CREATE and not instance_uid):
        raise _Refused(Answer.INVALID_INSTANCE, "the SOP Instance UID is not a UID")


def _content(kind: NoticeKind, request: Request, encoded: bytes) -> Content:
    commitment = kind in (NoticeKind.COMMITMENT_REQUEST, NoticeKind.COMMITMENT_RESULT)
    if not encoded:
        raise _Refused(Answer.NO_ARGUMENT if commitment else Answer.MISSING, "no data set")
    try:
        return read(encoded, request.context.transfer_syntax)
    except DataError as error:
        raise _Refused(Answer.INVALID_ARGUMENT if commitment else Answer.UNREADABLE, str(error)) from error


def _check_content(told: _Told, steps: ProcedureSteps) -> None:
    if told.kind in (NoticeKind.COMMITMENT_REQUEST, NoticeKind.COMMITMENT_RESULT):
        _check_transaction(told)
    elif told.kind is NoticeKind.PROCEDURE_CREATED:
        _check_created(told, steps)
    elif told.kind is NoticeKind.PROCEDURE_SET:
        _check_set(told, steps)


def _check_transaction(told: _Told) -> None:
    if not is_uid(told.content.text(TRANSACTION)):
        raise _Refused(Answer.NO_ARGUMENT, "no Transaction UID")
    if not told.content.has_items(REFERENCED) and not told.content.has_items(FAILED):
        raise _Refused(Answer.NO_ARGUMENT, "no Referenced SOP Sequence")


def _check_created(told: _Told, steps: ProcedureSteps) -> None:
    if steps.has_ended(told.instance_uid) is not None:
        raise _Refused(Answer.DUPLICATE, "the procedure step was created before")
    status = told.content.text(STEP_STATUS)
    if not status:
        raise _Refused(Answer.MISSING, "no Performed Procedure Step Status")
    if status != IN_PROGRESS:
        raise _Refused(Answer.INVALID_VALUE, "a new procedure step is IN PROGRESS")


def _check_set(told: _Told, steps: ProcedureSteps) -> None:
    if steps.has_ended(told.instance_uid):
        raise _Refused(Answer.UPDATED_NO_MORE, "the procedure step may no longer be updated")
    status = told.content.text(STEP_STATUS) or IN_PROGRESS
    if status not in (IN_PROGRESS, *ENDED):
        raise _Refused(Answer.INVALID_VALUE, "not a Performed Procedure Step Status")
