"""Which image, or which frame of one, shows each slice of an MR volume: classic series and enhanced objects alike.

What is drawn slice for slice must cite, and lie exactly on, the image that the reader scrolls: positions are the source's own
numbers, as its header has them, and not ours after rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

from node.domain.exam import MrSeries
from node.encode.headers import read_header
from node.errors import DataError

ON_SLICE = 0.3
"""A frame belongs to a slice when it lies closer than this to it, as a share of the slice distance: stacks that are uneven by up to a
quarter of it are read as if even (`node.assemble.geometry`)."""


@dataclass(frozen=True)
class SliceSource:
    """Where one slice of a volume came from. Numbers are kept as Decimal Strings, as found.

    Parameters
    ----------
    frame : number of the frame in an enhanced object, from 1; None for a classic image
    position_mm : ImagePositionPatient, LPS mm, as in the header
    """

    sop_class_uid: str
    sop_instance_uid: str
    frame: int | None
    position_mm: tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Slices:
    """The slices of an MR volume, in its order.

    Parameters
    ----------
    header : of the first image
    orientation, pixel_spacing : ImageOrientationPatient and PixelSpacing (mm) as in the header
    thickness, step : SliceThickness, and the distance between slices (mm)
    """

    header: Dataset
    sources: tuple[SliceSource, ...]
    orientation: tuple[str, ...]
    pixel_spacing: tuple[str, str]
    thickness: str
    step: str


def read_slices(series: MrSeries, storage: Path) -> Slices:
    """The slices of an MR series, from its files.

    Raises
    ------
    DataError : the files do not fit the volume: another number of images, another matrix, a slice that no frame shows
    """
    header = read_header(storage, series.source)
    if (header.Rows, header.Columns) != series.volume.shape[1:]:
        raise DataError(
            f"series {series.source.series_uid}: expected images of {series.volume.shape[1:]}; found {header.Rows}, {header.Columns}"
        )
    if "PerFrameFunctionalGroupsSequence" in header:
        return _of_enhanced(series, header)
    return _of_classic(series, header, storage)


def _of_classic(series: MrSeries, header: Dataset, storage: Path) -> Slices:
    instances = series.source.instances
    if len(instances) != series.volume.shape[0]:
        raise DataError(f"series {series.source.series_uid}: expected {series.volume.shape[0]} images, found {len(instances)}")
    headers = [header, *(read_header(storage, series.source, index) for index in range(1, len(instances)))]
    sources = tuple(SliceSource(i.sop_class_uid, i.sop_instance_uid, None, _position(h)) for i, h in zip(instances, headers, strict=True))
    return _slices(series, header, sources, header, header, header.get("SliceThickness"))


def _of_enhanced(series: MrSeries, header: Dataset) -> Slices:
    shared = header.SharedFunctionalGroupsSequence[0]
    groups = list(header.PerFrameFunctionalGroupsSequence)
    positions = [_position(_group(group, shared, "PlanePositionSequence")) for group in groups]
    index = np.array([[*map(float, p), 1.0] for p in positions]) @ series.volume.index_from_lps.T
    instance = series.source.instances[0]
    if len(groups) != series.volume.shape[0]:
        raise DataError(f"instance {instance.sop_instance_uid}: expected {series.volume.shape[0]} frames, found {len(groups)}")
    sources = []
    for number in range(series.volume.shape[0]):
        frames = np.flatnonzero(np.abs(index[:, 0] - number) < ON_SLICE)
        if len(frames) != 1:
            raise DataError(f"instance {instance.sop_instance_uid}: expected one frame at slice {number + 1}, found {len(frames)}")
        frame = int(frames[0])
        sources.append(SliceSource(instance.sop_class_uid, instance.sop_instance_uid, frame + 1, positions[frame]))
    measures = _group(groups[0], shared, "PixelMeasuresSequence")
    orientation = _group(groups[0], shared, "PlaneOrientationSequence")
    return _slices(series, header, tuple(sources), orientation, measures, measures.get("SliceThickness"))


def _group(frame: Dataset, shared: Dataset, keyword: str) -> Dataset:
    # Siemens XA keeps Pixel Measures in each frame, others share them.
    return (frame if keyword in frame else shared)[keyword].value[0]  # type: ignore[no-any-return]


def _position(dataset: Dataset) -> tuple[str, str, str]:
    x, y, z = (_decimal(value) for value in dataset.ImagePositionPatient)
    return x, y, z


def _slices(
    series: MrSeries, header: Dataset, sources: tuple[SliceSource, ...], oriented: Dataset, measured: Dataset, thickness: object
) -> Slices:
    step = _decimal(series.volume.spacing_mm[0])
    orientation = tuple(_decimal(value) for value in oriented.ImageOrientationPatient)
    row, column = (_decimal(value) for value in measured.PixelSpacing)
    return Slices(header, sources, orientation, (row, column), _decimal(thickness) if thickness else step, step)


def _decimal(value: object) -> str:
    """A Decimal String: as it came where it is one, in 16 characters otherwise (PS3.5 6.2)."""
    text = str(value)
    return text if len(text) <= 16 else str(format_number_as_ds(float(text)))
