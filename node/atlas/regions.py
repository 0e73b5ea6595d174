"""Where the parts of the brain lie in template space: our own closed surfaces of few coefficients, evaluated at points.

Two kinds of shape. A *star* is seen whole from its centre c: a point p lies inside where |p - c| is smaller than the radius in its
direction, and that radius is a polynomial in the components of the unit vector from c to p (all monomials of degree L and L - 1, which
span the spherical harmonics up to L). A *chain* is the union of the tapering capsules between spheres that follow each other. A *body* is
one of them or a union, behind planes that *cut* it where it ends by convention. Points are folded onto the left side (|x|) first, for the
template is mirror-symmetric; the coefficients lie in ``regions.json``.

The surfaces bound tissue, they do not classify it: where a structure borders fluid they bulge into the fluid, so that a small error of
the alignment costs nothing, and whoever uses them intersects them with the subject's tissue classes. What `Structure` calls a zone is
some mm wider than what is looked for in it: fluid, grey or white matter.

Decisions
---------
We chose surfaces of our own, because a region must be available in any hospital without a download and under a licence that lets us
ship it; instead of an atlas image, most of which may not be passed on.

Stars (thalamus, lentiform nucleus, amygdala, brain stem, cerebellum) were fitted by logistic regression to the Allen Human Reference Atlas
(Ding et al., J Comp Neurol 524:3127 (2016), CC BY 4.0), whose image is not part of this package. Their overlap with that atlas therefore
shows how well so few coefficients describe it, and nothing else; what they are worth in a patient is shown by the labels of other heads.
Chains, cuts and the seeds of the lobes were drawn by hand: ventricles after the template's own fluid, the rest after coordinates in the
literature, then held beside that atlas; the hippocampus was moved by some mm to its centres there, and ten seeds of lobes were added.

We chose the textbook's ends of the brain stem, because the two references that we can compare with disagree at each of them and neither
cuts where the other does: in front and above, the plane through the posterior commissure and the caudal edge of the mammillary bodies (the
Allen atlas reaches some mm further into the peduncle, the labels of our exams stop below it); at the side of the pons, the plane from the
root of the trigeminal nerve to the lateral angle of the fourth ventricle, beyond which the middle cerebellar peduncle begins (Allen draws
it further out, the labels further in); below, the foramen magnum, 73 mm under the template's origin. Within a millimetre or two the planes
were placed so that both references agree with them best; on those two, the overlap of the brain stem is no independent evidence.

The hippocampus counts as cortex, as it does in volumes of the cortical mantle, and is there as a region of its own too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from node.domain.volume import Array

OUTSIDE_MM = -100.0
"""Level that is given beyond the reach of a body, where it is not evaluated."""

CHAIN_REACH_MM = 10.0
"""A chain is evaluated this far around its box."""


class Structure(Enum):
    """A body in template space; the value is its name in ``regions.json``."""

    THALAMUS = "thalamus"
    LENTIFORM = "lentiform"  #: putamen and pallidum
    PALLIDUM = "pallidum"  #: zone inside the lentiform
    CAUDATE = "caudate"  #: with the accumbens
    AMYGDALA = "amygdala"
    HIPPOCAMPUS = "hippocampus"  #: zone
    BRAIN_STEM = "brainstem"  #: midbrain, pons, medulla; not the cerebellar peduncles
    CEREBELLUM = "cerebellum"  #: with its peduncles
    MIDDLE_PEDUNCLE = "middle_peduncle"  #: zone between pons and cerebellum
    CORPUS_CALLOSUM = "corpus_callosum"  #: zone, as far as 12 mm from the midline
    LATERAL_VENTRICLE = "lateral_ventricle"  #: zone
    OCCIPITAL_HORN = "occipital_horn"  #: zone
    THIRD_VENTRICLE = "third_ventricle"  #: zone
    FOURTH_VENTRICLE = "fourth_ventricle"  #: zone


@dataclass(frozen=True, eq=False)
class Star:
    """A body that is seen whole from its centre.

    Parameters
    ----------
    centre_mm : (3,) LPS mm in template space, on the left side or the midline
    powers : (K, 3) exponents of the direction's components
    coefficients : (K,) mm
    reach_mm : nothing beyond this distance from the centre is inside
    """

    centre_mm: Array
    powers: Array
    coefficients: Array
    reach_mm: float

    def level_mm(self, points: Array) -> Array:
        """(N,) mm from the surface along the ray from the centre, positive inside, of folded points (N, 3) in LPS mm."""
        away = points - self.centre_mm
        distance = np.linalg.norm(away, axis=1)
        near = distance < self.reach_mm
        level = np.full(len(points), OUTSIDE_MM, dtype=points.dtype)
        direction = away[near] / np.maximum(distance[near], 1e-6)[:, None]
        level[near] = self._radius_mm(direction) - distance[near]
        return level

    def _radius_mm(self, direction: Array) -> Array:
        highest = int(self.powers.max())
        series = np.ones((highest + 1, 3, len(direction)), dtype=direction.dtype)
        for power in range(1, highest + 1):
            series[power] = series[power - 1] * direction.T
        radius = np.zeros(len(direction), dtype=direction.dtype)
        for (i, j, k), coefficient in zip(self.powers, self.coefficients, strict=True):
            radius += direction.dtype.type(coefficient) * series[i, 0] * series[j, 1] * series[k, 2]
        return radius


@dataclass(frozen=True, eq=False)
class Chain:
    """Tapering capsules between spheres.

    Parameters
    ----------
    nodes_mm : (K, 4) centre (LPS mm) and radius (mm), in order
    half_width_mm : the chain is swept this far to both sides along x: a slab instead of a tube
    """

    nodes_mm: Array
    half_width_mm: float = 0.0

    def level_mm(self, points: Array) -> Array:
        """(N,) mm inside the nearest surface (negative outside) of folded points (N, 3) in LPS mm."""
        low = (self.nodes_mm[:, :3] - self.nodes_mm[:, 3:]).min(axis=0) - CHAIN_REACH_MM
        high = (self.nodes_mm[:, :3] + self.nodes_mm[:, 3:]).max(axis=0) + CHAIN_REACH_MM
        high[0] += self.half_width_mm
        near = ((points > low) & (points < high)).all(axis=1)
        level = np.full(len(points), OUTSIDE_MM, dtype=points.dtype)
        level[near] = self._nearest_mm(self._narrowed(points[near]))
        return level

    def _narrowed(self, points: Array) -> Array:
        if self.half_width_mm == 0.0:
            return points
        narrowed = points.copy()
        narrowed[:, 0] = np.maximum(points[:, 0] - points.dtype.type(self.half_width_mm), 0.0)
        return narrowed

    def _nearest_mm(self, points: Array) -> Array:
        level = np.full(len(points), OUTSIDE_MM, dtype=points.dtype)
        for start, end in zip(self.nodes_mm[:-1], self.nodes_mm[1:], strict=True):
            along = end[:3] - start[:3]
            away = points - start[:3]
            share = np.clip(away @ along / (along @ along), 0.0, 1.0)
            distance = np.linalg.norm(away - share[:, None] * along, axis=1)
            np.maximum(level, start[3] + share * (end[3] - start[3]) - distance, out=level)
        return level


@dataclass(frozen=True, eq=False)
class Cut:
    """A plane where a body ends by convention, not by a border that can be seen.

    Parameters
    ----------
    outward : (3,) normal, unit length; what lies beyond is outside
    offset_mm : of the plane along the normal
    below_mm : z above which the plane does not cut
    """

    outward: Array
    offset_mm: float
    below_mm: float

    def trim(self, level: Array, points: Array) -> Array:
        """(N,) the levels of a body, no deeper than the plane allows."""
        inside = points.dtype.type(self.offset_mm) - points @ self.outward
        return np.asarray(np.where(points[:, 2] < self.below_mm, np.minimum(level, inside), level))


@dataclass(frozen=True, eq=False)
class Body:
    """A star or chain, or the union of several, behind its cuts."""

    shapes: tuple[Star | Chain, ...]
    cuts: tuple[Cut, ...] = ()

    def level_mm(self, points: Array) -> Array:
        """(N,) mm inside (negative outside) of folded points (N, 3) in LPS mm."""
        level = self.shapes[0].level_mm(points)
        for shape in self.shapes[1:]:
            np.maximum(level, shape.level_mm(points), out=level)
        for cut in self.cuts:
            level = cut.trim(level, points)
        return level


def level_mm(structure: Structure, points: Array) -> Array:
    """How far inside a structure points of template space lie.

    Parameters
    ----------
    points : (N, 3) LPS mm in template space, floating point

    Returns
    -------
    (N,) mm in the precision of the points, positive inside; along the ray from the centre for a star, to the nearest surface for a chain
    """
    folded = points.copy()
    folded[:, 0] = np.abs(folded[:, 0])
    return _bodies()[structure].level_mm(folded)


@cache
def _bodies() -> dict[Structure, Body]:
    content = json.loads(Path(__file__).with_name("regions.json").read_text(encoding="utf-8"))
    bodies = {Structure(star["name"]): Body(_star_and_tail(star), _cuts(star.get("cuts", ()))) for star in content["stars"]}
    for chain in content["chains"]:
        bodies[Structure(chain["name"])] = Body((_chain(chain["nodes_mm"], chain.get("half_width_mm", 0.0)),))
    return bodies


def _star_and_tail(star: dict[str, Any]) -> tuple[Star | Chain, ...]:
    centre, radius = (np.array(star[key], dtype=np.float32) for key in ("centre_mm", "radius_mm"))
    body = Star(centre, _powers(star["degree"], midline=star["midline"]), radius, star["reach_mm"])
    return (body, _chain(star["tail_mm"], 0.0)) if "tail_mm" in star else (body,)


def _chain(nodes_mm: list[list[float]], half_width_mm: float) -> Chain:
    return Chain(np.array(nodes_mm, dtype=np.float32), half_width_mm)


def _cuts(cuts: Iterable[dict[str, Any]]) -> tuple[Cut, ...]:
    made = []
    for cut in cuts:
        outward = np.array(cut["outward"], dtype=np.float32)
        length = float(np.linalg.norm(outward))
        made.append(Cut(outward / np.float32(length), cut["offset_mm"] / length, cut.get("below_mm", np.inf)))
    return tuple(made)


def _powers(degree: int, *, midline: bool) -> Array:
    """(K, 3) exponents of all monomials of `degree` and `degree` - 1, in the order of the file; even ones of x on the midline."""
    return np.array(
        [
            (i, j, total - i - j)
            for total in (degree, degree - 1)
            for i in range(total + 1)
            for j in range(total - i + 1)
            if not (midline and i % 2)
        ]
    )
