"""Basis curves of the simplified reference tissue model: R ⊗ exp(−k2a·t) as the scanner would have measured it, and the search among them.

The integral of R is known exactly at the edges of the frames. Between them it is drawn by a monotone cubic (PCHIP), whose derivative is
a curve R(t) that has the measured mean in every frame. Its convolution is averaged over each frame as the scanner averages, by the
identity ``∫B dt = (∫R dt − ΔB)/k2a`` over any interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import PchipInterpolator

from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics.frames import TOLERANCE_S, integral_to_start

K2A_PER_S = (0.01 / 60.0, 0.3 / 60.0)
"""Range of k2a that is searched, 1/s: 0.01 to 0.3 per minute, as NiftyPAD 2.0 has it."""

STEPS = 100
"""Basis curves over that range, equally spaced in log k2a."""

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True, eq=False)
class Family:
    """Curves over log k2a.

    Parameters
    ----------
    log_k2a : (J,) equally spaced, log of 1/s
    curves : (J, F) R ⊗ exp(−k2a·t) averaged over each frame, unit of R × s
    """

    log_k2a: Array
    curves: Array


def family(
    reference: Array, timing: FrameTiming, *, k2a_per_s: tuple[float, float], steps: int = STEPS, through: float | None = None
) -> Family:
    """The basis curves of a reference.

    Parameters
    ----------
    reference : (F,)
    k2a_per_s : range, 1/s
    steps : at least so many curves over the range
    through : a k2a (1/s) that shall be one of them
    """
    low, high = np.log(k2a_per_s[0]), np.log(k2a_per_s[1])
    step = (high - low) / (steps - 1)
    offset = 0.0 if through is None else (np.log(through) - low) % step - step
    log_k2a = low + offset + step * np.arange(steps + (through is not None))
    return Family(log_k2a, convolved(reference, timing, np.exp(log_k2a)))


def convolved(reference: Array, timing: FrameTiming, rates_per_s: Array) -> Array:
    """(J, F) R ⊗ exp(−rate·t), averaged over each of the F frames.

    Parameters
    ----------
    reference : (F,) means of the frames
    rates_per_s : (J,) above zero
    """
    edges, integral = _edges(reference, timing)
    drawn = PchipInterpolator(edges, integral).derivative()
    rates = np.asarray(rates_per_s)[:, None]
    at_edges = np.zeros((len(rates), len(edges)))
    for i, (start, end) in enumerate(pairwise(edges)):
        half = (end - start) / 2.0
        times = start + half * (_POINTS + 1.0)
        added = half * np.exp(-rates * (end - times)) @ (_WEIGHTS * drawn(times))
        at_edges[:, i + 1] = at_edges[:, i] * np.exp(-rates[:, 0] * (end - start)) + added
    of_frames = (np.diff(integral) - np.diff(at_edges, axis=1)) / (rates * np.diff(edges))
    return np.asarray(of_frames[:, np.searchsorted(edges, timing.start_s)])


def _edges(reference: Array, timing: FrameTiming) -> tuple[Array, Array]:
    """(n,) edges of frames and gaps from time zero, s, and the integral of the reference there; frames that touch within 1 s share one."""
    until_start = integral_to_start(timing) @ reference
    edges, integral = [], []
    if timing.start_s[0] > 0:
        edges, integral = [0.0], [0.0]
    for i in range(len(timing)):
        edges.append(float(timing.start_s[i]))
        integral.append(float(until_start[i]))
        last = i + 1 == len(timing)
        if last or timing.start_s[i + 1] - timing.end_s[i] > TOLERANCE_S:
            edges.append(float(timing.end_s[i]))
            integral.append(float(until_start[i] + timing.duration_s[i] * reference[i]))
    return np.array(edges), np.array(integral)
