"""Parametric Map Storage: every map of the result as it was computed, floating point on the PET grid, one object a map (PS3.3 A.75).

The form for programs: no resampling, no rounding, quantity and unit coded, method and parameters told. Each map is a series of its own,
since viewers list series and not objects. Written by a site's choice alone, since few PACS viewers show one (OHIF does, as a colour layer).

Frames rise along the normal of their rows and columns. We chose that because dcmqi's paramap2itkimage puts frames of falling position
into the image the wrong way round; and Frame Anatomy is written because it refuses an object without.
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from node.domain.codes import BRAIN
from node.domain.result import ParametricMap, Result
from node.domain.volume import Volume
from node.encode.headers import MANUFACTURER, MODEL, by_one_image, describe, own_scheme, reference, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.quantities import RATIO, described, dicom, measure, plain, window


def encode_parametric_maps(material: Material) -> tuple[Encoded, ...]:
    """Every map of the result, the primary one first."""
    return tuple(_encode(material, made, series) for series, made in enumerate(maps_in_order(material.result)))


def maps_in_order(result: Result) -> tuple[ParametricMap, ...]:
    """Every map of a result, each of which is a series: the primary one first."""
    return (result.primary, *(made for made in (result.suvr, *result.maps) if made is not result.primary))


def _encode(material: Material, made: ParametricMap, series: int) -> Encoded:
    kind, maker = Kind.PARAMETRIC_MAPS, material.maker
    dataset = hd.pm.ParametricMap(
        source_images=[_stand_in(material)],
        pixel_array=made.volume.array.astype(np.float32),
        series_instance_uid=maker.uid(kind, "series", series),
        series_number=1,
        sop_instance_uid=maker.uid(kind, "instance", 1),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=maker.provenance.software,
        device_serial_number=maker.options.device_serial_number,
        contains_recognizable_visual_features=True,
        real_world_value_mappings=[_real_world(made)],
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label=_label(made),
        content_description=plain(f"{made.quantity.value}: {made.method}")[:64],
        voi_lut_transformations=[_window(made)],
        **_geometry(made.volume),
    )
    unit = measure(made.quantity).unit
    description = plain(f"RESEARCH float map {made.quantity.value} {'ratio' if unit is RATIO else unit.meaning}, {made.method}")
    cited = (by_one_image(material.exam.pet.source),)
    describe(dataset, kind, material.pet_header, maker, cited=cited, description=description, series=series)
    _derive(dataset, f"{described(made)[:900]}. Research use only.", material)
    dataset.CodingSchemeIdentificationSequence = [own_scheme()]
    _name_dimensions(dataset, maker.uid(kind, "dimensions", series))
    _name_anatomy(dataset)
    _put_rising(dataset)
    return write(dataset, kind, maker)


def _derive(dataset: Dataset, words: str, material: Material) -> None:
    """Say of all frames together how they were made, instead of highdicom's empty word a frame (Derivation Image, C.7.6.16.2.6)."""
    instance, item = material.exam.pet.source.instances[0], Dataset()
    source = reference(instance.sop_class_uid, instance.sop_instance_uid)
    source.PurposeOfReferenceCodeSequence = [hd.sr.CodedConcept("121322", "DCM", "Source Image for Image Processing Operation")]
    item.DerivationDescription, item.SourceImageSequence = words, [source]
    item.DerivationCodeSequence = [hd.sr.CodedConcept.from_code(codes.DCM.UnspecifiedMethodOfCalculation)]
    dataset.SharedFunctionalGroupsSequence[0].DerivationImageSequence = [item]
    dataset.DerivationDescription = words
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence


def _put_rising(dataset: Dataset) -> None:
    """Order frames so that their positions rise along the normal of rows and columns; highdicom writes them falling."""
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    rows = np.array(dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    normal = np.cross(rows[:3], rows[3:])
    along = [float(normal @ np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=float)) for frame in frames]
    order = np.argsort(along)
    pixels = np.frombuffer(dataset.FloatPixelData, dtype="<f4").reshape(len(frames), -1)
    dataset.FloatPixelData = pixels[order].tobytes()
    dataset.PerFrameFunctionalGroupsSequence = [frames[index] for index in order]
    for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence, start=1):
        frame.FrameContentSequence[0].DimensionIndexValues = number


def _label(made: ParametricMap) -> str:
    letters = "".join(letter if letter.isalnum() else "_" for letter in plain(made.quantity.value).upper())
    return letters[:16]


def _real_world(made: ParametricMap) -> hd.pm.RealWorldValueMapping:
    what, values = measure(made.quantity), made.volume.array
    finite = values[np.isfinite(values)]
    return hd.pm.RealWorldValueMapping(
        lut_label=plain(made.quantity.value)[:16],
        lut_explanation=what.concept.meaning[:64],
        unit=dicom(what.unit),
        value_range=(float(finite.min(initial=0.0)), float(finite.max(initial=0.0))),
        slope=1.0,
        intercept=0.0,
        quantity_definition=dicom(what.concept),
    )


def _window(made: ParametricMap) -> hd.VOILUTTransformation:
    centre, width = window(made.quantity)
    return hd.VOILUTTransformation(window_center=centre, window_width=width)


def _geometry(volume: Volume) -> dict[str, object]:
    axes = volume.affine[:3, :3] / volume.spacing_mm
    step, row, column = (float(format_number_as_ds(float(mm))) for mm in volume.spacing_mm)
    positions = volume.affine[:3, 3] + np.outer(np.arange(volume.shape[0]), volume.affine[:3, 0])
    patient = hd.CoordinateSystemNames.PATIENT
    return {
        "pixel_measures": hd.PixelMeasuresSequence(pixel_spacing=(row, column), slice_thickness=step, spacing_between_slices=step),
        "plane_orientation": hd.PlaneOrientationSequence(patient, [float(x) for x in (*axes[:, 2], *axes[:, 1])]),
        "plane_positions": [hd.PlanePositionSequence(patient, [float(x) for x in position]) for position in positions],
    }


def _stand_in(material: Material) -> Dataset:
    """What highdicom must be told of the source: identity and frame of reference. The rest comes from `describe`."""
    source, volume = material.exam.pet.source, material.exam.pet.volume
    item = Dataset()
    item.SOPClassUID, item.SOPInstanceUID = source.instances[0].sop_class_uid, source.instances[0].sop_instance_uid
    item.StudyInstanceUID, item.SeriesInstanceUID = source.study_uid, source.series_uid
    item.FrameOfReferenceUID, item.PositionReferenceIndicator = volume.frame_of_reference_uid, ""
    item.Modality, (item.Rows, item.Columns) = "PT", volume.shape[1:]
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(item, keyword, "")
    item.ImagePositionPatient, item.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    item.PixelSpacing, item.SliceThickness = [1, 1], 1
    return item


def _name_dimensions(dataset: Dataset, uid: str) -> None:
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = uid
    for item in dataset.DimensionIndexSequence:
        item.DimensionOrganizationUID = uid


def _name_anatomy(dataset: Dataset) -> None:
    # Frame Anatomy, PS3.3 C.7.6.16.2.8
    anatomy = Dataset()
    anatomy.FrameLaterality = "B"
    anatomy.AnatomicRegionSequence = [hd.sr.CodedConcept(BRAIN.value, BRAIN.scheme, BRAIN.meaning)]
    dataset.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [anatomy]
