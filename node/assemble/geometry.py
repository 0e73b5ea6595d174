"""Where slices lie: their order along the normal, gaps, and the one grid that they make (PS3.3 C.7.6.2).

Depth is the distance of a slice from the patient origin along its normal (row axis × column axis), mm. Order comes from depth alone:
InstanceNumber and SliceLocation are free for any vendor and any converter to fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.assemble.parts import Geometry, Point
from node.domain.volume import ORTHOGONALITY_TOLERANCE, Array
from node.errors import DataError

SAME_PLANE_MM = 0.05
"""Slices closer than this lie in one plane: an order above the jitter of real exports (1e-3 mm), far below any slice step."""

GAP_TOLERANCE = 0.25
"""A step is a gap where slices are missing when it is a multiple of the usual one, up to this many steps; any other is uneven spacing."""

EVEN_STEPS = 0.02
"""Largest distance of a slice from its place on the even grid that needs no word, in steps: GE bed joins stay below, rounding far below."""

UNEVEN_STEPS = 0.25
"""Largest distance that is still read as an even grid, with a Check; beyond it a quarter of a slice would be in the wrong place."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The even grid through a stack of slices.

    Parameters
    ----------
    order : (S,) indices of the positions by rising depth
    affine : (4, 4) index (slice, row, column) → LPS mm
    unevenness : largest distance of a slice from its place on the grid, in slice steps
    """

    order: Array
    affine: Array
    unevenness: float


@dataclass(frozen=True)
class Gap:
    """Slices missing between two that are there."""

    after_mm: float
    slices: int


def normal_of(geometry: Geometry) -> Array:
    """(3,) unit vector, row axis × column axis."""
    normal = np.cross(geometry.row_axis, geometry.column_axis)
    return np.asarray(normal / np.linalg.norm(normal))


def depths_mm(positions: Sequence[Point] | Array, normal: Array) -> Array:
    """(n,) depth of each position."""
    return np.asarray(np.asarray(positions, dtype=np.float64) @ normal)


def planes_mm(depths: Array) -> Array:
    """(p,) rising depths of the distinct planes."""
    rising = np.sort(depths)
    new = np.concatenate(([True], np.diff(rising) > SAME_PLANE_MM))
    return np.asarray(rising[new])


def gaps_in(planes: Array) -> tuple[Gap, ...]:
    """Where slices are missing between rising depths of planes."""
    steps = np.diff(planes)
    if steps.size < 2:
        return ()
    ratios = steps / float(np.median(steps))
    whole = np.rint(ratios)
    wide = np.flatnonzero((whole >= 2) & (np.abs(ratios - whole) <= GAP_TOLERANCE))
    return tuple(Gap(float(planes[i]), int(whole[i]) - 1) for i in wide)


def grid_of(positions: Sequence[Point] | Array, geometry: Geometry, *, of: str) -> Grid:
    """The even grid through slices at these positions, one slice each.

    Parameters
    ----------
    positions : (S, 3) LPS mm of the first pixel of each slice, at least two, in any order
    geometry : orientation and pixel spacing of all of them
    of : what they belong to, for the message: "MR series 1.2.3"

    Raises
    ------
    DataError : fewer than two slices, several in one plane, slices missing, or slices too far from an even, upright grid
    """
    points = np.asarray(positions, dtype=np.float64)
    if len(points) < 2:
        raise DataError(f"{of}: expected a stack of slices; found {len(points)}")
    depths = depths_mm(points, normal_of(geometry))
    order = np.argsort(depths, kind="stable")
    rising, points = depths[order], points[order]
    if (np.diff(rising) <= SAME_PLANE_MM).any():
        raise DataError(f"{of}: expected one slice at each position; found several at depth {rising[np.argmin(np.diff(rising))]:.2f} mm")
    if gaps := gaps_in(rising):
        raise DataError(f"{of}: {gaps_text(gaps)}")
    step, start = _line(points)
    unevenness = float(np.linalg.norm(points - (start + np.arange(len(points))[:, None] * step), axis=1).max() / np.linalg.norm(step))
    if unevenness > UNEVEN_STEPS:
        raise DataError(f"{of}: expected evenly spaced slices; found one {unevenness:.2f} slice steps from its place")
    return Grid(order, _affine(start, step, geometry, of), unevenness)


def _line(points: Array) -> tuple[Array, Array]:
    """Step and start of the straight line through points, by least squares."""
    index = np.arange(len(points)) - (len(points) - 1) / 2.0
    step = index @ points / (index @ index)
    return step, points.mean(axis=0) - step * (len(points) - 1) / 2.0


def _affine(start: Array, step: Array, geometry: Geometry, of: str) -> Array:
    row_axis, column_axis = np.asarray(geometry.row_axis), np.asarray(geometry.column_axis)
    lengths = np.linalg.norm(row_axis), np.linalg.norm(column_axis)
    if max(abs(length - 1.0) for length in lengths) > 1e-3 or abs(row_axis @ column_axis) > ORTHOGONALITY_TOLERANCE:
        raise DataError(f"{of}: expected unit, orthogonal row and column axes; found lengths {lengths[0]:.4f} and {lengths[1]:.4f}")
    lean = np.abs([step @ row_axis, step @ column_axis]).max() / np.linalg.norm(step)
    if lean > ORTHOGONALITY_TOLERANCE:
        raise DataError(f"{of}: expected slices stacked along their normal; found a stack that leans by {np.degrees(np.arcsin(lean)):.2f}°")
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 3] = step, start
    affine[:3, 1] = column_axis / lengths[1] * geometry.pixel_spacing[0]
    affine[:3, 2] = row_axis / lengths[0] * geometry.pixel_spacing[1]
    return affine


def gaps_text(gaps: Sequence[Gap]) -> str:
    """ "gap of 2 slices after depth 31.5 mm, and 1 more gap" """
    first, others = gaps[0], len(gaps) - 1
    more = f", and {others} more gap{'s' if others > 1 else ''}" if others else ""
    return f"gap of {first.slices} slice{'s' if first.slices > 1 else ''} after depth {first.after_mm:.1f} mm{more}"
