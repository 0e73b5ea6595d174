"""Secondary capture: a picture as a DICOM object that every viewer shows (PS3.3 A.8.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from node.domain.exam import SeriesSource
from node.domain.volume import Array
from node.encode.canvas import Canvas
from node.encode.headers import MANUFACTURER, MODEL, Maker, describe, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.slice_series import keep_loss, lay_on_slices, turn_to_slice


def write_page(
    rgb: Array, kind: Kind, study: Dataset, maker: Maker, *, cited: tuple[SeriesSource, ...], description: str, number: int, title: str
) -> Encoded:
    """A page to read: it names the patient in its pixels, and says so.

    Parameters
    ----------
    rgb : (R, C, 3) uint8
    study : header of one instance of the study that it goes into
    cited : the series that the page was made from
    number : of the page, from 1
    title : of the page, in English: what a list of images can show of it
    """
    dataset = _picture(rgb)
    dataset.BurnedInAnnotation = "YES"
    dataset.PatientOrientation = ""
    dataset.ImageComments = title
    dataset.SourceImageSequence = [_source(i.sop_class_uid, i.sop_instance_uid) for series in cited for i in series.instances]
    describe(dataset, kind, study, maker, cited=cited, description=description, number=number)
    return write(_captured(dataset, maker), kind, maker)


def write_pages(pages: Sequence[Canvas], kind: Kind, material: Material, *, description: str) -> tuple[Encoded, ...]:
    """Pages of one exam that have their feet, as one series in the PET's study."""
    header, maker, cited = material.pet_header, material.maker, material.cited()
    return tuple(
        write_page(page.pixels(), kind, header, maker, cited=cited, description=description, number=number, title=page.title)
        for number, page in enumerate(pages, start=1)
    )


def write_slices(
    pictures: Iterable[Array], kind: Kind, material: Material, *, start: tuple[int, int], description: str
) -> tuple[Encoded, ...]:
    """Pictures of the reading series' slices, each in its place.

    Position, orientation and frame of reference are no part of the Secondary Capture IOD; they make it a Standard Extended SOP class
    (PS3.2 3.11.3), which is what lets a viewer scroll it in step with the MR.

    Parameters
    ----------
    pictures : (R, C, 3) uint8 each, of one size, for every slice in its order
    start : (row, column) index in the MR image of the pictures' first pixel
    """
    dataset, written = Dataset(), []
    for index, rgb in enumerate(pictures):
        if index == 0:
            dataset = _slice(rgb, kind, material, description)
        source = material.slices.sources[index]
        dataset.PixelData = _bytes(rgb)
        dataset.SourceImageSequence = [_source(source.sop_class_uid, source.sop_instance_uid, source.frame)]
        turn_to_slice(dataset, kind, material, index, start=start)
        written.append(write(dataset, kind, material.maker))
    return tuple(written)


def _slice(rgb: Array, kind: Kind, material: Material, description: str) -> Dataset:
    """Everything but one slice's own."""
    dataset = _picture(rgb)
    # No text in it names the patient; a head can be recognised.
    dataset.BurnedInAnnotation = "NO"
    dataset.RecognizableVisualFeatures = "YES"
    keep_loss(dataset, material.slices.header)
    lay_on_slices(dataset, material)
    describe(dataset, kind, material.slices.header, material.maker, cited=material.cited_for_slice(0), description=description)
    return _captured(dataset, material.maker)


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
    dataset.PixelData = _bytes(rgb)
    return dataset


def _bytes(rgb: Array) -> bytes:
    pixels = np.ascontiguousarray(rgb).tobytes()
    return pixels + b"\0" * (len(pixels) % 2)


def _source(sop_class_uid: str, sop_instance_uid: str, frame: int | None = None) -> Dataset:
    item, purpose = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    if frame is not None:
        item.ReferencedFrameNumber = frame
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def _captured(dataset: Dataset, maker: Maker) -> Dataset:
    # SC Equipment and SC Image, PS3.3 C.8.6.1 and C.8.6.2
    dataset.SecondaryCaptureDeviceManufacturer = MANUFACTURER
    dataset.SecondaryCaptureDeviceManufacturerModelName = MODEL
    dataset.SecondaryCaptureDeviceSoftwareVersions = maker.provenance.software
    dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = dataset.ContentDate, dataset.ContentTime
    return dataset
