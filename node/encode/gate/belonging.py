"""Whether an object belongs where it goes: its file is about itself, its patient and study are those of the study, its UIDs are its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from node.encode.gate.known import Known
from node.encode.gate.legality import is_legal_uid
from node.encode.gate.sheet import Finding, Sheet
from node.encode.headers import COPIED
from node.encode.objects import Encoded


def of_itself(sheet: Sheet) -> Iterator[Finding]:
    """Whether file meta information, data set and record name the same object."""
    dataset, meta, encoded = sheet.dataset, sheet.dataset.file_meta, sheet.encoded
    pairs = (
        ("MediaStorageSOPClassUID", meta.get("MediaStorageSOPClassUID"), dataset.get("SOPClassUID")),
        ("MediaStorageSOPInstanceUID", meta.get("MediaStorageSOPInstanceUID"), dataset.get("SOPInstanceUID")),
        ("TransferSyntaxUID", meta.get("TransferSyntaxUID"), encoded.transfer_syntax_uid),
        ("SOPClassUID", dataset.get("SOPClassUID"), encoded.sop_class_uid),
        ("SOPInstanceUID", dataset.get("SOPInstanceUID"), encoded.sop_instance_uid),
        ("StudyInstanceUID", dataset.get("StudyInstanceUID"), encoded.study_uid),
        ("SeriesInstanceUID", dataset.get("SeriesInstanceUID"), encoded.series_uid),
    )
    for keyword, found, expected in pairs:
        if found != expected:
            yield Finding((), keyword, str(expected), str(found))
        elif not is_legal_uid(str(found)):
            yield Finding((), keyword, "a legal UID", str(found))


_COPIED_TAGS = tuple(tag_for_keyword(keyword) or 0 for keyword in COPIED)


def copied_bytes(sheet: Sheet) -> tuple[object, ...]:
    """What an object holds of its study, as it is encoded: the same in all objects of a study that were rightly made."""
    dataset = sheet.dataset
    present = [(tag, dataset.get_item(tag)) for tag in _COPIED_TAGS if tag in dataset.keys()]  # noqa: SIM118 - quicker by far
    return (sheet.encoded.study_uid, *((tag, item.value if isinstance(item, RawDataElement) else str(item.value)) for tag, item in present))


def of_its_study(sheet: Sheet, known: Known) -> Iterator[Finding]:
    """Whether what an object copies from its study is, value for value, what one series of it says. Values are never told."""
    differences = [list(_differences(sheet.dataset, header)) for header in known.study(sheet.encoded.study_uid)]
    if not differences:
        yield Finding((), "StudyInstanceUID", "a study of the exam", sheet.encoded.study_uid)
    else:
        yield from min(differences, key=len)


def _differences(dataset: Dataset, study: Dataset) -> Iterator[Finding]:
    for keyword in COPIED:
        found, expected = dataset.get(keyword), study.get(keyword)
        if found != expected and not (expected is None and found == ""):
            yield Finding((), keyword, "what its study says" if expected is not None else "none, as in its study", "another value")


def each_its_own(written: Sequence[Encoded]) -> Iterator[tuple[Encoded, Finding]]:
    """Whether no two objects share a UID, and no series lies in two studies or holds two classes."""
    count = Counter(item.sop_instance_uid for item in written)
    first: dict[str, Encoded] = {}
    for item in written:
        if count[item.sop_instance_uid] > 1:
            yield item, Finding((), "SOPInstanceUID", "a UID of its own", f"{count[item.sop_instance_uid]} objects with it")
        model = first.setdefault(item.series_uid, item)
        if (item.study_uid, item.sop_class_uid) != (model.study_uid, model.sop_class_uid):
            yield item, Finding((), "SeriesInstanceUID", "one study and one SOP class in a series", "two")
