"""Time courses of the tracer: a reference curve, and one curve a tissue class by the simplified reference tissue model.

*Class* means a tissue label, or a kind of lesion or its rim. Distribution volume ratios are invented for this phantom, in the range
that TSPO tracers show in multiple sclerosis; nothing in the node may take them for published values.

Reference: Lammertsma and Hume, NeuroImage 4:153 (1996), eq. 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.codes import Code
from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.simulate.options import Protocol, SimulatedTracer

REFERENCE_CLASS = "cereb_gm"
"""Its curve is the reference curve."""

BLOOD_CLASS = "sinus"
"""Follows the blood, not the model."""


ARRIVAL_MIN = 0.25
"""From the injection until the tracer is in the head."""


@dataclass(frozen=True)
class ClassKinetics:
    """One class: distribution volume ratio and relative delivery, both against cerebellar grey matter."""

    name: str
    dvr: float
    r1: float


@dataclass(frozen=True)
class TracerKinetics:
    """One tracer.

    Parameters
    ----------
    code : of PS3.16 CID 4021 or 4020, None where they have none; text : as a console names it
    injected_bq : typical activity
    k2_ref_per_min : efflux constant of the reference
    reference : (amplitude SUV, rate 1/min) of the falling exponentials of the reference curve
    rise_min : time constant of its rise
    window_s : late window, s after the injection
    """

    text: str
    code: Code | None
    radionuclide: Code
    half_life_s: float
    positron_fraction: float
    injected_bq: float
    k2_ref_per_min: float
    reference: tuple[tuple[float, float], ...]
    rise_min: float
    window_s: tuple[float, float]
    classes: tuple[ClassKinetics, ...]


_TSPO = (
    ClassKinetics("csf", 0.15, 0.15),
    ClassKinetics("cortex", 1.05, 1.0),
    ClassKinetics("nawm", 0.98, 0.65),
    ClassKinetics("cereb_gm", 1.0, 1.0),
    ClassKinetics("cereb_wm", 0.92, 0.65),
    ClassKinetics("thalamus", 1.25, 1.1),
    ClassKinetics("brainstem", 1.1, 0.85),
    ClassKinetics("deep_gm", 1.1, 1.05),
    ClassKinetics("soft", 0.55, 0.45),
    ClassKinetics("bone", 0.45, 0.3),
    ClassKinetics(BLOOD_CLASS, 0.4, 1.0),
    ClassKinetics("overall-active", 1.45, 0.65),
    ClassKinetics("inactive", 0.8, 0.55),
    ClassKinetics("rim", 1.7, 0.7),
    ClassKinetics("rim-core", 0.95, 0.55),
)

_FDG = (
    ClassKinetics("csf", 0.06, 0.15),
    ClassKinetics("cortex", 1.15, 1.1),
    ClassKinetics("nawm", 0.45, 0.65),
    ClassKinetics("cereb_gm", 1.0, 1.0),
    ClassKinetics("cereb_wm", 0.5, 0.65),
    ClassKinetics("thalamus", 1.1, 1.1),
    ClassKinetics("brainstem", 0.7, 0.85),
    ClassKinetics("deep_gm", 1.2, 1.05),
    ClassKinetics("soft", 0.2, 0.45),
    ClassKinetics("bone", 0.15, 0.3),
    ClassKinetics(BLOOD_CLASS, 0.2, 1.0),
    ClassKinetics("overall-active", 0.5, 0.65),
    ClassKinetics("inactive", 0.35, 0.55),
    ClassKinetics("rim", 0.5, 0.7),
    ClassKinetics("rim-core", 0.35, 0.55),
)

FLUORINE = Code("77004003", "SCT", "^18^Fluorine")
CARBON = Code("40565003", "SCT", "^11^Carbon")

TRACERS = {
    SimulatedTracer.DPA714: TracerKinetics(
        "[18F]DPA-714",
        Code("126766", "DCM", "DPA-714 ^18^F"),
        FLUORINE,
        6586.2,
        0.967,
        200.0e6,
        0.06,
        ((1.5, 0.004), (0.6, 0.05)),
        1.2,
        (3600.0, 5400.0),
        _TSPO,
    ),
    SimulatedTracer.PK11195: TracerKinetics(
        "[11C]PK11195",
        Code("C1609883", "UMLS", "PK 11195 ^11^C"),
        CARBON,
        1223.4,
        0.998,
        450.0e6,
        0.08,
        ((1.2, 0.006), (0.9, 0.06)),
        1.0,
        (2400.0, 3600.0),
        _TSPO,
    ),
    SimulatedTracer.PBR28: TracerKinetics(
        "[11C]PBR28",
        None,
        CARBON,
        1223.4,
        0.998,
        370.0e6,
        0.10,
        ((1.6, 0.005), (0.7, 0.05)),
        1.1,
        (3600.0, 5400.0),
        _TSPO,
    ),
    SimulatedTracer.FDG: TracerKinetics(
        "FDG",
        Code("35321007", "SCT", "Fluorodeoxyglucose F^18^"),
        FLUORINE,
        6586.2,
        0.967,
        250.0e6,
        0.05,
        ((6.5, 0.0005),),
        20.0,
        (1800.0, 3600.0),
        _FDG,
    ),
}

_EARLY_FRAMES_S = (15.0,) * 8 + (60.0,) * 3 + (120.0,) * 5


def frame_timing(tracer: TracerKinetics, protocol: Protocol) -> FrameTiming:
    """Frames of 5 min over the late window; from the injection with short frames before them for a dynamic scan."""
    start, end = tracer.window_s
    if protocol is Protocol.LATE:
        lengths = np.full(round((end - start) / 300.0), 300.0)
        return FrameTiming(start + np.cumsum(lengths) - lengths, lengths)
    early = np.array(_EARLY_FRAMES_S)
    lengths = np.append(early, np.full(round((end - early.sum()) / 300.0), 300.0))
    return FrameTiming(np.cumsum(lengths) - lengths, lengths)


def curves(tracer: TracerKinetics, timing: FrameTiming) -> Array:
    """(K, F) SUV of the K classes, averaged over each of the F frames, corrected for decay."""
    step_min = 1.0 / 60.0
    minutes = (np.arange(int(timing.end_s[-1])) + 0.5) * step_min
    reference = reference_curve(tracer, minutes)
    fine = _class_curves(tracer, minutes, reference)
    total = np.concatenate([np.zeros((len(fine), 1)), np.cumsum(fine, axis=1)], axis=1)
    start, end = timing.start_s.astype(int), timing.end_s.astype(int)
    return np.asarray((total[:, end] - total[:, start]) / (end - start))


def reference_curve(tracer: TracerKinetics, minutes: Array) -> Array:
    """(T,) SUV of the reference at times after the injection, min."""
    minutes = np.clip(minutes - ARRIVAL_MIN, 0.0, None)
    fall = sum(amplitude * np.exp(-rate * minutes) for amplitude, rate in tracer.reference)
    return np.asarray(fall * (1.0 - np.exp(-minutes / tracer.rise_min)))


def _class_curves(tracer: TracerKinetics, minutes: Array, reference: Array) -> Array:
    """(K, T) SUV of all classes."""
    step = float(minutes[1] - minutes[0])
    dvr, r1 = np.array([[kinetics.dvr, kinetics.r1] for kinetics in tracer.classes]).T
    k2 = r1 * tracer.k2_ref_per_min
    k2a = k2 / dvr
    # Reference ⊗ exp(−k2a·t) as a recursion, exact for a reference that is constant over each step.
    decay = np.exp(-k2a * step)
    gain = (1.0 - decay) / k2a
    convolved = np.zeros((len(dvr), len(minutes)))
    state = np.zeros(len(dvr))
    for t, value in enumerate(reference):
        state = decay * state + gain * value
        convolved[:, t] = state
    found = r1[:, None] * reference + (k2 - r1 * k2a)[:, None] * convolved
    found[[kinetics.name == BLOOD_CLASS for kinetics in tracer.classes]] = blood_curve(minutes)
    return np.asarray(found)


def blood_curve(minutes: Array) -> Array:
    """(T,) SUV of the blood: passage of the bolus, then a slow fall."""
    minutes = np.clip(minutes - ARRIVAL_MIN, 0.0, None)
    passage = 12.0 * np.exp(-minutes / 0.7) + 3.0 * np.exp(-minutes / 6.0) + 0.9 * np.exp(-minutes / 110.0)
    return np.asarray(passage * (1.0 - np.exp(-minutes / 0.3)))


def decay_constant_per_s(tracer: TracerKinetics) -> float:
    """ln 2 / half-life."""
    return float(np.log(2.0)) / tracer.half_life_s
