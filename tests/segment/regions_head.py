"""A coarse head in template space with a lump of grey matter in the left hemisphere alone, put on a grid of any orientation and tilt."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from node.atlas.regions import Structure, level_mm
from node.atlas.template import Template
from node.domain.result import Region
from node.domain.transform import Deformation, Transform
from node.domain.volume import Volume
from node.segment.parts import Parts, find_parts
from node.segment.place import find_place
from node.segment.regions import find_regions
from node.segment.window import around

STEP_MM = 4.0
SHAPE = (37, 48, 38)
LUMP_MM = (32.0, 0.0, 26.0, 9.0)
"""Centre, LPS mm of the template (+x is left), and radius."""

ORIENTATIONS = tuple((order, flips) for order in permutations(range(3)) for flips in product((1, -1), repeat=3))
"""All 48 orders and directions of the axes of a grid."""

Orientation = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Made:
    """A head on its grid: `labels` values of `Tissue`, `parts`, and the way back to the upright grid."""

    labels: Volume
    parts: Parts
    orientation: Orientation

    def regions(self, lesions: np.ndarray | None = None) -> dict[str, Region]:
        """By name, on the grid of `labels`."""
        marked = np.zeros(self.labels.shape, dtype=bool) if lesions is None else lesions
        window = around(self.parts.place.brain, margin_mm=1000.0)
        return {region.name: region for region in find_regions(self.labels, marked, self.parts, window=window, grid=self.labels)}

    def upright(self, array: np.ndarray) -> np.ndarray:
        """An array of this grid in the order of the upright one."""
        order, flips = self.orientation
        return np.transpose(array[tuple(slice(None, None, f) for f in flips)], np.argsort(order))


def make(orientation: Orientation = ((0, 1, 2), (1, 1, 1)), *, tilted: bool = True) -> Made:
    """The head on a grid whose axes are permuted and then flipped; tilted by 12° and 8° against the template."""
    t1_from_template = _tilt() if tilted else Transform.identity()
    upright = np.array([[0, 0, STEP_MM, -74], [0, STEP_MM, 0, -80], [STEP_MM, 0, 0, -76], [0, 0, 0, 1]], dtype=float)
    order, flips = orientation
    shape = tuple(SHAPE[axis] for axis in order)
    reorder = np.eye(4)
    reorder[:3, :3] = 0.0
    for new, (axis, flip) in enumerate(zip(order, flips, strict=True)):
        reorder[axis, new] = flip
        reorder[axis, 3] = 0 if flip == 1 else SHAPE[axis] - 1
    in_template = upright @ reorder
    points = (np.stack(np.indices(shape), -1).reshape(-1, 3) @ in_template[:3, :3].T + in_template[:3, 3]).astype(np.float32)
    grid = Volume(_tissue(points).reshape(shape).astype(np.uint8), t1_from_template.matrix @ in_template, "1", "2.25.1")
    flat = Volume(np.full((2, 2, 2), 0.5, dtype=np.float32), np.diag([400.0, 400.0, 400.0, 1.0]), "1")
    still = Volume(np.zeros((3, 1, 1, 1), dtype=np.float32), np.eye(4), "mm")
    place = find_place(grid.like(grid.array > 0), Template(flat, flat, flat, "phantom"), Deformation(t1_from_template.inverse(), still))
    return Made(grid, find_parts(place), orientation)


def _tissue(points: np.ndarray) -> np.ndarray:
    """Fluid, grey and white shells of an ellipsoid; deep structures grey, ventricles fluid, brain stem white; the lump."""
    depth = 70.0 * (1.0 - np.linalg.norm((points - (0, 16, 2)) / (68.0, 88.0, 74.0), axis=1))
    labels = np.select([depth < 0, depth < 4, depth < 16], [0, 1, 2], 3)
    cerebellum = level_mm(Structure.CEREBELLUM, points)
    inside = (cerebellum > 0) & (depth > 2)
    labels[inside] = np.where(cerebellum[inside] > 14, 3, 2)
    for structure in (Structure.THALAMUS, Structure.LENTIFORM, Structure.CAUDATE, Structure.AMYGDALA, Structure.HIPPOCAMPUS):
        labels[(level_mm(structure, points) > 0) & (depth > 4)] = 2
    labels[(level_mm(Structure.BRAIN_STEM, points) > 0) & (depth > 0)] = 3
    for structure, depth_mm in ((Structure.LATERAL_VENTRICLE, 3), (Structure.OCCIPITAL_HORN, 3), (Structure.THIRD_VENTRICLE, 0)):
        labels[level_mm(structure, points) > depth_mm] = 1
    *centre, radius = LUMP_MM
    labels[np.linalg.norm(points - centre, axis=1) < radius] = 2
    return np.asarray(labels)


def _tilt() -> Transform:
    (c, s), (d, t) = ((np.cos(a), np.sin(a)) for a in np.radians((12.0, 8.0)))
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, d, -t], [0, t, d]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = about_z @ about_x, (5.0, -12.0, 30.0)
    return Transform(matrix)
