"""C-FIND: questions to a peer's query service, with a limit on answers and on time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from time import monotonic

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as MODEL

from node.dimse import Peer, associate
from node.errors import DataError, NodeError, RefusedError, TemporaryError
from node.retrieve.keys import find_identifier

FIND_S = 120.0
"""How long one question may take in all, however quickly each of its answers comes."""

CANCEL_S = 5.0
"""How long a peer may go on answering after it was asked to stop."""

_PENDING = (0xFF00, 0xFF01)
_MESSAGE_ID = 1
_FOR_GOOD = {0x0122: "it does not support the query", 0x0124: "it does not allow us to ask", 0xA900: "it does not take such a question"}


def find(peer: Peer, level: str, matching: dict[str, str], returned: tuple[str, ...], *, limit: int) -> list[Dataset]:
    """The answers to one question.

    Raises
    ------
    DataError : more answers than `limit`; the question was cancelled
    RefusedError : the peer does not answer such questions, or no association, see `associate`
    TemporaryError : no answer in time, or one that cannot be read; no association
    """
    with associate(peer, [build_context(MODEL)]) as association:
        answers = association.send_c_find(find_identifier(level, matching, returned), MODEL, msg_id=_MESSAGE_ID)
        with closing(answers):
            return _collected(peer, association, answers, limit)


def _collected(peer: Peer, association: Association, answers: Iterator[tuple[Dataset, Dataset | None]], limit: int) -> list[Dataset]:
    found: list[Dataset] = []
    end = monotonic() + FIND_S
    for answer, identifier in answers:
        status = answer.get("Status")
        if status == 0x0000:
            return found
        if status not in _PENDING:
            raise _failure(peer, answer)
        if identifier is None:
            raise TemporaryError(f"{peer} answered C-FIND with what cannot be read")
        if len(found) == limit or monotonic() > end:
            _cancel(association, answers)
            raise _too_much(peer, len(found), limit)
        found.append(identifier)
    raise TemporaryError(f"{peer} ended the association in the middle of its answers")


def _cancel(association: Association, answers: Iterator[tuple[Dataset, Dataset | None]]) -> None:
    """Ask it to stop, and hear it out for as long as is polite; afterwards the association is aborted."""
    association.send_c_cancel(_MESSAGE_ID, query_model=MODEL)
    end = monotonic() + CANCEL_S
    for answer, _ in answers:
        if answer.get("Status") not in _PENDING or monotonic() > end:
            return


def _too_much(peer: Peer, found: int, limit: int) -> NodeError:
    if found == limit:
        return DataError(f"{peer} has more than {limit} answers to one question: expected fewer; the question was cancelled")
    return TemporaryError(f"{peer} had not ended its answers after {FIND_S:g} s; the question was cancelled")


def _failure(peer: Peer, answer: Dataset) -> NodeError:
    if "Status" not in answer:
        return TemporaryError(f"{peer} did not answer C-FIND within {peer.answer_timeout_s:g} s")
    status = int(answer.Status)
    if status in _FOR_GOOD:
        return RefusedError(f"{peer} refused C-FIND with 0x{status:04X}: {_FOR_GOOD[status]}")
    return TemporaryError(f"{peer} answered C-FIND with 0x{status:04X}")
