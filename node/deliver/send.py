"""C-STORE of frozen objects to one peer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification

from node.deliver.verdict import Fate, Verdict, verdict
from node.dimse import Peer, associate, find_instance
from node.domain.ports import DeliveryState, Parcel, Receipts
from node.errors import RefusedError, TemporaryError

log = structlog.get_logger()


@dataclass(frozen=True)
class Outcome:
    """What became of the parcels: SOP Instance UID, and how or why."""

    stored: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    postponed: tuple[tuple[str, str], ...]

    @property
    def retry(self) -> bool:
        """Whether another attempt, later, may bring more."""
        return bool(self.postponed)


def send(parcels: Sequence[Parcel], peer: Peer, receipts: Receipts) -> Outcome:
    """Send frozen objects over one association, their bytes unchanged, and note each one's fate.

    A parcel that is SENDING was handed to the network by an attempt that never learned the answer: the peer is asked by C-FIND
    whether it has it, and it is sent again only when the peer says no, or can't say. An object whose answer is missing this time stays
    SENDING for the same reason, and counts as postponed in the outcome.

    Parameters
    ----------
    parcels : those that are STORED or REFUSED already are left alone

    Notes
    -----
    An association that the peer rejects for good ("called AE title not recognised") postpones all parcels: the fault lies in somebody's
    settings, not in the objects, and nothing must be lost when it is put right. A single object is refused when the peer does not
    accept its SOP class in its transfer syntax, or answers with a status that will not pass (`verdict`).
    """
    ledger = _Ledger(receipts)
    waiting = [parcel for parcel in parcels if parcel.state in (DeliveryState.QUEUED, DeliveryState.SENDING)]
    try:
        for parcel in waiting:
            if parcel.state is DeliveryState.SENDING and _is_there(parcel, peer):
                ledger.note(parcel, Verdict(Fate.STORED, "found by C-FIND"))
        _send_all(ledger.open(waiting), peer, ledger)
    except (TemporaryError, RefusedError) as error:
        for parcel in ledger.open(waiting):
            ledger.note(parcel, Verdict(_fate_unsent(parcel), str(error)))
    outcome = ledger.outcome()
    log.info("sent", peer=peer.name, stored=len(outcome.stored), refused=len(outcome.refused), postponed=len(outcome.postponed))
    return outcome


class _Ledger:
    """What is known of each parcel of one attempt; tells the receipts as it learns it."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._verdicts: dict[str, Verdict] = {}

    def open(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Those of which nothing has been noted."""
        return [parcel for parcel in parcels if parcel.sop_instance_uid not in self._verdicts]

    def sending(self, parcel: Parcel) -> None:
        self._receipts.sending(parcel.sop_instance_uid)

    def note(self, parcel: Parcel, verdict: Verdict) -> None:
        uid = parcel.sop_instance_uid
        self._verdicts[uid] = verdict
        match verdict.fate:
            case Fate.STORED:
                self._receipts.stored(uid, verdict.reason)
            case Fate.REFUSED:
                self._receipts.refused(uid, verdict.reason)
            case Fate.POSTPONED:
                self._receipts.postponed(uid, verdict.reason)
            case Fate.UNKNOWN:
                pass  # It stays SENDING, so that the peer is asked before it is sent again.
        log.debug("delivery", sop_instance_uid=uid, fate=verdict.fate.value, reason=verdict.reason)

    def outcome(self) -> Outcome:
        return Outcome(stored=self._with(Fate.STORED), refused=self._with(Fate.REFUSED), postponed=self._with(Fate.POSTPONED, Fate.UNKNOWN))

    def _with(self, *fates: Fate) -> tuple[tuple[str, str], ...]:
        return tuple((uid, verdict.reason) for uid, verdict in self._verdicts.items() if verdict.fate in fates)


def _is_there(parcel: Parcel, peer: Peer) -> bool:
    keys = dcmread(parcel.path, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
    return bool(find_instance(peer, parcel.sop_instance_uid, str(keys.StudyInstanceUID), str(keys.SeriesInstanceUID)))


def _fate_unsent(parcel: Parcel) -> Fate:
    return Fate.UNKNOWN if parcel.state is DeliveryState.SENDING else Fate.POSTPONED


def _send_all(parcels: Sequence[Parcel], peer: Peer, ledger: _Ledger) -> None:
    if not parcels:
        return
    with associate(peer, _contexts(parcels)) as association:
        accepted = {(context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts}
        for parcel in parcels:
            if (parcel.sop_class_uid, parcel.transfer_syntax_uid) not in accepted:
                ledger.note(parcel, Verdict(Fate.REFUSED, _not_accepted(parcel, peer)))
                continue
            reached = _store(parcel, association, ledger)
            ledger.note(parcel, reached)
            if reached.fate is Fate.UNKNOWN:
                # The library may take a moment to see that the association is gone: the next object must not be handed to it.
                raise TemporaryError(f"{peer} gave no answer, or ended the association")


def _store(parcel: Parcel, association: Association, ledger: _Ledger) -> Verdict:
    ledger.sending(parcel)
    try:
        answer = association.send_c_store(parcel.path)
    except RuntimeError:
        if association.is_established:
            raise
        answer = Dataset()  # It ended before our request.
    return verdict(answer)


def _contexts(parcels: Iterable[Parcel]) -> list[PresentationContext]:
    """One context for each pair of SOP class and transfer syntax, and C-ECHO's.

    A pair each, because a peer picks one syntax of a context, and an object has one. C-ECHO's because a peer that supports none of the
    classes would otherwise end the association, and could not be told from one that is out of order.
    """
    pairs = sorted({(parcel.sop_class_uid, parcel.transfer_syntax_uid) for parcel in parcels})
    return [build_context(Verification), *(build_context(sop_class, syntax) for sop_class, syntax in pairs)]


def _not_accepted(parcel: Parcel, peer: Peer) -> str:
    return f"{peer} does not accept {UID(parcel.sop_class_uid).name} in {UID(parcel.transfer_syntax_uid).name}"
