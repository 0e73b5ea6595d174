"""Found lesions beside the true ones: which belongs to which, and whether the phenotype is right.

*The matching rule.* A found and a true lesion match where they share at least `SHARED` of the smaller one's volume. A true lesion is
detected when any found one matches it. A found lesion is false when it matches no true lesion, of whatever size, and touches no spot
that the truth calls uncertain. A found lesion takes the class of the true one with which it shares most. Only lesions of at least
`JUDGED_ML` count for detection, and for false ones as the node sized them; all are given beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.images import fine_points, on_grid, values_at
from benchmarks.truth import Truth
from node.domain.result import Lesion, Phenotype
from node.domain.volume import Array, Volume

JUDGED_ML = 0.1
SHARED = 0.1
CONFIDENT = 0.8
"""From this confidence on a call must not be the wrong way round: a rim-active lesion called overall-active."""

CALLS = (Phenotype.RIM_ACTIVE, Phenotype.OVERALL_ACTIVE, Phenotype.INACTIVE)
"""Phenotypes that are a call; the others decline to make one."""

NOTHING: dict[str, Any] = {"found": None, "true": None, "hit": None, "false": None, "dice": None, "judged": None, "detected": None}
NOTHING |= {"judged_false": None, "false_per_true": None, "detected_percent": None}
"""`lesions` of an exam of which nothing was measured."""


def lesions(truth: Truth, labels: Volume) -> dict[str, Any]:
    """Found lesions (S, R, C labels, T1 world) beside the true ones.

    *hit* and *false* go by a single shared voxel, *judged* … *detected_percent* by the matching rule. Dice is over all voxels outside the
    uncertain spots.
    """
    found, true, uncertain = on_grid(labels, truth.labels), truth.lesions.array, truth.uncertain.array > 0
    shared, own, theirs = _shared(found, true, int(labels.array.max()))
    a, b = (found > 0) & ~uncertain, (true > 0) & ~uncertain
    touching = np.unique(found[(found > 0) & ((true > 0) | uncertain)])
    everything = np.unique(labels.array[labels.array > 0])
    record = {
        "found": int(everything.size),
        "true": int((theirs > 0).sum()),
        "hit": int((shared.sum(axis=0) > 0).sum()),
        "false": int(np.setdiff1d(everything, touching).size),
        "dice": 2.0 * float((a & b).sum()) / float(a.sum() + b.sum()) if a.any() or b.any() else None,
    }
    matched = _matched(shared, own, theirs)
    large = theirs * truth.labels.voxel_ml >= JUDGED_ML
    sizes_ml = np.bincount(labels.array.ravel())[1:] * labels.voxel_ml
    excused = np.isin(np.arange(1, len(own) + 1), np.unique(found[(found > 0) & uncertain]))
    false = (sizes_ml >= JUDGED_ML) & ~matched.any(axis=1) & ~excused
    return record | rates(judged=int(large.sum()), detected=int((matched.any(axis=0) & large).sum()), false=int(false.sum()))


def rates(*, judged: int, detected: int, false: int) -> dict[str, Any]:
    """Detection and false ones a true one, of the lesions that count."""
    share = {"detected_percent": 100.0 * detected / judged, "false_per_true": false / judged} if judged else {}
    return {"judged": judged, "detected": detected, "judged_false": false, "detected_percent": None, "false_per_true": None} | share


def phenotypes(truth: Truth, labels: Volume, measured: Iterable[Lesion]) -> dict[str, Any]:
    """What the node calls its lesions beside the class of the true lesion that each matches.

    Returns
    -------
    confusion : true class → call → count; "none" where nothing was called
    matched, callable, right : counts; right_percent of the callable ones, None where there is none
    rim_called_overall : rim-active lesions called overall-active with a confidence of `CONFIDENT` or more
    given : whether any lesion carries a phenotype at all
    """
    found = on_grid(labels, truth.labels)
    shared, own, theirs = _shared(found, truth.lesions.array, int(labels.array.max()))
    matched = _matched(shared, own, theirs)
    pairs = [(lesion, true) for lesion in measured if (true := _class_of(truth, lesion.number, shared, matched))]
    counts = Counter((true, lesion.phenotype.value if lesion.phenotype else "none") for lesion, true in pairs)
    confusion = {true: {call: n for (of, call), n in sorted(counts.items()) if of == true} for true in sorted({t for _, t in pairs})}
    called = [(lesion, true) for lesion, true in pairs if lesion.phenotype in CALLS]
    turned = [lesion for lesion, true in called if true == "rim-active" and lesion.phenotype is Phenotype.OVERALL_ACTIVE]
    confident = sum(1 for lesion in turned if (lesion.confidence or 0.0) >= CONFIDENT)
    given = any(lesion.phenotype for lesion, _ in pairs)
    return summary(confusion, confident=confident if given else None)


def summary(confusion: dict[str, dict[str, int]], *, confident: int | None) -> dict[str, Any]:
    """Counts and shares of a confusion of true class → call → count."""
    calls = [phenotype.value for phenotype in CALLS]
    callable_ = sum(n for row in confusion.values() for call, n in row.items() if call in calls)
    right = sum(row.get(true, 0) for true, row in confusion.items())
    return {
        "given": confident is not None,
        "matched": sum(n for row in confusion.values() for n in row.values()),
        "callable": callable_,
        "right": right,
        "right_percent": 100.0 * right / callable_ if callable_ else None,
        "rim_called_overall": confident,
        "confusion": confusion,
    }


def overlap(truth: Truth, masks: list[Volume], t1_from_mask: Array) -> float | None:
    """Dice of masks (S, R, C bool) with the true lesions, outside the uncertain spots; None where both are empty.

    The masks' voxels are cut into points, so that grids of any spacing can be compared.

    Parameters
    ----------
    masks : on one grid
    t1_from_mask : (4, 4) LPS mm
    """
    point_ml = inside_ml = 0.0
    for mask in masks:
        points = fine_points(mask) @ t1_from_mask.T
        each_ml = mask.voxel_ml * float(mask.array.sum()) / max(1, len(points))
        certain = values_at(truth.uncertain, points, order=0) == 0
        point_ml += each_ml * float(certain.sum())
        inside_ml += each_ml * float((certain & (values_at(truth.lesions, points, order=0) > 0)).sum())
    true_ml = truth.lesions.voxel_ml * float(((truth.lesions.array > 0) & ~(truth.uncertain.array > 0)).sum())
    return 2.0 * inside_ml / (point_ml + true_ml) if point_ml + true_ml else None


def _shared(found: Array, true: Array, count: int) -> tuple[Array, Array, Array]:
    """(N, M) voxels that found lesion i + 1 of `count` and true lesion j + 1 share; (N,) and (M,) voxels of each, on the truth's grid."""
    n, m = count, int(true.max())
    together = np.bincount((found.astype(np.int64) * (m + 1) + true).ravel(), minlength=(n + 1) * (m + 1)).reshape(n + 1, m + 1)
    return together[1:, 1:], together[1:].sum(axis=1), together[:, 1:].sum(axis=0)


def _matched(shared: Array, own: Array, theirs: Array) -> Array:
    """(N, M) bool by the matching rule."""
    smaller = np.minimum(own[:, None], theirs[None, :])
    return np.asarray((shared > 0) & (shared >= SHARED * smaller))


def _class_of(truth: Truth, number: int, shared: Array, matched: Array) -> str | None:
    """Class of the true lesion with which a found one shares most of those that it matches; None where there is none."""
    if not matched[number - 1].any():
        return None
    return truth.classes[int(np.argmax(np.where(matched[number - 1], shared[number - 1], 0))) + 1]
