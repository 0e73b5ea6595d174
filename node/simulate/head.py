"""A head in template space: tissue labels on a grid from the crown to the neck, by simple geometric rules.

The brain is that of the template; fluid, skull, scalp, face and neck are drawn around it. Coordinates in this file are LPS mm of the
template. All bounds are read off the template by eye; they make a plausible head, not an atlas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from node.atlas.regions import Structure, level_mm
from node.atlas.template import Template
from node.domain.volume import Array, Volume
from node.imaging import resample
from node.simulate.fields import axial_coordinates, centred_grid, lattice

LABELS = {
    "csf": 1,
    "cortex": 2,
    "nawm": 3,
    "cereb_gm": 4,
    "cereb_wm": 5,
    "thalamus": 6,
    "brainstem": 7,
    "deep_gm": 8,
    "soft": 10,
    "bone": 11,
    "sinus": 12,
}
"""Values of the tissue label volume; 0 is air. "sinus" is venous blood."""

AIR = 0
FLUID_MM, BONE_MM, SCALP_MM = 3.5, 9.0, 16.0
"""Outer borders of fluid, skull and scalp, mm from the brain's hull."""

SOLID = 0.6
"""Probability of grey or white matter from which on a voxel is not fluid."""

_CENTRE = np.array([0.0, 8.0, -28.0])
_EXTENT = (256.0, 240.0, 196.0)


@dataclass(frozen=True, eq=False)
class Head:
    """A head in template space, all on one grid.

    Parameters
    ----------
    tissue : uint8, values of `LABELS`
    t1 : the template's T1 there, 0…1
    solid : probability of grey or white matter in the template, 0…1
    hull_mm : distance from the brain's hull, negative inside
    skin_mm : depth below the skin, negative outside the head
    """

    tissue: Volume
    t1: Volume
    solid: Volume
    hull_mm: Volume
    skin_mm: Volume


@dataclass(frozen=True, eq=False)
class _Axes:
    """LPS mm of the voxels, ready to broadcast: x (1, 1, C), y (1, R, 1), z (S, 1, 1)."""

    x: Array
    y: Array
    z: Array

    def ellipsoid(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Array:
        """About the distance from an ellipsoid, mm; negative inside."""
        (cx, cy, cz), (rx, ry, rz) = centre, radii
        level = np.sqrt(((self.x - cx) / rx) ** 2 + ((self.y - cy) / ry) ** 2 + ((self.z - cz) / rz) ** 2)
        return np.asarray((level - 1.0) * min(radii))

    def pair(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Array:
        """The same on both sides of the head."""
        (cx, cy, cz), (rx, ry, rz) = centre, radii
        level = np.sqrt(((np.abs(self.x) - cx) / rx) ** 2 + ((self.y - cy) / ry) ** 2 + ((self.z - cz) / rz) ** 2)
        return np.asarray((level - 1.0) * min(radii))

    def column(self, centre: tuple[float, float], radii: tuple[float, float], top: float) -> Array:
        """The same from an upright column that ends at `top`."""
        side = np.sqrt(((self.x - centre[0]) / radii[0]) ** 2 + ((self.y - centre[1]) / radii[1]) ** 2)
        return np.asarray(np.maximum((side - 1.0) * min(radii), self.z - top))


def build_head(template: Template, *, spacing_mm: float) -> Head:
    """Draw the head.

    Parameters
    ----------
    template : its T1, grey and white matter maps
    spacing_mm : of the head's grid
    """
    on = centred_grid(_EXTENT, _axial_steps(spacing_mm), _CENTRE)
    t1 = resample(template.t1, on).array / np.float32(np.percentile(template.t1.array[template.wm.array > 0.9], 90))
    gm, wm = resample(template.gm, on).array, resample(template.wm, on).array
    axes = _Axes(*axial_coordinates(on))
    rough = lattice(on, 3.0)
    hull = _hull_distance(template, rough)
    skin = rough.like(_skin_depth(hull, _Axes(*axial_coordinates(rough))))
    hull_mm, skin_mm = resample(rough.like(hull), on), resample(skin, on)
    tissue = _outside(axes, hull_mm.array, skin_mm.array)
    _paint_brain(tissue, axes, gm, wm, hull_mm.array)
    return Head(on.like(tissue), on.like(t1.astype(np.float32)), on.like(gm + wm), hull_mm, skin_mm)


def _axial_steps(spacing_mm: float) -> Array:
    return np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]) * spacing_mm


def _hull_distance(template: Template, rough: Volume) -> Array:
    """Distance from the closed surface over all gyri, from a closing by 12 mm."""
    brain = resample(template.t1.like((template.gm.array + template.wm.array).astype(np.float32)), rough).array > 0.4
    step = rough.spacing_mm
    wide = ndimage.distance_transform_edt(~brain, sampling=step) <= 12.0
    closed = ndimage.distance_transform_edt(wide, sampling=step) > 12.0
    outside = ndimage.distance_transform_edt(~closed, sampling=step)
    inside = ndimage.distance_transform_edt(closed, sampling=step)
    return np.asarray(ndimage.gaussian_filter((outside - inside).astype(np.float32), 0.8))


def _skin_depth(hull: Array, axes: _Axes) -> Array:
    """Depth below the skin: a smooth union of scalp, face, nose, jaw, ears and neck."""
    parts = (
        hull - SCALP_MM,
        axes.ellipsoid((0.0, -38.0, -58.0), (64.0, 58.0, 62.0)),
        axes.ellipsoid((0.0, -92.0, -66.0), (13.0, 16.0, 21.0)),
        axes.ellipsoid((0.0, -42.0, -112.0), (54.0, 50.0, 42.0)),
        axes.pair((84.0, 18.0, -40.0), (7.0, 13.0, 24.0)),
        axes.column((0.0, 26.0), (58.0, 60.0), -50.0),
    )
    softness = 5.0
    total = sum(np.exp(-np.clip(np.broadcast_to(part, hull.shape), -60.0, 60.0) / softness) for part in parts)
    return np.asarray((softness * np.log(total)).astype(np.float32))


def _outside(axes: _Axes, hull: Array, skin: Array) -> Array:
    """Labels of all that is not brain."""
    tissue = np.where(skin > 0, LABELS["soft"], AIR).astype(np.uint8)
    _paint_neck(tissue, axes)
    tissue[_airways(axes) & (hull > BONE_MM) & (skin > 4.0)] = AIR
    tissue[(hull <= BONE_MM) & (skin > 3.0)] = LABELS["bone"]
    tissue[hull <= FLUID_MM] = LABELS["csf"]
    midline = np.abs(axes.x) < 4.5 - 0.4 * np.clip(hull, 0.0, 6.0)
    upper = (axes.z > 25.0) | ((axes.y > 70.0) & (axes.z > -15.0))
    transverse = (np.abs(axes.z + 19.0) < 4.0) & (axes.y > 45.0)
    tissue[(midline & upper | transverse) & (hull > 0.5) & (hull < 6.5)] = LABELS["sinus"]
    return tissue


def _airways(axes: _Axes) -> Array:
    nose = (axes.ellipsoid((0.0, -62.0, -62.0), (15.0, 30.0, 22.0)) < 0) & (np.abs(axes.x) > 1.5) & (np.mod(axes.z, 11.0) > 3.5)
    maxillary = axes.pair((29.0, -52.0, -66.0), (13.0, 16.0, 15.0)) < 0
    throat = axes.column((0.0, -8.0), (10.0, 8.0), -52.0) < 0
    mouth = axes.ellipsoid((0.0, -52.0, -104.0), (20.0, 26.0, 2.5)) < 0
    return np.asarray(nose | maxillary | throat | mouth)


def _paint_neck(tissue: Array, axes: _Axes) -> None:
    """Spine, jaw and cord: bone around fluid around the cord."""
    vertebra = axes.column((0.0, 24.0), (17.0, 13.0), -60.0) < 0
    disc = np.mod(axes.z, 19.0) < 4.5
    arch = axes.column((0.0, 46.0), (17.0, 17.0), -60.0) < 0
    jaw = np.abs(axes.ellipsoid((0.0, -36.0, -112.0), (46.0, 44.0, 26.0))) < 4.5
    inside = tissue == LABELS["soft"]
    tissue[inside & ((vertebra & ~disc) | (jaw & (axes.y < 0.0)) | (arch & ~disc))] = LABELS["bone"]
    canal = axes.column((0.0, 46.0), (11.0, 10.0), -60.0) < 0
    cord = axes.column((0.0, 46.0), (6.0, 5.0), -60.0) < 0
    tissue[inside & canal] = LABELS["csf"]
    tissue[inside & cord] = LABELS["soft"]


def _paint_brain(tissue: Array, axes: _Axes, gm: Array, wm: Array, hull: Array) -> None:
    """Labels of the brain, over the fluid."""
    solid = (gm + wm > SOLID) & (hull < 2.0)
    grey = solid & (gm > 1.15 * wm)
    below = solid & _below_tentorium(axes)
    stem = solid & _brain_stem(axes)
    tissue[solid] = LABELS["nawm"]
    tissue[grey] = LABELS["cortex"]
    tissue[grey & _basal_ganglia(axes)] = LABELS["deep_gm"]
    tissue[solid & _thalamus(axes)] = LABELS["thalamus"]
    tissue[below] = LABELS["cereb_wm"]
    tissue[below & grey] = LABELS["cereb_gm"]
    tissue[stem] = LABELS["brainstem"]


def _thalamus(axes: _Axes) -> Array:
    """As the atlas has it: a size and a shape of our own were a third too small."""
    x, y, z = np.broadcast_arrays(axes.x, axes.y, axes.z)
    near = (np.abs(x) < 35.0) & (y > -15.0) & (y < 50.0) & (z > -20.0) & (z < 35.0)
    inside = np.zeros(near.shape, dtype=bool)
    inside[near] = level_mm(Structure.THALAMUS, np.stack([x[near], y[near], z[near]], axis=-1).astype(np.float32)) > 0
    return inside


def _below_tentorium(axes: _Axes) -> Array:
    tent = -4.0 - 0.3 * np.abs(axes.x) - 0.45 * np.clip(65.0 - axes.y, 0.0, None) - 0.4 * np.clip(axes.y - 65.0, 0.0, None)
    return np.asarray((axes.z < tent) & (axes.y > 34.0) & (np.abs(axes.x) < 62.0))


def _brain_stem(axes: _Axes) -> Array:
    midbrain = axes.ellipsoid((0.0, 26.0, -11.0), (17.0, 14.0, 12.0)) < 0
    pons = axes.ellipsoid((0.0, 27.0, -30.0), (19.0, 14.0, 16.0)) < 0
    medulla = (axes.ellipsoid((0.0, 42.0, -58.0), (13.0, 14.0, 24.0)) < 0) & (axes.y < 50.0)
    return np.asarray((midbrain | pons | medulla) & (axes.z < -4.0))


def _basal_ganglia(axes: _Axes) -> Array:
    lentiform = axes.pair((25.0, -2.0, 1.0), (9.5, 19.0, 12.0)) < 0
    caudate = axes.pair((13.0, -10.0, 11.0), (8.0, 16.0, 14.0)) < 0
    return np.asarray(lentiform | caudate)
