"""Every model against curves with known kinetics, and what no model may depend on."""

from __future__ import annotations

from collections.abc import Callable

import kinetics
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.timing import FrameTiming
from node.errors import DataError
from node.quantify.kinetics import frame_weights, logan, mrtm2, srtm, srtm2, zhou
from node.quantify.kinetics.basis import convolved
from node.quantify.kinetics.frames import integral_matrix

C11, F18 = 1223.4, 6586.2
T_STAR_S = 1200.0

Dvr = Callable[..., np.ndarray]


def by_logan(curves, reference, timing, weights, k2_ref, t_star_s=T_STAR_S):
    return logan(curves, reference, timing, t_star_s=t_star_s, k2_ref_per_s=k2_ref / 60, weights=weights).dvr


def by_mrtm2(curves, reference, timing, weights, k2_ref, t_star_s=T_STAR_S):
    return mrtm2(curves, reference, timing, t_star_s=t_star_s, k2_ref_per_s=k2_ref / 60, weights=weights).dvr


def by_srtm(curves, reference, timing, weights, k2_ref, t_star_s=T_STAR_S):
    return srtm(curves, reference, timing, weights=weights).dvr


def by_srtm2(curves, reference, timing, weights, k2_ref, t_star_s=T_STAR_S):
    return srtm2(curves, reference, timing, k2_ref_per_s=k2_ref / 60, weights=weights).dvr


def by_zhou(curves, reference, timing, weights, k2_ref, t_star_s=T_STAR_S):
    return zhou(curves, reference, timing, weights=weights).dvr


MODELS = pytest.mark.parametrize("dvr", [by_logan, by_mrtm2, by_srtm, by_srtm2, by_zhou])


def scan(total_min: float, half_life_s: float = C11) -> tuple[FrameTiming, np.ndarray]:
    """A usual dynamic scan and its weights."""
    start, length = kinetics.frames_min(total_min)
    timing = FrameTiming(60 * start, 60 * length)
    return timing, frame_weights(timing, half_life_s)


def known_curves(timing: FrameTiming, k2_ref: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(F,) reference, (F, N) tissues of the grid, (N,) their DVR."""
    start, length = timing.start_s / 60, timing.duration_s / 60
    tissues = [known for known in kinetics.grid() if known.k2_ref == k2_ref]
    curves = np.stack([kinetics.tissue_curve(known, start, length) for known in tissues], axis=1)
    return kinetics.reference_curve(k2_ref, start, length), curves, np.array([known.dvr for known in tissues])


def test_the_closed_form_solves_the_differential_equation() -> None:
    start, length = kinetics.frames_min(60)
    known = kinetics.Known(k2_ref=0.08, r1=0.7, dvr=1.6)
    solved = kinetics.by_differential_equation(0.07, 0.7 * 0.08 / 1.6, 0.0, 0.0, start, length)
    assert kinetics.tissue_curve(known, start, length) == pytest.approx(solved, rel=1e-5)


@pytest.mark.parametrize(("total_min", "half_life_s"), [(60, C11), (94, C11), (60, F18), (94, F18)])
@pytest.mark.parametrize(("dvr", "limit"), [(by_logan, 1e-3), (by_mrtm2, 1e-3), (by_srtm, 3e-3), (by_srtm2, 3e-3), (by_zhou, 3e-3)])
def test_noise_free_curves_of_the_whole_grid_give_their_dvr(total_min: float, half_life_s: float, dvr: Dvr, limit: float) -> None:
    """The tolerances asked for; a tenth of them is kept, so that a loss of accuracy shows before it matters."""
    timing, weights = scan(total_min, half_life_s)
    for k2_ref in kinetics.K2_REF:
        reference, curves, truth = known_curves(timing, k2_ref)
        assert dvr(curves, reference, timing, weights, k2_ref) == pytest.approx(truth, rel=limit / 10)


@MODELS
def test_a_tissue_like_the_reference_has_dvr_one_and_twice_the_reference_two(dvr: Dvr) -> None:
    timing, weights = scan(60)
    reference, _, _ = known_curves(timing, 0.07)
    curves = np.stack([reference, 2.0 * reference], axis=1)
    for t_star_s in (600.0, 1200.0, 1800.0):
        assert dvr(curves, reference, timing, weights, 0.07, t_star_s) == pytest.approx([1.0, 2.0], rel=1e-7)


@MODELS
def test_delivery_alone_changes_nothing_in_a_constant_ratio(dvr: Dvr) -> None:
    """Whatever the reference's shape: the other way to DVR 1, a noisy reference."""
    timing, weights = scan(60)
    reference, _, _ = known_curves(timing, 0.11)
    noisy = reference * (1 + 0.05 * np.sin(np.arange(len(timing))))
    assert dvr(1.3 * noisy[:, None], noisy, timing, weights, 0.11) == pytest.approx([1.3], rel=1e-7)


@MODELS
@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-6, 1e9))
def test_the_dvr_does_not_depend_on_the_unit_of_activity(dvr: Dvr, scale: float) -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    expected = dvr(curves, reference, timing, weights, 0.07)
    assert dvr(scale * curves, scale * reference, timing, weights, 0.07) == pytest.approx(expected, rel=1e-7)


def test_the_dvr_does_not_depend_on_the_unit_of_time() -> None:
    """The same scan told sixty times slower, with rates sixty times smaller."""
    timing, weights = scan(60)
    slow = FrameTiming(60 * timing.start_s, 60 * timing.duration_s)
    reference, curves, _ = known_curves(timing, 0.07)
    k2 = 0.07 / 60
    pairs = [
        (
            model(curves, reference, timing, t_star_s=1200, k2_ref_per_s=k2, weights=weights),
            model(curves, reference, slow, t_star_s=72000, k2_ref_per_s=k2 / 60, weights=weights),
        )
        for model in (logan, mrtm2)
    ]
    limits = (1e-4, 5e-3)
    slow_limits = (limits[0] / 60, limits[1] / 60)
    pairs.append(
        (
            srtm(curves, reference, timing, weights=weights, k2a_per_s=limits),
            srtm(curves, reference, slow, weights=weights, k2a_per_s=slow_limits),
        )
    )
    pairs.append((zhou(curves, reference, timing, weights=weights), zhou(curves, reference, slow, weights=weights)))
    for fast, slowly in pairs:
        assert slowly.dvr == pytest.approx(fast.dvr, rel=1e-9)


@MODELS
def test_merging_pairs_of_late_frames_changes_the_dvr_by_less_than_0_3_percent(dvr: Dvr) -> None:
    timing, weights = scan(90)
    reference, curves, _ = known_curves(timing, 0.07)
    first = len(timing) - 12
    groups = [[i] for i in range(first)] + [[i, i + 1] for i in range(first, len(timing), 2)]
    lengths = np.array([timing.duration_s[group].sum() for group in groups])
    merged = FrameTiming(np.array([timing.start_s[group[0]] for group in groups]), lengths)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.stack([np.average(values[group], axis=0, weights=timing.duration_s[group]) for group in groups])

    fewer = dvr(mean(curves), mean(reference), merged, frame_weights(merged, C11), 0.07)
    assert fewer == pytest.approx(dvr(curves, reference, timing, weights, 0.07), rel=3e-3)


@MODELS
def test_a_gap_is_bridged(dvr: Dvr) -> None:
    """Ten minutes out of the scanner, late: a straight line through the gap is close."""
    timing, _ = scan(90)
    reference, curves, truth = known_curves(timing, 0.07)
    kept = (timing.start_s < 2400) | (timing.start_s >= 3000)
    with_gap = FrameTiming(timing.start_s[kept], timing.duration_s[kept])
    found = dvr(curves[kept], reference[kept], with_gap, frame_weights(with_gap, F18), 0.07)
    assert found == pytest.approx(truth, rel=3e-3)


@MODELS
def test_a_frame_of_weight_zero_may_hold_anything_late(dvr: Dvr) -> None:
    """The last frame enters no integral of an earlier one but its slope; a spoilt last frame of weight 0 hardly matters."""
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    weights = np.append(weights[:-1], 0.0)
    expected = dvr(curves, reference, timing, weights, 0.07)
    curves = curves.copy()
    curves[-1] *= 1.05
    assert dvr(curves, reference, timing, weights, 0.07) == pytest.approx(expected, rel=5e-3)


@MODELS
def test_voxels_in_any_shape_and_layout_are_those_one_by_one(dvr: Dvr) -> None:
    """J11: more voxels than a chunk holds, noisy, float32, frames first or last; each as when it is alone."""
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    rng = np.random.default_rng(4)
    noisy = (np.tile(curves, 130)[:, :2600] * rng.normal(1, 0.05, (len(timing), 2600))).astype(np.float32)
    together = dvr(noisy.reshape(len(timing), 13, 20, 10), reference, timing, weights, 0.07).ravel()
    frames_last = dvr(np.ascontiguousarray(noisy.T).T, reference, timing, weights, 0.07)
    assert frames_last == pytest.approx(together, rel=1e-12)
    for i in (*range(0, 2600, 371), 2047, 2048, 2599):
        assert float(dvr(noisy[:, i], reference, timing, weights, 0.07)) == pytest.approx(together[i], rel=1e-6)


@MODELS
def test_curves_without_an_answer_are_nan_and_spoil_no_neighbour(dvr: Dvr) -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    spoilt = curves.copy()
    spoilt[:, 0], spoilt[7, 1], spoilt[9, 2] = 0.0, np.nan, np.inf
    with np.errstate(invalid="ignore"):
        found = dvr(spoilt, reference, timing, weights, 0.07)
    assert np.isnan(found[:3]).all()
    assert found[3:] == pytest.approx(dvr(curves, reference, timing, weights, 0.07)[3:], rel=1e-9)


@MODELS
def test_the_curves_stay_as_they_are(dvr: Dvr) -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    copies = curves.copy(), reference.copy(), weights.copy()
    for array in (curves, reference, weights):
        array.flags.writeable = False
    dvr(curves, reference, timing, weights, 0.07)
    for array, copy in zip((curves, reference, weights), copies, strict=True):
        assert np.array_equal(array, copy)


def test_delivery_and_efflux_come_with_the_dvr() -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.11)
    tissues = [known for known in kinetics.grid() if known.k2_ref == 0.11]
    r1 = np.array([known.r1 for known in tissues])
    k2a = np.array([known.r1 * known.k2_ref / known.dvr for known in tissues]) / 60
    for fit in (
        srtm(curves, reference, timing, weights=weights),
        srtm2(curves, reference, timing, k2_ref_per_s=0.11 / 60, weights=weights),
        zhou(curves, reference, timing, weights=weights),
        mrtm2(curves, reference, timing, t_star_s=0.0, k2_ref_per_s=0.11 / 60, weights=weights),
    ):
        alike = np.isclose(r1, [known.dvr for known in tissues])  # then the curve has the reference's shape, and k2a is anything
        assert fit.r1[~alike] == pytest.approx(r1[~alike], rel=2e-3)
        assert fit.k2a_per_s[~alike] == pytest.approx(k2a[~alike], rel=4e-3)


def test_the_linear_models_are_weighted_least_squares() -> None:
    """Curve by curve with NumPy's solver, on noise: the model's equation as it stands in the paper."""
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    rng = np.random.default_rng(9)
    noisy = curves * (1 + 0.03 / np.sqrt(weights)[:, None] * rng.standard_normal(curves.shape))
    integrals, late, k2 = integral_matrix(timing), timing.start_s >= T_STAR_S, 0.07 / 60
    known = integrals @ reference + reference / k2

    def solved(design: np.ndarray, values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        root = np.sqrt(weights[chosen])
        return np.linalg.lstsq(root[:, None] * design[chosen], root * values[chosen], rcond=None)[0]

    everywhere = np.ones(len(timing), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        for i, tissue in enumerate(noisy.T):
            area = integrals @ tissue
            plot = solved(np.column_stack([known / tissue, np.ones(len(tissue))]), area / tissue, late)
            assert by_logan(noisy, reference, timing, weights, 0.07)[i] == pytest.approx(plot[0], rel=1e-9)
            multilinear = solved(np.column_stack([known, area]), tissue, late)
            assert by_mrtm2(noisy, reference, timing, weights, 0.07)[i] == pytest.approx(-multilinear[0] / multilinear[1], rel=1e-9)
            linear = solved(np.column_stack([integrals @ reference, reference, tissue]), area, everywhere)
            assert by_zhou(noisy, reference, timing, weights, 0.07)[i] == pytest.approx(linear[0], rel=1e-7)


def test_logan_needs_three_points_above_zero() -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    few = curves[:, :2].copy()
    few[-6:, :] = -1.0  # of eight late frames two are left
    few[-1, 1] = curves[-1, 1]
    found = by_logan(few, reference, timing, weights, 0.07)
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


def test_the_search_ends_where_trying_every_rate_does() -> None:
    """Noisy curves against least squares at 1500 rates, one after the other."""
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    rng = np.random.default_rng(8)
    noisy = curves * (1 + 0.03 / np.sqrt(weights)[:, None] * rng.standard_normal(curves.shape))
    rates = np.geomspace(0.01, 0.3, 1500) / 60
    root = np.sqrt(weights)
    bases = convolved(reference, timing, rates)
    costs = []
    for basis in bases:
        design = root[:, None] * np.column_stack([reference, basis])
        costs.append(np.linalg.lstsq(design, root[:, None] * noisy, rcond=None)[1])
    best = rates[np.argmin(costs, axis=0)]
    inside = (best > rates[1]) & (best < rates[-2])
    fit = srtm(noisy, reference, timing, weights=weights)
    assert inside.sum() > 15
    assert fit.k2a_per_s[inside] == pytest.approx(best[inside], rel=5e-3)
    assert fit.at_edge[~inside].all()


@MODELS
def test_frames_before_the_injection_change_nothing(dvr: Dvr) -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    before = FrameTiming(np.append(-30.0, timing.start_s), np.append(30.0, timing.duration_s))
    found = dvr(np.insert(curves, 0, 0.0, axis=0), np.insert(reference, 0, 0.0), before, np.insert(weights, 0, 0.0), 0.07)
    assert found == pytest.approx(dvr(curves, reference, timing, weights, 0.07), rel=1e-3)


@MODELS
def test_a_time_zero_that_is_twenty_seconds_early_hardly_matters(dvr: Dvr) -> None:
    """The arrival in the head instead of the injection: no activity lies between."""
    timing, weights = scan(60)
    reference, curves, truth = known_curves(timing, 0.07)
    later = FrameTiming(timing.start_s + 20.0, timing.duration_s)
    assert dvr(curves, reference, later, weights, 0.07) == pytest.approx(truth, rel=5e-3)


def test_a_rate_outside_the_range_searched_is_told() -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    fit = srtm(curves, reference, timing, weights=weights, k2a_per_s=(0.06 / 60, 0.3 / 60))
    tissues = [known for known in kinetics.grid() if known.k2_ref == 0.07]
    slow = np.array([known.r1 * 0.07 / known.dvr < 0.05 for known in tissues])
    assert fit.at_edge[slow].all()
    assert not srtm(curves, reference, timing, weights=weights).at_edge[slow].any()


def test_noise_biases_mrtm2_by_less_than_two_percent_and_logan_downwards() -> None:
    """J10: 10 % noise in a 5 min frame, 10 000 voxels."""
    timing, weights = scan(60, F18)
    reference, curves, truth = known_curves(timing, 0.07)
    at = int(np.flatnonzero(np.isclose(truth, 1.5))[2])
    rng = np.random.default_rng(10)
    sigma = 0.10 * curves[-1, at] / np.sqrt(weights / weights[-1])
    noisy = curves[:, [at]] + sigma[:, None] * rng.standard_normal((len(timing), 10_000))
    multilinear = by_mrtm2(noisy, reference, timing, weights, 0.07).mean() / truth[at] - 1
    plot = by_logan(noisy, reference, timing, weights, 0.07).mean() / truth[at] - 1
    assert abs(multilinear) < 0.02
    assert -0.10 < plot < multilinear


@MODELS
def test_what_cannot_be_fitted_is_refused_with_what_was_found(dvr: Dvr) -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    with pytest.raises(DataError, match="along the first axis; found shape"):
        dvr(curves[1:], reference, timing, weights, 0.07)
    with pytest.raises(DataError, match="expected reference and weights"):
        dvr(curves, reference[1:], timing, weights, 0.07)
    with pytest.raises(DataError, match="finite values"):
        dvr(curves, np.append(reference[1:], np.nan), timing, weights, 0.07)
    with pytest.raises(DataError, match="activity above zero"):
        dvr(curves, 0 * reference, timing, weights, 0.07)
    late = FrameTiming(timing.start_s + 180, timing.duration_s)
    with pytest.raises(DataError, match="the first frame starts 180 s after time zero"):
        dvr(curves, reference, late, weights, 0.07)


def test_a_late_t_star_and_a_senseless_k2_ref_are_refused() -> None:
    timing, weights = scan(60)
    reference, curves, _ = known_curves(timing, 0.07)
    for model in (logan, mrtm2):
        with pytest.raises(DataError, match=r"2 frames start 50 min after time zero or later \(the scan ends at 60 min\)"):
            model(curves, reference, timing, t_star_s=3000, k2_ref_per_s=0.07 / 60, weights=weights)
        with pytest.raises(DataError, match="k2' above zero; found -1"):
            model(curves, reference, timing, t_star_s=1200, k2_ref_per_s=-1, weights=weights)
