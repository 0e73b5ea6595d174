"""What encoding takes and gives: options, kinds of object, and the record of one written object."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    SpatialRegistrationStorage,
)


class Kind(Enum):
    """The kinds of object. The value names the kind inside UIDs: never change one that has been released."""

    SUMMARY = "summary"  #: secondary capture: the page, or pages, to read first
    OVERLAY = "overlay"  #: secondary capture: the map on the MR, slice for slice
    OVERLAY_T1 = "overlay_t1"  #: secondary capture: the same on the T1, where that is not the reading series
    LESIONS = "lesions"  #: segmentation of the lesions
    RAISED = "raised"  #: segmentation of the region of raised TSPO signal
    RIMS = "rims"  #: segmentation of the lesions' rims of 2 mm
    REGIONS = "regions"  #: segmentations of the regions measured, on the T1
    REPORT = "report"  #: structured report: every number, by lesion and by region
    PHYSICIST = "physicist"  #: secondary capture: how the numbers were made
    MAP = "map"  #: PET images: the primary map on the reading grid
    MAP_SUVR = "suvr"  #: PET images: the SUVR map on the reading grid, where it is not the primary one
    MAP_SUV = "suv"  #: PET images: the registered PET in SUV on the reading grid, where SUV is known
    PARAMETRIC_MAPS = "parametric_maps"  #: parametric maps, floating point: every map on the PET grid
    REGISTRATION = "registration"  #: spatial registrations: PET → T1, FLAIR → T1
    KEY_OBJECTS = "key_objects"  #: key object selection: the pages
    PRESENTATION = "presentation"  #: presentation state: the lesions' outlines and numbers on the reading series
    PDF = "pdf"  #: encapsulated PDF: the pages, for print
    REJECTION = "rejection"  #: key object selection: withdraws what was delivered
    REFUSAL = "refusal"  #: secondary capture: not analysed, because …


SERIES_OFFSET = {
    Kind.SUMMARY: 1,
    Kind.REFUSAL: 1,
    Kind.OVERLAY: 2,
    Kind.LESIONS: 3,
    Kind.RAISED: 4,
    Kind.PHYSICIST: 5,
    Kind.MAP: 6,
    Kind.REPORT: 7,
    Kind.RIMS: 8,
    Kind.REGISTRATION: 201,
    Kind.PARAMETRIC_MAPS: 401,
    Kind.MAP_SUVR: 601,
    Kind.MAP_SUV: 602,
    Kind.OVERLAY_T1: 603,
    Kind.PRESENTATION: 604,
    Kind.KEY_OBJECTS: 605,
    Kind.PDF: 606,
    Kind.REJECTION: 607,
    Kind.REGIONS: 801,
}
"""Where the series of a kind are numbered: `series_number`.

Scanners reach 1301 (Philips numbers by hundreds, and 903 is a scan), so that numbers in the 900s would neither be free nor sort last.
What a reader scrolls comes first; what programs read, or only some sites want, comes by hundreds after it, where a kind has room for
several series and for twenty versions; every twenty versions begin another thousand."""

FIRST_SERIES_NUMBER = 9000
_SERIES, _VERSIONS = 10, 20
_BLOCK, _FAR = 1000, 1_000_000


def series_number(kind: Kind, version: int, series: int = 0) -> int:
    """SeriesNumber: 9001 for the page of version 1, 9011 for that of version 2, 10001 for that of version 21.

    Series of one kind beyond the tenth, which the numbers of the next version would meet, are moved by a million.

    Parameters
    ----------
    version : from 1
    series : the place of the series within its kind, from 0
    """
    block, place = divmod(version - 1, _VERSIONS)
    further, within = divmod(series, _SERIES)
    return FIRST_SERIES_NUMBER + _BLOCK * block + _SERIES * place + SERIES_OFFSET[kind] + within + _FAR * further


SOP_CLASSES = {
    Kind.SUMMARY: SecondaryCaptureImageStorage,
    Kind.OVERLAY: SecondaryCaptureImageStorage,
    Kind.OVERLAY_T1: SecondaryCaptureImageStorage,
    Kind.LESIONS: SegmentationStorage,
    Kind.RAISED: SegmentationStorage,
    Kind.RIMS: SegmentationStorage,
    Kind.REGIONS: SegmentationStorage,
    Kind.REPORT: Comprehensive3DSRStorage,
    Kind.PHYSICIST: SecondaryCaptureImageStorage,
    Kind.MAP: PositronEmissionTomographyImageStorage,
    Kind.MAP_SUVR: PositronEmissionTomographyImageStorage,
    Kind.MAP_SUV: PositronEmissionTomographyImageStorage,
    Kind.PARAMETRIC_MAPS: ParametricMapStorage,
    Kind.REGISTRATION: SpatialRegistrationStorage,
    Kind.KEY_OBJECTS: KeyObjectSelectionDocumentStorage,
    Kind.PRESENTATION: GrayscaleSoftcopyPresentationStateStorage,
    Kind.PDF: EncapsulatedPDFStorage,
    Kind.REJECTION: KeyObjectSelectionDocumentStorage,
    Kind.REFUSAL: SecondaryCaptureImageStorage,
}
"""What each kind is; a SEG by a site's choice may be a Label Map Segmentation instead."""

OBJECT_NAMES = tuple(kind.value for kind in Kind if kind not in (Kind.REFUSAL, Kind.REJECTION))
"""What a site may ask for; refusals and withdrawals are written whatever it asks for."""

_BY_DEFAULT = (Kind.SUMMARY, Kind.OVERLAY, Kind.LESIONS, Kind.RAISED, Kind.MAP, Kind.REPORT)

DEFAULT_OBJECTS = tuple(kind.value for kind in _BY_DEFAULT)
"""What is written where a site chooses nothing; why, is said in the folder's page."""


@dataclass(frozen=True)
class EncodeOptions:
    """A site's choices.

    Parameters
    ----------
    reading : the MR series on whose grid results are shown, where the exam has it; the T1 otherwise
    map_range : SUVR or DVR at the bottom and at the top of the colour bar; the same for every exam, so that colours can be compared
    physicist_page : when the pages on how the numbers were made are written, where `objects` names them
    device_serial_number : as printed in the objects' equipment module, for instance the node's AE title
    seg_form : of every SEG. FRACTIONAL holds the share of each voxel that a segment fills; LABELMAP one number a voxel
    language : of the pages; names of quantities and units stay as they are
    objects : which kinds are written, values of `Kind`; it has no part in the objects' UIDs, so that an object is the same beside others
    """

    reading: Literal["FLAIR", "T1"] = "FLAIR"
    map_range: tuple[float, float] = (0.6, 1.6)
    physicist_page: Literal["always", "dynamic", "never"] = "dynamic"
    device_serial_number: str = "EMBER"
    seg_form: Literal["BINARY", "FRACTIONAL", "LABELMAP"] = "BINARY"
    language: Literal["en", "de"] = "en"
    objects: tuple[str, ...] = DEFAULT_OBJECTS

    def __post_init__(self) -> None:
        if self.reading not in ("FLAIR", "T1"):
            raise ValueError(f"reading is FLAIR or T1; found {self.reading!r}")
        if not 0 <= self.map_range[0] < self.map_range[1]:
            raise ValueError(f"map_range rises from zero or more; found {self.map_range}")
        if self.seg_form not in ("BINARY", "FRACTIONAL", "LABELMAP"):
            raise ValueError(f"seg_form is BINARY, FRACTIONAL or LABELMAP; found {self.seg_form!r}")
        unknown = sorted(set(self.objects) - set(OBJECT_NAMES))
        if unknown or len(set(self.objects)) < len(self.objects):
            raise ValueError(f"objects are some of {', '.join(OBJECT_NAMES)}, each once; found {', '.join(unknown or self.objects)}")

    def wants(self, kind: Kind) -> bool:
        """Whether objects of a kind are written."""
        return kind.value in self.objects


@dataclass(frozen=True)
class Complaint:
    """What the gate found wrong with one object (`node.encode.gate`).

    Parameters
    ----------
    what : an attribute with its path, or the rule that was broken
    expected, found : as short as they can be printed; never a patient's
    """

    sop_instance_uid: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}; found {self.found}"


@dataclass(frozen=True)
class Encoded:
    """One DICOM object, written and closed.

    Parameters
    ----------
    path : the file, in the folder that was asked for
    kind : which kind of object it is
    content_sum : CRC-32 of its pixels, or of its printed document, as handed over for writing; None where it has neither
    complaints : what the gate found wrong with it; where there is any, it must not be sent
    """

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    study_uid: str
    series_uid: str
    kind: Kind
    content_sum: int | None = None
    complaints: tuple[Complaint, ...] = ()
