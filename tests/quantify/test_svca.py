"""The clustered reference on images whose four tissues are known, and the file of the classes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import kinetics
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from node.domain.timing import FrameTiming
from node.domain.volume import Volume
from node.errors import DataError
from node.quantify.svca import clustered_reference, mixture
from node.quantify.svca_classes import (
    CLASSES,
    SvcaClasses,
    TrainingScan,
    find_classes,
    load_classes,
    save_classes,
    train_classes,
)

START, LENGTH = kinetics.frames_min(60)
TIMING = FrameTiming(60 * START, 60 * LENGTH)
SHAPE = (12, 24, 24)
K2_REF = 0.07


def tissue_curves() -> dict[str, np.ndarray]:
    """True curves of the four tissues."""
    return {
        "grey": kinetics.reference_curve(K2_REF, START, LENGTH),
        "white": kinetics.tissue_curve(kinetics.Known(K2_REF, 0.6, 0.95), START, LENGTH),
        "blood": np.array([kinetics.plasma(np.linspace(a, a + b, 50)).mean() for a, b in zip(START, LENGTH, strict=True)]) / 8,
        "high": kinetics.tissue_curve(kinetics.Known(K2_REF, 1.1, 1.6), START, LENGTH),
    }


def image(seed: int, noise: float = 0.02) -> tuple[Volume, dict[str, np.ndarray]]:
    """Blocks of the four tissues with mixed borders, 4 mm voxels, and the fraction of each tissue."""
    rng = np.random.default_rng(seed)
    fractions = {name: np.zeros(SHAPE) for name in tissue_curves()}
    fractions["grey"][:, :, :12] = 1
    fractions["white"][:, :, 12:] = 1
    for name, box in (("high", np.s_[2:8, 4:10, 9:15]), ("blood", np.s_[:, 22:, :3])):
        for other in fractions.values():
            other[box] = 0
        fractions[name][box] = 1
    for name in ("grey", "white"):  # a mixed layer between them
        fractions[name][:, :, 12][fractions["high"][:, :, 12] == 0] = 0.5
    curves = tissue_curves()
    clean = sum(curves[name][:, None, None, None] * fractions[name] for name in curves) * rng.uniform(0.8, 1.2)
    sigma = noise * clean.mean(axis=(1, 2, 3), keepdims=True)
    frames = (clean + sigma * rng.standard_normal(clean.shape)).astype(np.float32)
    return Volume(frames, np.diag([4.0, 4.0, 4.0, 1.0])[[2, 1, 0, 3]], "Bq/mL"), fractions


BRAIN = np.ones(SHAPE, dtype=bool)


def training_scan(seed: int) -> TrainingScan:
    frames, fractions = image(seed)
    grey, white, high = (fractions[name] == 1 for name in ("grey", "white", "high"))
    return TrainingScan(frames, TIMING, BRAIN, grey, white, high, "HAB" if seed % 2 else None, f"{seed:064x}")


@pytest.fixture(scope="module")
def classes() -> SvcaClasses:
    return train_classes([training_scan(seed) for seed in range(1, 6)], "pk11195")


def test_training_finds_the_four_tissues(classes: SvcaClasses) -> None:
    """Blood from the hottest early voxels alone: as the image's own mean over its blood, normalised by hand."""
    frames, fractions = image(1, noise=0.0)
    values = frames.array.reshape(len(TIMING), -1).astype(float)
    z = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    for name, curve in zip(("grey", "white", "blood", "high"), classes.curves, strict=True):
        assert curve == pytest.approx(z[:, fractions[name].ravel() == 1].mean(axis=1), abs=0.15)
    assert classes.subjects == 5
    assert classes.genotypes == (("HAB", 3), ("unknown", 2))


def test_the_reference_is_healthy_grey_matter_and_nothing_else(classes: SvcaClasses) -> None:
    frames, fractions = image(99)
    found = clustered_reference(frames, BRAIN, classes)
    chosen = found.weights.array > 0
    assert (fractions["grey"][chosen] == 1).all()
    truth = frames.array[:, fractions["grey"] == 1].mean(axis=1)
    assert found.curve.values == pytest.approx(truth, rel=0.01)
    assert found.curve.volume_ml == pytest.approx(chosen.sum() * 0.064)
    assert found.checks[0].passed


def test_the_reference_is_chosen_by_quantiles_of_all_four_shares_and_weighted_with_one(classes: SvcaClasses) -> None:
    """The rule once more, by hand, from the shares that come with the result."""
    frames, _ = image(11, noise=0.1)
    found = clustered_reference(frames, BRAIN, classes)
    grey, *others = found.shares
    chosen = grey > np.quantile(grey[grey > 0], 0.9)
    before = chosen.sum()
    for other in others:
        chosen &= other <= np.quantile(other[(grey > 0) & (other > 0)], 0.9)
    assert chosen.sum() < before
    assert np.array_equal(found.weights.array > 0, chosen)
    expected = np.average(frames.array[:, chosen].astype(float), axis=1, weights=grey[chosen])
    assert found.curve.values == pytest.approx(expected, rel=1e-5)
    assert np.abs(frames.array[:, chosen].mean(axis=1) / expected - 1).max() > 1e-4


def test_what_is_hot_late_is_not_taken_for_blood() -> None:
    """A place that fills up slowly until it is the hottest of the image."""
    rise = (np.arange(len(TIMING)) >= 18)[:, None, None, None] * 100.0
    scans = []
    for seed in range(1, 6):
        scan = training_scan(seed)
        frames = scan.frames.array.copy()
        frames[:, :2, :2, :2] += (rise * frames.mean()).astype(np.float32)
        scans.append(replace(scan, frames=scan.frames.like(frames)))
    blood = train_classes(scans, "pk11195").curves[2]
    assert blood[:8].max() > 5
    assert blood[18:].max() < 1


def test_grey_matter_with_raised_signal_is_left_out(classes: SvcaClasses) -> None:
    """A patient with a third of the grey matter raised: its plain mean is more than 10 % too high late, the clustered one is not."""
    frames, fractions = image(7)
    curves = tissue_curves()
    raised = (fractions["grey"] == 1) & (np.arange(SHAPE[1]) < 8)[None, :, None]
    changed = frames.array.copy()
    factor = changed[:, fractions["grey"] == 1].mean(axis=1) / curves["grey"]
    changed[:, raised] += (0.6 * factor * (curves["high"] - curves["grey"]))[:, None].astype(np.float32)
    found = clustered_reference(frames.like(changed), BRAIN, classes).curve.values
    truth = factor * curves["grey"]
    plain = changed[:, fractions["grey"] == 1].mean(axis=1)
    late = TIMING.start_s >= 2400
    assert plain[late].mean() / truth[late].mean() > 1.10
    assert found[late].mean() / truth[late].mean() == pytest.approx(1.0, abs=0.01)


def test_only_voxels_that_are_let_in_become_the_reference(classes: SvcaClasses) -> None:
    frames, _ = image(3)
    among = np.zeros(SHAPE, dtype=bool)
    among[:, :12, :12] = True
    chosen = clustered_reference(frames, BRAIN, classes, among=among).weights.array > 0
    assert chosen.any()
    assert not chosen[~among].any()


def test_the_unit_of_activity_changes_the_curve_alone(classes: SvcaClasses) -> None:
    frames, _ = image(3)
    once = clustered_reference(frames, BRAIN, classes)
    thousand = clustered_reference(frames.like(frames.array * np.float32(1024)), BRAIN, classes)
    assert np.array_equal(thousand.weights.array > 0, once.weights.array > 0)
    assert thousand.curve.values == pytest.approx(1024 * once.curve.values, rel=1e-6)


def test_a_brain_that_the_classes_do_not_describe_is_told(classes: SvcaClasses) -> None:
    frames, _ = image(3)
    noise = np.random.default_rng(0).normal(5, 1, frames.array.shape).astype(np.float32)
    (check,) = clustered_reference(frames.like(noise), BRAIN, classes).checks
    assert not check.passed
    assert "at least 15 % are expected" in check.message


def test_too_little_reference_is_refused(classes: SvcaClasses) -> None:
    frames, _ = image(3)
    among = np.zeros(SHAPE, dtype=bool)
    among[5, 5, 5] = True
    with pytest.raises(DataError, match=r"0\.00 mL of the brain behave like grey matter"):
        clustered_reference(frames, BRAIN, classes, among=among)
    with pytest.raises(DataError, match="the classes have 25 frames, the scan 24"):
        clustered_reference(frames.like(frames.array[1:]), BRAIN, classes)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(5, 30))
def test_shares_are_those_of_non_negative_least_squares(seed: int, frames: int) -> None:
    """Against Lawson and Hanson's algorithm in SciPy, voxel by voxel."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(4, frames))
    values = rows.T @ rng.normal(0.2, 0.5, (4, 40)) + rng.normal(0, 0.3, (frames, 40))
    found = mixture(rows, values)
    design = np.vstack([rows.T, np.ones(4)])
    expected = np.stack([nnls(design, np.append(value, 1.0))[0] for value in values.T], axis=1)
    assert found == pytest.approx(expected, abs=1e-8)


def test_classes_come_back_from_their_file(classes: SvcaClasses, tmp_path: Path) -> None:
    path = save_classes(tmp_path, classes)
    (back,) = load_classes(tmp_path, "pk11195")
    assert path.name.startswith("pk11195-")
    assert np.array_equal(back.curves, classes.curves)
    assert np.array_equal(back.timing.start_s, classes.timing.start_s)
    assert (back.tracer, back.subjects, back.genotypes, back.inputs) == (
        classes.tracer,
        classes.subjects,
        classes.genotypes,
        classes.inputs,
    )
    assert load_classes(tmp_path, "dpa714") == ()
    assert save_classes(tmp_path, back) == path


def test_a_file_changed_by_hand_is_refused(classes: SvcaClasses, tmp_path: Path) -> None:
    path = save_classes(tmp_path, classes)
    plain = json.loads(path.read_text())
    plain["classes"]["blood"][3] += 0.1
    path.write_text(json.dumps(plain))
    with pytest.raises(DataError, match="a digest that does not fit the content"):
        load_classes(tmp_path, "pk11195")
    path.write_text("{")
    with pytest.raises(DataError, match="expected a whole file"):
        load_classes(tmp_path, "pk11195")


def test_classes_must_fit_tracer_and_frames(classes: SvcaClasses, tmp_path: Path) -> None:
    assert find_classes(tmp_path, "pk11195", TIMING) == (None, "No kinetic classes are installed for pk11195.")
    save_classes(tmp_path, classes)
    save_classes(tmp_path, replace(classes, subjects=9))
    found, told = find_classes(tmp_path, "pk11195", FrameTiming(TIMING.start_s + 4, TIMING.duration_s))
    assert found is not None
    assert found.subjects == 9
    assert told == "Kinetic classes of 9 subjects (3 HAB, 2 unknown)."
    for other in (FrameTiming(TIMING.start_s + 6, TIMING.duration_s), FrameTiming(TIMING.start_s[:-1], TIMING.duration_s[:-1])):
        assert find_classes(tmp_path, "pk11195", other)[0] is None
    assert "belong to other frames" in find_classes(tmp_path, "pk11195", other)[1]


def test_training_refuses_what_cannot_teach(classes: SvcaClasses) -> None:
    scans = [training_scan(seed) for seed in range(1, 6)]
    patient = replace(scans[0], grey=None, white=None)
    with pytest.raises(DataError, match="at least 5 controls with grey and white matter; found 4"):
        train_classes([patient, *scans[1:]], "pk11195")
    with pytest.raises(DataError, match="no subject has high TSPO"):
        train_classes([replace(scan, high=None) for scan in scans], "pk11195")
    with pytest.raises(DataError, match="has no voxel in the brain"):
        train_classes([replace(scans[0], grey=np.zeros(SHAPE, dtype=bool)), *scans[1:]], "pk11195")
    shifted = replace(scans[4], timing=FrameTiming(TIMING.start_s + 30, TIMING.duration_s))
    with pytest.raises(DataError, match="frames of series 000000000000 differ"):
        train_classes([*scans[:4], shifted], "pk11195")
    assert train_classes([patient, *scans], "pk11195").subjects == 6


def test_classes_that_are_all_alike_are_refused(classes: SvcaClasses) -> None:
    with pytest.raises(DataError, match="cannot be told apart"):
        replace(classes, curves=np.tile(classes.curves[0], (4, 1)))
    with pytest.raises(DataError, match="expected 4 finite curves"):
        replace(classes, curves=classes.curves[:3])
    assert len(CLASSES) == 4
