"""A head of boxes with known uptake: everything that `quantify` takes, small enough for a test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from node.domain import codes
from node.domain.exam import Exam, MrSeries, PetSeries, Role, SeriesSource, Subject
from node.domain.result import Alignment, LesionOrigin, Provenance, Region, Segmentation, Tissue
from node.domain.timing import Administration, FrameTiming
from node.domain.tracer import TracerProfile
from node.domain.transform import Deformation, Transform
from node.domain.volume import Array, Volume

INJECTED = datetime(2026, 3, 1, 23, 30)  # noqa: DTZ001 a scanner's local time
SUVR = {"cerebellar_gm": 1.0, "cortex": 0.9, "thalamus": 1.3, "nawm": 1.1, "lesion": 1.6}
REFERENCE_BQ_ML = 4000.0

TRACER = TracerProfile("dpa714", "[18F]DPA-714", None, "DPA", "F-18", 6586.2, True, (3600.0, 5400.0), 600.0, "cerebellar_gm", ())
PROVENANCE = Provenance("E00001", 1, "Ember test", "abc", 1, datetime(2026, 3, 2, tzinfo=UTC), ())
T1_FROM_PET = Transform(np.array([[1, 0, 0, 3.0], [0, 1, 0, -2.0], [0, 0, 1, 5.0], [0, 0, 0, 1]]))


def t1_grid() -> Volume:
    """96 × 96 × 96 mm at 2 mm, the origin away from zero."""
    affine = np.array([[0, 0, 2.0, -48], [0, 2.0, 0, -40], [2.0, 0, 0, -30], [0, 0, 0, 1]])
    return Volume(np.zeros((48, 48, 48), np.float32), affine)


def labels() -> dict[str, Array]:
    """Boxes of the T1 grid by name."""
    boxes = {
        "cerebellar_gm": np.s_[4:16, 14:34, 10:38],
        "cortex": np.s_[38:44, 6:42, 6:42],
        "thalamus": np.s_[20:25, 20:28, 6:14],
        "white": np.s_[18:36, 6:42, 18:42],
        "lesion": np.s_[24:29, 20:25, 28:33],
    }
    found = {}
    for name, box in boxes.items():
        mask = np.zeros((48, 48, 48), bool)
        mask[box] = True
        found[name] = mask
    return found


def segmentation(*, lesions: bool = True) -> Segmentation:
    """The boxes as a segmentation."""
    grid, masks = t1_grid(), labels()
    lesion = masks["lesion"] if lesions else np.zeros_like(masks["lesion"])
    gray = masks["cerebellar_gm"] | masks["cortex"] | masks["thalamus"]
    tissue = np.where(masks["white"], Tissue.WHITE_MATTER.value, np.where(gray, Tissue.GRAY_MATTER.value, 0)).astype(np.uint8)
    regions = {
        "brain": gray | masks["white"],
        "white_matter": masks["white"],
        "nawm": masks["white"] & ~_near(lesion),
        "cortex": masks["cortex"],
        "thalamus": masks["thalamus"],
        "cerebellar_gm": masks["cerebellar_gm"],
    }
    named = tuple(Region(name, codes.BRAIN, grid.like(mask)) for name, mask in regions.items())
    origin = LesionOrigin.FOUND if lesions else LesionOrigin.NONE
    return Segmentation(grid.like(tissue), named, grid.like(lesion.astype(np.int32)), origin, ())


def _near(mask: Array) -> Array:
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(mask, iterations=3))


def uptake() -> Volume:
    """SUVR on the T1 grid, 0.2 outside."""
    masks = labels()
    values = np.full((48, 48, 48), 0.2, np.float32)
    for name, key in (
        ("cerebellar_gm", "cerebellar_gm"),
        ("cortex", "cortex"),
        ("thalamus", "thalamus"),
        ("white", "nawm"),
        ("lesion", "lesion"),
    ):
        values[masks[name]] = SUVR[key]
    return t1_grid().like(values)


def alignment(frames: int) -> Alignment:
    """The PET lies shifted."""
    still = Transform.identity()
    field = Volume(np.zeros((3, 2, 2, 2)), np.eye(4))
    brain = segmentation().region("brain").mask
    return Alignment(t1_grid(), brain, T1_FROM_PET, (still,) * frames, None, Deformation(still, field), ())


def pet(*, noise: float = 0.02, start_min: float = 60.0, frames: int = 6) -> PetSeries:
    """Frames of 5 min on the T1's voxels, moved to where the PET saw them."""
    source = uptake()
    affine = T1_FROM_PET.inverse().matrix @ source.affine
    random = np.random.default_rng(1)
    values = np.stack([source.array * REFERENCE_BQ_ML * (1 + noise * random.standard_normal(source.shape)) for _ in range(frames)])
    start = 60.0 * start_min + 300.0 * np.arange(frames)
    return PetSeries(
        volume=Volume(values.astype(np.float32), affine, "Bq/ml"),
        timing=FrameTiming(start, np.full(frames, 300.0)),
        administration=Administration("dpa714", "code", "F-18", 6586.2, 200e6, INJECTED),
        units="BQML",
        decay_correction="START",
        decay_reference=INJECTED + timedelta(minutes=start_min),
        corrections=("ATTN", "DECY"),
        reconstruction="",
        source=SeriesSource("1.1", "1.1.1", "PT", "PET", "X", "Y", ()),
    )


def exam(series: PetSeries | None = None, *, weight_kg: float | None = 70.0) -> Exam:
    """The exam of the phantom."""
    subject = Subject("P", "", "Phantom", None, "F", weight_kg, None)
    mr = MrSeries(t1_grid(), Role.T1, SeriesSource("1.1", "1.1.2", "MR", "T1", "X", "Y", ()))
    return Exam(subject, series or pet(), mr)


def with_values(series: PetSeries, **changes: object) -> PetSeries:
    """The series with other fields."""
    return replace(series, **changes)  # type: ignore[arg-type]
