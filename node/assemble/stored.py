"""StoredInstance: a header and where its file lies; pixels and sources of a series of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from node.assemble.attributes import number, tag_of
from node.assemble.header import Header
from node.domain.exam import Instance, SeriesSource
from node.domain.volume import Array
from node.errors import DataError

_PIXEL_KEYWORDS = """
SOPInstanceUID SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns BitsAllocated BitsStored HighBit
PixelRepresentation PixelData RescaleSlope RescaleIntercept SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence
"""
_PIXEL_TAGS = [tag_of(keyword) for keyword in _PIXEL_KEYWORDS.split()]


@dataclass(frozen=True)
class StoredInstance:
    """One instance of an exam: what it says, and its file."""

    header: Header
    instance: Instance


def source_of(stored: Sequence[StoredInstance], order: Sequence[StoredInstance]) -> SeriesSource:
    """Where the pixels came from.

    Parameters
    ----------
    stored : of one series
    order : the same in the order of the volume's slices, frame after frame
    """
    first = min((item.header for item in stored), key=lambda header: header.sop_instance_uid)
    times = [item.header.acquired_at for item in stored if item.header.acquired_at is not None]
    return SeriesSource(
        study_uid=first.study_uid,
        series_uid=first.series_uid,
        modality=first.modality,
        description=first.series_description,
        manufacturer=first.manufacturer,
        model=first.model,
        instances=tuple(item.instance for item in order),
        series_number=first.series_number,
        acquired_at=min(times, default=first.series_at),
    )


def read_pixels(item: StoredInstance, storage: Path) -> tuple[Dataset, Array]:
    """Stored values of an instance and the dataset that they came with (its pixel description and rescale alone).

    Returns
    -------
    the dataset, and (R, C) or (F, R, C) integers

    Raises
    ------
    DataError : the file cannot be read or decoded, is in colour, or has another size than its header said
    """
    uid = item.instance.sop_instance_uid
    try:
        dataset = pydicom.dcmread(storage / item.instance.path, specific_tags=_PIXEL_TAGS)
        values = dataset.pixel_array
    except (OSError, ValueError, AttributeError, RuntimeError, NotImplementedError, KeyError, TypeError) as error:
        raise DataError(f"instance {uid}: expected readable pixels; {type(error).__name__} when they were decoded") from error
    geometry = item.header.geometry
    if geometry is None or values.ndim not in (2, 3) or values.shape[-2:] != (geometry.rows, geometry.columns):
        raise DataError(f"instance {uid}: expected grey values in the size that its header says; found an array of {values.shape}")
    if not np.issubdtype(values.dtype, np.integer) and not np.issubdtype(values.dtype, np.floating):
        raise DataError(f"instance {uid}: expected numbers as pixels; found {values.dtype}")
    return dataset, values


def rescale(dataset: Dataset) -> tuple[float | None, float | None]:
    """RescaleSlope and RescaleIntercept; None where absent or no number."""
    return number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
