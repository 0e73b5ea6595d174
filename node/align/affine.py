"""Template head → T1: an affine pose by Gauss–Newton, with a prior on size and shape and the bias fitted along.

A *pose* is twelve numbers: shift of the template's centre (mm), three turns (rad), six logarithmic strains. The strains carry a prior, as
in Ashburner, so that no start can blow the brain up to the scalp. What is minimised is the difference between the T1 and the head model
times a smooth bias, with weights that outliers lose (lesions, a face where the model has nothing).

References
----------
Ashburner et al., NeuroImage 6:344 (1997): affine registration with priors on zooms and shears.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from node.align.head import CENTRE_MM, CLIP, TOP_MM, Points
from node.domain.transform import Transform
from node.domain.volume import Array, Volume

USUAL_SIZE = 0.90
"""Heads are smaller than the template, which grew when it was made; those tried were 0.86 to 0.90."""

SIGMA_SIZE, SIGMA_SHAPE = 0.12, 0.05
"""Prior standard deviation of the logarithm of size, and of the strains that change shape: heads differ by about so much."""

_NO_SHEAR = np.array([True] * 9 + [False] * 3)
_ALL = np.ones(12, dtype=bool)
_LARGEST_STEP = np.array([12.0] * 3 + [0.15] * 3 + [0.06] * 6)
_INDEPENDENT = 0.02
"""Share of the points that carry information of their own: neighbours are alike, and the prior must not drown."""


@dataclass(frozen=True)
class HeadFit:
    """The template's head in a T1.

    Parameters
    ----------
    t1_from_template : affine
    likeness : −1…1, correlation of T1 and head model after the bias is taken out
    size : linear, 1 for the template's own
    """

    t1_from_template: Transform
    likeness: float
    size: float


class _Sampler:
    """An image and its gradient at any LPS point."""

    def __init__(self, image: Volume, sigma_mm: float) -> None:
        step = float(image.spacing_mm[0])
        self.values = ndimage.gaussian_filter(np.minimum(image.array, CLIP).astype(np.float32), sigma_mm / step)
        self.gradients = [np.asarray(g) for g in np.gradient(self.values, step)][::-1]
        self.index_from_lps = image.index_from_lps

    def __call__(self, position: Array) -> tuple[Array, Array, Array]:
        """(N,) values, (N,) whether inside the field of view, and the (3, N) index."""
        index = self.index_from_lps[:3, :3] @ position.T + self.index_from_lps[:3, 3:]
        last = np.array(self.values.shape)[:, None] - 1.0
        inside = np.asarray(((index >= 0) & (index <= last)).all(axis=0))
        return _linear(self.values, index), inside, index

    def gradient(self, index: Array) -> Array:
        """(N, 3) along LPS."""
        return np.stack([_linear(g, index) for g in self.gradients], axis=1)


def _linear(values: Array, index: Array) -> Array:
    return np.asarray(ndimage.map_coordinates(values, index, order=1, mode="nearest"), dtype=np.float64)


def fit_head(flat: Volume, coarse: Points, fine: Points) -> HeadFit:
    """Find the template's head in a T1.

    Some fifteen hundred starts over size, turns, height and depth are ranked at 8 mm; the best are followed, and the best of those is
    refined at 4 mm.

    Parameters
    ----------
    flat : (S, R, C) upright T1 at about 2 mm, divided by its tissue level
    coarse, fine : the head model of `head_points`
    """
    far, near, sharp = (_Sampler(flat, sigma) for sigma in (5.0, 3.5, 1.7))
    thin = coarse.thinned(3)
    # Each size sends its own: on the blurred rung a scalp taken for the brain's edge can look better than the brain of a small head.
    ranked = [_best(_turned(_best(poses, thin, far)[:10]), thin, far)[:4] for poses in starts(flat)]
    followed = [_descend(pose, thin, far, _NO_SHEAR, 10) for poses in ranked for pose in poses]
    followed = [_descend(pose, coarse, near, _ALL, 20) for pose in _distinct(_best(followed, coarse, near))[:4]]
    followed = [_descend(pose, fine, sharp, _ALL, 30) for pose in _distinct(_best(followed, coarse, near))[:2]]
    pose = _best(followed, fine, sharp)[0]
    return HeadFit(Transform(matrix(pose)), likeness(pose, fine, sharp), float(np.exp(pose[6:9].mean())))


def _best(poses: list[Array], points: Points, sampler: _Sampler) -> list[Array]:
    """By falling likeness; ties keep their order."""
    scores = np.array([likeness(pose, points, sampler) for pose in poses])
    return [poses[i] for i in np.argsort(-scores, kind="stable")]


def _turned(poses: list[Array]) -> list[Array]:
    """Each pose as it is, and turned and rolled by 14° either way."""
    turns = [np.array([0.0] * 4 + [roll, turn] + [0.0] * 6) for roll, turn in product((0.0, -0.25, 0.25), repeat=2)]
    return [pose + turn for pose in poses for turn in turns]


def _distinct(poses: list[Array]) -> list[Array]:
    """Without those that came to where a better one is."""
    kept: list[Array] = []
    for pose in poses:
        if all(np.abs(pose[:3] - k[:3]).max() > 5.0 or abs(pose[6:9].mean() - k[6:9].mean()) > 0.03 for k in kept):
            kept.append(pose)
    return kept


def starts(flat: Volume) -> list[list[Array]]:
    """Poses that put the model's top at the top of the head, a list for each size."""
    head = ndimage.binary_opening(flat.array > 0.35, iterations=2)
    step = float(flat.spacing_mm[0])
    large = np.flatnonzero(head.sum(axis=(1, 2)) * step**2 > 3000.0)
    top = int(large.max()) if large.size else flat.shape[0] - 1
    crown = np.argwhere(head[max(0, top - round(110.0 / step)) : top + 1])
    middle = np.percentile(crown, [2, 98], axis=0).mean(axis=0) if crown.size else np.array(flat.shape) / 2.0
    apex = flat.affine[:3, :3] @ np.array([top, middle[1], middle[2]]) + flat.affine[:3, 3]
    return [_starts_of_size(size, apex) for size in (0.72, 0.80, 0.88, 0.97, 1.07)]


def _starts_of_size(size: float, apex: Array) -> list[Array]:
    poses = []
    for nod in (-0.55, -0.38, -0.21, -0.04, 0.13):
        pose = np.zeros(12)
        pose[3], pose[6:9] = nod, np.log(size)
        reach = matrix(pose)[:3, :3] @ np.array([0.0, 0.0, TOP_MM - CENTRE_MM[2]])
        for dz, dy in product(range(-40, 41, 10), range(-20, 21, 10)):
            pose = pose.copy()
            pose[:3] = apex + np.array([0.0, dy, dz]) - reach - CENTRE_MM
            poses.append(pose)
    return poses


def matrix(pose: Array) -> Array:
    """(4, 4) T1 LPS mm from template LPS mm."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(pose[3:6]), np.sin(pose[3:6])
    turn_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    turn_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    turn_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    a, b, c, d, e, f = pose[6:]
    strain, axes = np.linalg.eigh(np.array([[a, d, e], [d, b, f], [e, f, c]]))
    out = np.eye(4)
    out[:3, :3] = turn_z @ turn_y @ turn_x @ (axes * np.exp(strain)) @ axes.T
    out[:3, 3] = pose[:3] + CENTRE_MM - out[:3, :3] @ CENTRE_MM
    return out


def likeness(pose: Array, points: Points, sampler: _Sampler) -> float:
    """Weighted correlation of image over fitted bias with the model; less where the model lies outside the field of view."""
    out = matrix(pose)
    values, inside, _ = sampler(points.position @ out[:3, :3].T + out[:3, 3])
    seen = float(inside.mean())
    if seen < 0.3:
        return -1.0
    weights = points.weight * inside
    bias = np.clip(_fitted(points.design, values, weights) / np.maximum(points.value, 0.05), 0.3, 3.0)
    return _correlation(values / bias, points.value, weights) * min(1.0, seen / 0.8)


def _fitted(design: Array, values: Array, weights: Array) -> Array:
    weighted = design * weights[:, None]
    normal = weighted.T @ design + 1e-6 * np.eye(design.shape[1])
    return np.asarray(design @ np.linalg.solve(normal, weighted.T @ values))


def _correlation(a: Array, b: Array, weights: Array) -> float:
    weights = weights / weights.sum()
    a, b = a - weights @ a, b - weights @ b
    return float(weights @ (a * b) / np.sqrt((weights @ a**2) * (weights @ b**2) + 1e-12))


def _descend(pose: Array, points: Points, sampler: _Sampler, free: Array, steps: int) -> Array:
    """Gauss–Newton from one pose, at most so many steps."""
    for _ in range(steps):
        step = _step(pose, points, sampler, free)
        pose = pose + step
        if np.abs(step[:3]).max() < 0.05 and np.abs(step[3:]).max() < 7e-4:
            break
    return pose


def _step(pose: Array, points: Points, sampler: _Sampler, free: Array) -> Array:
    out = matrix(pose)
    values, inside, index = sampler(points.position @ out[:3, :3].T + out[:3, 3])
    weights, residual = _robust(values, points, points.weight * inside)
    image_change = _jacobian(pose, out, points.position, sampler.gradient(index), free)
    jacobian = np.concatenate([image_change, -points.design], axis=1)
    count = image_change.shape[1]
    prior = _PRECISION[np.ix_(free, free)]
    normal = jacobian.T @ (jacobian * weights[:, None])
    right = -jacobian.T @ (weights * residual)
    normal[:count, :count] += prior
    right[:count] -= (_PRECISION @ (pose - _USUAL))[free]
    normal += np.diag(np.diag(normal)) * 1e-3 + 1e-9 * np.eye(len(normal))
    step = np.zeros(12)
    step[free] = np.linalg.solve(normal, right)[:count]
    return np.asarray(step / max(1.0, float(np.max(np.abs(step) / _LARGEST_STEP))))


def _robust(values: Array, points: Points, weights: Array) -> tuple[Array, Array]:
    """Weights as inverse variances (Cauchy), and what the model times the best bias leaves."""
    kept = weights
    for _ in range(3):
        residual = values - _fitted(points.design, values, kept)
        sigma = max(0.03, 1.48 * float(np.median(np.abs(residual[weights > 0])))) if (weights > 0).any() else 1.0
        kept = weights / (1.0 + (residual / (1.5 * sigma)) ** 2)
    return kept * _INDEPENDENT / sigma**2, residual


def _jacobian(pose: Array, out: Array, position: Array, gradient: Array, free: Array) -> Array:
    """(N, free) change of the image value at each point with each free number of the pose."""
    # gradient · (change @ point) is linear in the change of the matrix, so that one product serves all numbers.
    parts = np.concatenate([(gradient[:, :, None] * position[:, None, :]).reshape(len(position), 9), gradient], axis=1)
    columns = []
    for k in np.flatnonzero(free):
        moved = pose.copy()
        moved[k] += 1e-4
        change = (matrix(moved) - out) / 1e-4
        columns.append(np.append(change[:3, :3].ravel(), change[:3, 3]))
    return np.asarray(parts @ np.stack(columns, axis=1))


def _prior_precision() -> Array:
    precision = np.zeros((12, 12))
    precision[6:9, 6:9] = np.full((3, 3), 1.0 / 9.0) / SIGMA_SIZE**2 + (np.eye(3) - 1.0 / 3.0) / SIGMA_SHAPE**2
    precision[9:, 9:] = 2.0 * np.eye(3) / SIGMA_SHAPE**2
    return precision


_PRECISION = _prior_precision()
_USUAL = np.array([0.0] * 6 + [np.log(USUAL_SIZE)] * 3 + [0.0] * 3)
