"""Weighted least squares for one curve, with the covariance of its coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array

SINGULAR = 1e-10
"""Smallest ratio of singular values, columns brought to one length, at which a design still counts as determined."""


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A solved line or plane.

    Parameters
    ----------
    coefficients : (p,)
    covariance : (p, p) of the coefficients, from the scatter of the residuals; infinite where the design does not determine them
    fitted : (n,) the model at the points
    """

    coefficients: Array
    covariance: Array
    fitted: Array

    @property
    def errors(self) -> Array:
        """(p,) standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def solve(design: Array, values: Array, weights: Array) -> LinearFit:
    """Weighted least squares by singular values, columns scaled; the smallest solution where several are as good.

    Parameters
    ----------
    design : (n, p)
    values, weights : (n,) weights are inverse variances up to a factor
    """
    root = np.sqrt(weights)
    scale = np.linalg.norm(root[:, None] * design, axis=0)
    scale[scale == 0] = 1.0
    u, singular, vt = np.linalg.svd(root[:, None] * design / scale, full_matrices=False)
    kept = singular > SINGULAR * singular[0]
    inverse = np.where(kept, 1.0 / np.where(kept, singular, 1.0), 0.0)
    coefficients = vt.T @ (inverse * (u.T @ (root * values))) / scale
    fitted = design @ coefficients
    spare = int(np.count_nonzero(weights)) - design.shape[1]
    if spare > 0 and kept.all():
        variance = float(weights @ (values - fitted) ** 2) / spare
        covariance = variance * (vt.T * inverse**2) @ vt / np.outer(scale, scale)
    else:
        covariance = np.full((scale.size, scale.size), np.inf)
    return LinearFit(coefficients, covariance, fitted)


def ratio_error(fit: LinearFit, above: int, below: int) -> float:
    """Standard error of the ratio of two coefficients, to first order; infinite where it is not determined."""
    a, b = fit.coefficients[above], fit.coefficients[below]
    if b == 0 or not np.isfinite(fit.covariance).all():
        return float("inf")
    gradient = np.zeros(fit.coefficients.size)
    gradient[above], gradient[below] = 1.0 / b, -a / b**2
    return float(np.sqrt(gradient @ fit.covariance @ gradient))
