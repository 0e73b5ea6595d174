"""Lossless compression on the way out: the frozen file stays as it is, and what travels holds the same pixels in fewer bytes.

Decisions
---------
- **JPEG-LS before RLE**: less than half of the bytes of colour overlays and a third of maps, against four fifths and a half for RLE, which
  some older archives take alone. JPEG 2000 is left out, since OHIF fails on what Orthanc 1.10 passes on of it.
- **Colour pages and overlays, and 16-bit maps** are compressed. A binary SEG has one bit a pixel, which neither syntax has; the other SEGs,
  reports and floating-point maps are small, or have no such syntax.
- **Each object is decoded again and compared before it is sent**: a pixel that changed on its way would be seen by nobody.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from node.domain.ports import Parcel
from node.errors import DataError

PREFERRED = (JPEGLSLossless, RLELossless)
"""What we compress to, best first."""

COMPRESSED_CLASSES = (SecondaryCaptureImageStorage, PositronEmissionTomographyImageStorage)
"""What is compressed."""


class Compression(Enum):
    """What a destination gets. Where it does not accept a compressed syntax for a class, it gets the frozen bytes."""

    NONE = "none"
    LOSSLESS = "lossless"


def syntaxes(parcel: Parcel, compression: Compression) -> tuple[UID, ...]:
    """The transfer syntaxes in which a parcel may travel, best first; that of the frozen file last."""
    frozen = UID(parcel.transfer_syntax_uid)
    fits = parcel.sop_class_uid in COMPRESSED_CLASSES and frozen == ExplicitVRLittleEndian
    return (*PREFERRED, frozen) if fits and compression is Compression.LOSSLESS else (frozen,)


def compressed(path: Path, syntax: UID) -> Dataset:
    """A frozen object in a compressed syntax; the same bytes each time.

    Raises
    ------
    DataError : decoded again, its pixels differ from those of the file
    """
    dataset = dcmread(path)
    before = pixel_array(dataset, raw=True).tobytes()
    dataset.compress(syntax, generate_instance_uid=False)
    if pixel_array(dataset, raw=True).tobytes() != before:
        raise DataError(f"instance {dataset.SOPInstanceUID}: its pixels do not survive {syntax.name}; expected the same after decoding")
    return dataset
