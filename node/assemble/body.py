"""What an uptake is divided by: body weight, lean body mass, ideal body weight, body surface.

W in kg, H in cm. Sources as collected by the IBSI manual for SUV computation (2026) and PS3.3 C.8.9.1: lean body mass "Morgan" and
James with 128 after James, Research on Obesity (1976); Janmahasatian et al., Clin Pharmacokinet 44:1051 (2005); ideal body weight and
surface (Du Bois, Arch Intern Med 17:863, 1916). Sex O is the mean of both, which is our default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Body:
    """Weight in kg, height in m, sex M, F or O; None and "" where they are not known."""

    weight_kg: float | None
    height_m: float | None
    sex: str


def bodyweight_per_suv(kind: str, body: Body) -> float | None:
    """Factor from an SUV of another kind to SUVbw.

    Parameters
    ----------
    kind : SUVType (0054,1006): BW, LBM, LBMJAMES128, LBMJANMA, IBW or BSA (the latter from cm²/mL)

    Returns
    -------
    1 for BW; None where the kind is not known, or weight, height or sex is missing or so odd that the formula gives nothing above zero
    """
    if kind in ("", "BW"):
        return 1.0
    if not body.weight_kg or not body.height_m:
        return None
    weight, height = body.weight_kg, 100.0 * body.height_m
    if kind == "BSA":
        return 1000.0 * weight / (1e4 * surface_m2(weight, height))
    if kind not in _MASSES or body.sex not in ("M", "F", "O"):
        return None
    male, female = (mass(weight, height) for mass in _MASSES[kind])
    divisor = {"M": male, "F": female, "O": (male + female) / 2.0}[body.sex]
    return weight / divisor if divisor > 0 else None


def surface_m2(weight_kg: float, height_cm: float) -> float:
    """Body surface after Du Bois."""
    return float(0.007184 * height_cm**0.725 * weight_kg**0.425)


Mass = Callable[[float, float], float]


def _james(slope: float, bend: float) -> Mass:
    return lambda weight, height: slope * weight - bend * (weight / height) ** 2


def _janmahasatian(offset: float, slope: float) -> Mass:
    return lambda weight, height: 9270.0 * weight / (offset + slope * weight / (height / 100.0) ** 2)


def _ideal(offset: float, slope: float) -> Mass:
    return lambda weight, height: offset + slope * (height - 152.0)


_MASSES: dict[str, tuple[Mass, Mass]] = {
    "LBM": (_james(1.10, 120.0), _james(1.07, 148.0)),
    "LBMJAMES128": (_james(1.10, 128.0), _james(1.07, 148.0)),
    "LBMJANMA": (_janmahasatian(6680.0, 216.0), _janmahasatian(8780.0, 244.0)),
    "IBW": (_ideal(48.0, 1.06), _ideal(45.5, 0.91)),
}
"""SUVType → mass in kg of a man and of a woman, from W kg and H cm."""
