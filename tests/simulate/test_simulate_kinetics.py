"""Time courses against an independent solution of the model's differential equation, and the scanner's blur against its name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from node.domain.timing import FrameTiming
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.simulate.kinetics import TRACERS, ClassKinetics, curves, frame_timing, reference_curve
from node.simulate.options import Protocol, SimulatedTracer
from node.simulate.uptake import through_scanner

DPA714 = TRACERS[SimulatedTracer.DPA714]
MINUTES = FrameTiming(np.arange(90) * 60.0, np.full(90, 60.0))


def test_a_class_like_the_reference_follows_the_reference() -> None:
    tracer = replace(DPA714, classes=(ClassKinetics("like it", 1.0, 1.0),))
    (found,) = curves(tracer, MINUTES)
    fine = reference_curve(tracer, (np.arange(5400) + 0.5) / 60.0)
    assert found == pytest.approx(fine.reshape(90, 60).mean(axis=1), rel=1e-9)


@pytest.mark.parametrize(("dvr", "r1"), [(1.7, 0.7), (0.15, 0.15), (1.25, 1.1)])
def test_a_class_solves_the_model_of_lammertsma_and_hume(dvr: float, r1: float) -> None:
    """dT/dt = R1 dR/dt + k2 R − k2a T, integrated by somebody else; written for T − R1 R, which needs no derivative."""
    tracer = replace(DPA714, classes=(ClassKinetics("any", dvr, r1),))
    (found,) = curves(tracer, MINUTES)
    k2 = r1 * tracer.k2_ref_per_min
    k2a = k2 / dvr

    def slope(t: float, rest: np.ndarray) -> np.ndarray:
        reference = reference_curve(tracer, np.array([t]))
        return k2 * reference - k2a * (rest + r1 * reference)

    times = (np.arange(5400) + 0.5) / 60.0
    solved = solve_ivp(slope, (0.0, 90.0), [0.0], t_eval=times, rtol=1e-8, atol=1e-10)
    expected = (solved.y[0] + r1 * reference_curve(tracer, times)).reshape(90, 60).mean(axis=1)
    # The recursion holds the reference constant over a second: 1e-3 where it rises fast, far less later.
    assert found[2:] == pytest.approx(expected[2:], rel=2e-3)
    assert found[30:] == pytest.approx(expected[30:], rel=3e-4)


def test_dynamic_frames_touch_and_end_with_the_late_window() -> None:
    for tracer in TRACERS.values():
        timing = frame_timing(tracer, Protocol.DYNAMIC)
        assert timing.start_s[1:] == pytest.approx(timing.end_s[:-1])
        assert timing.end_s[-1] == tracer.window_s[1]
        late = frame_timing(tracer, Protocol.LATE)
        assert (late.start_s[0], late.end_s[-1]) == tracer.window_s


def test_a_point_is_blurred_as_wide_as_the_scanner_is_said_to() -> None:
    """Full width at half maximum from the second moment of a point's image, moved and turned."""
    array = np.zeros((41, 41, 41), dtype=np.float32)
    array[20, 20, 20] = 1000.0
    affine = np.diag([2.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = -40.0
    source = Volume(array, affine, "g/mL")
    turn = np.eye(4)
    turn[:3, 3] = (3.3, -2.1, 0.7)
    pet = Volume(
        np.zeros((81, 81, 81), dtype=np.float32),
        np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]] + np.array([[0, 0, 0, -40.0]] * 3 + [[0, 0, 0, 0]]),
    )
    image = through_scanner(source, pet, Transform(turn), psf_fwhm_mm=6.0).array.astype(float)
    positions = np.arange(81) - 40.0
    for axis, shift in zip((2, 1, 0), turn[:3, 3], strict=True):
        profile = image.sum(axis=tuple(a for a in range(3) if a != axis))
        middle = (profile * positions).sum() / profile.sum()
        variance = (profile * (positions - middle) ** 2).sum() / profile.sum()
        assert middle == pytest.approx(shift, abs=0.02)
        assert np.sqrt(variance) * 2.3548 == pytest.approx(6.0, rel=0.04)
