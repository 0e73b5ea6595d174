"""A head of known tissue in template space, and the exam and alignment around it.

White matter under a grey mantle with fluid around, a thalamus, a cerebellum with a white core, and two lesions. It is its own template,
so that the deformation is the identity and every label is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from node.atlas.regions import Structure, level_mm
from node.atlas.template import Template
from node.domain.exam import Exam, LesionImport, MrSeries, PetSeries, Role, SeriesSource, Subject
from node.domain.result import Alignment
from node.domain.timing import Administration, FrameTiming
from node.domain.transform import Deformation, Transform
from node.domain.volume import Volume

STEP_MM = 2.5
FRAME = "2.25.1"
NOW = datetime(2024, 1, 1, tzinfo=UTC)
SOURCE = SeriesSource("2.25.2", "2.25.3", "MR", "", "", "", ())
LESIONS_MM = ((26.0, -28.0, 22.0, 6.5), (-28.0, 40.0, 26.0, 4.5))
"""Centre (LPS mm) and radius of each lesion, the larger one first."""


@dataclass(frozen=True, eq=False)
class Head:
    """What is known: `labels` (S, R, C) 0 outside, 1 fluid, 2 grey, 3 white (lesions too); `lesions` (S, R, C) 0, 1, 2."""

    labels: np.ndarray
    lesions: np.ndarray
    thalamus: np.ndarray
    cerebellum: np.ndarray
    exam: Exam
    alignment: Alignment
    template: Template


def make_head(*, noise: float = 0.03) -> Head:
    """A head with Gaussian noise of `noise` times the brightest tissue."""
    affine = np.array([[0, 0, STEP_MM, -76], [0, STEP_MM, 0, -84], [STEP_MM, 0, 0, -70], [0, 0, 0, 1]], dtype=float)
    shape = (61, 77, 62)
    points = (np.stack(np.indices(shape), -1).reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
    labels, thalamus, cerebellum = (a.reshape(shape) for a in _tissue(points))
    lesions = np.zeros(len(points), dtype=np.int16)
    for number, (x, y, z, radius) in enumerate(LESIONS_MM, start=1):
        lesions[np.linalg.norm(points - (x, y, z), axis=1) < radius] = number
    lesions = lesions.reshape(shape)
    random = np.random.default_rng(7)
    t1 = np.array([0.0, 250.0, 700.0, 1000.0])[labels]
    flair = np.array([0.0, 60.0, 500.0, 420.0])[labels]
    t1[lesions > 0], flair[lesions > 0] = 650.0, 800.0
    t1, flair = (np.maximum(a + random.normal(0, noise * a.max(), shape), 0).astype(np.float32) for a in (t1, flair))

    def volume(array: np.ndarray, unit: str = "") -> Volume:
        return Volume(array, affine, unit, FRAME)

    brain = volume(labels > 0, "1")
    gm, wm = (volume((labels == k).astype(np.float32), "1") for k in (2, 3))
    alignment = Alignment(
        volume(t1), brain, Transform.identity(), (Transform.identity(),), Transform.identity(), _identity(affine, shape), ()
    )
    exam = Exam(
        Subject("1", "", "", None, "O", None, None),
        _pet(),
        MrSeries(volume(t1), Role.T1, SOURCE),
        MrSeries(volume(flair), Role.FLAIR, SOURCE),
    )
    template = Template(volume(t1), gm, wm, "phantom")
    return Head(labels, lesions, thalamus & (labels > 1), cerebellum & (labels > 1), exam, alignment, template)


def with_seg(exam: Exam, labels: Volume) -> Exam:
    """The exam with an incoming lesion SEG."""
    return replace(exam, lesions=LesionImport(labels, replace(SOURCE, series_uid="2.25.9", modality="SEG"), "expert"))


def _tissue(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth under an ellipsoid decides: 5 mm fluid, 10 mm grey, white inside; structures replace it."""
    depth = 70.0 * (1.0 - np.linalg.norm((points - (0, 16, 6)) / (70.0, 92.0, 72.0), axis=1))
    labels = np.select([depth < 0, depth < 5, depth < 15], [0, 1, 2], 3)
    cerebellum = level_mm(Structure.CEREBELLUM, points)
    inside = (cerebellum > 0) & (depth > 2)
    labels[inside] = np.where(cerebellum[inside] > 14, 3, 2)
    thalamus = level_mm(Structure.THALAMUS, points) > 0
    labels[thalamus] = 2
    labels[level_mm(Structure.LATERAL_VENTRICLE, points) > 2] = 1
    return labels, thalamus, inside


def _identity(affine: np.ndarray, shape: tuple[int, int, int]) -> Deformation:
    return Deformation(Transform.identity(), Volume(np.zeros((3, *shape), dtype=np.float32), affine, "mm"))


def _pet() -> PetSeries:
    volume = Volume(np.ones((1, 4, 4, 4), dtype=np.float32), np.eye(4), "Bq/mL", FRAME)
    given = Administration("dpa714", "code", "F-18", 6586.2, 2e8, NOW)
    return PetSeries(volume, FrameTiming(np.array([3600.0]), np.array([600.0])), given, "BQML", "START", NOW, (), "", SOURCE)
