"""SUVbw in closed form, for every branch."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.exam import FrameRecord
from node.domain.timing import FrameTiming
from node.errors import DataError
from node.quantify.suv import suv_scale
from tests.quantify.phantom import INJECTED, exam, pet

HALF_LIFE_S = 6586.2


def test_start_uses_the_activity_left_at_the_decay_reference_also_past_midnight() -> None:
    series = replace(pet(), decay_reference=INJECTED + timedelta(seconds=HALF_LIFE_S))
    scale = suv_scale(series, exam().subject)
    assert scale.g_per_ml == pytest.approx(70_000 / 100e6, rel=1e-12)
    assert np.array_equal(scale.decay, np.ones(6))


def test_admin_uses_the_activity_as_it_was_injected() -> None:
    scale = suv_scale(replace(pet(), decay_correction="ADMIN", decay_reference=None), exam().subject)
    assert scale.g_per_ml == pytest.approx(70_000 / 200e6, rel=1e-12)


def test_none_corrects_each_frame_to_the_injection() -> None:
    timing = FrameTiming(np.array([HALF_LIFE_S]), np.array([1e-3]))
    series = replace(pet(frames=1), decay_correction="NONE", decay_reference=None, timing=timing)
    assert suv_scale(series, exam().subject).decay[0] == pytest.approx(2.0, rel=1e-6)

    long = replace(series, timing=FrameTiming(np.array([0.0]), np.array([HALF_LIFE_S])))
    # Mean activity over one half-life from the injection is 1 / (2 ln 2) of that at its start.
    assert suv_scale(long, exam().subject).decay[0] == pytest.approx(2 * np.log(2), rel=1e-12)


def test_gml_is_not_divided_again() -> None:
    assert suv_scale(replace(pet(), units="GML"), exam(weight_kg=None).subject).g_per_ml == 1.0


@pytest.mark.parametrize(
    ("changes", "weight_kg", "words"),
    [
        ({}, None, "weight"),
        ({"activity_bq": None}, 70.0, "activity"),
        ({"injected_at": None}, 70.0, "time of injection"),
    ],
)
def test_what_is_missing_takes_away_suv_and_says_so(changes: dict[str, object], weight_kg: float | None, words: str) -> None:
    series = pet()
    series = replace(series, administration=replace(series.administration, **changes))
    scale = suv_scale(series, exam(weight_kg=weight_kg).subject)
    assert scale.g_per_ml is None
    assert words in scale.missing


@pytest.mark.parametrize(("key", "value"), [("units", "CNTS"), ("decay_correction", "LATER")])
def test_what_is_not_known_is_refused(key: str, value: str) -> None:
    with pytest.raises(DataError, match=value):
        suv_scale(replace(pet(), **{key: value}), exam().subject)


def test_none_counts_decay_from_the_dose_and_not_from_time_zero() -> None:
    """The frames began one half-life after the dose, though the kinetics count from their start."""
    series = replace(pet(frames=1), decay_correction="NONE", decay_reference=None, timing=FrameTiming(np.array([0.0]), np.array([1e-3])))
    record = FrameRecord(INJECTED + timedelta(seconds=HALF_LIFE_S), None, None, 1.0)
    assert suv_scale(replace(series, records=(record,)), exam().subject).decay[0] == pytest.approx(2.0, rel=1e-6)


def test_values_that_are_no_suv_by_weight_are_not_called_so() -> None:
    scale = suv_scale(replace(pet(), units="GML", suv_missing="the height is not known"), exam().subject)
    assert scale.g_per_ml is None
    assert scale.missing == "SUV was not computed: the height is not known."


@given(weight=st.floats(3, 300), activity=st.floats(1e6, 1e9), half_life=st.sampled_from([1223.4, 6586.2]), delay_s=st.floats(-300, 7200))
def test_suv_agrees_with_a_decay_by_steps_and_scales_as_it_must(weight: float, activity: float, half_life: float, delay_s: float) -> None:
    """Another way to the same number: activity by repeated halving over whole seconds in float, and scale laws that know no decay."""
    series = replace(pet(), decay_reference=INJECTED + timedelta(seconds=round(delay_s)))
    given_ = replace(series.administration, activity_bq=activity, half_life_s=half_life)
    series = replace(series, administration=given_)
    factor = suv_scale(series, exam(weight_kg=weight).subject).g_per_ml
    assert factor is not None
    left = activity * math.prod([0.5 ** (1.0 / half_life)] * abs(round(delay_s))) ** math.copysign(1.0, delay_s)
    assert factor == pytest.approx(1000.0 * weight / left, rel=1e-9)
    doubled = replace(series, administration=replace(given_, activity_bq=2 * activity))
    assert suv_scale(doubled, exam(weight_kg=3 * weight).subject).g_per_ml == pytest.approx(1.5 * factor, rel=1e-12)
