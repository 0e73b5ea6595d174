"""C-STORE (PS3.7 9.1.1, PS3.4 B): an image goes into the inlet as it comes, and is answered Success when it is durable."""

from __future__ import annotations

import structlog

from node.dimse import is_uid
from node.domain.arrivals import Arriving, Incoming
from node.errors import TemporaryError
from node.receive.beginning import Beginning
from node.receive.ending import AssociationEnd
from node.receive.session import Reply, Request, Session
from node.receive.statuses import Answer

log = structlog.get_logger()

SMALLEST_DATASET_BYTES = 8
"""The header of one element (PS3.5 7.1)."""


def store(request: Request, session: Session) -> Reply:
    """Keep what a C-STORE request brings, and say so.

    Raises
    ------
    AssociationEnd : the association ended half-way; nothing is kept
    """
    reply = _refusal(request) or _kept(request, session)
    if reply.answer is not Answer.STORED:
        uid = request.command.sop_instance_uid if is_uid(request.command.sop_instance_uid) else ""
        status = f"0x{reply.answer.code:04X}"
        log.warning("not kept", association=session.name, sop_instance_uid=uid, status=status, why=reply.comment)
    return reply


def _refusal(request: Request) -> Reply | None:
    """Why a request cannot be taken, as far as its command tells."""
    if request.command.sop_class_uid != request.context.abstract_syntax:
        return Reply(Answer.STORE_OTHER_CLASS, "Affected SOP Class UID is not that of the context")
    if not is_uid(request.command.sop_instance_uid):
        return Reply(Answer.CANNOT_UNDERSTAND, "Affected SOP Instance UID is not a UID")
    return None


def _kept(request: Request, session: Session) -> Reply:
    arriving = Arriving(
        association=session.name,
        sop_class_uid=request.command.sop_class_uid,
        sop_instance_uid=request.command.sop_instance_uid,
        transfer_syntax_uid=request.context.transfer_syntax,
    )
    try:
        return _streamed(request, session.open().begin(arriving))
    except AssociationEnd:
        raise
    except (TemporaryError, OSError) as error:
        return Reply(Answer.OUT_OF_RESOURCES, (error.strerror if isinstance(error, OSError) else None) or str(error))
    except Exception:
        # The inlet is somebody else's: whatever it raises, the sender must keep the image.
        log.exception("not kept", association=session.name, sop_instance_uid=arriving.sop_instance_uid)
        return Reply(Answer.OUT_OF_RESOURCES, "could not be kept")


def _streamed(request: Request, incoming: Incoming) -> Reply:
    beginning = Beginning()
    try:
        for piece in request.pieces:
            incoming.write(piece)
            beginning.add(piece)
        refusal = _contradiction(request, beginning)
        if refusal is None:
            incoming.keep()
        return refusal or Reply(Answer.STORED)
    finally:
        incoming.drop()  # without effect where it was kept


def _contradiction(request: Request, beginning: Beginning) -> Reply | None:
    """Why a data set cannot be what the request says that it is, as far as its first bytes tell."""
    if beginning.size < SMALLEST_DATASET_BYTES:
        return Reply(Answer.CANNOT_UNDERSTAND, "no data set")
    named = beginning.named(request.context.transfer_syntax)
    if "" in (named.sop_class_uid, named.sop_instance_uid):
        return Reply(Answer.CANNOT_UNDERSTAND, "no SOP class or no SOP instance in the data set")
    if named.sop_class_uid not in (None, request.command.sop_class_uid):
        return Reply(Answer.OTHER_DATASET, "the data set is of another SOP class than the request")
    if named.sop_instance_uid not in (None, request.command.sop_instance_uid):
        return Reply(Answer.OTHER_DATASET, "the data set is another SOP instance than the request")
    return None
