"""The rejection note: a Key Object Selection that takes back what was delivered (IHE Imaging Object Change Management, PS3.16 TID 2010).

One document a study, as the IOD asks for, which names every object and nothing else; an archive hides or deletes what it names. It is dated
when a reader gave the verdict, since the objects' own date says when the version was begun. Titles that are not ours to give: 113038, an
incorrect worklist entry, is the modality's fault, and 113039, an expired retention, the archive's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import highdicom as hd
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code as DicomCode

from node.domain.result import Provenance
from node.domain.verdict import Verdict
from node.encode.gate import Known, examine
from node.encode.headers import MODEL, Maker, describe, write
from node.encode.objects import Encoded, EncodeOptions, Kind
from node.encode.quantities import plain
from node.encode.uids import device_uid

TITLES = {
    Verdict.REJECTED: DicomCode("113001", "DCM", "Rejected for Quality Reasons"),
    Verdict.UNSAFE: DicomCode("113037", "DCM", "Rejected for Patient Safety Reasons"),
}

_IDENTITY = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns"]
_NOT_ASKED = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime")


def encode_rejection(
    objects: Sequence[Path],
    verdict: Verdict,
    words: str,
    provenance: Provenance,
    *,
    folder: Path,
    options: EncodeOptions,
    first: int = 0,
) -> tuple[Encoded, ...]:
    """The notes that withdraw objects, one for each study that they lie in.

    Parameters
    ----------
    objects : our own files, as they were sent; their headers tell patient, study and identity
    words : who withdraws them and why
    provenance : of the version; `made_at` is when the verdict was given
    folder : where the notes are written
    first : how many notes of this version were made before, for another destination's set of objects

    Raises
    ------
    ValueError : no object, or a verdict that rejects nothing
    """
    if not objects or verdict not in TITLES:
        raise ValueError(f"expected objects and a verdict that rejects them; found {len(objects)} and {verdict.value}")
    maker = Maker(provenance, options, folder)
    named = {path: _named(path) for path in sorted(objects)}
    studies: dict[str, list[Path]] = {}
    for path, one in named.items():
        studies.setdefault(str(one.StudyInstanceUID), []).append(path)
    headers = {uid: dcmread(studies[uid][0], stop_before_pixels=True) for uid in sorted(studies)}
    written = tuple(
        _note([named[path] for path in studies[uid]], header, verdict, words, maker, series)
        for series, (uid, header) in enumerate(headers.items(), start=first)
    )
    known = tuple((str(one.SOPClassUID), str(one.SOPInstanceUID)) for one in named.values())
    return examine(written, Known(tuple(headers.values()), (), known))


def _note(named: Sequence[Dataset], study: Dataset, verdict: Verdict, words: str, maker: Maker, series: int) -> Encoded:
    kind, serial = Kind.REJECTION, maker.options.device_serial_number
    device = hd.sr.DeviceObserverIdentifyingAttributes(uid=device_uid(maker.options), name=serial, model_name=MODEL, serial_number=serial)
    observer = hd.sr.ObserverContext(DicomCode("121007", "DCM", "Device"), device)
    told = plain(f"Withdrawn {words}. Research use only.")
    content = hd.ko.KeyObjectSelection(TITLES[verdict], named, observer_device_context=observer, description=told)
    dataset = hd.ko.KeyObjectSelectionDocument(named, content, maker.uid(kind, "series", series), 1, maker.uid(kind, "instance", series), 1)
    describe(dataset, kind, study, maker, cited=(), description="RESEARCH TSPO withdrawn", series=series)
    return write(dataset, kind, maker)


def _named(path: Path) -> Dataset:
    """What highdicom must be told of an object: its identity, and by its size whether it is an image."""
    header, stand_in = dcmread(path, stop_before_pixels=True, specific_tags=_IDENTITY), Dataset()
    for keyword in (keyword for keyword in _IDENTITY if keyword in header):
        stand_in[keyword] = header[keyword]
    for keyword in _NOT_ASKED:  # by highdicom; they come from `describe`, with the study's own character set
        setattr(stand_in, keyword, "")
    return stand_in
