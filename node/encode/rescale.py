"""How the stored values of an MR are scaled: what a window in stored values needs."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset

from node.encode.headers import read_header
from node.encode.material import Material


@dataclass(frozen=True)
class Rescale:
    """value = slope × stored + intercept (PS3.3 C.11.1)."""

    slope: float = 1.0
    intercept: float = 0.0

    def stored(self, value: float) -> float:
        """The stored value that stands for a value."""
        return (value - self.intercept) / self.slope


def read_rescales(material: Material) -> tuple[Rescale, ...]:
    """Of each slice of the reading series, in its order.

    Raises
    ------
    DataError : a source file cannot be read
    """
    source, header = material.reading.source, material.slices.header
    if "PerFrameFunctionalGroupsSequence" in header:
        shared, frames = header.SharedFunctionalGroupsSequence[0], header.PerFrameFunctionalGroupsSequence
        return tuple(_of_groups(frames[s.frame - 1], shared) for s in material.slices.sources if s.frame is not None)
    headers = (read_header(material.storage, source, index) for index in range(len(source.instances)))
    return tuple(_of(header) for header in headers)


def _of(dataset: Dataset) -> Rescale:
    return Rescale(float(dataset.get("RescaleSlope", 1) or 1), float(dataset.get("RescaleIntercept", 0) or 0))


def _of_groups(frame: Dataset, shared: Dataset) -> Rescale:
    for groups in (frame, shared):
        if "PixelValueTransformationSequence" in groups:
            return _of(groups.PixelValueTransformationSequence[0])
    return Rescale()
