"""Transfer syntaxes on the way out: the frozen file stays as it is, and what travels in another syntax holds the same values and pixels.

Decisions
---------
- **JPEG-LS before RLE**: less than half of the bytes of colour overlays and a third of maps, against four fifths and a half for RLE, which
  some older archives take alone. JPEG 2000 is left out, since OHIF fails on what Orthanc 1.10 passes on of it.
- **Colour pages and overlays, and 16-bit maps** are compressed. A binary SEG has one bit a pixel, which neither syntax has; the other SEGs,
  reports and floating-point maps are small, or have no such syntax.
- **Implicit VR Little Endian is the last resort**, since every archive takes it (PS3.5 10.1) and some older ones take nothing else. An
  archive that takes compressed objects alone gets these, whether the site asked for them or not: the alternative is no page.
- **Each object is decoded again and compared before it is sent**: a pixel that changed on its way would be seen by nobody.
"""

from __future__ import annotations

from enum import Enum
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from pynetdicom.dsutils import decode, encode

from node.domain.ports import Parcel
from node.errors import DataError

PREFERRED = (JPEGLSLossless, RLELossless)
"""What we compress to, best first."""

LAST_RESORT = ImplicitVRLittleEndian
"""For archives that take nothing else."""

COMPRESSED_CLASSES = (SecondaryCaptureImageStorage, PositronEmissionTomographyImageStorage)
"""What is compressed."""


class Compression(Enum):
    """What a destination gets where it has the choice."""

    NONE = "none"
    LOSSLESS = "lossless"


def syntaxes(parcel: Parcel, compression: Compression) -> tuple[UID, ...]:
    """The transfer syntaxes in which a parcel may travel, best first."""
    frozen = UID(parcel.transfer_syntax_uid)
    if frozen != ExplicitVRLittleEndian:
        return (frozen,)
    packed = PREFERRED if parcel.sop_class_uid in COMPRESSED_CLASSES else ()
    plain = (frozen, LAST_RESORT)
    return (*packed, *plain) if compression is Compression.LOSSLESS else (*plain, *packed)


def transcoded(path: Path, syntax: UID) -> Dataset:
    """A frozen object in another transfer syntax; the same bytes each time.

    Raises
    ------
    DataError : decoded again, it differs from the file
    """
    return implicit(path) if syntax == LAST_RESORT else compressed(path, syntax)


def compressed(path: Path, syntax: UID) -> Dataset:
    """A frozen object in a compressed syntax.

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


def implicit(path: Path) -> Dataset:
    """A frozen object in Implicit VR Little Endian, every value as it is in the file.

    Raises
    ------
    DataError : read again, a value differs from that of the file
    """
    dataset = dcmread(path)
    encoded = encode(dataset, is_implicit_vr=True, is_little_endian=True)
    again: Dataset | None = None if encoded is None else decode(BytesIO(encoded), is_implicit_vr=True, is_little_endian=True)
    if again is None or _values(again) != _values(dataset):
        raise DataError(f"instance {dataset.SOPInstanceUID}: its values do not survive {ImplicitVRLittleEndian.name}")
    again.file_meta = dataset.file_meta
    again.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return again


def _values(dataset: Dataset) -> dict[int, object]:
    """Tag → value, sequences item by item; without group lengths, which are of the encoding."""
    return {
        int(element.tag): [_values(item) for item in element.value] if element.VR == "SQ" else element.value
        for element in dataset
        if element.tag.element != 0
    }
