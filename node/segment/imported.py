"""Lesions drawn elsewhere, carried onto the T1 grid."""

from __future__ import annotations

import numpy as np

from node.domain.exam import Exam, LesionImport, Role
from node.domain.result import Alignment
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.errors import DataError
from node.imaging import fractions

HALF = 0.5
"""A T1 voxel is a lesion's when at least this much of it is; a lesion too small for that anywhere keeps its fullest voxel."""


def import_lesions(exam: Exam, lesions: LesionImport, alignment: Alignment, grid: Volume) -> Array:
    """(S, R, C) bool lesions of an incoming SEG on a grid in T1 space.

    Each lesion is carried as volume fractions, so that thin ones survive the change of grid.

    Raises
    ------
    DataError : the SEG is neither in the frame of reference of the T1 nor in that of the FLAIR, or no lesion of it lies on the grid
    """
    transform = labels_from_t1(exam, lesions, alignment)
    labels = lesions.labels
    out = np.zeros(grid.shape, dtype=bool)
    for number in np.unique(labels.array[labels.array > 0]):
        share = fractions(labels.like(labels.array == number), grid, transform, samples=3).array
        out |= share >= min(HALF, max(float(share.max()), 1e-6))
    if labels.array.any() and not out.any():
        raise DataError(f"lesion SEG {lesions.source.series_uid}: no lesion of it lies inside the brain on the T1; expected the same head")
    return out


def labels_from_t1(exam: Exam, lesions: LesionImport, alignment: Alignment) -> Transform:
    """LPS mm of the T1 → LPS mm of the SEG.

    Raises
    ------
    DataError : the SEG is neither in the frame of reference of the T1 nor in that of the FLAIR
    """
    frame, t1, flair = lesions.labels.frame_of_reference_uid, exam.t1.volume, exam.flair
    of_flair = flair is not None and alignment.t1_from_flair is not None and frame == flair.volume.frame_of_reference_uid
    of_t1 = frame == t1.frame_of_reference_uid
    on_t1 = lesions.drawn_on is Role.T1 or (lesions.drawn_on is None and _same_steps(lesions.labels, t1))
    if frame and of_flair and not (of_t1 and on_t1):
        assert alignment.t1_from_flair is not None
        return alignment.t1_from_flair.inverse()
    if frame and of_t1:
        return Transform.identity()
    raise DataError(
        f"lesion SEG {lesions.source.series_uid}: expected the frame of reference of the T1 ({t1.frame_of_reference_uid}) "
        f"or of the FLAIR; found {frame or 'none'}"
    )


def _same_steps(labels: Volume, series: Volume) -> bool:
    """Whether labels that cite neither were drawn on this series: one frame of reference may span T1 and FLAIR, their steps differ."""
    return bool(np.allclose(labels.affine[:3, :3], series.affine[:3, :3], atol=1e-2))
