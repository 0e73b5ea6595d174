"""What has become of each lesion since an earlier exam: volumes on the T1, compared beyond what drawing and alignment repeat."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.domain.history import Fate, LesionChange
from node.domain.result import Lesion

SURFACE_MM = 0.7
"""By how much a lesion's border must have moved all round to be called enlarged or smaller: our default, about half the diagonal of a 1 mm
voxel. It asks 73 % of a lesion of 0.1 mL, 34 % of one of 1 mL, 16 % of one of 10 mL. Drawn by hand again and again, lesions below 0.67 cm²
had to change by 45 % in area and larger ones by 24 % (Goodkin et al., Arch Neurol 49:261, 1992): as volumes 75 and 38 %."""


@dataclass(frozen=True)
class Kin:
    """Lesions of two exams that are one: `number` in both; `joined` others of then that it has taken in, `parted` others of now."""

    number: int
    joined: tuple[int, ...] = ()
    parted: tuple[int, ...] = ()


def find_fates(now: Sequence[Lesion], then: Sequence[Lesion], kin: Sequence[Kin], *, since: str) -> tuple[LesionChange, ...]:
    """One line a lesion, by number; those that joined or parted are told with the one whose number lives on.

    Parameters
    ----------
    since : name of the earlier exam
    """
    new, old = ({lesion.number: lesion for lesion in lesions} for lesions in (now, then))
    told_now = {number for one in kin for number in (one.number, *one.parted)}
    told_then = {number for one in kin for number in (one.number, *one.joined)}
    found = [_kept(one, old, new, since) for one in kin]
    found += [
        LesionChange(number, Fate.NEW, since, None, lesion.volume_ml, None, lesion.phenotype)
        for number, lesion in new.items()
        if number not in told_now
    ]
    found += [
        LesionChange(number, Fate.VANISHED, since, lesion.volume_ml, None, lesion.phenotype, None)
        for number, lesion in old.items()
        if number not in told_then
    ]
    return tuple(sorted(found, key=lambda item: item.number))


def kin_told(kin: Sequence[Kin], *, since: str) -> tuple[str, ...]:
    """One sentence for each lesion that has taken others in or has come apart."""
    told = []
    for one in kin:
        if one.joined:
            told.append(f"Lesions {_listed((one.number, *one.joined))} of {since} have grown together: they are lesion {one.number} now.")
        if one.parted:
            told.append(f"Lesion {one.number} of {since} has come apart: it is lesions {_listed((one.number, *one.parted))} now.")
    return tuple(told)


def limit_ml(before_ml: float, now_ml: float) -> float:
    """The difference of volume that moves the border of a sphere of the mean volume by `SURFACE_MM`."""
    mean_mm3 = 500.0 * (before_ml + now_ml)
    surface_mm2 = float(math.cbrt(36.0 * math.pi) * mean_mm3 ** (2.0 / 3.0))
    return surface_mm2 * SURFACE_MM / 1000.0


def fate_of(before_ml: float, now_ml: float) -> Fate:
    """Of a lesion that was there and is there."""
    if abs(now_ml - before_ml) <= limit_ml(before_ml, now_ml):
        return Fate.SAME
    return Fate.ENLARGED if now_ml > before_ml else Fate.SMALLER


def _kept(one: Kin, old: Mapping[int, Lesion], new: Mapping[int, Lesion], since: str) -> LesionChange:
    before = sum(old[number].volume_ml for number in (one.number, *one.joined))
    after = sum(new[number].volume_ml for number in (one.number, *one.parted))
    kinds = old[one.number].phenotype, new[one.number].phenotype
    return LesionChange(one.number, fate_of(before, after), since, before, after, *kinds)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))
