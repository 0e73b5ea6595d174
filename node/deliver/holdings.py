"""Which instances a peer holds, by C-FIND: one query a series, and one an instance where that falls short.

An answer for a series may be cut short by the peer's own limit: an instance is called missing only when it was asked for by its own UID,
or when nothing of its series is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification

from node.deliver.destination import Held, Proof
from node.dimse import Peer, associate
from node.domain.ports import Parcel
from node.errors import RefusedError, TemporaryError

MODEL = StudyRootQueryRetrieveInformationModelFind
HOW = "found by C-FIND"
_PENDING = (0xFF00, 0xFF01)


@dataclass(frozen=True)
class Instance:
    """An instance and where it is to be found."""

    sop_instance_uid: str
    series_uid: str
    study_uid: str


def instance_of(parcel: Parcel) -> Instance:
    """Where a frozen object is to be found, by its own header."""
    keys = dcmread(parcel.path, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
    return Instance(parcel.sop_instance_uid, str(keys.SeriesInstanceUID), str(keys.StudyInstanceUID))


def held_by(peer: Peer, wanted: Sequence[Instance]) -> tuple[Proof, ...]:
    """What a peer says of instances, at the IMAGE level of the Study Root model (PS3.4 C.6.2), in their order."""
    try:
        # Verification is proposed besides, so that a peer without C-FIND still accepts the association and is told from a stranger.
        with associate(peer, [build_context(MODEL), build_context(Verification)]) as association:
            if MODEL not in [context.abstract_syntax for context in association.accepted_contexts]:
                return _all(wanted, Held.UNASKABLE, f"{peer.name} offers no C-FIND")
            return _ask(association, wanted, peer)
    except (TemporaryError, RefusedError) as error:
        return _all(wanted, Held.UNKNOWN, str(error))


def _ask(association: Association, wanted: Sequence[Instance], peer: Peer) -> tuple[Proof, ...]:
    found: dict[str, Proof] = {}
    for series_uid in dict.fromkeys(one.series_uid for one in wanted):
        mine = [one for one in wanted if one.series_uid == series_uid]
        for proof in _in_series(association, mine, peer):
            found[proof.sop_instance_uid] = proof
    return tuple(found[one.sop_instance_uid] for one in wanted)


def _in_series(association: Association, wanted: Sequence[Instance], peer: Peer) -> Iterator[Proof]:
    listed = _find(association, wanted[0], "")
    for one in wanted:
        if listed is not None and one.sop_instance_uid in listed:
            yield Proof(one.sop_instance_uid, Held.YES, HOW)
        elif listed is not None and not listed:
            yield Proof(one.sop_instance_uid, Held.NO, f"{peer.name} shows nothing of its series by C-FIND")
        else:
            yield _alone(association, one, peer)


def _alone(association: Association, one: Instance, peer: Peer) -> Proof:
    listed = _find(association, one, one.sop_instance_uid)
    if listed is None:
        return Proof(one.sop_instance_uid, Held.UNKNOWN, f"{peer.name} did not answer C-FIND, or with a failure")
    if one.sop_instance_uid in listed:
        return Proof(one.sop_instance_uid, Held.YES, HOW)
    return Proof(one.sop_instance_uid, Held.NO, f"{peer.name} does not show it by C-FIND")


def _find(association: Association, one: Instance, sop_instance_uid: str) -> set[str] | None:
    """SOP Instance UIDs that match; none where the peer failed or did not answer."""
    if not association.is_established:
        return None
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = one.study_uid
    query.SeriesInstanceUID = one.series_uid
    query.SOPInstanceUID = sop_instance_uid
    listed: set[str] = set()
    for answer, identifier in association.send_c_find(query, MODEL):
        status = answer.get("Status")
        if status in _PENDING and identifier is not None:
            listed.add(str(identifier.get("SOPInstanceUID", "")))
        elif status not in (0x0000, *_PENDING):
            return None
    return listed


def _all(wanted: Iterable[Instance], held: Held, how: str) -> tuple[Proof, ...]:
    return tuple(Proof(one.sop_instance_uid, held, how) for one in wanted)
