"""What has changed since an earlier exam that is alike, beside what two scans of an unchanged person differ by.

Differences are of the values as measured, without partial-volume correction. A change is called one only beyond the published
repeatability of this tracer, quantity, region, reference and window; where nobody has published it, the difference stands alone. One
lesion's change gets no limit: of many lesions some differ by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node.domain.history import Change
from node.domain.result import Finding, Lesion, Phenotype, Quantity
from node.domain.tracer import Repeatability, TracerProfile
from node.quantify.lesions import NOT_RESOLVED, TOO_SMALL
from node.quantify.likeness import Method, same_window

REGIONS = ("nawm", "thalamus", "cortex", "lesions")
"""What a follow-up is told by; besides, every region that the tracer's repeatability names."""

COUNTED = (Phenotype.RIM_ACTIVE, Phenotype.OVERALL_ACTIVE, Phenotype.INACTIVE)

OF_ONE_LESION = "no limit for one lesion: of many, some differ by chance"
OF_A_COUNT = "no repeatability of this count is known"
"""Why there is no repeatability."""


def find_changes(
    now: tuple[Sequence[Finding], Sequence[Lesion]],
    then: tuple[Sequence[Finding], Sequence[Lesion]],
    *,
    method: Method,
    tracer: TracerProfile,
    since: str,
) -> tuple[Change, ...]:
    """Regions first, then lesions one by one, then counts by phenotype.

    Parameters
    ----------
    now, then : findings and lesions of this exam and of the earlier one, which is alike
    method : of both
    since : name of the earlier exam
    """
    return (
        *_of_regions(now[0], then[0], method, tracer, since),
        *_of_lesions(now[1], then[1], method.quantity, since),
        *_of_counts(now[1], then[1], since),
    )


def repeatability_of(tracer: TracerProfile, region: str, method: Method) -> tuple[float | None, str]:
    """The repeatability coefficient (% of the mean of two scans) and its source; None, and why there is none."""
    fitting = [entry for entry in tracer.repeatability if _fits(entry, region, method)]
    if not fitting:
        return None, f"no repeatability is known to the node for {tracer.name}, {method.words}, in this region"
    entry = fitting[0]
    people = "" if entry.people is None else f" (n = {entry.people})"
    return entry.coefficient_percent, f"{entry.source}{people}"


def _fits(entry: Repeatability, region: str, method: Method) -> bool:
    return (
        entry.quantity is method.quantity
        and (not entry.regions or region in entry.regions)
        and method.reference in entry.references
        and (entry.window_s is None or same_window(entry.window_s, method.window_s))
    )


def _of_regions(now: Sequence[Finding], then: Sequence[Finding], method: Method, tracer: TracerProfile, since: str) -> Iterator[Change]:
    named = [region for entry in tracer.repeatability for region in entry.regions]
    for region in dict.fromkeys((*REGIONS, *named)):
        before, after = (_finding(findings, region, method.quantity) for findings in (then, now))
        if before is None or after is None or region == method.reference:
            continue
        percent, source = repeatability_of(tracer, region, method)
        limit = None if percent is None else percent / 100.0 * abs(before.value + after.value) / 2.0
        yield Change(region, method.quantity, before.value, after.value, after.unit, since, limit, source)


def _finding(findings: Sequence[Finding], region: str, quantity: Quantity) -> Finding | None:
    mine = (item for item in findings if item.region == region and item.quantity is quantity and not item.partial_volume)
    return next(mine, None)


def _of_lesions(now: Sequence[Lesion], then: Sequence[Lesion], quantity: Quantity, since: str) -> Iterator[Change]:
    earlier = {lesion.tracking_uid: lesion for lesion in then}
    for lesion in now:
        before = earlier.get(lesion.tracking_uid)
        if before is None or _as_one(before) != _as_one(lesion):
            continue
        for region, value in (("lesions", _core), ("rims", _rim)):
            old, new = value(before, quantity), value(lesion, quantity)
            if old is not None and new is not None:
                yield Change(region, quantity, old, new, "1", since, None, OF_ONE_LESION, lesion.number)


def _as_one(lesion: Lesion) -> bool:
    """Whether its core stands for core and rim together."""
    return lesion.note in (TOO_SMALL, NOT_RESOLVED)


def _core(lesion: Lesion, quantity: Quantity) -> float | None:
    return lesion.core_dvr if quantity is Quantity.DVR else lesion.core_suvr


def _rim(lesion: Lesion, quantity: Quantity) -> float | None:
    return lesion.rim_dvr if quantity is Quantity.DVR else lesion.rim_suvr


def _of_counts(now: Sequence[Lesion], then: Sequence[Lesion], since: str) -> Iterator[Change]:
    """Only where both exams have classed a lesion: none of a kind is no news where nothing could be classed."""
    if not all(any(lesion.phenotype in COUNTED for lesion in lesions) for lesions in (now, then)):
        return
    for kind in COUNTED:
        before, after = (float(sum(lesion.phenotype is kind for lesion in lesions)) for lesions in (then, now))
        yield Change(f"{kind.value} lesions", Quantity.COUNT, before, after, "1", since, None, OF_A_COUNT)
