"""SUVbw per Bq/mL of a series: the one number behind every cross-check here. `quantify` computes what is reported.

``1000 · W / D``, D the activity left at the instant to which the values are decay-corrected (START), or as injected (ADMIN, NONE).
"""

from __future__ import annotations

from datetime import datetime

from node.domain.timing import Administration


def suv_per_bqml(given: Administration, weight_kg: float | None, correction: str, decay_at: datetime | None) -> float | None:
    """g/mL per Bq/mL; None where a part of it is not known."""
    if weight_kg is None or given.activity_bq is None or (correction == "START" and (decay_at is None or given.injected_at is None)):
        return None
    activity_bq = given.activity_bq
    if correction == "START" and decay_at is not None and given.injected_at is not None:
        activity_bq *= 2.0 ** (-(decay_at - given.injected_at).total_seconds() / given.half_life_s)
    return float(1000.0 * weight_kg / activity_bq)
