"""Volume: an array that knows where in the patient it lies.

*Index* means ``(slice, row, column)``; *LPS mm* the DICOM patient coordinate system (PS3.3 C.7.6.2): +x to the patient's left,
+y posterior, +z superior. The affine takes column vectors ``(slice, row, column, 1)`` to ``(x, y, z, 1)``.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ORTHOGONALITY_TOLERANCE = 1e-3
"""Largest cosine between two axes of a grid that is still taken as orthogonal (a gantry tilt is far above)."""

SAME_GRID_TOLERANCE_MM = 1e-2
"""Two grids are the same when their corners lie closer than this."""


def blank_mask(shape: tuple[int, ...]) -> Array:
    """(…) bool, False everywhere, writable, on memory pages of its own: what is never written costs none.

    A segmentation holds dozens of masks of a whole T1 grid, most of them of something small. `numpy.zeros` promises nothing of the kind:
    it clears recycled memory, all of it.
    """
    size = math.prod(shape)
    if size == 0:
        return np.zeros(shape, dtype=bool)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype=bool).reshape(shape)


@dataclass(frozen=True, eq=False)
class Volume:
    """A scalar image on a regular grid, or several frames of it on one grid.

    Parameters
    ----------
    array : (S, R, C) or (F, S, R, C); made read-only
    affine : (4, 4) index (slice, row, column) → LPS mm
    unit : UCUM unit of the values, "1" for a ratio, a mask or labels, "" where MR gives none
    frame_of_reference_uid : PS3.3 C.7.4.1; empty where there is none (a template)

    Raises
    ------
    ValueError : wrong number of axes, an affine that is not finite, is singular or has a last row other than (0, 0, 0, 1),
        axes that are not orthogonal
    """

    array: Array
    affine: Array
    unit: str = ""
    frame_of_reference_uid: str = ""

    def __post_init__(self) -> None:
        array = np.asarray(self.array).view()
        if array.ndim not in (3, 4):
            raise ValueError(f"a volume has 3 axes, or 4 with frames; found shape {array.shape}")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError(f"an affine is a finite 4 × 4 matrix; found {affine!r}")
        if not np.array_equal(affine[3], (0.0, 0.0, 0.0, 1.0)):
            raise ValueError(f"the last row of an affine is (0, 0, 0, 1); found {affine[3]}")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if (spacing < 1e-6).any():
            raise ValueError(f"a grid needs three steps above zero; found {spacing} mm")
        axes = affine[:3, :3] / spacing
        cosines = np.abs(axes.T @ axes - np.eye(3))
        if cosines.max() > ORTHOGONALITY_TOLERANCE:
            raise ValueError(f"the axes of a grid are orthogonal; found a cosine of {cosines.max():.4f}")
        array.flags.writeable = False
        affine.flags.writeable = False
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "affine", affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Grid size (S, R, C), without frames."""
        s, r, c = self.array.shape[-3:]
        return (s, r, c)

    @property
    def frames(self) -> int:
        """Number of frames; 1 for a volume without a frame axis."""
        return 1 if self.array.ndim == 3 else int(self.array.shape[0])

    @property
    def spacing_mm(self) -> Array:
        """(3,) mm between neighbours along slice, row and column."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel (mL)."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def index_from_lps(self) -> Array:
        """(4, 4) LPS mm → index."""
        return np.asarray(np.linalg.inv(self.affine))

    def centre_mm(self) -> Array:
        """(3,) LPS mm of the middle of the grid."""
        middle = (np.array(self.shape, dtype=np.float64) - 1.0) / 2.0
        return np.asarray(self.affine[:3, :3] @ middle + self.affine[:3, 3])

    def frame(self, index: int) -> Volume:
        """One frame (S, R, C) of a volume with frames."""
        return replace(self, array=self.array[index])

    def like(self, array: Array, *, unit: str | None = None) -> Volume:
        """Other values on this grid.

        Parameters
        ----------
        array : (S, R, C) or (F, S, R, C) of this grid
        unit : the new values' unit; this volume's where None

        Raises
        ------
        ValueError : the array does not fit the grid
        """
        if array.shape[-3:] != self.shape:
            raise ValueError(f"expected an array on a grid of {self.shape}; found {array.shape}")
        return replace(self, array=array, unit=self.unit if unit is None else unit)

    def same_grid(self, other: Volume) -> bool:
        """Whether both have one grid: size, and corners within `SAME_GRID_TOLERANCE_MM`."""
        if self.shape != other.shape:
            return False
        corners = np.array([[s, r, c, 1] for s in (0, self.shape[0]) for r in (0, self.shape[1]) for c in (0, self.shape[2])])
        return bool(np.abs((self.affine - other.affine) @ corners.T).max() < SAME_GRID_TOLERANCE_MM)
