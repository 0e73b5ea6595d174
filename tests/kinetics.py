"""Curves whose kinetics are known, made without any code of the node.

*Exponentials*: plasma falls as a sum of exponentials after a fast rise, so that one tissue compartment in tissue and reference has a
closed form, and so has its mean over a frame. *Differential equations*: the same, or two tissue compartments, integrated by SciPy.
Minutes throughout: a unit that differs from the node's catches a unit that is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.integrate import solve_ivp

PLASMA = ((60.0, 1.9), (18.0, 0.35), (4.0, 0.012))
"""(amplitude, rate 1/min) of the falling parts."""
RISE = 4.0
"""Rate of the rise, 1/min: one more exponential that brings the plasma to zero at time zero."""

K2_REF = (0.04, 0.07, 0.11, 0.15)
R1 = (0.8, 0.9, 1.0, 1.1, 1.2)
BP_ND = (0.0, 0.25, 0.5, 0.75, 1.0)
"""The physiological grid."""


@dataclass(frozen=True)
class TwoTissue:
    """Rates of two tissue compartments (1/min), invented near what is reported for a tracer; VT = k1/k2·(1 + k3/k4)."""

    name: str
    k1: float
    k2: float
    k3: float
    k4: float

    @property
    def vt(self) -> float:
        """Distribution volume."""
        return self.k1 / self.k2 * (1.0 + self.k3 / self.k4)


def two_tissue_brain(k2: float, k3: float, k4: float) -> tuple[TwoTissue, ...]:
    """A reference with these rates, first, and tissues around it: another delivery, a changed density of TSPO."""
    return (
        TwoTissue("reference", 0.10, k2, k3, k4),
        TwoTissue("nawm", 0.05, 0.50 * k2, 1.1 * k3, k4),
        TwoTissue("thalamus", 0.11, 1.05 * k2, 1.6 * k3, k4),
        TwoTissue("brainstem", 0.085, 0.90 * k2, 1.2 * k3, k4),
        TwoTissue("cortex", 0.095, k2, 0.9 * k3, k4),
    )


PK11195_LIKE = two_tissue_brain(0.20, 0.05, 0.05)
PBR28_LIKE = two_tissue_brain(0.12, 0.06, 0.035)


def two_tissue_curve(tissue: TwoTissue, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """(F,) frame means of two tissue compartments."""
    return by_differential_equation(tissue.k1, tissue.k2, tissue.k3, tissue.k4, start, length)


def frames_min(total_min: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths of a usual scan (min): 8 × 15 s, 3 × 1, 5 × 2, then 5 min frames up to the end, the last one what is left."""
    lengths = [0.25] * 8 + [1.0] * 3 + [2.0] * 5
    while sum(lengths) < total_min - 1e-9:
        lengths.append(min(5.0, total_min - sum(lengths)))
    found = np.array(lengths)
    return np.cumsum(found) - found, found


@dataclass(frozen=True)
class Known:
    """One tissue over its reference."""

    k2_ref: float
    r1: float
    dvr: float


def grid() -> list[Known]:
    """All tissues of the physiological grid."""
    return [Known(k2_ref, r1, 1.0 + bp) for k2_ref, r1, bp in product(K2_REF, R1, BP_ND)]


def reference_curve(k2_ref: float, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """(F,) frame means of the reference: K1 = 0.1, efflux k2′ (1/min)."""
    return 0.1 * _compartment(k2_ref, start, length)


def tissue_curve(known: Known, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """(F,) frame means of the tissue: K1 = 0.1·R1, efflux R1·k2′/DVR (1/min)."""
    return 0.1 * known.r1 * _compartment(known.r1 * known.k2_ref / known.dvr, start, length)


def _compartment(rate: float, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """(F,) frame means of plasma ⊗ exp(−rate·t)."""
    total = np.zeros(len(start))
    for amplitude, fall in (*PLASMA, (-sum(amplitude for amplitude, _ in PLASMA), RISE)):
        mean = _mean_of_exponential(fall, start, length) - _mean_of_exponential(rate, start, length)
        total += amplitude * mean / (rate - fall)
    return total


def _mean_of_exponential(rate: float, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    return np.exp(-rate * start) * -np.expm1(-rate * length) / (rate * length)


def plasma(minutes: np.ndarray | float) -> np.ndarray:
    """Plasma at times (min)."""
    minutes = np.asarray(minutes)
    falling = sum(amplitude * np.exp(-rate * minutes) for amplitude, rate in PLASMA)
    return np.asarray(falling - sum(amplitude for amplitude, _ in PLASMA) * np.exp(-RISE * minutes))


def by_differential_equation(k1: float, k2: float, k3: float, k4: float, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """(F,) frame means of two tissue compartments after `plasma`; k3 = 0 leaves one."""

    def slope(t: float, state: np.ndarray) -> np.ndarray:
        free, bound, _ = state
        exchange = k3 * free - k4 * bound
        return np.array([k1 * plasma(t) - k2 * free - exchange, exchange, free + bound])

    edges = np.append(start, start[-1] + length[-1])
    assert np.allclose(edges[1:-1], (start + length)[:-1]), "frames touch"
    solved = solve_ivp(slope, (0.0, float(edges[-1])), [0.0, 0.0, 0.0], t_eval=edges, rtol=1e-9, atol=1e-9, max_step=0.5)
    return np.diff(solved.y[2]) / length
