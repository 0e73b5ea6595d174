"""Asymmetry: how much a paired region differs from left to right, in the primary quantity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from node.domain.result import Finding, Quantity


def asymmetry_findings(findings: Iterable[Finding], quantity: Quantity) -> Iterator[Finding]:
    """200 · (left − right) / (left + right), %, of each region that was measured on both sides: above zero where left is higher.

    Its standard error takes the sides' errors as independent; what both share through the reference divides out of the ratio. None where
    a side has none. Regions whose sides add up to nothing are left out.

    Parameters
    ----------
    findings : those of `quantity` without partial-volume correction are read
    """
    measured = {f.region: f for f in findings if f.quantity is quantity and not f.partial_volume}
    for name, left in measured.items():
        base = name.removesuffix("_left")
        right = measured.get(f"{base}_right")
        if base == name or right is None or left.value + right.value <= 0:
            continue
        total = left.value + right.value
        basis = f"{quantity.value}, 200 × (left − right) / (left + right)"
        yield Finding(base, Quantity.ASYMMETRY, 200.0 * (left.value - right.value) / total, "%", _error(left, right), basis)


def _error(left: Finding, right: Finding) -> float | None:
    if left.uncertainty is None or right.uncertainty is None:
        return None
    return 400.0 * math.hypot(right.value * left.uncertainty, left.value * right.uncertainty) / (left.value + right.value) ** 2
