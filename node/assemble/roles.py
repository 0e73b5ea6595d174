"""`judge`: which role a series may fill, and why or why not, as a sentence.

Physics first, a site's own rule second; see ``config/rules.toml``. A series that the site wants analysed and that cannot be used is
`wanted` without a role: the radiologist is told why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.assemble.drawings import is_own
from node.assemble.parts import MrPhysics, SegmentLabel
from node.assemble.rules import Range, Rules, SequenceRule
from node.assemble.series import SeriesSummary
from node.assemble.tracer import find_tracer, site_rule_fits
from node.domain.codes import PRIVATE_SCHEME
from node.domain.exam import Check, Gravity, Role
from node.domain.tracer import TracerProfile

READABLE_UNITS = ("BQML", "GML", "CNTS", "CM2ML")
NO_CONTRAST_AGENT = ("", "NO", "NONE", "N", "0", "NIL")


@dataclass(frozen=True)
class Judgement:
    """What a series is to the site.

    Parameters
    ----------
    role : that it may fill; None where it may fill none
    wanted : whether the site's rules want it analysed. Wanted without a role means that it cannot be used, and that this must be told
    tracer, tracer_basis : as Administration; None and "" for anything but a TSPO PET
    reason : why, as a sentence
    checks : assumptions that were made; they belong to the exam that the series ends up in
    """

    role: Role | None
    wanted: bool
    tracer: str | None
    tracer_basis: str
    reason: str
    checks: tuple[Check, ...] = ()


def judge(summary: SeriesSummary, rules: Rules, tracers: Mapping[str, TracerProfile], *, source: str = "") -> Judgement:
    """What a series is to the site.

    Parameters
    ----------
    tracers : every profile of the site, by key
    source : AE title that sent the series, for the site's own rules
    """
    header = summary.header
    if is_own(header):
        return made_here(summary)
    if summary.modality == "PT":
        return _judge_pet(summary, rules, tracers, source)
    if summary.modality == "MR":
        return _judge_mr(summary, rules, source)
    if summary.modality == "SEG":
        return _judge_segmentation(summary, rules)
    return _not_taken(summary, f"objects of modality {summary.modality or 'unknown'} are no input")


def made_here(summary: SeriesSummary) -> Judgement:
    """What a result of ours is that has come back: no input, or the node would feed on itself."""
    return _not_taken(summary, "it was made by this node")


def _not_taken(summary: SeriesSummary, why: str) -> Judgement:
    return Judgement(None, False, None, "", f"{summary.modality or 'a'} series {_called(summary)} is not taken: {why}")


def _called(summary: SeriesSummary) -> str:
    number = summary.header.series_number
    return summary.series_uid if number is None else f"{number} ({summary.series_uid})"


# --- PET ------------------------------------------------------------------------------------------------------------------------------


def _judge_pet(summary: SeriesSummary, rules: Rules, tracers: Mapping[str, TracerProfile], source: str) -> Judgement:
    wanted = {key: profile for key, profile in tracers.items() if not rules.tracers or key in rules.tracers}
    found = find_tracer(summary.header, rules, wanted, source=source)
    if found.key is None:
        return _not_taken(summary, found.why)
    if why_not := "" if summary.header.unread else _uncorrected(summary, rules) or _derived(summary):
        return _not_taken(summary, why_not)
    unusable = summary.header.unread or found.contradiction or _no_volume(summary, rules) or _unread_units(summary)
    if unusable:
        reason = f"PET series {_called(summary)} is {found.why}, but cannot be used: {unusable}"
        return Judgement(None, True, found.key, found.basis, reason, found.checks)
    reason = f"PET series {_called(summary)} is taken: {found.why}, {summary.completeness}"
    return Judgement(Role.PET, True, found.key, found.basis, reason, found.checks)


def _uncorrected(summary: SeriesSummary, rules: Rules) -> str:
    pet = summary.header.pet
    missing = [value for value in rules.corrections if pet is None or value not in pet.corrections]
    return f"it is not corrected for {' and '.join(missing)} (CorrectedImage)" if missing else ""


def _derived(summary: SeriesSummary) -> str:
    return "it was derived from other images" if summary.header.image_type[:1] == ("DERIVED",) else ""


def _unread_units(summary: SeriesSummary) -> str:
    units = summary.header.pet.units if summary.header.pet else ""
    return "" if units in READABLE_UNITS else f"its Units are {units or 'missing'}; expected one of {', '.join(READABLE_UNITS)}"


def _no_volume(summary: SeriesSummary, rules: Rules) -> str:
    """Why a series does not cover a head with one volume a frame; judged on a whole series only, half of one is no evidence."""
    if summary.trouble:
        return summary.trouble
    if not summary.complete:
        return ""
    extent = min(summary.extent_mm or (0.0,))
    if extent < rules.smallest_extent_mm:
        return f"it reaches {extent:.0f} mm along one axis, less than the {rules.smallest_extent_mm:.0f} mm of a head"
    return ""


# --- MR -------------------------------------------------------------------------------------------------------------------------------


def _judge_mr(summary: SeriesSummary, rules: Rules, source: str) -> Judgement:
    header, physics = summary.header, summary.header.mr
    if header.unread:
        return _not_taken(summary, header.unread)
    if ruled_out := _ruled_out(summary, rules):
        return _not_taken(summary, ruled_out)
    if summary.trouble:
        return _not_taken(summary, summary.trouble)
    site = next((rule for rule in rules.site_roles if site_rule_fits(rule, header, source)), None)
    fit = None if physics is None else next((rule for rule in rules.sequences if sequence_fits(rule, physics)), None)
    if fit is None and site is None:
        return _not_taken(summary, f"no rule for T1 or FLAIR fits {told(physics)}")
    if unfit := _no_volume(summary, rules) or _thick(summary, rules):
        return _not_taken(summary, unfit)
    role = fit.role if fit else Role(site.says) if site else None
    by = f"{fit.name}, {told(physics)}" if fit else "by the site's own rule"
    checks = _agent_checks(role, physics) + (() if fit else (_site_role_check(role),))
    return Judgement(role, True, None, "", f"MR series {_called(summary)} may be the {role.value if role else ''}: {by}", checks)


def sequence_fits(rule: SequenceRule, physics: MrPhysics) -> bool:
    """Whether a series was made the way a rule says."""
    sequence, variant = physics.scanning_sequence, physics.sequence_variant
    if "EP" in sequence or physics.angiography or physics.acquisition_type not in rule.acquisition:
        return False
    if rule.echo not in _echoes(sequence) or inverted(physics) is not rule.inversion or (rule.spoiled and "SP" not in variant):
        return False
    required = _within(physics.repetition_ms, rule.repetition_ms) and _within(physics.echo_ms, rule.echo_ms)
    inversion = not physics.inversion_ms or _within(physics.inversion_ms, rule.inversion_ms)
    flip = physics.flip_deg is None or _within(physics.flip_deg, rule.flip_deg)
    return required and inversion and flip


def inverted(physics: MrPhysics) -> bool:
    """Whether the magnetisation was inverted before it was read."""
    return "IR" in physics.scanning_sequence or "MP" in physics.sequence_variant or bool(physics.inversion_ms)


def told(physics: MrPhysics | None) -> str:
    """How an MR was made, in one phrase: "GR, 3D, TR 6.5 ms, TE 2.93 ms"."""
    if physics is None:
        return "an MR that does not say how it was made"
    kind = ["+".join(physics.scanning_sequence) or "unknown sequence", physics.acquisition_type or "2-D or 3-D unknown"]
    times = (("TR", physics.repetition_ms), ("TE", physics.echo_ms), ("TI", physics.inversion_ms or None))
    return ", ".join(kind + [f"{name} {value:.4g} ms" for name, value in times if value is not None])


def _echoes(sequence: tuple[str, ...]) -> tuple[str, ...]:
    """What may have made the echo. An inversion recovery that names no other sequence is a spin echo; RM ("research mode") may be either,
    and GE writes it for products too: the other limits of the rules tell them apart."""
    if "GR" in sequence:
        return ("gradient",)
    if "SE" in sequence:
        return ("spin",)
    return ("gradient", "spin") if "RM" in sequence else ("spin",) if "IR" in sequence else ()


def _within(value: float | None, limits: Range) -> bool:
    return value is not None and limits[0] <= value <= limits[1]


def _ruled_out(summary: SeriesSummary, rules: Rules) -> str:
    header = summary.header
    kinds = [kind.upper() for kind in header.image_type]
    joined = "\\".join(kinds)
    never = [kind for kind in kinds[2:] if kind in rules.never_image_types]
    if never:
        return f"its ImageType says {never[0]}"
    if "DERIVED" in kinds[:1] and not any(pattern.search(joined) for pattern in rules.derived_taken):
        return f"it was derived from other images (ImageType {joined})"
    if "SECONDARY" in kinds[1:2]:
        return f"it was made after the examination (ImageType {joined})"
    if header.mr is not None and header.mr.complex_component not in ("", "MAGNITUDE"):
        return f"it is a {header.mr.complex_component.lower()} image"
    if header.body_part.upper() in rules.never_body_parts:
        return f"its BodyPartExamined is {header.body_part}"
    words = f"{header.series_description}\n{header.protocol}".replace("_", " ")
    for pattern in rules.never_descriptions:
        if pattern.search(words):
            return f"its description matches {pattern.pattern!r} of never_descriptions"
    return ""


def _thick(summary: SeriesSummary, rules: Rules) -> str:
    step = summary.spacing_mm or 0.0
    return f"its slices are {step:.1f} mm apart, more than {rules.thickest_slice_mm:.1f} mm" if step > rules.thickest_slice_mm else ""


def has_contrast_agent(physics: MrPhysics | None) -> bool:
    """Whether the image was made after a contrast agent, as far as the header says."""
    return physics is not None and physics.contrast_agent.strip().upper() not in NO_CONTRAST_AGENT


def _agent_checks(role: Role | None, physics: MrPhysics | None) -> tuple[Check, ...]:
    if role is not Role.T1 or not has_contrast_agent(physics):
        return ()
    told = "the T1 was made after a contrast agent: bright vessels and meninges may pass for brain; look at the outline before releasing it"
    return (Check("t1_contrast_agent", False, told, Gravity.HOLD),)


def _site_role_check(role: Role | None) -> Check:
    return Check("role_by_site_rule", False, f"the {role.value if role else ''} was told by the site's own rule, not by how it was made")


# --- lesion SEG -----------------------------------------------------------------------------------------------------------------------


def _judge_segmentation(summary: SeriesSummary, rules: Rules) -> Judgement:
    lesions = [segment for segment in summary.header.segments if is_lesion(segment, rules)]
    if not lesions:
        return _not_taken(summary, "none of its segments is of lesions")
    numbers = "segment" if len(lesions) == 1 else "segments"
    return Judgement(Role.LESION_SEG, True, None, "", f"SEG series {_called(summary)} holds {len(lesions)} {numbers} of lesions")


def is_lesion(segment: SegmentLabel, rules: Rules) -> bool:
    """Whether a segment is of lesions, by its coded type or by its words; what lies around a lesion is none, and no type of ours is one."""
    words = (segment.label, segment.type.meaning if segment.type else "")
    ours = segment.type is not None and segment.type.scheme == PRIVATE_SCHEME
    if ours or any(pattern.search(word) for pattern in rules.never_lesion_labels for word in words):
        return False
    if segment.type and f"{segment.type.scheme}:{segment.type.value}" in rules.lesion_codes:
        return True
    return any(pattern.search(word) for pattern in rules.lesion_labels for word in words)
