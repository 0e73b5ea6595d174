"""StoredInstance: a header and where its file lies; pixels and sources of a series of them.

A *slice* is one classic image or one frame of a multi-frame object: what has one position, one time and one rescale.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from node.assemble.attributes import number, tag_of
from node.assemble.enhanced import functional_groups, functional_item
from node.assemble.enhanced_pet import ENHANCED_PET, mapped_unit
from node.assemble.header import Header
from node.assemble.inflating import require_bounded
from node.assemble.slices import frames_of
from node.domain.exam import Instance, SeriesSource
from node.domain.volume import Array
from node.errors import DataError

_PIXEL_KEYWORDS = """
SOPInstanceUID SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns BitsAllocated BitsStored HighBit
PixelRepresentation PixelData FloatPixelData RescaleSlope RescaleIntercept SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence
SOPClassUID
"""
_PIXEL_TAGS = [tag_of(keyword) for keyword in _PIXEL_KEYWORDS.split()]
_UNDECODED = (
    OSError,
    ValueError,
    AttributeError,
    RuntimeError,
    NotImplementedError,
    KeyError,
    TypeError,
    IndexError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class StoredInstance:
    """One instance of an exam: what it says, and its file."""

    header: Header
    instance: Instance


@dataclass(frozen=True, eq=False)
class Pixels:
    """One slice as it is stored.

    Parameters
    ----------
    index : of the slice in the list that was asked for
    values : (R, C) stored values
    slope, intercept : its own rescale, or the linear real world value mapping of an Enhanced PET; None where it has none
    """

    index: int
    values: Array
    slope: float | None
    intercept: float | None


def stored_slices(stored: Sequence[StoredInstance]) -> list[StoredInstance]:
    """The slices of these files, each with its own header, in the order of `slices.slices_of`."""
    return [StoredInstance(header, item.instance) for item in stored for header in frames_of(item.header)]


def source_of(stored: Sequence[StoredInstance], order: Sequence[StoredInstance]) -> SeriesSource:
    """Where the pixels came from.

    Parameters
    ----------
    stored : of one series
    order : its slices in the order of the volume's, frame after frame. A single file stands once, however many slices it holds
    """
    first = min((item.header for item in stored), key=lambda header: header.sop_instance_uid)
    times = [item.header.acquired_at for item in order if item.header.acquired_at is not None]
    files = tuple(item.instance for item in order)
    return SeriesSource(
        study_uid=first.study_uid,
        series_uid=first.series_uid,
        modality=first.modality,
        description=first.series_description,
        manufacturer=first.manufacturer,
        model=first.model,
        instances=files if len(set(files)) > 1 else files[:1],
        series_number=first.series_number,
        acquired_at=min(times, default=first.series_at),
    )


def read_pixels(slices: Sequence[StoredInstance], storage: Path) -> Iterator[Pixels]:
    """Stored values of slices, file by file: each file is opened once, and one frame of it decoded at a time.

    Raises
    ------
    DataError : a file cannot be read or decoded, is in colour, or has another size than its header said
    """
    by_file: dict[Instance, list[int]] = defaultdict(list)
    for index, item in enumerate(slices):
        by_file[item.instance].append(index)
    for instance, indices in by_file.items():
        yield from _pixels_of(instance, [(index, slices[index].header) for index in indices], storage)


def _pixels_of(instance: Instance, wanted: Sequence[tuple[int, Header]], storage: Path) -> Iterator[Pixels]:
    uid = instance.sop_instance_uid
    frames = [header.frame or 0 for _, header in wanted]
    try:
        require_bounded(storage / instance.path)
        dataset = pydicom.dcmread(storage / instance.path, specific_tags=_PIXEL_TAGS)
        if any(frame >= (dataset.get("NumberOfFrames") or 1) for frame in frames):
            raise DataError(f"instance {uid}: expected {max(frames) + 1} frames; found {dataset.get('NumberOfFrames') or 1}")
        for (index, header), values in zip(wanted, iter_pixels(dataset, indices=frames), strict=True):
            _check(values, header, uid)
            yield Pixels(index, values, *_rescale(dataset, header))
    except _UNDECODED as error:
        raise DataError(f"instance {uid}: expected readable pixels; {type(error).__name__} when they were decoded") from error


def _check(values: Array, header: Header, uid: str) -> None:
    geometry = header.geometry
    if geometry is None or values.shape != (geometry.rows, geometry.columns):
        raise DataError(f"instance {uid}: expected grey values in the size that its header says; found an array of {values.shape}")
    if not np.issubdtype(values.dtype, np.integer) and not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"instance {uid}: expected numbers as pixels; found {values.dtype}")


def _rescale(dataset: Dataset, header: Header) -> tuple[float | None, float | None]:
    """Slope and intercept of one slice: its own, those of its frame (PS3.3 C.7.6.16.2.9), or the mapping that gives Enhanced PET its unit
    (C.7.6.16.2.11)."""
    shared, frames = functional_groups(dataset)
    if header.frame is None or header.frame >= len(frames):
        return number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    frame = frames[header.frame]
    mapping = functional_item(shared, frame, "RealWorldValueMappingSequence")
    if header.sop_class_uid == ENHANCED_PET and (unit := mapped_unit(mapping)):
        first = mapped_unit(functional_item(shared, frames[0], "RealWorldValueMappingSequence"))
        if unit != first:
            raise DataError(f"instance {header.sop_instance_uid}: expected one unit in all frames; found {first} and {unit}")
        return number(mapping, "RealWorldValueSlope"), number(mapping, "RealWorldValueIntercept")
    transformation = functional_item(shared, frame, "PixelValueTransformationSequence")
    return number(transformation, "RescaleSlope"), number(transformation, "RescaleIntercept")
