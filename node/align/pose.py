"""The rigid pose of one image in another: pyramids, similarity, search.

*Fixed* is the image on whose grid points are compared, *moving* the one that is sought; a pose is ``moving_from_fixed``. A *rung* is
one step of the pyramid: both images at one resolution. Similarity is mutual information; more is better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from node.align.grid import blurred
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.imaging import resample, to_sitk

FWHM_PER_SIGMA = 2.3548


@dataclass(frozen=True)
class Setup:
    """How images are compared.

    Parameters
    ----------
    seed : of the jitter of sample points
    share : of the fixed voxels that descent compares
    iterations : most steps of descent on one rung
    finest_step_mm : descent ends when its step is shorter
    """

    seed: int
    share: float = 1.0
    iterations: int = 60
    finest_step_mm: float = 0.01


@dataclass(frozen=True, eq=False)
class Rung:
    """Both images at one resolution: `fixed` and `mask` on one grid, `moving` on its own; `centre_mm` of turns in the fixed image, LPS."""

    fixed: Volume
    mask: Volume
    moving: Volume
    centre_mm: tuple[float, float, float]
    spacing_mm: float


@dataclass(frozen=True, eq=False)
class Pose:
    """A pose and how alike the images are in it."""

    moving_from_fixed: Transform
    similarity: float


def pyramid(fixed: Volume, mask: Volume, moving: Volume, *, spacings_mm: tuple[float, ...]) -> tuple[Rung, ...]:
    """Rungs from coarse to fine.

    The fixed image is cropped to the mask; both are smoothed to the resolution of each rung and laid on isotropic grids of it.

    Parameters
    ----------
    fixed, mask : (S, R, C) on one grid; only points inside the mask are compared
    moving : (S, R, C)
    """
    rungs = []
    margin = 2 * max(spacings_mm)
    box, inside, other = crop(fixed, mask, margin_mm=margin), crop(mask, mask, margin_mm=margin), moving
    for spacing in sorted(spacings_mm):  # each rung is made from the next finer one, which is small already
        box, other = shrink(box, spacing), shrink(other, spacing)
        rungs.append(_rung(box, inside, other, spacing))
    return tuple(rungs[::-1])


def with_moving(rungs: tuple[Rung, ...], moving: Volume) -> tuple[Rung, ...]:
    """The same rungs for another moving image."""
    made = []
    for rung in rungs[::-1]:
        moving = shrink(moving, rung.spacing_mm)
        made.append(replace(rung, moving=moving))
    return tuple(made[::-1])


def sharpened_rung(fixed: Volume, mask: Volume, moving: Volume, *, spacing_mm: float, fwhm_mm: float) -> Rung:
    """The finest rung, with the blur of the moving image partly taken back.

    A structure that is blurred in one image alone pulls mutual information to the side on which less surrounds it: on a 2-D T1 by
    0.3 mm more than needed. Van Cittert's iteration takes back enough of it; more would only raise the noise.

    Parameters
    ----------
    fwhm_mm : width of the Gaussian that is taken back
    """
    box, inside = crop(fixed, mask, margin_mm=2 * spacing_mm), crop(mask, mask, margin_mm=2 * spacing_mm)
    fine = resample(moving, isotropic(moving, spacing_mm), interpolation="cubic")
    sharp = fine.like(_van_cittert(fine.array, fwhm_mm / FWHM_PER_SIGMA / spacing_mm))
    low = resample(box, isotropic(box, spacing_mm), interpolation="cubic")
    return _rung(low, inside, sharp, spacing_mm)


def refine(rung: Rung, start: Transform, setup: Setup) -> Pose:
    """The best pose near a start, by gradient descent; the start itself where descent lost the other image."""
    transform = _versor(start, rung.centre_mm)
    with one_thread():
        method = _method(rung, setup)
        method.SetInitialTransform(transform, inPlace=True)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=rung.spacing_mm / 2,
            minStep=setup.finest_step_mm,
            numberOfIterations=setup.iterations,
            relaxationFactor=0.6,
            gradientMagnitudeTolerance=1e-7,
        )
        method.SetOptimizerScalesFromPhysicalShift()
        try:
            method.Execute(to_sitk(rung.fixed), to_sitk(rung.moving))
        except RuntimeError:  # what SimpleITK raises when a step left no overlap: the start is then the best that is known
            return Pose(start, similarity(rung, start))
    pose = _matrix(transform)
    return Pose(pose, similarity(rung, pose))


def similarity(rung: Rung, pose: Transform) -> float:
    """How alike the images are in a pose, over all points of the mask; 0 where less than half of them fall into the moving image."""
    index = rung.moving.index_from_lps @ pose.matrix @ rung.fixed.affine @ _homogeneous(np.argwhere(rung.mask.array))
    last = np.array(rung.moving.shape)[:, None] - 1
    inside = np.all((index[:3] >= 0) & (index[:3] <= last), axis=0)
    if inside.mean() < 0.5:
        return 0.0
    fixed = rung.fixed.array[rung.mask.array][inside]
    moving = ndimage.map_coordinates(rung.moving.array, index[:3, inside], order=1)
    return mutual_information(fixed, moving, bins=_bins(rung))


def mutual_information(first: Array, second: Array, *, bins: int) -> float:
    """Mutual information of two equally long samples, in nats, from their joint histogram."""
    joint, _, _ = np.histogram2d(first, second, bins=bins)
    joint /= joint.sum()
    apart = joint.sum(axis=1, keepdims=True) @ joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / apart[some])).sum())


def search(rungs: tuple[Rung, ...], starts: Iterable[Transform], setup: Setup, *, kept: int = 4) -> Pose:
    """The best pose from several starts.

    Starts are ranked on the coarsest rung as they stand; the best `kept` are refined on it, and half as many on each rung after it.
    """
    poses = sorted((Pose(start, similarity(rungs[0], start)) for start in starts), key=lambda pose: -pose.similarity)
    for step, rung in enumerate(rungs):
        refined = [refine(rung, pose.moving_from_fixed, setup) for pose in poses[: max(1, kept >> step)]]
        poses = sorted(refined, key=lambda pose: -pose.similarity)
    return poses[0]


@contextmanager
def one_thread() -> Iterator[None]:
    """SimpleITK on one thread meanwhile, in the whole process.

    Sums of several threads come in another order each run; on one they give the same bits each time. The thread number of the
    registration method alone does not reach the parts of its metric.
    """
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def crop(volume: Volume, mask: Volume, *, margin_mm: float) -> Volume:
    """The part of a volume around a mask on its grid."""
    margin = np.ceil(margin_mm / volume.spacing_mm).astype(int)
    where = [np.flatnonzero(mask.array.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    low = np.maximum([w[0] for w in where] - margin, 0)
    high = np.minimum([w[-1] + 1 for w in where] + margin, volume.shape)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    return replace(volume, array=volume.array[low[0] : high[0], low[1] : high[1], low[2] : high[2]], affine=affine)


def isotropic(volume: Volume, spacing_mm: float) -> Volume:
    """An empty isotropic grid over a volume, along its axes."""
    size = np.maximum(np.ceil(np.array(volume.shape) * volume.spacing_mm / spacing_mm), 1).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = volume.affine[:3, :3] / volume.spacing_mm * spacing_mm
    affine[:3, 3] = volume.centre_mm() - affine[:3, :3] @ ((size - 1) / 2)
    return Volume(np.zeros(tuple(size), dtype=np.uint8), affine, "", volume.frame_of_reference_uid)


def shrink(volume: Volume, spacing_mm: float) -> Volume:
    """A volume smoothed along the axes that are finer, on an isotropic grid."""
    sigma_mm = 0.5 * np.sqrt(np.maximum(spacing_mm**2 - volume.spacing_mm**2, 0.0))
    return resample(blurred(volume, sigma_mm, step_mm=spacing_mm), isotropic(volume, spacing_mm))


def centroid_mm(weights: Volume) -> Array:
    """(3,) LPS mm of the centre of mass of a mask or of values, those below zero left out; the grid's middle where all are."""
    array = np.maximum(weights.array.astype(np.float32), 0)
    total = float(array.sum(dtype=np.float64))
    if total <= 0:
        return weights.centre_mm()
    sums = [array.sum(axis=axes, dtype=np.float64) for axes in ((1, 2), (0, 2), (0, 1))]
    index = np.array([float(s @ np.arange(s.size)) / total for s in sums])
    return np.asarray(weights.affine[:3, :3] @ index + weights.affine[:3, 3])


def displacement_mm(first: Transform, second: Transform, points: Array) -> Array:
    """(n,) mm between where two transforms put points (n, 3)."""
    return np.asarray(np.linalg.norm(first.apply(points) - second.apply(points), axis=1))


def rigid(turns_deg: tuple[float, float, float], shift_mm: tuple[float, float, float], centre_mm: Array) -> Transform:
    """Turns about the LPS axes x, y, z through a point, then a shift."""
    transform = sitk.Euler3DTransform([float(x) for x in centre_mm], *np.deg2rad(turns_deg).tolist(), [float(x) for x in shift_mm])
    return _matrix(transform)


def _rung(fixed: Volume, mask: Volume, moving: Volume, spacing_mm: float) -> Rung:
    centre = centroid_mm(mask)
    return Rung(
        fixed=fixed,
        mask=resample(mask, fixed, interpolation="nearest"),
        moving=moving,
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
        spacing_mm=spacing_mm,
    )


def _homogeneous(index: Array) -> Array:
    return np.concatenate([index.T, np.ones((1, len(index)))])


def _bins(rung: Rung) -> int:
    """Of the joint histogram: with 32² bins for the few points of a coarse rung, descent runs away."""
    return 16 if rung.spacing_mm > 3.0 else 32


def _van_cittert(array: Array, sigma: float, *, iterations: int = 3) -> Array:
    sharp = array.astype(np.float32)
    for _ in range(iterations):
        sharp = sharp + (array - ndimage.gaussian_filter(array, sigma))
    return sharp


def _method(rung: Rung, setup: Setup) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_bins(rung))
    method.SetMetricFixedMask(to_sitk(rung.mask))
    # Regular samples are jittered within their voxel, which keeps the two grids from beating against each other.
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(setup.share, setup.seed)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _versor(pose: Transform, centre_mm: tuple[float, float, float]) -> sitk.VersorRigid3DTransform:
    u, _, vt = np.linalg.svd(pose.matrix[:3, :3])
    centre = np.array(centre_mm)
    rotation = u @ vt
    transform = sitk.VersorRigid3DTransform()
    transform.SetCenter(centre_mm)
    transform.SetMatrix([float(x) for x in rotation.ravel()])
    transform.SetTranslation([float(x) for x in pose.apply(centre) - centre])
    return transform


def _matrix(transform: sitk.Transform) -> Transform:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    return Transform(matrix)
