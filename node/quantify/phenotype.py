"""Phenotype: what a lesion's core and rim say once the scanner's blur is taken out, and how sure that is.

*Rim-active* is a rim at or above the active level around a core below it, by more than two standard errors; *overall-active* a core at
or above it, with no rim that stands out from it; *inactive* both below; *indeterminate* anything else, and what fewer than two in three
draws from the errors agree on. A lesion whose rim cannot be told from its core, because the standard error of rim − core is above a
quarter of the NAWM's mean, is *not resolvable* and is not called.

The error has three parts: noise of the PET, the mask, and the point spread. A mask is easily off by a voxel, and a core that holds a
millimetre of its active rim reads active; a point spread is known to a tenth, and with one too narrow a rim stays mixed with its core.
So each lesion is fitted under several *suppositions*: as drawn and as said, with the border a millimetre further in or out, with the
point spread a tenth narrower or wider. They are weighted with how well they explain the image and with what we expect beforehand, and
what they differ by is in the standard error.

Decisions
---------
All numbers below are defaults of ours, none is from the literature; the published Turku classes rest on shares of active voxels whose
threshold we could not verify, and are given beside ours as measured shares.

A core above the level inside a rim that is higher still is indeterminate, instead of overall-active: a rim-active lesion whose mask is
drawn a millimetre too wide looks just so, and must not be called overall-active.

The active level comes from the patient's own NAWM (median + 2 robust SD of its voxels) as long as there are no matching controls. The
spread of voxels holds the noise of the image: a noisy image has a higher level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.domain.result import Phenotype, Quantity, Unmixed
from node.domain.volume import Array
from node.quantify.contrast import NawmScale
from node.quantify.partial_volume.noise import Noise
from node.quantify.partial_volume.psf import shares
from node.quantify.partial_volume.unmix import Mixture, unmix
from node.quantify.project import Projection
from node.quantify.surroundings import BACKGROUND, CORE, RIM, SHELL_MM, Near, Surroundings, voxels_near

ACTIVE_SDS = 2.0
DIFFERENCE_ERRORS = 2.0
GATE = 0.25
"""Largest standard error of rim − core, as a share of the NAWM's mean, at which a rim is told from its core."""
DRAWS = 200
LEAST_AGREEMENT = 2.0 / 3.0
"""A call on which fewer draws agree lies on the border between two phenotypes, and is none: indeterminate. Our default; on the first exam
that it was tried on, the three calls that were wrong had shares of 0.48 to 0.54."""
CONFIDENT = 0.8
"""Below this a call is of low confidence."""
SUPPOSITIONS = ((0.0, 1.0, 0.4), (-1.0, 1.0, 0.2), (1.0, 1.0, 0.2), (0.0, 0.9, 0.1), (0.0, 1.1, 0.1))
"""How far outwards of the drawn border the true one lies (mm), how wide the point spread is over what the site says, and how much we
expect that before seeing the PET. The first is what was drawn and said."""
SMALLEST_CORE_ML = 0.027
FEWEST_SHARE = 0.02
"""A voxel tells about core and rim from this share of its point spread on; others only about the background."""
MOSTLY = 0.9
SEEN_VOXELS = 0.25
"""Of core and of rim at least so much must lie in the voxels that are fitted, in voxels; below it is outside the PET."""


@dataclass(frozen=True, eq=False)
class BlurredMap:
    """The map that is unmixed.

    Parameters
    ----------
    values : (S, R, C) on the part of the PET grid
    scale : of its NAWM
    noise : found in its NAWM
    fwhm_mm : of the scanner's point spread
    seed : of the draws
    """

    values: Array
    quantity: Quantity
    scale: NawmScale
    noise: Noise
    fwhm_mm: float
    seed: int

    @property
    def active_level(self) -> float:
        """What a value is called active from."""
        return self.scale.median + ACTIVE_SDS * self.scale.sd

    @property
    def active_basis(self) -> str:
        """How that was found."""
        return f"median + {ACTIVE_SDS:g} × 1.4826 MAD of the voxels of the patient's own NAWM, noise included"


@dataclass(frozen=True)
class Call:
    """A phenotype; `confidence` is the share of draws that give the same one, None where nothing was called."""

    phenotype: Phenotype
    confidence: float | None


@dataclass(frozen=True, eq=False)
class Fits:
    """One lesion fitted under M suppositions.

    Parameters
    ----------
    weights : (M,) that add up to 1
    means : (M, 3) of core, rim and background
    covariances : (M, 3, 3)
    measured_background : mean of the map over the local shell, as it is
    """

    weights: Array
    means: Array
    covariances: Array
    measured_background: float

    @property
    def mean(self) -> Array:
        """(3,) core, rim, background, over the suppositions."""
        return np.asarray(self.weights @ self.means)

    @property
    def covariance(self) -> Array:
        """(3, 3): noise, and what the suppositions differ by."""
        apart = self.means - self.mean
        return np.asarray(np.tensordot(self.weights, self.covariances, axes=1) + (self.weights * apart.T) @ apart)

    @property
    def difference_error(self) -> float:
        """Standard error of rim − core."""
        contrast = np.array([-1.0, 1.0, 0.0])
        return float(np.sqrt(contrast @ self.covariance @ contrast))


def classify(core: float, rim: float, *, difference_error: float, active_level: float) -> Phenotype:
    """The rule, on one pair of values."""
    rim_stands_out = rim - core > DIFFERENCE_ERRORS * difference_error
    if core >= active_level:
        return Phenotype.INDETERMINATE if rim_stands_out else Phenotype.OVERALL_ACTIVE
    if rim < active_level:
        return Phenotype.INACTIVE
    return Phenotype.RIM_ACTIVE if rim_stands_out else Phenotype.INDETERMINATE


def call(fits: Fits, image: BlurredMap, *, number: int) -> Call:
    """The phenotype of a lesion, and the share of draws from its errors that agree; `number` keeps lesions' draws apart."""
    error = fits.difference_error
    if error > GATE * image.scale.median:
        return Call(Phenotype.NOT_RESOLVABLE, None)
    core, rim, _ = fits.mean
    found = classify(core, rim, difference_error=error, active_level=image.active_level)
    random = np.random.default_rng([image.seed, number])
    which = random.choice(len(fits.weights), DRAWS, p=fits.weights)
    root = np.linalg.cholesky(fits.covariances)
    drawn = fits.means[which] + np.einsum("nij,nj->ni", root[which], random.standard_normal((DRAWS, 3)))
    same = [classify(draw[0], draw[1], difference_error=error, active_level=image.active_level) is found for draw in drawn]
    share = float(np.mean(same))
    return Call(found, share) if share >= LEAST_AGREEMENT else Call(Phenotype.INDETERMINATE, None)


def fit_lesion(around: Surroundings, image: BlurredMap, projection: Projection) -> Fits | None:
    """Core, rim and background of one lesion, unmixed; None where the PET does not reach it or it has no rim."""
    near = voxels_near(around, projection)
    near = near.only(np.isfinite(image.values[tuple(near.index.T)]))
    if len(near.index) == 0:
        return None
    drawn = _shares(around, around.classes(), near, image.fwhm_mm)
    telling = (drawn[:, CORE] + drawn[:, RIM] >= FEWEST_SHARE) | (drawn[:, BACKGROUND] >= MOSTLY)
    if int(telling.sum()) <= around.count or not _seen(drawn[telling]):
        return None
    near, drawn = near.only(telling), drawn[telling]
    values = image.values[tuple(near.index.T)].astype(np.float64)
    mixtures, expected = [_mixture(values, drawn, near, image)], [SUPPOSITIONS[0][2]]
    for moved_mm, width, weight in SUPPOSITIONS[1:]:
        classes = around.classes(moved_mm)
        of_class = _shares(around, classes, near, width * image.fwhm_mm)
        if _enough(classes, around) and _seen(of_class):
            mixtures.append(_mixture(values, of_class, near, image))
            expected.append(weight)
    return Fits(
        weights=_weights(mixtures, expected, image.noise, near),
        means=np.stack([mixture.means[_OURS] for mixture in mixtures]),
        covariances=np.stack([_widened(mixture) for mixture in mixtures]),
        measured_background=_shell(values, drawn[:, BACKGROUND], near.distance_mm),
    )


def unmixed(fits: Fits, image: BlurredMap, *, core: float, rim: float, core_active: float, rim_active: float) -> Unmixed:
    """What is told of one lesion; core and rim as measured, and their shares above the active level."""
    mean, errors = fits.mean, np.sqrt(np.diag(fits.covariance))
    return Unmixed(
        quantity=image.quantity,
        core=float(mean[0]),
        rim=float(mean[1]),
        background=float(mean[2]),
        core_error=float(errors[0]),
        rim_error=float(errors[1]),
        difference_error=fits.difference_error,
        measured_core=core,
        measured_rim=rim,
        measured_background=fits.measured_background,
        active_level=image.active_level,
        active_basis=image.active_basis,
        core_active=core_active,
        rim_active=rim_active,
    )


_OURS = [CORE, RIM, BACKGROUND]


def _shares(around: Surroundings, classes: Array, near: Near, fwhm_mm: float) -> Array:
    return shares(classes, around.count, near.points, around.spacing_mm, fwhm_mm=fwhm_mm)


def _mixture(values: Array, of_class: Array, near: Near, image: BlurredMap) -> Mixture:
    """Core and rim are known from the image alone; of the rest we know beforehand that it is of the NAWM's order."""
    spread = np.full(of_class.shape[1], image.scale.median)
    spread[[CORE, RIM]] = np.inf
    return unmix(values, of_class, near.index, image.noise, expected=image.scale.median, spread=spread)


def _enough(classes: Array, around: Surroundings) -> bool:
    voxel_ml = float(np.prod(around.spacing_mm)) / 1000.0
    return bool((classes == CORE).sum() * voxel_ml >= SMALLEST_CORE_ML and (classes == RIM).any())


def _seen(of_class: Array) -> bool:
    """Whether the voxels hold something of core and of rim."""
    return bool((of_class[:, [CORE, RIM]].sum(axis=0) >= SEEN_VOXELS).all())


def _widened(mixture: Mixture) -> Array:
    """(3, 3) covariance; widened where the residuals are larger than the noise (Birge's ratio), because then the model is not all."""
    return np.asarray(max(1.0, mixture.misfit) * mixture.covariance[np.ix_(_OURS, _OURS)])


def _weights(mixtures: Sequence[Mixture], expected: Sequence[float], noise: Noise, near: Near) -> Array:
    """How likely each supposition is, from the residuals of all; voxels alike count as one."""
    misfit = np.array([mixture.misfit for mixture in mixtures])
    independent = len(near.index) * min(1.0, near.one_in / noise.voxels_alike)
    log = np.log(expected) - 0.5 * independent * (misfit - misfit.min()) / max(1.0, float(misfit.min()))
    weights = np.exp(log - log.max())
    return np.asarray(weights / weights.sum())


def _shell(values: Array, background: Array, distance: Array) -> float:
    """Mean over the local background shell, weighted with white matter's share; over all voxels where the shell holds none."""
    far = np.where(distance >= SHELL_MM[0], background, 0.0)
    weight = far if far.sum() >= 1.0 else background
    return float(weight @ values / weight.sum()) if weight.sum() > 0 else float("nan")
