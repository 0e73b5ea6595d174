"""Units (0054,1001) to Bq/mL, or to SUVbw in g/mL where the scanner has divided already (PS3.3 C.8.9.1).

=====================  ======================================================================================
BQML                   as it is
GML                    SUVbw, or another SUV by its SUVType, turned back with weight, height and sex
CM2ML                  SUV by body surface, turned back
CNTS                   Philips: the private factor to SUV, else the private factor to activity, else refused
CPS                    refused: what is needed for it is told
anything else          refused
=====================  ======================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from node.assemble.body import Body, bodyweight_per_suv
from node.assemble.parts import PetPhysics
from node.domain.exam import Check, Gravity
from node.errors import DataError

SAME_FACTOR = 0.01
"""Philips' two factors that differ by more are told (our default)."""


@dataclass(frozen=True)
class Scale:
    """What the rescaled values become.

    Parameters
    ----------
    units : "BQML", or "GML" where the scanner divided by dose and body
    unit : UCUM unit of the values after they were multiplied by `factor`
    why : which rule gave `factor`, for the chain
    suv_missing : why the values cannot become SUVbw, though their ratios hold; empty where they can
    """

    units: str
    unit: str
    factor: float
    why: str
    suv_missing: str = ""
    checks: tuple[Check, ...] = ()


BECQUEREL = Scale("BQML", "Bq/mL", 1.0, "Units (0054,1001)")


def scale_of(pet: PetPhysics, body: Body, *, by_activity: bool, of: str) -> Scale:
    """How rescaled values become Bq/mL or SUVbw.

    Parameters
    ----------
    body : as the scanner knew it when it divided
    by_activity : take Philips' factor to activity before that to SUV, since a person corrected what the latter was made from

    Raises
    ------
    DataError : Units that cannot be turned into either
    """
    if pet.units == "BQML":
        return BECQUEREL
    if pet.units == "GML" and pet.suv_type != "BSA":
        return _divided(pet, pet.suv_type or "BW", body, of)
    if pet.units == "CM2ML" and pet.suv_type in ("", "BSA"):
        return _divided(pet, "BSA", body, of)
    if pet.units == "CNTS" and (pet.philips_suv_factor or pet.philips_activity_factor):
        return _counts(pet, by_activity=by_activity)
    raise DataError(f"{of}: {_refused(pet)}")


def as_corrected(scale: Scale, corrected: float | None, as_scanned: float | None) -> Scale:
    """A scale of values that the scanner divided, after a person corrected what it divided by.

    Parameters
    ----------
    corrected, as_scanned : SUVbw per Bq/mL with and without the corrections, None where unknown
    """
    if corrected is None or as_scanned is None:
        missing = "a person corrected weight or dose, but what the scanner divided by is not known, so that its SUV cannot be corrected"
        return replace(scale, suv_missing=scale.suv_missing or missing)
    ratio = corrected / as_scanned
    message = f"the scanner's own SUV were multiplied by {ratio:.5g}, for what a person corrected"
    told = Check("corrected_suv", False, message, value=ratio, unit="1")
    return replace(scale, factor=scale.factor * ratio, why=f"{scale.why}; × {ratio:.5g} for corrections", checks=(*scale.checks, told))


def factors_check(pet: PetPhysics, suv_per_bqml: float | None) -> tuple[Check, ...]:
    """Whether Philips' factor to SUV agrees with its factor to activity, dose and weight; nothing where they cannot be compared."""
    if pet.units != "CNTS" or not pet.philips_suv_factor or not pet.philips_activity_factor or suv_per_bqml is None:
        return ()
    apart = pet.philips_activity_factor * suv_per_bqml / pet.philips_suv_factor - 1.0
    agree = abs(apart) <= SAME_FACTOR
    told = "agree" if agree else f"disagree: SUV by activity would be {100 * apart:+.1f} %; the factor to SUV was taken"
    message = f"the scanner's factor to SUV and its factor to activity, with dose and weight, {told}"
    return (Check("philips_factors", agree, message, value=abs(apart), limit=SAME_FACTOR, unit="1"),)


def _divided(pet: PetPhysics, kind: str, body: Body, of: str) -> Scale:
    if kind not in ("BW", "LBM", "LBMJAMES128", "LBMJANMA", "IBW", "BSA"):
        raise DataError(f"{of}: expected SUVType BW, LBM, LBMJAMES128, LBMJANMA, IBW or BSA; found {kind}")
    if pet.decay_correction == "NONE":
        missing = "the scanner wrote SUV that are not decay-corrected, and does not say what it divided by"
        return Scale("GML", "g/mL", 1.0, f"Units {pet.units}", missing)
    factor = bodyweight_per_suv(kind, body)
    if factor is None:
        missing = f"the scanner wrote SUV of type {kind}, and weight, height or sex to turn them into SUV by body weight are not known"
        return Scale("GML", "g/mL", 1.0, f"Units {pet.units}, SUVType {kind}", missing)
    if kind == "BW":
        return Scale("GML", "g/mL", 1.0, "Units (0054,1001) GML: SUVbw as the scanner wrote it")
    message = f"SUV of type {kind} were turned into SUV by body weight, times {factor:.4g}"
    told = Check("units", False, message, Gravity.NOTE)
    return Scale("GML", "g/mL", factor, f"Units {pet.units} (0054,1001), SUVType {kind} (0054,1006): × {factor:.4g}", checks=(told,))


def _counts(pet: PetPhysics, *, by_activity: bool) -> Scale:
    suv, activity = pet.philips_suv_factor, pet.philips_activity_factor
    if suv and not (by_activity and activity):
        message = "counts were turned into SUV by the scanner's own factor (7053,1000)"
        return Scale("GML", "g/mL", suv, f"Philips SUV factor (7053,xx00): × {suv:.6g}", checks=(Check("units", True, message),))
    assert activity is not None
    message = "counts were turned into activity by the scanner's own factor (7053,1009)"
    return Scale(
        "BQML", "Bq/mL", activity, f"Philips activity factor (7053,xx09): × {activity:.6g}", checks=(Check("units", True, message),)
    )


def _refused(pet: PetPhysics) -> str:
    kind = f" of type {pet.suv_type}" if pet.suv_type else ""
    expected = (
        f"expected Units BQML, GML, CM2ML, or CNTS with a Philips factor (7053,1000) or (7053,1009); found {pet.units or 'none'}{kind}"
    )
    if pet.units != "CPS":
        return expected
    calibrated = "DCAL" in pet.corrections
    lack = "CorrectedImage says DCAL" if calibrated else "CorrectedImage does not say DCAL, and DoseCalibrationFactor is not believed alone"
    return f"{expected}. Counts per second are no concentration ({lack}): have the scanner reconstruct to BQML"
