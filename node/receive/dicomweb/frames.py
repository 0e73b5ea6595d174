"""Single frames of a frozen object, uncompressed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from node.errors import DataError


def frames(path: Path, numbers: Sequence[int]) -> list[bytes]:
    """Some frames, counted from 1, in little-endian order; those of one bit a pixel are packed anew, each from its own first byte.

    Raises
    ------
    DataError : it has no such frame, one is asked for twice, or it has no pixels
    """
    dataset: Dataset = dcmread(path)
    pixels = next((dataset[name].value for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if name in dataset), None)
    if pixels is None:
        raise DataError(f"instance {dataset.SOPInstanceUID} has no pixels")
    count = int(dataset.get("NumberOfFrames") or 1)
    # None twice (PS3.18 10.4.1.1.3): ten thousand times one frame would not fit into memory.
    if not numbers or len(set(numbers)) < len(numbers) or not all(1 <= number <= count for number in numbers):
        raise DataError(f"instance {dataset.SOPInstanceUID} has frames 1 to {count}, each to be asked for once")
    bits = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated)
    return [_frame(pixels, number - 1, bits) for number in numbers]


def _frame(pixels: bytes, place: int, bits: int) -> bytes:
    """PS3.5 8.1.1: frames follow each other without a gap, even within a byte."""
    begin, end = place * bits, (place + 1) * bits
    if bits % 8 == 0:
        return pixels[begin // 8 : end // 8]
    held = np.frombuffer(pixels, np.uint8, count=(end + 7) // 8 - begin // 8, offset=begin // 8)
    unpacked = np.unpackbits(held, bitorder="little")[begin % 8 :][:bits]
    return np.packbits(unpacked, bitorder="little").tobytes()
