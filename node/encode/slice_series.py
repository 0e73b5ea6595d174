"""A series that follows the reading series slice for slice: what its images have in common, and how one slice differs from the next.

Each image lies exactly on the MR image of its slice, or on a part of it: then its position is moved within the plane, and everything else
of the geometry stays. One dataset serves all images of a series, since describing patient, study and equipment anew for each of 170
slices took longer than drawing them.
"""

from __future__ import annotations

import numpy as np
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

from node.encode.headers import refer
from node.encode.material import Material
from node.encode.objects import Kind
from node.encode.slices import Slices

FIRST_PIXEL = (0, 0)


def lay_on_slices(dataset: Dataset, material: Material) -> None:
    """Frame of Reference (PS3.3 C.7.4.1) and Image Plane (C.7.6.2), the reading series' own numbers: all but the position."""
    slices = material.slices
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = material.reading.volume.frame_of_reference_uid, ""
    dataset.ImageOrientationPatient, dataset.PixelSpacing = list(slices.orientation), list(slices.pixel_spacing)
    dataset.SliceThickness, dataset.SpacingBetweenSlices = slices.thickness, slices.step
    dataset.PatientOrientation = patient_orientation(slices.orientation)


def turn_to_slice(dataset: Dataset, kind: Kind, material: Material, index: int, *, start: tuple[int, int] = FIRST_PIXEL) -> None:
    """Make the described image of one slice that of another: identity, position and sources.

    Parameters
    ----------
    index : of the slice, from 0
    start : (row, column) index in the MR image of the first pixel
    """
    dataset.SOPInstanceUID = material.maker.uid(kind, "instance", index + 1)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = list(position_at(material.slices, index, start))
    refer(dataset, material.cited_for_slice(index))


def position_at(slices: Slices, index: int, start: tuple[int, int]) -> tuple[str, ...]:
    """ImagePositionPatient (LPS mm) of an image that begins within a slice; the MR image's own text where it begins with it."""
    text = slices.sources[index].position_mm
    if start == FIRST_PIXEL:
        return text
    along_row, along_column = np.array(slices.orientation, dtype=np.float64).reshape(2, 3)
    down, right = (float(mm) for mm in slices.pixel_spacing)
    place = np.array(text, dtype=np.float64) + start[0] * down * along_column + start[1] * right * along_row
    return tuple(str(format_number_as_ds(float(mm))) for mm in place)


def patient_orientation(orientation: tuple[str, ...]) -> list[str]:
    """PatientOrientation (PS3.3 C.7.6.1.1.1) of rows and columns: the letter of the axis that each runs along most."""
    letters = (("R", "L"), ("A", "P"), ("F", "H"))
    cosines = np.array(orientation, dtype=np.float64).reshape(2, 3)
    axes = np.abs(cosines).argmax(axis=1)
    return [letters[axis][int(cosine[axis] > 0)] for axis, cosine in zip(axes, cosines, strict=True)]


def keep_loss(dataset: Dataset, source: Dataset) -> None:
    """What was lossy once stays so (PS3.3 C.7.6.1.1.5)."""
    if source.get("LossyImageCompression") == "01":
        for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if keyword in source:
                dataset[keyword] = source[keyword]
