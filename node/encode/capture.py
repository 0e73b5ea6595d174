"""Secondary capture: a picture as a DICOM object that every viewer shows (PS3.3 A.8.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from node.domain.exam import SeriesSource
from node.domain.volume import Array
from node.encode.headers import MANUFACTURER, MODEL, Maker, describe, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.slices import Slices


def write_page(
    rgb: Array, kind: Kind, study: Dataset, maker: Maker, *, cited: tuple[SeriesSource, ...], description: str, number: int
) -> Encoded:
    """A page to read: it names the patient in its pixels, and says so.

    Parameters
    ----------
    rgb : (R, C, 3) uint8
    study : header of one instance of the study that it goes into
    cited : the series that the page was made from
    number : of the page, from 1
    """
    dataset = _picture(rgb)
    dataset.BurnedInAnnotation = "YES"
    dataset.PatientOrientation = ""
    dataset.SourceImageSequence = [_source(i.sop_class_uid, i.sop_instance_uid) for series in cited for i in series.instances]
    describe(dataset, kind, study, maker, cited=cited, description=description, number=number)
    return _finish(dataset, kind, maker)


def write_pages(pages: Sequence[Array], kind: Kind, material: Material, *, description: str) -> tuple[Encoded, ...]:
    """Pages (R, C, 3) uint8 of one exam, in the PET's study."""
    return tuple(
        write_page(rgb, kind, material.pet_header, material.maker, cited=material.cited(), description=description, number=number)
        for number, rgb in enumerate(pages, start=1)
    )


def write_slice(rgb: Array, kind: Kind, material: Material, *, index: int, description: str) -> Encoded:
    """A picture of one slice of the reading series, in its place.

    Position, orientation and frame of reference are no part of the Secondary Capture IOD; they make it a Standard Extended SOP class
    (PS3.2 3.11.3), which is what lets a viewer scroll it in step with the MR.

    Parameters
    ----------
    rgb : (R, C, 3) uint8; its first pixel is the slice's first pixel
    index : of the slice, from 0
    """
    dataset = _picture(rgb)
    # No text in it names the patient; a head can be recognised.
    dataset.BurnedInAnnotation = "NO"
    dataset.RecognizableVisualFeatures = "YES"
    keep_loss(dataset, material.slices.header)
    _place(dataset, material.slices, index, material.reading.volume.frame_of_reference_uid)
    source = material.slices.sources[index]
    dataset.SourceImageSequence = [_source(source.sop_class_uid, source.sop_instance_uid, source.frame)]
    describe(
        dataset,
        kind,
        material.slices.header,
        material.maker,
        cited=material.cited_for_slice(index),
        description=description,
        number=index + 1,
    )
    return _finish(dataset, kind, material.maker)


def _picture(rgb: Array) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = rgb.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.LossyImageCompression = "00"
    pixels = np.ascontiguousarray(rgb).tobytes()
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    return dataset


def keep_loss(dataset: Dataset, source: Dataset) -> None:
    """What was lossy once stays so (PS3.3 C.7.6.1.1.5)."""
    if source.get("LossyImageCompression") == "01":
        for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if keyword in source:
                dataset[keyword] = source[keyword]


def _place(dataset: Dataset, slices: Slices, index: int, frame_of_reference_uid: str) -> None:
    source = slices.sources[index]
    dataset.FrameOfReferenceUID = frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.ImagePositionPatient = list(source.position_mm)
    dataset.ImageOrientationPatient = list(slices.orientation)
    dataset.PixelSpacing = list(slices.pixel_spacing)
    dataset.SliceThickness, dataset.SpacingBetweenSlices = slices.thickness, slices.step
    dataset.PatientOrientation = patient_orientation(slices.orientation)


def patient_orientation(orientation: tuple[str, ...]) -> list[str]:
    """PatientOrientation (PS3.3 C.7.6.1.1.1) of rows and columns: the letter of the axis that each runs along most."""
    letters = (("R", "L"), ("A", "P"), ("F", "H"))
    cosines = np.array(orientation, dtype=np.float64).reshape(2, 3)
    axes = np.abs(cosines).argmax(axis=1)
    return [letters[axis][int(cosine[axis] > 0)] for axis, cosine in zip(axes, cosines, strict=True)]


def _source(sop_class_uid: str, sop_instance_uid: str, frame: int | None = None) -> Dataset:
    item, purpose = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    if frame is not None:
        item.ReferencedFrameNumber = frame
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def _finish(dataset: Dataset, kind: Kind, maker: Maker) -> Encoded:
    dataset.SecondaryCaptureDeviceManufacturer = MANUFACTURER
    dataset.SecondaryCaptureDeviceManufacturerModelName = MODEL
    dataset.SecondaryCaptureDeviceSoftwareVersions = maker.provenance.software
    dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = dataset.ContentDate, dataset.ContentTime
    return write(dataset, kind, maker)
