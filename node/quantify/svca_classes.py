"""Kinetic classes for the clustered reference (SVCA4): what they are, their file, which of them suit a scan, how they are trained.

A *class* is the mean curve of a tissue after each frame was normalised over the brain (mean 0, standard deviation 1): grey matter, white
matter, blood, high TSPO. Classes depend on tracer, frames, scanner and on how the injection lies to the scan, and no public library of
them is known: a site trains its own, from controls on its own scanner.

The file is JSON, one training a file, ``<tracer>-<first eight of its digest>.json``::

    {"format": "ember-svca4", "tracer": "pk11195", "start_s": [F], "duration_s": [F],
     "classes": {"grey matter": [F], "white matter": [F], "blood": [F], "high TSPO": [F]},
     "subjects": 12, "genotypes": {"HAB": 7, "unknown": 5}, "inputs": ["SHA-256 of each subject's series"], "digest": "SHA-256 of the rest"}
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from node.domain.timing import FrameTiming
from node.domain.volume import Array, Volume
from node.errors import DataError

FORMAT = "ember-svca4"
CLASSES = ("grey matter", "white matter", "blood", "high TSPO")
GREY, WHITE, BLOOD, HIGH = range(4)

START_TOLERANCE_S = 5.0
LENGTH_TOLERANCE_S = 2.0
"""Frames of a scan and of the classes are the same when they differ by no more. Our defaults."""

BLOOD_UNTIL_S = 120.0
BLOOD_ML = 0.3
"""Blood is the volume that is hottest in the frames that end by then. Our defaults."""

FEWEST_CONTROLS = 5
"""Our default: fewer controls describe themselves."""

LARGEST_CONDITION = 1e3
"""Classes whose matrix, with a row of ones, has a larger condition number cannot be told apart. Our default."""


@dataclass(frozen=True, eq=False)
class SvcaClasses:
    """The classes of one training.

    Parameters
    ----------
    tracer : key of the tracer's profile
    timing : of the F frames
    curves : (4, F) in the order of `CLASSES`, normalised, unitless
    subjects : how many were averaged
    genotypes : (binding class or "unknown", how many)
    inputs : SHA-256 of each subject's series

    Raises
    ------
    DataError : curves of another shape, not finite, or so alike that they cannot be told apart
    """

    tracer: str
    timing: FrameTiming
    curves: Array
    subjects: int
    genotypes: tuple[tuple[str, int], ...]
    inputs: tuple[str, ...]

    def __post_init__(self) -> None:
        curves = np.array(self.curves, dtype=np.float64)
        if curves.shape != (len(CLASSES), len(self.timing)) or not np.isfinite(curves).all():
            raise DataError(f"SVCA classes: expected 4 finite curves of {len(self.timing)} frames; found shape {curves.shape}")
        if np.linalg.cond(with_ones(curves)) > LARGEST_CONDITION:
            raise DataError("SVCA classes: the four curves cannot be told apart")
        curves.flags.writeable = False
        object.__setattr__(self, "curves", curves)


@dataclass(frozen=True, eq=False)
class TrainingScan:
    """One subject to learn from, in the reference pose.

    Parameters
    ----------
    frames : (F, S, R, C) decay-corrected to one instant
    timing : of the F frames
    brain, grey, white, high : (S, R, C) bool on the PET grid: the mask within which is normalised; pure tissue, eroded; thalamus of a
        control, or active pathology of a patient. `grey` and `white` are None in a patient, `high` is None where there is none
    genotype : HAB, MAB, LAB; None where it is not known
    digest : SHA-256 that stands for the series
    """

    frames: Volume
    timing: FrameTiming
    brain: Array
    grey: Array | None
    white: Array | None
    high: Array | None
    genotype: str | None
    digest: str


def train_classes(scans: Sequence[TrainingScan], tracer: str) -> SvcaClasses:
    """Learn the four classes: grey and white matter from the controls, high TSPO from whoever has such a mask, blood from everybody.

    Raises
    ------
    DataError : fewer than `FEWEST_CONTROLS` controls, nobody with high TSPO, frames that differ, a mask without a voxel, or no early frame
    """
    controls = sum(scan.grey is not None and scan.white is not None for scan in scans)
    if controls < FEWEST_CONTROLS:
        raise DataError(f"SVCA classes are learnt from at least {FEWEST_CONTROLS} controls with grey and white matter; found {controls}")
    for scan in scans:
        if not same_frames(scan.timing, scans[0].timing):
            raise DataError(f"SVCA training: the frames of series {scan.digest[:12]} differ from those of the first one")
    learnt = [_learn(scan) for scan in scans]
    found: list[Array] = []
    for name, curves in zip(CLASSES, zip(*learnt, strict=True), strict=True):
        known = [curve for curve in curves if curve is not None]
        if not known:
            raise DataError(f"SVCA training: no subject has {name}")
        found.append(np.mean(known, axis=0))
    genotypes = tuple(sorted(Counter(scan.genotype or "unknown" for scan in scans).items()))
    inputs = tuple(sorted(scan.digest for scan in scans))
    return SvcaClasses(tracer, scans[0].timing, np.stack(found), len(scans), genotypes, inputs)


def normalised(frames: Array, brain: Array) -> Array:
    """(F, n) float64: the voxels of a mask, each frame with mean 0 and standard deviation 1 over them; 0 in a frame that is constant.

    Parameters
    ----------
    frames : (F, S, R, C)
    brain : (S, R, C) bool

    Raises
    ------
    DataError : the mask is empty or holds a value that is not finite
    """
    values = frames[:, brain].astype(np.float64)
    if values.shape[1] == 0 or not np.isfinite(values).all():
        raise DataError(f"SVCA: expected finite values in the brain; found {values.shape[1]} voxels, not all finite")
    values -= values.mean(axis=1, keepdims=True)
    sigma = values.std(axis=1, keepdims=True)
    return np.asarray(values / np.where(sigma > 0, sigma, 1.0))


def with_ones(curves: Array) -> Array:
    """(4, F + 1): the classes with one more value of 1, so that shares that add up to 1 fit best.

    A brain is made of its classes and its normalised mean is 0, so that the curves alone are all but linearly dependent.
    """
    return np.column_stack([curves, np.ones(len(curves))])


def save_classes(folder: Path, classes: SvcaClasses) -> Path:
    """Write the classes into a folder; the file's name tells tracer and digest."""
    plain = _plain(classes)
    plain["digest"] = _digest(plain)
    path = folder / f"{classes.tracer}-{plain['digest'][:8]}.json"
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return path


def load_classes(folder: Path, tracer: str) -> tuple[SvcaClasses, ...]:
    """All classes of a tracer in a folder, by file name; none where the folder does not exist.

    Raises
    ------
    DataError : a file of that tracer is damaged, or was changed by hand
    """
    return tuple(_read(path) for path in sorted(folder.glob(f"{tracer}-*.json")))


def find_classes(folder: Path, tracer: str, timing: FrameTiming) -> tuple[SvcaClasses | None, str]:
    """The classes that suit a scan, and a sentence: which they are, or why there are none and anatomy has to do.

    Of several the one with most subjects is taken.

    Raises
    ------
    DataError : a file of that tracer is damaged
    """
    known = load_classes(folder, tracer)
    suited = [classes for classes in known if same_frames(classes.timing, timing)]
    if suited:
        best = max(suited, key=lambda classes: classes.subjects)
        mix = ", ".join(f"{count} {genotype}" for genotype, count in best.genotypes)
        return best, f"Kinetic classes of {best.subjects} subjects ({mix})."
    if not known:
        return None, f"No kinetic classes are installed for {tracer}."
    return None, f"The kinetic classes installed for {tracer} belong to other frames than this scan's ({len(timing)} frames)."


def same_frames(one: FrameTiming, other: FrameTiming) -> bool:
    """Whether two scans have the same frames within `START_TOLERANCE_S` and `LENGTH_TOLERANCE_S`."""
    if len(one) != len(other):
        return False
    starts = np.abs(one.start_s - other.start_s).max()
    lengths = np.abs(one.duration_s - other.duration_s).max()
    return bool(starts <= START_TOLERANCE_S and lengths <= LENGTH_TOLERANCE_S)


def _learn(scan: TrainingScan) -> tuple[Array | None, ...]:
    """The four curves of one subject, in the order of `CLASSES`; None for a class that it does not show."""
    values = normalised(scan.frames.array, scan.brain)
    early = np.flatnonzero(scan.timing.end_s <= BLOOD_UNTIL_S + 1.0)
    if early.size == 0:
        raise DataError(f"SVCA training: series {scan.digest[:12]} has no frame that ends within {BLOOD_UNTIL_S:g} s")
    count = max(1, round(BLOOD_ML / scan.frames.voxel_ml))
    hottest = np.argsort(values[early].max(axis=0))[-count:]
    blood = values[:, hottest].mean(axis=1)
    return _mean(values, scan, scan.grey), _mean(values, scan, scan.white), blood, _mean(values, scan, scan.high)


def _mean(values: Array, scan: TrainingScan, mask: Array | None) -> Array | None:
    if mask is None:
        return None
    inside = mask[scan.brain]
    if not inside.any():
        raise DataError(f"SVCA training: a tissue mask of series {scan.digest[:12]} has no voxel in the brain")
    return np.asarray(values[:, inside].mean(axis=1))


def _plain(classes: SvcaClasses) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tracer": classes.tracer,
        "start_s": classes.timing.start_s.tolist(),
        "duration_s": classes.timing.duration_s.tolist(),
        "classes": {name: curve.tolist() for name, curve in zip(CLASSES, classes.curves, strict=True)},
        "subjects": classes.subjects,
        "genotypes": dict(classes.genotypes),
        "inputs": list(classes.inputs),
    }


def _digest(plain: dict[str, Any]) -> str:
    rest = {key: value for key, value in plain.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> SvcaClasses:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != FORMAT or plain["digest"] != _digest(plain):
            raise ValueError(f"format {plain['format']!r}, or a digest that does not fit the content")
        return SvcaClasses(
            tracer=plain["tracer"],
            timing=FrameTiming(np.array(plain["start_s"]), np.array(plain["duration_s"])),
            curves=np.array([plain["classes"][name] for name in CLASSES]),
            subjects=int(plain["subjects"]),
            genotypes=tuple(sorted(plain["genotypes"].items())),
            inputs=tuple(plain["inputs"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"SVCA classes {path.name}: expected a whole file of format {FORMAT}; found {error}") from error
