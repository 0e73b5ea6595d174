"""How long to wait before a delivery is tried again."""

from __future__ import annotations

import hashlib

FIRST_DELAY_S = 5.0
"""A PACS that restarts is back in seconds."""

LONGEST_DELAY_S = 3600.0
"""A fault that lasts is tried at every hour, for ever. A PACS that was down overnight gets all its results as soon as one of them gets
through: the others do not wait for their own hour."""

JITTER = 0.2
"""Share by which delays differ from object to object, so that a returning PACS is not met by all at one time."""


def retry_delay_s(attempt: int, sop_instance_uid: str = "") -> float:
    """Seconds to wait after a failed attempt: doubled each time, up to a limit, spread by the UID.

    Parameters
    ----------
    attempt : how many attempts have failed, from 1
    sop_instance_uid : decides the spread, always the same for one object and attempt

    Raises
    ------
    ValueError : no attempt has failed yet
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1; found {attempt}")
    delay = min(FIRST_DELAY_S * 2.0 ** min(attempt - 1, 30), LONGEST_DELAY_S)
    spread = int.from_bytes(hashlib.sha256(f"{sop_instance_uid}:{attempt}".encode()).digest()[:4]) / 2**32
    return delay * (1.0 + JITTER * (2.0 * spread - 1.0))
