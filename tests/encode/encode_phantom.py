"""A tiny exam with its files: PET, sagittal T1 and axial FLAIR of a ball-shaped head, in one study or two.

Voxels are large, so that a head has few of them. The FLAIR is tilted against the T1 and moved by `T1_FROM_FLAIR`, the PET by
`T1_FROM_PET`; lesions lie on the T1 grid, and one of them is a single voxel.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from node.domain.codes import BRAIN
from node.domain.exam import Check, Exam, Gravity, Instance, MrSeries, PetSeries, Role, SeriesSource, Subject
from node.domain.history import History
from node.domain.result import (
    Alignment,
    Finding,
    Lesion,
    LesionOrigin,
    ParametricMap,
    Provenance,
    Quantity,
    Region,
    Result,
    Segmentation,
    Tracer,
)
from node.domain.timing import Administration, FrameTiming
from node.domain.transform import Deformation, Transform
from node.domain.volume import Array, Volume
from node.encode.headers import Maker
from node.encode.material import Material, gather
from node.encode.objects import EncodeOptions

MR_CLASS, ENHANCED_MR_CLASS, PET_CLASS = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.128"
MADE_AT = datetime(2026, 11, 22, 10, 15, 30, tzinfo=timezone(timedelta(hours=1)))
WHEN = {"PT": datetime.fromisoformat("2024-03-12 11:20:00"), "MR": datetime.fromisoformat("2024-03-05 09:12:00")}


def rotation(degrees: float, axis: int) -> Array:
    """(3, 3) turn about one LPS axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    one, two = [i for i in range(3) if i != axis]
    matrix[one, one], matrix[one, two], matrix[two, one], matrix[two, two] = c, -s, s, c
    return matrix


def rigid(degrees: float, axis: int, shift_mm: tuple[float, float, float]) -> Transform:
    """A turn about one axis, then a shift."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation(degrees, axis), shift_mm
    return Transform(matrix)


T1_FROM_PET = rigid(7, 2, (4, -3, 5))
T1_FROM_FLAIR = rigid(3, 0, (1, 2, -1))


def grid(shape: tuple[int, int, int], axes: Array, spacing_mm: tuple[float, float, float], frame: str, *, centre: float = 0.0) -> Volume:
    """An empty grid about a point; the columns of `axes` are the directions of slices, rows and columns in LPS."""
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array(spacing_mm)
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Volume(np.zeros(shape, np.float32), affine, "", frame)


SAGITTAL = rotation(4, 1) @ np.array([[-1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=float).T
AXIAL = rotation(5, 0) @ np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=float).T


def ball(volume: Volume, radius_mm: float, centre_mm: tuple[float, float, float] = (0, 0, 0), *, to_t1: Transform | None = None) -> Array:
    """(S, R, C) bool: voxels whose centre lies in a ball of the T1's space."""
    index = np.indices(volume.shape).reshape(3, -1).T
    points = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    points = to_t1.apply(points) if to_t1 else points
    return (np.linalg.norm(points - centre_mm, axis=1) <= radius_mm).reshape(volume.shape)


@dataclass(frozen=True)
class Plan:
    """What the phantom is to be like. `charset` and `name` are SpecificCharacterSet and PatientName of every file; `extra` is set in
    every file as well, and `mr_extra` after it in those of the MR.
    """

    studies: int = 2
    flair: bool = True
    enhanced: bool = False
    lesions: int = 4
    charset: tuple[str, ...] = ("ISO_IR 100",)
    name: str = "Phantom^Ball"
    offset: str = ""
    extra: tuple[tuple[str, Any], ...] = ()
    mr_extra: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Phantom:
    """An exam as `encode` takes it, and where its files are."""

    storage: Path
    exam: Exam
    alignment: Alignment
    segmentation: Segmentation
    result: Result

    @property
    def parts(self) -> tuple[Exam, Alignment, Segmentation, Result]:
        """The arguments of `encode`."""
        return self.exam, self.alignment, self.segmentation, self.result

    def material(self, options: EncodeOptions | None = None, folder: Path | None = None, history: History | None = None) -> Material:
        """As `encode` gathers it."""
        maker = Maker(self.result.provenance, options or EncodeOptions(), folder or self.storage)
        return gather(*self.parts, storage=self.storage, maker=maker, history=history)

    def with_result(self, **changes: Any) -> Phantom:
        """The same with another result."""
        return replace(self, result=replace(self.result, **changes))


Files = dict[str, bytes]


def make_phantom(storage: Path, plan: Plan | None = None) -> Phantom:
    """The exam, with its files written below `storage`."""
    phantom, files = _make(plan or Plan())
    for name, content in files.items():
        (storage / name).write_bytes(content)
    return replace(phantom, storage=storage)


@cache
def _make(plan: Plan) -> tuple[Phantom, Files]:
    storage: Files = {}
    t1 = _mr(storage, plan, Role.T1, grid((20, 24, 22), SAGITTAL, (8, 8, 8), "1.2.9.1"), Transform.identity())
    flair = _mr(storage, plan, Role.FLAIR, grid((12, 26, 24), AXIAL, (14, 7, 7), "1.2.9.1"), T1_FROM_FLAIR) if plan.flair else None
    pet = _pet(storage, plan)
    brain = t1.volume.like(ball(t1.volume, 62), unit="1")
    labels = _lesions(t1.volume, plan.lesions)
    alignment = _alignment(t1.volume, brain, plan)
    names = ("cerebellar_gm", "nawm", "thalamus", "cortex", "white_matter", "brain")
    origin = LesionOrigin.FOUND if plan.flair else LesionOrigin.NONE
    segmentation = Segmentation(brain.like(brain.array * 2), tuple(Region(n, BRAIN, brain) for n in names), labels, origin, ())
    subject = Subject("P-1", "", "Ball, Phantom", date(1980, 1, 2), "F", 70.0, 1.7)
    exam = Exam(subject, pet, t1, flair)
    return Phantom(Path(), exam, alignment, segmentation, _result(exam, labels)), storage


def _lesions(grid_: Volume, count: int) -> Volume:
    """Number 1 a ball of many voxels, the others single voxels on a line, two voxels apart."""
    labels = np.zeros(grid_.shape, np.int32)
    places = [(s, r, c) for s in range(3, 17, 2) for r in range(4, 20, 2) for c in range(4, 18, 2)]
    for number, place in zip(range(2, count + 1), places, strict=False):
        labels[place] = number
    if count:
        labels[ball(grid_, 14, (20, 20, 20))] = 1
    return grid_.like(labels, unit="1")


def _alignment(t1: Volume, brain: Volume, plan: Plan) -> Alignment:
    warp = Deformation(Transform.identity(), Volume(np.zeros((3, 2, 2, 2)), np.diag([50.0, 50, 50, 1]), "mm"))
    from_flair = T1_FROM_FLAIR if plan.flair else None
    return Alignment(t1, brain, T1_FROM_PET, (Transform.identity(),) * 2, from_flair, warp, ())


def _result(exam: Exam, labels: Volume) -> Result:
    pet = exam.pet.volume.frame(0)
    suvr = np.where(ball(pet, 64, to_t1=T1_FROM_PET), 1.0, 0.2).astype(np.float32)
    raised = ball(pet, 16, (20, 20, 20), to_t1=T1_FROM_PET)
    suvr[raised] = 1.5
    uids = tuple((i.sop_instance_uid, i.digest) for i in exam.pet.source.instances)
    basis = "60–90 min, relative to cerebellar grey matter"
    return Result(
        ParametricMap(pet.like(suvr, unit="1"), Quantity.SUVR, "ratio", (), ""),
        (),
        pet.like(raised, unit="1"),
        Tracer("dpa714", "[18F]DPA-714", None, True, (3600.0, 5400.0), "cerebellar_gm", ()),
        "TSPO signal in the thalamus is 1.30 times that of the cerebellar grey matter.",
        (
            Finding("thalamus", Quantity.SUVR, 1.3, "1", 0.02, basis),
            Finding("thalamus", Quantity.SUV, 1.4, "g/mL", None, "60–90 min"),
            Finding("thalamus", Quantity.CONTRAST, 1.1, "1", None, "against normal-appearing white matter"),
            Finding("cerebellar_gm", Quantity.SUVR, 1.0, "1", None, basis),
        ),
        tuple(_lesion(int(n), labels) for n in np.unique(labels.array) if n),
        (
            Check("pet_to_t1", True, "The PET lies on the T1.", Gravity.HOLD),
            Check("genotype", False, "The TSPO genotype is not known.", Gravity.WARNING),
        ),
        ("No z-score: the node has no norm for this tracer.",),
        Provenance("E-000001", 1, "Ember 0.1.0", "sha256:" + "ab" * 32, 7, MADE_AT, uids),
    )


def _lesion(number: int, labels: Volume) -> Lesion:
    volume_ml = float((labels.array == number).sum()) * labels.voxel_ml
    core = 1.4 if number == 1 else None
    note = "" if number == 1 else "core too small to be measured"
    return Lesion(number, f"1.2.7.{number}", volume_ml, "deep white matter", (0, 0, 0), 2.0, core, 1.2, core, 0.5, note)


def _mr(storage: Files, plan: Plan, role: Role, empty: Volume, to_t1: Transform) -> MrSeries:
    volume = empty.like(
        np.where(ball(empty, 62, to_t1=to_t1), 700.0, np.where(ball(empty, 75, to_t1=to_t1), 300.0, 10.0)).astype(np.float32)
    )
    key = {Role.T1: 1, Role.FLAIR: 2}[role]
    study = "1.2.3.1" if plan.studies == 2 else "1.2.3.2"
    series = f"{study}.{key}"
    if plan.enhanced:
        datasets = [_enhanced(plan, volume, study, series, role)]
    else:
        datasets = [_mr_image(plan, volume, study, series, role, index) for index in range(volume.shape[0])]
    instances = tuple(_save(storage, d) for d in datasets)
    source = SeriesSource(study, series, "MR", str(datasets[0].SeriesDescription), "Maker", "Magnet", instances, key, WHEN["MR"])
    return MrSeries(volume, role, source)


def _pet(storage: Files, plan: Plan) -> PetSeries:
    empty = grid((22, 18, 20), np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=float).T, (8, 9, 9), "1.2.9.2")
    array = np.stack([ball(empty, 64, to_t1=T1_FROM_PET) * 5000.0, ball(empty, 64, to_t1=T1_FROM_PET) * 4000.0]).astype(np.float32)
    volume = Volume(array, empty.affine, "Bq/mL", "1.2.9.2")
    datasets = [_pet_image(plan, volume, frame, index) for frame in range(2) for index in range(volume.shape[0])]
    instances = tuple(_save(storage, d) for d in datasets)
    source = SeriesSource("1.2.3.2", "1.2.3.2.9", "PT", "PET Brain AC", "Maker", "Ring", instances, 4, WHEN["PT"])
    dose = Administration("dpa714", "code", "F-18", 6586.2, 2e8, datetime.fromisoformat("2024-03-12 10:20:00"))
    timing = FrameTiming(np.array([3600.0, 4500.0]), np.array([900.0, 900.0]))
    return PetSeries(volume, timing, dose, "BQML", "START", WHEN["PT"], ("DECY",), "OSEM", source)


def _head(plan: Plan, study: str, series: str, modality: str, sop_class: str, uid: str) -> Dataset:
    d = Dataset()
    when = WHEN["PT" if study == "1.2.3.2" else "MR"]
    d.SpecificCharacterSet = list(plan.charset)
    if plan.offset:
        d.TimezoneOffsetFromUTC = plan.offset
    d.SOPClassUID, d.SOPInstanceUID, d.Modality = sop_class, uid, modality
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, "1.2.9.2" if modality == "PT" else "1.2.9.1"
    d.PatientName, d.PatientID, d.IssuerOfPatientID, d.PatientBirthDate, d.PatientSex = plan.name, "P-1", "Ward", "19800102", "F"
    d.PatientAge, d.PatientSize, d.PatientWeight = "044Y", "1.7", "70"
    d.StudyDate, d.StudyTime = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
    d.SeriesDate, d.SeriesTime = d.StudyDate, d.StudyTime
    d.StudyID, d.AccessionNumber, d.StudyDescription = f"S{study[-1]}", f"A{study[-1]}", "Brain"
    d.ReferringPhysicianName, d.Manufacturer, d.PositionReferenceIndicator = "Doctor^Any", "Maker", ""
    for keyword, value in (*plan.extra, *(plan.mr_extra if modality == "MR" else ())):
        setattr(d, keyword, list(value) if isinstance(value, tuple) else value)
    return d


def _pixels(d: Dataset, array: Array) -> None:
    d.SamplesPerPixel, d.PhotometricInterpretation, d.PixelRepresentation = 1, "MONOCHROME2", 0
    d.Rows, d.Columns = array.shape[-2:]
    d.BitsAllocated, d.BitsStored, d.HighBit = 16, 16, 15
    d.PixelData = array.astype(np.uint16).tobytes()


def _place(d: Dataset, volume: Volume, index: int) -> None:
    d.ImagePositionPatient = [f"{x:.9g}" for x in volume.affine[:3, :3] @ [index, 0, 0] + volume.affine[:3, 3]]


def _plane(d: Dataset, volume: Volume) -> None:
    axes = volume.affine[:3, :3] / volume.spacing_mm
    d.ImageOrientationPatient = [f"{x:.9g}" for x in (*axes[:, 2], *axes[:, 1])]


def _measure(d: Dataset, volume: Volume) -> None:
    d.PixelSpacing = [f"{x:.9g}" for x in volume.spacing_mm[1:]]
    d.SliceThickness = f"{volume.spacing_mm[0]:.9g}"


def _mr_image(plan: Plan, volume: Volume, study: str, series: str, role: Role, index: int) -> Dataset:
    # Numbered against the slices' order, as scanners may.
    d = _head(plan, study, series, "MR", MR_CLASS, f"{series}.{volume.shape[0] - index}")
    d.SeriesDescription, d.SeriesNumber, d.InstanceNumber = f"{role.value} head", int(series[-1]), volume.shape[0] - index
    d.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
    d.ScanningSequence, d.SequenceVariant, d.ScanOptions, d.MRAcquisitionType = "SE", "NONE", "", "2D"
    d.EchoTime, d.EchoTrainLength, d.RepetitionTime, d.Laterality = "10", "1", "500", ""
    _place(d, volume, index)
    _plane(d, volume)
    _measure(d, volume)
    _pixels(d, volume.array[index])
    return d


def _enhanced(plan: Plan, volume: Volume, study: str, series: str, role: Role) -> Dataset:
    """Frames from the last slice to the first, Pixel Measures in each frame, as Siemens XA writes them."""
    d = _head(plan, study, series, "MR", ENHANCED_MR_CLASS, f"{series}.1")
    d.SeriesDescription, d.SeriesNumber, d.InstanceNumber = f"{role.value} head", int(series[-1]), 1
    d.ImageType, d.NumberOfFrames = ["ORIGINAL", "PRIMARY", "M", "NONE"], volume.shape[0]
    orientation = Dataset()
    _plane(orientation, volume)
    shared = Dataset()
    shared.PlaneOrientationSequence = [orientation]
    d.SharedFunctionalGroupsSequence = [shared]
    d.PerFrameFunctionalGroupsSequence = []
    for index in reversed(range(volume.shape[0])):
        position, measures, frame = Dataset(), Dataset(), Dataset()
        _place(position, volume, index)
        _measure(measures, volume)
        frame.PlanePositionSequence, frame.PixelMeasuresSequence = [position], [measures]
        d.PerFrameFunctionalGroupsSequence.append(frame)
    _pixels(d, volume.array[::-1])
    return d


def _pet_image(plan: Plan, volume: Volume, frame: int, index: int) -> Dataset:
    d = _head(plan, "1.2.3.2", "1.2.3.2.9", "PT", PET_CLASS, f"1.2.3.2.9.{frame + 1}.{index + 1}")
    d.SeriesDescription, d.SeriesNumber, d.InstanceNumber = "PET Brain AC", 4, frame * volume.shape[0] + index + 1
    _place(d, volume, index)
    _plane(d, volume)
    _measure(d, volume)
    _pixels(d, volume.array[frame, index])
    return d


def _save(storage: Files, d: Dataset) -> Instance:
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content, name = BytesIO(), f"{d.SOPInstanceUID}.dcm"
    d.save_as(content, enforce_file_format=True)
    storage[name] = content.getvalue()
    return Instance(d.SOPInstanceUID, d.SOPClassUID, name, hashlib.sha256(storage[name]).hexdigest())
