"""Transforms between spaces, named target-from-source so that names cancel: ``t1_from_index = t1_from_pet @ pet_from_index``.

`Transform` is a matrix on LPS mm; `Deformation` adds a displacement field to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array, Volume


@dataclass(frozen=True, eq=False)
class Transform:
    """A rigid or affine map of LPS mm onto LPS mm.

    Parameters
    ----------
    matrix : (4, 4), column vectors: ``p_target = matrix @ p_source``

    Raises
    ------
    ValueError : not a finite, invertible 4 × 4 matrix with last row (0, 0, 0, 1)
    """

    matrix: Array

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise ValueError(f"a transform is a finite 4 × 4 matrix; found {matrix!r}")
        if not np.array_equal(matrix[3], (0.0, 0.0, 0.0, 1.0)):
            raise ValueError(f"the last row of a transform is (0, 0, 0, 1); found {matrix[3]}")
        if abs(np.linalg.det(matrix)) < 1e-9:
            raise ValueError("a transform must be invertible; found a determinant of 0")
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls) -> Transform:
        """The map that moves nothing."""
        return cls(np.eye(4))

    def inverse(self) -> Transform:
        """source-from-target."""
        matrix = np.linalg.inv(self.matrix)
        matrix[3] = (0.0, 0.0, 0.0, 1.0)
        return Transform(matrix)

    def __matmul__(self, other: Transform) -> Transform:
        """``a_from_c = a_from_b @ b_from_c``."""
        matrix = self.matrix @ other.matrix
        matrix[3] = (0.0, 0.0, 0.0, 1.0)
        return Transform(matrix)

    def apply(self, points: Array) -> Array:
        """Map points.

        Parameters
        ----------
        points : (..., 3) LPS mm in the source

        Returns
        -------
        (..., 3) LPS mm in the target
        """
        return np.asarray(points @ self.matrix[:3, :3].T + self.matrix[:3, 3])


@dataclass(frozen=True, eq=False)
class Deformation:
    """An affine map followed by a smooth displacement: ``p_target = matrix @ p_source + u(p_source)``.

    Parameters
    ----------
    affine : the affine part
    displacement : Volume of (3, S, R, C) on a grid in the source space; component k is the shift along LPS axis k of the target, mm.
        Outside the grid the shift is zero.

    Raises
    ------
    ValueError : the displacement does not have three components
    """

    affine: Transform
    displacement: Volume

    def __post_init__(self) -> None:
        if self.displacement.array.ndim != 4 or self.displacement.array.shape[0] != 3:
            raise ValueError(f"a displacement has shape (3, S, R, C); found {self.displacement.array.shape}")
