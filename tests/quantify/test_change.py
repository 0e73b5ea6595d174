"""What is called a change, what has become of a lesion, and which exams are compared at all: by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

import pytest

from node.domain.history import Change, Fate
from node.domain.result import Finding, Lesion, Phenotype, Quantity
from node.domain.tracer import Repeatability, Spread, TracerProfile
from node.quantify.change import find_changes, repeatability_of
from node.quantify.fates import SURFACE_MM, Kin, fate_of, find_fates, kin_told, limit_ml
from node.quantify.lesions import NOT_RESOLVED
from node.quantify.likeness import Method, remarks, unlike

METHOD = Method(
    tracer="[11C]DPA-713",
    quantity=Quantity.DVR,
    reference="svca",
    window_s=(1800.0, 5400.0),
    scanner="ACME Ring",
    reconstruction="OSEM 4i",
    corrections=("ATTN", "DECY"),
    at=datetime.fromisoformat("2026-03-02T10:00"),
    software="Ember 1",
)
TRACER = TracerProfile(
    key="dpa713",
    name="[11C]DPA-713",
    code=None,
    pattern="x",
    radionuclide="C-11",
    half_life_s=1223.4,
    genotype_sensitive=True,
    window_s=(3600.0, 5400.0),
    shortest_window_s=600.0,
    reference="cerebellar_gm",
    sources=(),
    repeatability=(Repeatability(Quantity.DVR, (), ("svca",), None, Spread.DIFFERENCE, 5.0, 6, "somebody 2025"),),
)


def finding(region: str, value: float, *, partial_volume: str = "") -> Finding:
    return Finding(region, Quantity.DVR, value, "1", None, "", partial_volume)


def lesion(number: int, ml: float = 1.0, *, core: float | None = 1.2, uid: str = "", **more: object) -> Lesion:
    return replace(
        Lesion(number, uid or f"2.25.{number}", ml, "deep white matter", (0.0, 0.0, 0.0), 3.0, None, None, None, None, core_dvr=core),
        **more,
    )


def changes(now: list[Finding], then: list[Finding], tracer: TracerProfile = TRACER) -> dict[str, Change]:
    found = find_changes((now, ()), (then, ()), method=METHOD, tracer=tracer, since="E00001")
    return {change.region: change for change in found}


def test_a_change_within_the_repeatability_is_none_and_one_beyond_it_is() -> None:
    """5 % of mean absolute difference are 12.3 % of repeatability: 3 % is within, 20 % beyond."""
    then = [finding("nawm", 1.0), finding("thalamus", 1.0)]
    found = changes([finding("nawm", 1.03), finding("thalamus", 1.20)], then)
    assert found["nawm"].repeatability == pytest.approx(0.0246 * 5 * 1.015, rel=2e-3)
    assert (found["nawm"].exceeds, found["thalamus"].exceeds) == (False, True)
    assert found["nawm"].source == "somebody 2025 (n = 6)"


def test_the_same_numbers_twice_are_no_change() -> None:
    same = [finding(region, 1.1) for region in ("nawm", "thalamus", "cortex", "lesions")]
    found = changes(same, same)
    assert set(found) == {"nawm", "thalamus", "cortex", "lesions"}
    assert all(change.difference == 0.0 and change.exceeds is False for change in found.values())


def test_where_nobody_has_published_a_repeatability_nothing_exceeds_it() -> None:
    found = changes([finding("nawm", 2.0)], [finding("nawm", 1.0)], replace(TRACER, repeatability=()))
    assert found["nawm"].repeatability is None
    assert found["nawm"].exceeds is None
    assert "no repeatability is known" in found["nawm"].source


@pytest.mark.parametrize(
    "entry",
    [
        Repeatability(Quantity.SUVR, (), ("svca",), None, Spread.COEFFICIENT, 4.0, None, "x"),
        Repeatability(Quantity.DVR, ("frontal_gm",), ("svca",), None, Spread.COEFFICIENT, 4.0, None, "x"),
        Repeatability(Quantity.DVR, (), ("whole_brain",), None, Spread.COEFFICIENT, 4.0, None, "x"),
        Repeatability(Quantity.DVR, (), ("svca",), (2400.0, 3600.0), Spread.COEFFICIENT, 4.0, None, "x"),
    ],
)
def test_a_repeatability_of_something_else_is_not_used(entry: Repeatability) -> None:
    percent, why = repeatability_of(replace(TRACER, repeatability=(entry,)), "nawm", METHOD)
    assert percent is None
    assert "[11C]DPA-713" in why


def test_a_region_whose_repeatability_was_published_is_told_too() -> None:
    entry = Repeatability(Quantity.DVR, ("frontal_gm",), ("svca",), None, Spread.COEFFICIENT, 11.0, None, "x")
    found = changes([finding("frontal_gm", 1.2)], [finding("frontal_gm", 1.0)], replace(TRACER, repeatability=(entry,)))
    assert found["frontal_gm"].repeatability == pytest.approx(0.121)


def test_a_corrected_value_is_never_compared() -> None:
    assert changes([finding("nawm", 1.0, partial_volume="GTM")], [finding("nawm", 1.0)]) == {}


def test_one_lesion_gets_its_difference_and_no_limit() -> None:
    now = [lesion(4, core=1.5, rim_dvr=1.7), lesion(9)]
    then = [lesion(4, core=1.2, rim_dvr=1.6), lesion(5)]
    found = find_changes(((), now), ((), then), method=METHOD, tracer=TRACER, since="E00001")
    assert [(c.region, c.lesion, round(c.difference, 6), c.exceeds) for c in found] == [("lesions", 4, 0.3, None), ("rims", 4, 0.1, None)]


def test_a_core_is_not_compared_with_core_and_rim_together() -> None:
    found = find_changes(((), [lesion(4)]), ((), [lesion(4, note=NOT_RESOLVED)]), method=METHOD, tracer=TRACER, since="E00001")
    assert found == ()


def test_phenotypes_are_counted_where_both_exams_have_classed_lesions() -> None:
    rim, calm = {"phenotype": Phenotype.RIM_ACTIVE}, {"phenotype": Phenotype.INACTIVE}
    now, then = [lesion(1, core=None, **rim), lesion(2, core=None, **rim)], [lesion(1, core=None, **rim), lesion(2, core=None, **calm)]
    found = find_changes(((), now), ((), then), method=METHOD, tracer=TRACER, since="E00001")
    assert {c.region: (c.before, c.now) for c in found} == {
        "rim-active lesions": (1.0, 2.0),
        "overall-active lesions": (0.0, 0.0),
        "inactive lesions": (1.0, 0.0),
    }
    assert find_changes(((), now), ((), [lesion(1, core=None)]), method=METHOD, tracer=TRACER, since="E00001") == ()


def test_the_limit_of_volume_is_a_border_moved_by_the_stated_width() -> None:
    radius = 6.0
    sphere = 4.0 / 3.0 * math.pi * radius**3 / 1000.0
    assert limit_ml(sphere, sphere) == pytest.approx(4.0 * math.pi * radius**2 * SURFACE_MM / 1000.0)


@pytest.mark.parametrize(
    ("moved_mm", "fate"), [(0.0, Fate.SAME), (0.5, Fate.SAME), (-0.5, Fate.SAME), (1.0, Fate.ENLARGED), (-1.0, Fate.SMALLER)]
)
@pytest.mark.parametrize("radius", [2.0, 5.0, 12.0])
def test_a_lesion_is_enlarged_when_its_border_has_moved_far_enough(radius: float, moved_mm: float, fate: Fate) -> None:
    before, now = (4.0 / 3.0 * math.pi * r**3 / 1000.0 for r in (radius, radius + moved_mm))
    assert fate_of(before, now) is fate


def test_every_lesion_of_both_exams_has_one_fate() -> None:
    now = [lesion(1, 1.0), lesion(2, 3.0), lesion(7, 0.2)]
    then = [lesion(1, 1.0), lesion(2, 1.0), lesion(3, 0.3)]
    found = find_fates(now, then, [Kin(1), Kin(2)], since="E00001")
    assert {c.number: (c.fate, c.before_ml, c.now_ml) for c in found} == {
        1: (Fate.SAME, 1.0, 1.0),
        2: (Fate.ENLARGED, 1.0, 3.0),
        3: (Fate.VANISHED, 0.3, None),
        7: (Fate.NEW, None, 0.2),
    }


def test_lesions_that_grew_together_are_neither_vanished_nor_enlarged() -> None:
    kin = [Kin(1, joined=(2,)), Kin(4, parted=(9,))]
    found = find_fates([lesion(1, 2.0), lesion(4, 0.6), lesion(9, 0.4)], [lesion(1), lesion(2), lesion(4)], kin, since="E00001")
    assert {c.number: (c.fate, c.before_ml, c.now_ml) for c in found} == {1: (Fate.SAME, 2.0, 2.0), 4: (Fate.SAME, 1.0, 1.0)}
    assert kin_told(kin, since="E00001") == (
        "Lesions 1, 2 of E00001 have grown together: they are lesion 1 now.",
        "Lesion 4 of E00001 has come apart: it is lesions 4, 9 now.",
    )


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"tracer": "[11C]PBR28"}, "tracer"),
        ({"quantity": Quantity.SUVR}, "quantity"),
        ({"reference": "cerebellar_gm"}, "cerebellar grey matter"),
        ({"window_s": (1800.0, 5000.0)}, "window"),
        ({"scanner": "ACME Tube"}, "camera"),
        ({"reconstruction": "OSEM 8i"}, "reconstruction"),
        ({"corrections": ("DECY",)}, "corrections"),
    ],
)
def test_what_is_not_alike_is_said_in_a_sentence(other: dict[str, object], word: str) -> None:
    sentence = unlike(METHOD, replace(METHOD, **other))
    assert sentence.startswith("Not compared: ")
    assert word in sentence


def test_what_differs_a_little_is_alike() -> None:
    assert unlike(METHOD, replace(METHOD, window_s=(1900.0, 5200.0), scanner="acme ring", corrections=("DECY", "ATTN"))) == ""


def test_another_hour_of_the_day_and_another_software_are_remarked() -> None:
    late = replace(METHOD, at=datetime.fromisoformat("2025-01-01T16:30"), software="Ember 0")
    assert len(remarks(METHOD, late, since="E00001")) == 2
    assert remarks(METHOD, replace(METHOD, at=datetime.fromisoformat("2025-01-01T12:30")), since="E00001") == ()
    midnight = (
        replace(METHOD, at=datetime.fromisoformat("2025-01-01T23:00")),
        replace(METHOD, at=datetime.fromisoformat("2025-01-03T01:00")),
    )
    assert remarks(*midnight, since="E00001") == ()
