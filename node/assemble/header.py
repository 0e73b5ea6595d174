"""Header: what one DICOM instance says of itself, without its pixels.

Everything that grouping, roles, completeness, identity and timing need, so that a file is parsed once (`read_header`) and its header
lives in a row of the store (`to_json`, `from_json`).
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from node.assemble.attributes import date_time, encodings_of, moment, number, text, texts, whole
from node.assemble.enhanced import frame_geometry, frame_physics, vendor_image_type
from node.assemble.enhanced_pet import ENHANCED_PET, LEGACY_PET, classic_view, frame_times
from node.assemble.inflating import read_header_dataset
from node.assemble.parts import Concatenation, Counts, FrameTime, Geometry, MrPhysics, Person, PetPhysics, SegmentLabel, Selection
from node.assemble.tags import (
    WANTED,
    cited_series_of,
    concatenation_of,
    counts_of,
    geometry_of,
    mr_of,
    person_of,
    pet_of,
    procedure_codes_of,
    processed_by_of,
    segments_of,
    selection_of,
)
from node.errors import DataError

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_MR = "1.2.840.10008.5.1.4.1.1.4.4"
LEGACY_CONVERTED = (LEGACY_PET, LEGACY_MR)
MULTI_FRAME = (ENHANCED_MR, ENHANCED_PET, *LEGACY_CONVERTED)
NO_COUNTS = Counts()
UNREAD = {"1.2.840.10008.5.1.4.1.1.4.3": "enhanced multi-frame colour MR is not read"}

_UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    OSError,
    ValueError,
    EOFError,
    NotImplementedError,
    struct.error,
    zlib.error,
    RecursionError,
    MemoryError,
    OverflowError,
    AttributeError,
    KeyError,
    IndexError,
    TypeError,
)
"""What pydicom raises on a file that is damaged, as found by damaging some thousand, or that was made to hurt."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True)
class Header:
    """One instance.

    Parameters
    ----------
    procedure_codes : "value^scheme" of ProcedureCodeSequence, PerformedProtocolCodeSequence and the requested procedure
    acquired_at : AcquisitionDateTime, or AcquisitionDate and AcquisitionTime; local time of the scanner
    series_at : SeriesDate and SeriesTime
    weight_kg, height_m : as written, before any guard
    n_frames : NumberOfFrames, 1 where absent
    unread : why the node cannot read this kind of object, as a sentence; empty where it can
    frames : of a multi-frame PET, when each of its frames was measured; empty for anything else
    frame : which frame of its file this header stands for (`slices.slices_of`), from 0; None for the whole file
    content_at : of a SEG or a document, when its content was made: ContentDate and ContentTime
    content_creator : of a SEG, who made it, a person's name as written
    cites : of a SEG, the series that it was drawn on, by UID
    selection : of a Key Object Selection, what it names
    processed_by : manufacturers of the equipment that made the object out of others (Contributing Equipment, PS3.3 C.12.1.1.5)
    counts : how many images the scanner says that it made
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_uid: str
    series_uid: str
    modality: str
    person: Person
    study_at: datetime | None
    study_description: str
    accession: str
    procedure_codes: tuple[str, ...]
    series_at: datetime | None
    series_description: str
    protocol: str
    series_number: int | None
    acquired_at: datetime | None
    image_type: tuple[str, ...]
    body_part: str
    manufacturer: str
    model: str
    station: str
    weight_kg: float | None
    height_m: float | None
    n_frames: int
    frame_of_reference_uid: str
    geometry: Geometry | None
    mr: MrPhysics | None
    pet: PetPhysics | None
    segments: tuple[SegmentLabel, ...]
    unread: str = ""
    frames: tuple[FrameTime, ...] = ()
    frame: int | None = None
    concatenation: Concatenation | None = None
    content_at: datetime | None = None
    content_creator: str = ""
    cites: tuple[str, ...] = ()
    selection: Selection | None = None
    counts: Counts = NO_COUNTS
    processed_by: tuple[str, ...] = ()


def read_header(path: Path) -> Header:
    """Header of one stored DICOM file; its pixels are not touched.

    Raises
    ------
    DataError : the file is no DICOM file, or has no UIDs, or what is none for one
    """
    try:
        return header_of(read_header_dataset(path, WANTED))
    except _UNREADABLE as error:
        raise DataError(f"expected a DICOM file (PS3.10); could not read {path.name}: {type(error).__name__}") from error


def header_of(dataset: Dataset) -> Header:
    """Header of a dataset that has been read.

    Raises
    ------
    DataError : it has no UIDs
    """
    uids = {k: text(dataset, k) for k in ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")}
    if not all(uids.values()):
        missing = ", ".join(keyword for keyword, uid in uids.items() if not uid)
        raise DataError(f"instance {uids['SOPInstanceUID'] or 'without UID'}: expected four UIDs; found no {missing}")
    wrong = [keyword for keyword, uid in uids.items() if len(uid) > 64 or not _UID.fullmatch(uid)]
    if wrong:  # it may be anything, and is not repeated here
        raise DataError(f"expected digits and dots in UIDs (PS3.5 9.1), up to 64; found something else in {', '.join(wrong)}")
    encodings = encodings_of(dataset)
    modality = text(dataset, "Modality")
    several = uids["SOPClassUID"] in MULTI_FRAME
    view = classic_view(dataset) if several else dataset
    return Header(
        sop_instance_uid=uids["SOPInstanceUID"],
        sop_class_uid=uids["SOPClassUID"],
        study_uid=uids["StudyInstanceUID"],
        series_uid=uids["SeriesInstanceUID"],
        modality=modality,
        person=person_of(dataset, encodings),
        study_at=moment(dataset, "StudyDate", "StudyTime"),
        study_description=text(dataset, "StudyDescription", encodings=encodings),
        accession=text(dataset, "AccessionNumber", encodings=encodings),
        procedure_codes=procedure_codes_of(dataset),
        series_at=moment(dataset, "SeriesDate", "SeriesTime"),
        series_description=text(dataset, "SeriesDescription", encodings=encodings),
        protocol=text(dataset, "ProtocolName", encodings=encodings),
        series_number=whole(dataset, "SeriesNumber"),
        acquired_at=moment(dataset, "AcquisitionDate", "AcquisitionTime") or date_time(dataset, "AcquisitionDateTime"),
        image_type=texts(dataset, "ImageType") + (vendor_image_type(dataset) if several else ()),
        body_part=text(view, "BodyPartExamined"),
        manufacturer=text(dataset, "Manufacturer", encodings=encodings),
        model=text(dataset, "ManufacturerModelName", encodings=encodings),
        station=text(dataset, "StationName", encodings=encodings),
        weight_kg=number(dataset, "PatientWeight"),
        height_m=number(dataset, "PatientSize"),
        n_frames=whole(dataset, "NumberOfFrames") or 1,
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
        geometry=frame_geometry(dataset) if several else geometry_of(dataset),
        mr=_mr(dataset, view, uids["SOPClassUID"]) if modality == "MR" else None,
        pet=pet_of(view, encodings) if modality == "PT" else None,
        segments=segments_of(dataset, encodings) if modality == "SEG" else (),
        unread=UNREAD.get(uids["SOPClassUID"], ""),
        frames=frame_times(dataset) if several and modality == "PT" else (),
        concatenation=concatenation_of(dataset),
        content_at=moment(dataset, "ContentDate", "ContentTime") if modality in ("SEG", "KO") else None,
        content_creator=text(dataset, "ContentCreatorName", encodings=encodings) if modality == "SEG" else "",
        cites=cited_series_of(dataset) if modality == "SEG" else (),
        selection=selection_of(dataset, encodings) if modality == "KO" else None,
        counts=counts_of(view),
        processed_by=processed_by_of(dataset, encodings),
    )


def _mr(dataset: Dataset, view: Dataset, sop_class_uid: str) -> MrPhysics:
    """Enhanced MR has words of its own; a converter leaves those of the classic image."""
    return frame_physics(dataset) if sop_class_uid == ENHANCED_MR else mr_of(view)


def to_json(header: Header) -> str:
    """The header as text for a row of the store."""
    return json.dumps(asdict(header), default=_isoformat, separators=(",", ":"), ensure_ascii=False)


def from_json(text: str) -> Header:
    """The header back from `to_json`."""
    header = _build(Header, json.loads(text))
    assert isinstance(header, Header)
    return header


def _isoformat(value: date | datetime | time) -> str:
    return value.isoformat()


def _build(kind: type, values: dict[str, Any]) -> Any:
    converters = _converters(kind)
    return kind(**{name: value if value is None or name not in converters else converters[name](value) for name, value in values.items()})


@cache
def _converters(kind: type) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind)
    found = ((f.name, _converter(hints[f.name])) for f in fields(kind))
    return {name: converter for name, converter in found if converter is not None}


def _converter(hint: Any) -> Callable[[Any], Any] | None:
    """What turns a JSON value into the hinted type; None where it already is one."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (arm for arm in get_args(hint) if arm is not type(None))
    if get_origin(hint) is tuple:
        inner = _converter(get_args(hint)[0])
        return tuple if inner is None else lambda values: tuple(inner(value) for value in values)
    if hint in (date, datetime, time):
        return lambda value: hint.fromisoformat(value)
    if is_dataclass(hint):
        return lambda value: _build(hint, value)  # type: ignore[arg-type]
    return None
