"""Whether what a peer sends is what was asked for, by the UIDs and the patient ID in its data set: never mix two people."""

from __future__ import annotations

import zlib
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from node.retrieve.answers import text
from node.retrieve.found import Wanted

HEAD_BYTES = 1 << 20
"""How much of a data set is looked at; study, series and patient stand in its first kilobytes."""

_LAST = 0x0020_000E
_TAGS: list[BaseTag | int] = [0x0008_0005, 0x0008_0018, 0x0010_0020, 0x0020_000D, _LAST]
"""SpecificCharacterSet, SOPInstanceUID, PatientID, StudyInstanceUID, SeriesInstanceUID."""


def stranger(wanted: Wanted, head: bytes | memoryview, transfer_syntax_uid: str) -> str:
    """Why a data set is none of those wanted, a sentence without what it says; empty where it is one.

    Parameters
    ----------
    head : the first `HEAD_BYTES` of the encoded data set, or all of it
    """
    found = _read(bytes(head[:HEAD_BYTES]), UID(transfer_syntax_uid))
    if found is None:
        return "its data set cannot be read"
    if text(found, "StudyInstanceUID") != wanted.study_uid or text(found, "SeriesInstanceUID") != wanted.series_uid:
        return "it is of another series than the one that was asked for"
    if wanted.images and text(found, "SOPInstanceUID") not in wanted.images:
        return "it is another image of the series than those that were asked for"
    if wanted.patient_id and text(found, "PatientID") != wanted.patient_id:
        return "it is of another patient than the peer's answer to our query"
    return ""


def _read(head: bytes, syntax: UID) -> Dataset | None:
    try:
        if syntax.is_deflated:
            head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head, HEAD_BYTES)
        return read_dataset(BytesIO(head), syntax.is_implicit_VR, syntax.is_little_endian, stop_when=_past, specific_tags=_TAGS)
    except Exception:  # noqa: BLE001 - a hostile data set raises nearly anything; it is turned away, and counted
        return None


def _past(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) > _LAST
