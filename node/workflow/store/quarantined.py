"""What one quarantined file is, as people are told; without SQLAlchemy, so that `ember quarantine` need not load it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class QuarantineRow:
    """A file that was kept and cannot be used, or not be used alone.

    Parameters
    ----------
    id : its number, by which people name it
    digest : SHA-256 of the file
    path : relative to the storage folder
    kind : "changed", other bytes under a known UID; "unreadable", its header cannot be read
    told : what became of it, once it was released
    """

    id: int
    sop_instance_uid: str
    digest: str
    path: str
    kind: str
    reason: str
    association: str
    calling_ae: str
    called_ae: str
    address: str
    received_at: datetime
    released_at: datetime | None
    released_by: str | None
    told: str | None


def quarantine_row(row: Mapping[Any, Any]) -> QuarantineRow:
    """One of them from its columns."""
    released = row["released_at"]
    times = {
        "received_at": datetime.fromisoformat(row["received_at"]),
        "released_at": datetime.fromisoformat(released) if released else None,
    }
    return QuarantineRow(**dict(row) | times)
