"""Spatial Registration: where PET, FLAIR and earlier T1s lie on the T1, so that a viewer can fuse the originals (PS3.3 A.39.1, C.20.2).

Words: the *registered* frame of reference is the T1's, and is the object's own; a *matrix* takes a point of the images that its item names
into it: ``p_T1 = matrix @ p_source``, LPS mm, column vectors (C.20.2.1.1).

Decisions
---------
- **One object, and one series, for each pair**: an item with the identity for the T1, an item with the matrix for what was moved. We
  chose it because 3D Slicer multiplies all matrices of one object into one, so that two moving images in one object would be wrong there.
- **Each item names its images, and their frame of reference too where it is not the T1's**. Within one frame (PET/MR, or T1 and FLAIR of
  one session) a matrix for the frame would move the T1 as well, so that there the images alone are named, as C.20.2 allows. Where the
  frames differ, viewers that look for either find it.
- **The PET's matrix belongs to its reference pose**: frames that moved against it lie elsewhere, as they do in the original series. Its
  description says so where there were any.
- **Earlier T1s** are written where they were aligned, so that a viewer scrolls both visits together; the latest first, as many as are
  read (`MOST_VISITS`).
- **In the study of the reading series**, as all that is shown on the MR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.uid import SpatialRegistrationStorage
from pydicom.valuerep import format_number_as_ds

from node.domain.exam import Instance, SeriesSource
from node.domain.transform import Transform
from node.encode.headers import describe, read_header, reference, write
from node.encode.material import Material
from node.encode.objects import Encoded, Kind

MOST_VISITS = 8
"""With PET and FLAIR that fills the ten series numbers that a kind has in one version."""

BY_CONTENT = ("125024", "DCM", "Image Content-based Alignment")
BY_IDENTITY = ("125021", "DCM", "Frame of Reference Identity")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two series: `t1_from_moving` takes LPS mm of what was moved to LPS mm of the T1. `name` is in ASCII, at most 40 characters."""

    name: str
    moving: SeriesSource
    moving_frame_uid: str
    t1_from_moving: Transform


def encode_registrations(material: Material) -> tuple[Encoded, ...]:
    """PET → T1; FLAIR → T1 where the exam has one; the T1 of each earlier visit → T1 where it was aligned."""
    pairs = (*_pairs(material), *_earlier(material))
    return tuple(_encode(material, pair, series) for series, pair in enumerate(pairs))


def item_of(images: tuple[Instance, ...], transform: Transform, how: tuple[str, str, str]) -> Dataset:
    """An item of Registration Sequence: the images, and the matrix that takes their LPS mm to the T1's; `how` is a code of CID 7100."""
    matrix, registration, item = Dataset(), Dataset(), Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    matrix.FrameOfReferenceTransformationMatrix = [format_number_as_ds(float(value)) for value in transform.matrix.ravel()]
    registration.RegistrationTypeCodeSequence = [hd.sr.CodedConcept(*how)]
    registration.MatrixSequence = [matrix]
    item.MatrixRegistrationSequence = [registration]
    item.ReferencedImageSequence = [reference(i.sop_class_uid, i.sop_instance_uid) for i in images]
    return item


def _pairs(material: Material) -> tuple[Pair, ...]:
    exam, alignment = material.exam, material.alignment
    moved = any(not np.array_equal(frame.matrix, np.eye(4)) for frame in alignment.pet_from_frame)
    name = "PET (pose of frames not moved) to T1" if moved else "PET to T1"
    pet = Pair(name, exam.pet.source, exam.pet.volume.frame_of_reference_uid, alignment.t1_from_pet)
    if exam.flair is None or alignment.t1_from_flair is None:
        return (pet,)
    flair = exam.flair
    return (pet, Pair("FLAIR to T1", flair.source, flair.volume.frame_of_reference_uid, alignment.t1_from_flair))


def _earlier(material: Material) -> Iterator[Pair]:
    """The T1s of earlier visits, the latest first."""
    aligned = [visit for visit in material.history.visits if visit.t1 is not None and visit.t1_from_t1 is not None]
    for visit in reversed(aligned[-MOST_VISITS:]):
        assert visit.t1 is not None
        assert visit.t1_from_t1 is not None
        day = "" if visit.scanned_at is None else f" {visit.scanned_at:%Y-%m-%d}"
        yield Pair(f"T1{day} {visit.exam} to T1", visit.t1, _frame_uid(visit.t1, material), visit.t1_from_t1)


def _frame_uid(source: SeriesSource, material: Material) -> str:
    """A series' frame of reference; empty where its files are no longer kept: its images are named in any case."""
    kept = (material.storage / source.instances[0].path).is_file()
    return str(read_header(material.storage, source).get("FrameOfReferenceUID", "")) if kept else ""


def _encode(material: Material, pair: Pair, series: int) -> Encoded:
    t1 = material.exam.t1
    frame_uid = t1.volume.frame_of_reference_uid
    apart = bool(pair.moving_frame_uid) and pair.moving_frame_uid != frame_uid
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality = SpatialRegistrationStorage, "REG"
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = frame_uid, ""
    dataset.ContentLabel, dataset.ContentDescription = "REGISTRATION", pair.name
    dataset.ContentCreatorName = ""
    fixed = item_of(t1.source.instances, Transform.identity(), BY_IDENTITY)
    moving = item_of(pair.moving.instances, pair.t1_from_moving, BY_CONTENT)
    if apart:
        fixed.FrameOfReferenceUID, moving.FrameOfReferenceUID = frame_uid, pair.moving_frame_uid
    dataset.RegistrationSequence = [fixed, moving]
    cited, text = (t1.source, pair.moving), f"RESEARCH Registration {pair.name}"
    describe(dataset, Kind.REGISTRATION, material.slices.header, material.maker, cited=cited, description=text, series=series)
    return write(dataset, Kind.REGISTRATION, material.maker)
