"""C-MOVE to ourselves: the peer opens an association to our own receiver, which takes the images as it takes any (PS3.4 C.4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as MODEL

from node.dimse import Peer, associate
from node.errors import TemporaryError
from node.retrieve.found import Fetched, Wanted
from node.retrieve.keys import fetch_identifier
from node.retrieve.suboperations import PATIENCE_S, Tell, failed_of, failure, is_pending

_MESSAGE_ID = 1


def fetch_by_move(peer: Peer, wanted: Wanted, *, tell: Tell, stopped: Callable[[], bool] = lambda: False) -> Fetched:
    """Have the peer send images to our receiver. `Fetched.kept` is what it says that the receiver took.

    Raises
    ------
    RefusedError : the peer does not do it or does not know our AE title, or no association, see `associate`
    TemporaryError : it may work later; what came until then is kept
    """
    patient = replace(peer, answer_timeout_s=max(PATIENCE_S, peer.answer_timeout_s))
    with associate(patient, [build_context(MODEL)]) as association:
        answers = association.send_c_move(fetch_identifier(wanted), peer.calling_ae, MODEL, msg_id=_MESSAGE_ID)
        with closing(answers):
            return _follow(peer, association, answers, tell, stopped)


def _follow(
    peer: Peer,
    association: Association,
    answers: Iterator[tuple[Dataset, Dataset | None]],
    tell: Tell,
    stopped: Callable[[], bool],
) -> Fetched:
    cancelled = False
    for answer, _ in answers:
        kept = _count(answer, "Completed") + _count(answer, "Warning")
        if not is_pending(answer):
            if error := failure(peer, "C-MOVE", answer):
                raise error
            return Fetched(kept, failed=failed_of(answer))
        tell(kept)
        if stopped() and not cancelled:
            association.send_c_cancel(_MESSAGE_ID, query_model=MODEL)
            cancelled = True
    raise TemporaryError(f"{peer} ended the association in the middle of C-MOVE")


def _count(answer: Dataset, what: str) -> int:
    return int(answer.get(f"NumberOf{what}Suboperations") or 0)
