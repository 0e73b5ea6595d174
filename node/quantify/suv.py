"""SUVbw: from activity concentration to the standardised uptake value by body weight.

``SUVbw = C · W / D``: C the concentration in Bq/mL, W the weight in g, D the activity in Bq that would be left at the instant to which C is
decay-corrected. Half-life and instants come from the exam, already checked by its reading; here they are only put together.

Time zero of the kinetics plays no part: decay is counted from the instant to which the dose belongs, which may be another one.

References
----------
IBSI, Comprehensive Manual for SUV Computation (2026); QIBA vendor-neutral SUV pseudo-code; DICOM PS3.3 C.8.9.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.exam import PetSeries, Subject
from node.domain.volume import Array
from node.errors import DataError

UNIT_SUV = "g/ml{SUVbw}"
"""UCUM unit of SUVbw (PS3.16, DCM 126401)."""


@dataclass(frozen=True, eq=False)
class SuvScale:
    """How the values of a PET series become SUVbw.

    Parameters
    ----------
    decay : (F,) factor of each frame that brings all frames to one instant; all 1 where the scanner did that
    g_per_ml : factor to SUVbw after `decay`; None where it cannot be known
    missing : why not, a sentence; empty where it is known
    basis : what was put together, one phrase
    """

    decay: Array
    g_per_ml: float | None
    missing: str
    basis: str


def suv_scale(pet: PetSeries, subject: Subject) -> SuvScale:
    """The scale of a series.

    Raises
    ------
    DataError : Units other than BQML and GML, or a DecayCorrection other than START, ADMIN and NONE
    """
    uid = pet.source.series_uid
    if pet.units not in ("BQML", "GML"):
        raise DataError(f"PET series {uid}: Units is {pet.units!r}; expected BQML or GML")
    decay = _to_one_instant(pet)
    if pet.suv_missing:
        return SuvScale(decay, None, f"SUV was not computed: {pet.suv_missing}.", "")
    if pet.units == "GML":
        return SuvScale(decay, 1.0, "", "SUVbw as the scanner divided it (Units GML)")
    missing = _missing(pet, subject)
    if missing:
        return SuvScale(decay, None, f"SUV was not computed: {missing}.", "")
    assert subject.weight_kg is not None
    activity = _activity_bq(pet)
    basis = f"{subject.weight_kg:g} kg, {activity / 1e6:.4g} MBq at the instant of decay correction ({pet.decay_correction})"
    return SuvScale(decay, 1000.0 * subject.weight_kg / activity, "", basis)


def _missing(pet: PetSeries, subject: Subject) -> str:
    if subject.weight_kg is None:
        return "the patient's weight is not known"
    if pet.administration.activity_bq is None:
        return "the injected activity is not known"
    if pet.decay_correction == "START" and pet.decay_reference is None:
        return "the instant to which the images are decay-corrected is not known"
    if pet.decay_correction == "START" and pet.administration.injected_at is None:
        return "the time of injection is not known"
    if pet.decay_correction == "NONE" and pet.administration.injected_at is None:
        return "the time of injection is not known, and the images are not decay-corrected"
    return ""


def _activity_bq(pet: PetSeries) -> float:
    """Activity left at the instant to which the values refer, once `_to_one_instant` was applied."""
    administration = pet.administration
    assert administration.activity_bq is not None
    if pet.decay_correction != "START":
        return administration.activity_bq
    assert administration.injected_at is not None
    assert pet.decay_reference is not None
    elapsed_s = (pet.decay_reference - administration.injected_at).total_seconds()
    return float(administration.activity_bq * 2.0 ** (-elapsed_s / administration.half_life_s))


def _to_one_instant(pet: PetSeries) -> Array:
    """(F,) factors: 1 where the scanner corrected all frames to one instant (START, ADMIN); to the injection where it corrected none."""
    if pet.decay_correction in ("START", "ADMIN"):
        return np.ones(len(pet.timing))
    if pet.decay_correction != "NONE":
        raise DataError(f"PET series {pet.source.series_uid}: DecayCorrection is {pet.decay_correction!r}; expected START, ADMIN or NONE")
    rate = np.log(2.0) / pet.administration.half_life_s
    x = rate * pet.timing.duration_s
    return np.asarray(np.exp(rate * _since_injection_s(pet)) * x / -np.expm1(-x))


def _since_injection_s(pet: PetSeries) -> Array:
    """(F,) start of each frame in s after the injection of the dose; after time zero of the timing where either is not known, which
    leaves the ratios of frames right."""
    injected_at = pet.administration.injected_at
    if injected_at is None or not pet.records:
        return pet.timing.start_s
    return np.array([(record.acquired_at - injected_at).total_seconds() for record in pet.records])
