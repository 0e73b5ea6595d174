"""What encoding takes and gives: options, kinds of object, and the record of one written object."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal


class Kind(Enum):
    """The kinds of object. The value names the kind inside UIDs: never change one that has been released."""

    SUMMARY = "summary"  #: secondary capture: the page, or pages, to read first
    OVERLAY = "overlay"  #: secondary capture: the map on the MR, slice for slice
    LESIONS = "lesions"  #: segmentation of the lesions
    RAISED = "raised"  #: segmentation of the region of raised TSPO signal
    PHYSICIST = "physicist"  #: secondary capture: how the numbers were made
    REFUSAL = "refusal"  #: secondary capture: not analysed, because …


SERIES_OFFSET = {Kind.SUMMARY: 1, Kind.REFUSAL: 1, Kind.OVERLAY: 2, Kind.LESIONS: 3, Kind.RAISED: 4, Kind.PHYSICIST: 5}
"""Series number = 9000 + 10 × (version - 1) + this. Scanners reach 1301 (Philips numbers by hundreds, and 903 is a scan), so that
numbers in the 900s would neither be free nor sort last."""

FIRST_SERIES_NUMBER = 9000


@dataclass(frozen=True)
class EncodeOptions:
    """A site's choices.

    Parameters
    ----------
    reading : the MR series on whose grid results are shown, where the exam has it; the T1 otherwise
    map_range : SUVR or DVR at the bottom and at the top of the colour bar; the same for every exam, so that colours can be compared
    physicist_page : when the pages on how the numbers were made are written
    device_serial_number : as printed in the objects' equipment module, for instance the node's AE title
    """

    reading: Literal["FLAIR", "T1"] = "FLAIR"
    map_range: tuple[float, float] = (0.6, 1.6)
    physicist_page: Literal["always", "dynamic", "never"] = "dynamic"
    device_serial_number: str = "EMBER"

    def __post_init__(self) -> None:
        if self.reading not in ("FLAIR", "T1"):
            raise ValueError(f"reading is FLAIR or T1; found {self.reading!r}")
        if not 0 <= self.map_range[0] < self.map_range[1]:
            raise ValueError(f"map_range rises from zero or more; found {self.map_range}")


@dataclass(frozen=True)
class Encoded:
    """One DICOM object, written and closed.

    Parameters
    ----------
    path : the file, in the folder that was asked for
    kind : which kind of object it is
    """

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    study_uid: str
    series_uid: str
    kind: Kind
