"""Integrals, weights and basis curves of frames against curves whose integral is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.timing import FrameTiming
from node.errors import DataError
from node.quantify.kinetics.basis import convolved
from node.quantify.kinetics.frames import frame_weights, integral_matrix, integral_to_start, linear_part


def test_three_frames_by_hand() -> None:
    """Means 6, 9, 12 over frames of 10, 20, 30 s: 0, 60, 240 up to their starts."""
    timing = FrameTiming(np.array([0.0, 10.0, 30.0]), np.array([10.0, 20.0, 30.0]))
    assert integral_to_start(timing) @ [6.0, 9.0, 12.0] == pytest.approx([0.0, 60.0, 240.0])


def test_a_straight_curve_has_the_mean_of_its_parabola() -> None:
    """C(t) = 2 + 3t: its integral is 2t + 1.5t²; the mean of that over a frame by the antiderivative t² + t³/2."""
    edges = np.array([0.0, 5.0, 15.0, 40.0, 60.0])
    timing = FrameTiming(edges[:-1], np.diff(edges))
    curve = 2.0 + 3.0 * (edges[1:] + edges[:-1]) / 2
    expected = np.diff(edges**2 + edges**3 / 2) / np.diff(edges)
    assert integral_matrix(timing) @ curve == pytest.approx(expected, rel=1e-12)


def test_a_gap_is_filled_with_the_line_between_its_neighbours() -> None:
    """C(t) = 10 + t measured at 0–10 and 30–50 s: at 30 s its integral is 300 + 450."""
    timing = FrameTiming(np.array([0.0, 30.0]), np.array([10.0, 20.0]))
    assert integral_to_start(timing)[1] @ [15.0, 50.0] == pytest.approx(750.0)


def test_a_scan_that_starts_late_is_joined_to_zero_by_a_line() -> None:
    """First frame at 10–30 s with 20: the line from zero through (20, 20) has 50 under it at 10 s."""
    timing = FrameTiming(np.array([10.0]), np.array([20.0]))
    assert integral_to_start(timing) @ [20.0] == pytest.approx([50.0])


def test_frames_before_the_injection_count_from_their_own_start() -> None:
    timing = FrameTiming(np.array([-20.0, 0.0]), np.array([20.0, 10.0]))
    assert integral_to_start(timing) @ [0.5, 7.0] == pytest.approx([0.0, 10.0])


def test_frames_that_overlap_by_rounding_are_not_counted_twice() -> None:
    timing = FrameTiming(np.array([0.0, 9.5]), np.array([10.0, 10.0]))
    assert integral_to_start(timing)[1] @ [4.0, 4.0] == pytest.approx(38.0)


def test_a_scan_without_its_beginning_is_refused() -> None:
    with pytest.raises(DataError, match="starts 3600 s after time zero, 60 s is the limit"):
        integral_matrix(FrameTiming(np.array([3600.0]), np.array([300.0])))


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.floats(1.0, 600.0), min_size=2, max_size=30), cut=st.floats(0.1, 0.9), seed=st.integers(0, 2**32 - 1))
def test_splitting_a_frame_changes_no_integral_outside_it(lengths: list[float], cut: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    duration = np.array(lengths)
    timing = FrameTiming(np.cumsum(duration) - duration, duration)
    curve = rng.uniform(0.0, 9.0, len(duration))
    at = int(rng.integers(len(duration)))
    split = np.insert(duration, at, cut * duration[at])
    split[at + 1] = (1 - cut) * duration[at]
    finer = FrameTiming(np.cumsum(split) - split, split)
    before = integral_to_start(timing) @ curve
    after = integral_to_start(finer) @ np.insert(curve, at, curve[at])
    assert np.delete(after, at + 1) == pytest.approx(before, rel=1e-9, abs=1e-9)


def test_weights_are_inverse_variances_of_decay_corrected_means() -> None:
    """By simulation: counts are Poisson, the mean is counts × exp(λt)/d; one half-life apart, lengths 60 and 120 s, activity 1 and 2."""
    half_life_s = 1000.0
    timing = FrameTiming(np.array([0.0, 970.0]), np.array([60.0, 120.0]))
    middle = np.array([30.0, 1030.0])
    activity = np.array([1.0, 2.0])
    rng = np.random.default_rng(2)
    decay = 2.0 ** (middle / half_life_s)
    counts = rng.poisson(50 * activity * timing.duration_s / decay, (200_000, 2))
    variance = (counts * decay / timing.duration_s).var(axis=0)
    weights = frame_weights(timing, half_life_s, activity)
    assert weights.mean() == pytest.approx(1.0)
    assert weights[0] / weights[1] == pytest.approx(variance[1] / variance[0], rel=0.02)


def test_a_frame_without_activity_weighs_nothing() -> None:
    timing = FrameTiming(np.array([0.0, 10.0]), np.array([10.0, 10.0]))
    assert frame_weights(timing, 1223.4, np.array([-0.1, 3.0]))[0] == 0.0
    with pytest.raises(DataError, match="activity above zero; found none"):
        frame_weights(timing, 1223.4, np.array([0.0, 0.0]))


def test_the_linear_part_begins_at_t_star_and_leaves_out_weight_zero() -> None:
    timing = FrameTiming(np.arange(6) * 300.0, np.full(6, 300.0))
    assert linear_part(timing, np.array([1, 1, 1, 0, 1, 1.0]), 600.0).tolist() == [2, 4, 5]
    with pytest.raises(DataError, match="2 frames start 20 min"):
        linear_part(timing, np.ones(6), 1200.0)


def test_a_basis_curve_knows_where_a_gap_was() -> None:
    """A constant reference: R ⊗ exp(−k·t) = (1 − exp(−k·t))/k, averaged over frames with half an hour missing between them."""
    start, length = np.array([0.0, 60.0, 1860.0, 1960.0]), np.array([60.0, 60.0, 100.0, 40.0])
    rate = 0.001
    expected = (1 - (np.exp(-rate * start) - np.exp(-rate * (start + length))) / (rate * length)) / rate
    found = convolved(np.ones(4), FrameTiming(start, length), np.array([rate]))[0]
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rate_per_min", [0.01, 0.05, 0.3])
def test_a_basis_curve_is_the_convolution_as_the_scanner_measures_it(rate_per_min: float) -> None:
    """R(t) = t·exp(−t/8 min): convolved with an exponential and averaged in closed form, and by summing every 0.1 s."""
    lengths = np.array([0.25] * 8 + [1.0] * 3 + [2.0] * 5 + [5.0] * 9) * 60
    timing = FrameTiming(np.cumsum(lengths) - lengths, lengths)
    step = 0.1
    times = (np.arange(round(lengths.sum() / step)) + 0.5) * step
    fine = times / 60 * np.exp(-times / 480)
    rate = rate_per_min / 60
    a = 1 / 480 - rate
    exact = np.exp(-rate * times) * (1 - np.exp(-a * times) * (1 + a * times)) / a**2 / 60
    frames = np.searchsorted(np.cumsum(lengths), times)
    measured = np.bincount(frames, fine) / np.bincount(frames)
    expected = np.bincount(frames, exact) / np.bincount(frames)
    found = convolved(measured, timing, np.array([rate]))[0]
    assert found == pytest.approx(expected, abs=2e-3 * expected.max())
    assert found[12:-1] == pytest.approx(expected[12:-1], rel=2e-3)
