"""NiftyPAD 2.0 on the same curves: how far apart, and why.

NiftyPAD integrates by trapezoids through mid-points; the node takes means over frames. With trapezoids put into the node's own code, the
two agree to rounding: nothing else differs.
"""

from __future__ import annotations

import kinetics
import numpy as np
import pytest

from node.domain.timing import FrameTiming
from node.domain.volume import Array
from node.quantify.kinetics import frame_weights, logan, logan_1996, mrtm, mrtm2, mrtm_ichise_2003, srtm, srtm2

models = pytest.importorskip("niftypad.models")
from niftypad import kt  # noqa: E402

EDGES_S = np.cumsum([0] + [10] * 6 + [20] * 6 + [60] * 7 + [300] * 10)
"""Mid-points are whole seconds: NiftyPAD keeps the reference on a grid of seconds."""
TIMING = FrameTiming(EDGES_S[:-1].astype(float), np.diff(EDGES_S).astype(float))
FRAMES = np.stack([EDGES_S[:-1], EDGES_S[1:]])
WEIGHTS = frame_weights(TIMING, 1223.4)
T_STAR_S = 1200.0
KNOWN = kinetics.Known(0.08, 0.9, 1.5)
REFERENCE = kinetics.reference_curve(KNOWN.k2_ref, TIMING.start_s / 60, TIMING.duration_s / 60)
TISSUE = kinetics.tissue_curve(KNOWN, TIMING.start_s / 60, TIMING.duration_s / 60)
K2 = KNOWN.k2_ref / 60


def every_second() -> np.ndarray:
    """The reference as NiftyPAD wants it."""
    return kt.interpt1(kt.dt2mft(FRAMES), REFERENCE, FRAMES)


def theirs(name: str, **more: object) -> dict[str, float]:
    """A linear model of NiftyPAD; it sets negatives to zero in place, so that it gets copies."""
    model = getattr(models, name)
    found = model(TISSUE.copy(), FRAMES, every_second(), w=WEIGHTS, linear_phase_start=T_STAR_S, linear_phase_end=None, fig=False, **more)
    return dict(found)


def trapezoids(timing: FrameTiming) -> Array:
    """(F, F) cumulative trapezoids through mid-points, from zero at time zero."""
    middle = np.append(0.0, timing.start_s + timing.duration_s / 2)
    rows = np.zeros((len(timing), len(timing) + 1))
    for i in range(1, len(timing) + 1):
        rows[i - 1 :, i - 1 : i + 1] += (middle[i] - middle[i - 1]) / 2
    return rows[:, 1:]


@pytest.fixture
def with_trapezoids(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (logan_1996, mrtm_ichise_2003):
        monkeypatch.setattr(module, "integral_matrix", trapezoids)


@pytest.mark.usefixtures("with_trapezoids")
def test_with_its_integrals_our_logan_and_mrtm_are_niftypads() -> None:
    plot = logan(TISSUE, REFERENCE, TIMING, t_star_s=T_STAR_S, k2_ref_per_s=K2, weights=WEIGHTS)
    assert float(plot.dvr) == pytest.approx(1 + theirs("logan_ref_k2p", k2p=K2)["bp"], rel=1e-9)
    two = mrtm2(TISSUE, REFERENCE, TIMING, t_star_s=T_STAR_S, k2_ref_per_s=K2, weights=WEIGHTS)
    found = theirs("mrtm_k2p", k2p=K2)
    assert float(two.dvr) == pytest.approx(1 + found["bp"], rel=1e-7)
    assert float(two.r1) == pytest.approx(found["r1"], rel=1e-7)
    three = mrtm(TISSUE, REFERENCE, TIMING, t_star_s=T_STAR_S, weights=WEIGHTS)
    found = theirs("mrtm")
    assert three.dvr == pytest.approx(1 + found["bp"], rel=1e-6)
    assert three.k2_ref_per_s == pytest.approx(found["k2p"], rel=1e-5)


def test_with_our_integrals_the_error_is_a_tenth_of_niftypads() -> None:
    plot = float(logan(TISSUE, REFERENCE, TIMING, t_star_s=T_STAR_S, k2_ref_per_s=K2, weights=WEIGHTS).dvr)
    two = float(mrtm2(TISSUE, REFERENCE, TIMING, t_star_s=T_STAR_S, k2_ref_per_s=K2, weights=WEIGHTS).dvr)
    for ours, name in ((plot, "logan_ref_k2p"), (two, "mrtm_k2p")):
        other = 1 + theirs(name, k2p=K2)["bp"]
        assert other == pytest.approx(ours, rel=3e-3)
        assert abs(ours - KNOWN.dvr) < abs(other - KNOWN.dvr) / 10


def test_srtm_and_srtm2_agree_within_the_width_of_a_frame() -> None:
    """NiftyPAD takes basis functions at mid-frame, the node means over frames; and refines between two of them."""
    common = {"dt": FRAMES, "inputf1": every_second(), "beta_lim": (0.03 / 60, 0.1 / 60), "n_beta": 128}
    found = models.srtmb(TISSUE.copy(), w=np.sqrt(WEIGHTS), **common)
    ours = srtm(TISSUE, REFERENCE, TIMING, weights=WEIGHTS)
    assert float(ours.dvr) == pytest.approx(1 + found["bp"], rel=5e-3)
    assert float(ours.r1) == pytest.approx(found["r1"], rel=1e-2)
    found = models.srtmb_k2p(TISSUE.copy(), w=WEIGHTS, k2p=K2, **common)
    ours = srtm2(TISSUE, REFERENCE, TIMING, k2_ref_per_s=K2, weights=WEIGHTS)
    assert float(ours.dvr) == pytest.approx(1 + found["bp"], rel=5e-3)
    assert float(ours.r1) == pytest.approx(found["r1"], rel=1e-2)
