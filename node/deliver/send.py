"""C-STORE of frozen objects to one peer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification

from node.deliver.compression import Compression, syntaxes, transcoded
from node.deliver.ledger import Ledger, Outcome
from node.deliver.verdict import Fate, Verdict, verdict
from node.dimse import Peer, associate, find_instance
from node.domain.ports import DeliveryState, Parcel, Receipts
from node.errors import DataError, RefusedError, TemporaryError

log = structlog.get_logger()

SLOWEST_BYTES_PER_S = 100_000
"""An object may take as long as at this rate before its answer is waited for."""


class _LostError(TemporaryError):
    """An association has ended in the middle: the peer is there, and something of ours may have ended it."""


def send(parcels: Sequence[Parcel], peer: Peer, receipts: Receipts, *, compression: Compression = Compression.NONE) -> Outcome:
    """Send frozen objects over one association, their bytes unchanged, and note each one's fate.

    A parcel that is SENDING was handed to the network by an attempt that never learned the answer: the peer is asked by C-FIND
    whether it has it, and it is sent again only when the peer says no, or can't say. An object whose answer is missing this time stays
    SENDING for the same reason, and counts as postponed in the outcome.

    Parameters
    ----------
    parcels : those that are QUEUED or SENDING; all others are left alone
    compression : what the peer gets where it accepts it; the frozen bytes otherwise

    Notes
    -----
    An association that the peer rejects for good ("called AE title not recognised") postpones all parcels: the fault lies in somebody's
    settings, not in the objects, and nothing must be lost when it is put right. A single object is refused when the peer answers with a
    status that will not pass (`verdict`), or does not accept its SOP class in a transfer syntax that we have; where it is not `required`,
    the latter is noted as not taken.
    """
    ledger = Ledger(receipts)
    waiting = [parcel for parcel in parcels if parcel.state in (DeliveryState.QUEUED, DeliveryState.SENDING)]
    try:
        for parcel in waiting:
            if parcel.state is DeliveryState.SENDING and _is_there(parcel, peer):
                ledger.note(parcel, Verdict(Fate.STORED, "found by C-FIND"))
        _send_all(ledger.open(waiting), peer, ledger, compression)
        away = ""
    except (TemporaryError, RefusedError) as error:
        away = "" if isinstance(error, _LostError) else str(error)
        for parcel in ledger.open(waiting):
            ledger.note(parcel, Verdict(_fate_unsent(parcel), str(error)))
    outcome = ledger.outcome(away=away)
    counts = {name: len(getattr(outcome, name)) for name in ("stored", "refused", "not_taken", "postponed")}
    log.info("sent", peer=peer.name, **counts)
    return outcome


def _is_there(parcel: Parcel, peer: Peer) -> bool:
    keys = dcmread(parcel.path, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
    return bool(find_instance(peer, parcel.sop_instance_uid, str(keys.StudyInstanceUID), str(keys.SeriesInstanceUID)))


def _fate_unsent(parcel: Parcel) -> Fate:
    return Fate.UNKNOWN if parcel.state is DeliveryState.SENDING else Fate.POSTPONED


def _send_all(parcels: Sequence[Parcel], peer: Peer, ledger: Ledger, compression: Compression) -> None:
    if not parcels:
        return
    with associate(peer, _contexts(parcels, compression)) as association:
        accepted = {(context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts}
        for parcel in parcels:
            syntax = next((syntax for syntax in syntaxes(parcel, compression) if (parcel.sop_class_uid, syntax) in accepted), None)
            reached = _not_accepted(parcel, peer) if syntax is None else _store(parcel, syntax, association, ledger, peer)
            ledger.note(parcel, reached)
            if reached.fate is Fate.UNKNOWN:
                # The library may take a moment to see that the association is gone: the next object must not be handed to it.
                raise _LostError(f"{peer} gave no answer, or ended the association")


def _store(parcel: Parcel, syntax: UID, association: Association, ledger: Ledger, peer: Peer) -> Verdict:
    frozen = syntax == parcel.transfer_syntax_uid
    try:
        message = parcel.path if frozen else transcoded(parcel.path, syntax)
    except DataError as error:
        return Verdict(Fate.REFUSED, str(error))
    ledger.sending(parcel)
    # The library counts from the first byte that it sends, and a large object on a slow line takes its time.
    association.dimse_timeout = association.network_timeout = peer.answer_timeout_s + parcel.path.stat().st_size / SLOWEST_BYTES_PER_S
    try:
        answer = association.send_c_store(message)
    except RuntimeError:
        if association.is_established:
            raise
        answer = Dataset()  # It ended before our request.
    reached = verdict(answer)
    return reached if frozen else replace(reached, reason=f"{reached.reason}, sent in {syntax.name}")


def _contexts(parcels: Iterable[Parcel], compression: Compression) -> list[PresentationContext]:
    """One context for each pair of SOP class and transfer syntax, and C-ECHO's.

    A pair each, because a peer picks one syntax of a context, and an object has one. C-ECHO's because a peer that supports none of the
    classes would otherwise end the association, and could not be told from one that is out of order.
    """
    pairs = sorted({(parcel.sop_class_uid, syntax) for parcel in parcels for syntax in syntaxes(parcel, compression)})
    return [build_context(Verification), *(build_context(sop_class, syntax) for sop_class, syntax in pairs)]


def _not_accepted(parcel: Parcel, peer: Peer) -> Verdict:
    sop_class, syntax = UID(parcel.sop_class_uid).name, UID(parcel.transfer_syntax_uid).name
    if parcel.required:
        return Verdict(Fate.REFUSED, f"{peer} does not accept {sop_class} in {syntax}")
    return Verdict(Fate.NOT_TAKEN, f"{peer.name} does not take {sop_class} in {syntax}")
