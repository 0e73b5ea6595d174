"""Which tracer a PET is of: by code, then by the radiopharmaceutical's text, then by the site's own rule. FDG is never guessed away.

The radionuclide and the half-life must fit the tracer that was found; where they contradict it, somebody chose the wrong entry on the
console, and nothing may be computed from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.assemble.header import Header
from node.assemble.parts import PetPhysics
from node.assemble.rules import Rules, SiteRule
from node.domain.codes import Code
from node.domain.exam import Check
from node.domain.tracer import TracerProfile

HALF_LIFE_TOLERANCE = 0.005
"""Relative; real files hold 6586 and 6588 s for F-18, 1223 s for C-11."""

NUCLIDES = {
    ("77004003", "SCT"): "F-18",
    ("40565003", "SCT"): "C-11",
    ("C-111A1", "SRT"): "F-18",
    ("C-105A1", "SRT"): "C-11",
    ("C-111A1", "SNM3"): "F-18",
    ("C-105A1", "SNM3"): "C-11",
    ("C-111A1", "99SDM"): "F-18",
    ("C-105A1", "99SDM"): "C-11",
}
"""CID 4020 in the schemes that are met; others are read from their meaning."""

_ELEMENTS = {"F": "F", "FLUORINE": "F", "C": "C", "CARBON": "C", "O": "O", "OXYGEN": "O", "N": "N", "NITROGEN": "N", "GA": "Ga"}
_MASS_FIRST = re.compile(r"\^?(\d{2,3})\^?m?[\s-]*([a-z]+)", re.IGNORECASE)
_MASS_LAST = re.compile(r"([a-z]+)[\s^-]*(\d{2,3})", re.IGNORECASE)


@dataclass(frozen=True)
class TracerFound:
    """`key` of the tracer, or None and `why` not; `contradiction` where the radionuclide does not fit it. `basis` as Administration."""

    key: str | None
    basis: str
    why: str
    contradiction: str = ""
    checks: tuple[Check, ...] = ()


def find_tracer(header: Header, rules: Rules, tracers: Mapping[str, TracerProfile], *, source: str = "") -> TracerFound:
    """The tracer of a PET.

    Parameters
    ----------
    header : of a PET instance
    tracers : every profile of the site, by key
    source : AE title that sent it, for the site's rules
    """
    pet = header.pet
    if pet is None or pet.radiopharmaceuticals > 1:
        return TracerFound(None, "", "it names more than one radiopharmaceutical" if pet else "it has no PET attributes")
    keys = _by_code(pet.radiopharmaceutical_code, tracers)
    basis = "code"
    if not keys:
        keys, basis = _by_text(pet.radiopharmaceutical, pet.radiopharmaceutical_code, tracers), "text"
    checks: tuple[Check, ...] = ()
    if len(keys) != 1:
        keys, basis = [rule.says for rule in rules.site_tracers if site_rule_fits(rule, header, source)][:1], "site rule"
        checks = (_site_check(keys[0], tracers),) if keys and keys[0] in tracers else ()
    if not keys or keys[0] not in tracers:
        return TracerFound(None, "", _unknown(pet.radiopharmaceutical, pet.radiopharmaceutical_code))
    profile = tracers[keys[0]]
    return TracerFound(keys[0], basis, f"{profile.name} by {basis}", half_life_contradiction(pet, profile), (*checks, *_silence(header)))


def site_rule_fits(rule: SiteRule, header: Header, source: str) -> bool:
    """Whether every pattern of a site's rule is found."""
    pairs = (
        (rule.source, source),
        (rule.station, header.station),
        (rule.study, header.study_description),
        (rule.series, header.series_description),
        (rule.protocol, header.protocol),
        (rule.procedure_code, "\n".join(header.procedure_codes)),
    )
    return all(pattern is None or pattern.search(value) for pattern, value in pairs)


def nuclide_of(code: Code | None) -> str | None:
    """Radionuclide of a code as "F-18"; None where it cannot be told."""
    if code is None:
        return None
    known = NUCLIDES.get((code.value, code.scheme))
    return known or _nuclide_in(code.meaning)


def _nuclide_in(meaning: str) -> str | None:
    if match := _MASS_FIRST.search(meaning):
        mass, element = match.groups()
    elif match := _MASS_LAST.search(meaning):
        element, mass = match.groups()
    else:
        return None
    symbol = _ELEMENTS.get(element.upper())
    return f"{symbol}-{mass}" if symbol else None


def _by_code(code: Code | None, tracers: Mapping[str, TracerProfile]) -> list[str]:
    if code is None:
        return []
    return [
        key for key, profile in tracers.items() if profile.code and (profile.code.value, profile.code.scheme) == (code.value, code.scheme)
    ]


def _by_text(radiopharmaceutical: str, code: Code | None, tracers: Mapping[str, TracerProfile]) -> list[str]:
    words = (radiopharmaceutical, code.meaning if code else "")
    return [key for key, profile in tracers.items() if any(re.search(profile.pattern, word, re.IGNORECASE) for word in words)]


def _unknown(radiopharmaceutical: str, code: Code | None) -> str:
    named = radiopharmaceutical or (code.meaning if code else "")
    return f"its radiopharmaceutical is {named!r}, not a tracer of this site" if named else "it does not name its radiopharmaceutical"


def half_life_contradiction(pet: PetPhysics, profile: TracerProfile) -> str:
    """Why radionuclide or half-life in the header cannot be those of a tracer; empty where they can."""
    nuclide, half_life = nuclide_of(pet.radionuclide_code), pet.half_life_s
    if nuclide is not None and nuclide != profile.radionuclide:
        return f"{profile.name} is labelled with {profile.radionuclide}, but the header says {nuclide}"
    if half_life is not None and abs(half_life / profile.half_life_s - 1.0) > HALF_LIFE_TOLERANCE:
        return f"{profile.radionuclide} has a half-life of {profile.half_life_s:g} s, but the header says {half_life:g} s"
    return ""


def _silence(header: Header) -> Sequence[Check]:
    assert header.pet is not None
    if header.pet.half_life_s is None and nuclide_of(header.pet.radionuclide_code) is None:
        return [Check("radionuclide", False, "the header names neither radionuclide nor half-life: those of the tracer were taken")]
    return []


def _site_check(key: str, tracers: Mapping[str, TracerProfile]) -> Check:
    return Check("tracer_by_site_rule", False, f"the header does not name the tracer: {tracers[key].name} by the site's own rule")
