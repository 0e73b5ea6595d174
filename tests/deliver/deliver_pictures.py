"""Pictures as the node sends them: a colour page, and a slice of a map."""

from __future__ import annotations

import numpy as np
from network import instance
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage, SecondaryCaptureImageStorage

SC, PET = SecondaryCaptureImageStorage, PositronEmissionTomographyImageStorage


def page(number: int = 0, *, columns: int = 31) -> Dataset:
    """A colour picture with smooth and rough parts, odd in its width."""
    dataset = instance(number, sop_class=SC)
    rows = 24
    rgb = np.indices((rows, columns)).sum(0)[..., None] * np.array([1, 3, 5]) % 256
    rgb[:8] = np.random.default_rng(number).integers(0, 256, (8, columns, 3))
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.PlanarConfiguration = rows, columns, 3, 0
    dataset.PhotometricInterpretation = "RGB"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = rgb.astype(np.uint8).tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


def map_slice(number: int = 0) -> Dataset:
    """A signed picture of all 16 bits."""
    dataset = instance(number, sop_class=PET, size=32)
    values = np.random.default_rng(number).integers(-32767, 32768, (32, 32)).astype("<i2")
    values[8:24] = 100
    values[0, :2] = -32767, 32767
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.PixelData = values.tobytes()
    return dataset
