"""SUVbw in closed form, for every branch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

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
