"""Map series as PET images: a viewer's own region tool reads SUVR, DVR or SUV, and its fusion puts them on the MR.

One 16-bit image for each slice of the reading series, in that image's place and frame of reference (PS3.3 A.21; C.8.9). Values are
resampled once, linearly, from the PET grid. One slope a series, a round number, and intercept 0.

What no field of these objects says
-----------------------------------
Some viewers multiply every PET by what they take for its SUV factor. Ours cannot be scaled again: Units is never BQML, and dose, half-life
and the time of injection are left out. Decay Correction is NONE and Corrected Image lists no DECY, since a ratio refers to no instant and
an SUV has been referred to the instant of its dose already; so there is no Decay Factor to misread, and Frame Reference Time, which must
be there, is 0.

The registered PET
------------------
It is the SUV map: the mean of the frames in the tracer's window, in g/mL. We chose it instead of Bq/mL with the dose and decay fields of
the source, because then each viewer would compute an SUV of its own from fields that may be wrong (a person may have corrected the dose,
which the files do not know) or that mean something else in an averaged image (Series Time, Acquisition Time, Decay Factor), and a
patient would have two SUVs. Where SUV is not known there is no registered PET: the SUVR series is the same picture, in a unit that
is known. Whoever wants Bq/mL fuses the original through the spatial registration.
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage

from node import imaging
from node.domain.result import ParametricMap, Quantity
from node.domain.volume import Array, Volume
from node.encode.headers import describe, own_scheme, reference, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.quantities import described, dicom, measure, plain, window
from node.encode.slice_series import keep_loss, lay_on_slices, turn_to_slice
from node.encode.words import window_words

LARGEST = 32767
"""Largest stored value; the smallest is its negative."""

SLOPES = (0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001)
"""Steps between stored values, in the map's unit. None is coarser, though a noise voxel of a kinetic map may be huge: it must not take the
steps from the others. With the last, values beyond ±32.8 are stored as that, and the object says so."""

HALF = 0.5

_FROM_PET = ("CollimatorType", "RandomsCorrectionMethod", "AttenuationCorrectionMethod", "ScatterCorrectionMethod", "ReconstructionMethod")
_FROM_TRACER = ("RadionuclideCodeSequence", "RadiopharmaceuticalCodeSequence")


def encode_map(material: Material) -> tuple[Encoded, ...]:
    """The primary map: the one that lesions and raised signal were read from."""
    return _encode(material, Kind.MAP, material.result.primary)


def encode_suvr_map(material: Material) -> tuple[Encoded, ...]:
    """The SUVR map; nothing where it is the primary one."""
    result = material.result
    return () if result.primary is result.suvr else _encode(material, Kind.MAP_SUVR, result.suvr)


def encode_suv_map(material: Material) -> tuple[Encoded, ...]:
    """The registered PET in SUV; nothing where SUV is not known."""
    suv = next((made for made in material.result.maps if made.quantity is Quantity.SUV), None)
    return () if suv is None else _encode(material, Kind.MAP_SUV, suv)


def on_reading(material: Material, volume: Volume) -> Array:
    """(S, R, C) float32: a volume of the PET grid on the reading grid, 0 where it does not reach.

    Voxels without a value (NaN) have no weight: their neighbours keep theirs, and a point is without a value only where less than half
    of what surrounds it has one.
    """
    known = np.isfinite(volume.array)
    values = imaging.resample(volume.like(np.where(known, volume.array, 0.0)), material.reading.volume, material.pet_from_reading).array
    if known.all():
        return values
    share = imaging.resample(volume.like(known.astype(np.float32)), material.reading.volume, material.pet_from_reading).array
    return np.asarray(np.divide(values, share, out=np.zeros_like(values), where=share >= HALF))


def slope_for(largest: float) -> float:
    """The finest of `SLOPES` with which 16 bits hold ±`largest`; the coarsest where none does."""
    return next((slope for slope in SLOPES if largest <= slope * LARGEST), SLOPES[-1])


def _encode(material: Material, kind: Kind, made: ParametricMap) -> tuple[Encoded, ...]:
    values = on_reading(material, made.volume)
    slope = slope_for(max(float(values.max()), -float(values.min())))
    dataset = _template(material, kind, made, slope)
    pictures = (np.clip(np.rint(part / slope), -LARGEST, LARGEST).astype("<i2") for part in values)
    return tuple(_write_slice(dataset, kind, material, index, picture) for index, picture in enumerate(pictures))


def _write_slice(dataset: Dataset, kind: Kind, material: Material, index: int, picture: Array) -> Encoded:
    turn_to_slice(dataset, kind, material, index)
    dataset.ImageIndex = index + 1
    dataset.PixelData = picture.tobytes()
    _cite(dataset, material, index)
    return write(dataset, kind, material.maker)


def _cite(dataset: Dataset, material: Material, index: int) -> None:
    """Name the PET by one image, and the image of the reading series that shows the same slice."""
    pet, source = material.exam.pet.source.instances[0], material.slices.sources[index]
    origin, anatomy = reference(pet.sop_class_uid, pet.sop_instance_uid), reference(source.sop_class_uid, source.sop_instance_uid)
    origin.PurposeOfReferenceCodeSequence = [hd.sr.CodedConcept("121322", "DCM", "Source Image for Image Processing Operation")]
    anatomy.PurposeOfReferenceCodeSequence = [hd.sr.CodedConcept("121338", "DCM", "Anatomic image")]
    if source.frame is not None:
        anatomy.ReferencedFrameNumber = source.frame
    dataset.SourceImageSequence, dataset.ReferencedImageSequence = [origin], [anatomy]


def _template(material: Material, kind: Kind, made: ParametricMap, slope: float) -> Dataset:
    """Everything but one slice's own."""
    dataset = Dataset()
    dataset.SOPClassUID = PositronEmissionTomographyImageStorage
    dataset.Modality = "PT"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    _fill_series(dataset, material, made)
    _fill_isotope(dataset, material)
    _fill_image(dataset, material, made, slope)
    lay_on_slices(dataset, material)
    _fill_pixels(dataset, material)
    description = f"RESEARCH {_name(made, material)} on {material.reading.contrast.value}"
    describe(dataset, kind, material.slices.header, material.maker, cited=material.cited_for_slice(0), description=description)
    dataset.CodingSchemeIdentificationSequence = [own_scheme()]
    return dataset


def _name(made: ParametricMap, material: Material) -> str:
    if made.quantity is Quantity.SUV:
        return "registered PET, SUVbw g/ml"
    how = window_words(material.result.tracer) if made.quantity is Quantity.SUVR else made.method
    return plain(f"{made.quantity.value} {how}, ratio")


def _fill_series(dataset: Dataset, material: Material, made: ParametricMap) -> None:
    # PET Series, PS3.3 C.8.9.1
    dataset.Units = measure(made.quantity).pet_units
    if made.quantity is Quantity.SUV:
        dataset.SUVType = "BW"
    dataset.CountsSource, dataset.SeriesType = "EMISSION", ["STATIC", "IMAGE"]
    dataset.NumberOfSlices = material.reading.volume.shape[0]
    dataset.CorrectedImage = [name for name in material.exam.pet.corrections if name != "DECY"]
    dataset.DecayCorrection = "NONE"
    dataset.CollimatorType = ""
    for keyword in _FROM_PET:
        if keyword in material.pet_header:
            dataset[keyword] = material.pet_header[keyword]


def _fill_isotope(dataset: Dataset, material: Material) -> None:
    # PET Isotope, C.8.9.2, without dose, half-life and times; NM/PET Patient Orientation, C.8.4.6: how the patient lay in the scanner.
    item = Dataset()
    item.Radiopharmaceutical = plain(material.result.tracer.name)
    item.RadionuclideCodeSequence = []
    found = material.pet_header.get("RadiopharmaceuticalInformationSequence") or [Dataset()]
    for keyword in _FROM_TRACER:
        if keyword in found[0]:
            item[keyword] = found[0][keyword]
    dataset.RadiopharmaceuticalInformationSequence = [item]
    for keyword in ("PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence"):
        setattr(dataset, keyword, material.pet_header.get(keyword) or [])


def _fill_image(dataset: Dataset, material: Material, made: ParametricMap, slope: float) -> None:
    # General Image, C.7.6.1; PET Image, C.8.9.4; VOI LUT, C.11.2
    dataset.DerivationDescription = _derivation(material, made, slope)
    dataset.DerivationCodeSequence = [hd.sr.CodedConcept("113085", "DCM", "Spatial resampling")]
    dataset.BurnedInAnnotation, dataset.RecognizableVisualFeatures = "NO", "YES"
    dataset.LossyImageCompression = "00"
    keep_loss(dataset, material.pet_header)
    for keyword in ("AcquisitionDate", "AcquisitionTime"):
        setattr(dataset, keyword, material.pet_header.get(keyword, ""))
    dataset.ActualFrameDuration = None
    dataset.FrameReferenceTime = "0"
    dataset.RescaleIntercept, dataset.RescaleSlope = "0", f"{slope:.5f}".rstrip("0")
    dataset.WindowCenter, dataset.WindowWidth = (f"{value:g}" for value in window(made.quantity))
    dataset.RealWorldValueMappingSequence = [_real_world(made, slope)]


def _derivation(material: Material, made: ParametricMap, slope: float) -> str:
    limit = f"; values beyond {LARGEST * slope:.4g} are stored as that" if slope == SLOPES[-1] else ""
    grid = f"Resampled once, linearly, to the {material.reading.contrast.value}; 0 where the PET does not reach{limit}."
    return f"{described(made)[:800]}. {grid} Research use only."


def _real_world(made: ParametricMap, slope: float) -> hd.pm.RealWorldValueMapping:
    what = measure(made.quantity)
    return hd.pm.RealWorldValueMapping(
        lut_label=plain(made.quantity.value)[:16],
        lut_explanation=what.concept.meaning[:64],
        unit=dicom(what.unit),
        value_range=(-LARGEST, LARGEST),
        slope=slope,
        intercept=0.0,
        quantity_definition=dicom(what.concept),
    )


def _fill_pixels(dataset: Dataset, material: Material) -> None:
    # Image Pixel, C.7.6.3
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = material.reading.volume.shape[1:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
