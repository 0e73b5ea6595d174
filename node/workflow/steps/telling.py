"""How the deliveries of one version stand, in words: for the exam's progress, for its end, and for what a person must look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from node.domain.ports import ARRIVED, UNSENT, DeliveryState
from node.workflow.store.rows import DeliveryRow


def told(rows: Sequence[DeliveryRow]) -> str:
    """One phrase a destination."""
    names = dict.fromkeys(row.destination for row in rows)
    return "; ".join(_told_of(name, [row for row in rows if row.destination == name]) for name in names) or "no object was made"


def trouble(rows: Sequence[DeliveryRow]) -> str:
    """What a person must look at, one sentence; empty where there is nothing."""
    refused = next((row for row in rows if row.state is DeliveryState.REFUSED), None)
    held = next((row for row in rows if row.state is DeliveryState.HELD), None)
    left = next((row for row in rows if row.state in UNSENT), None)
    words = [f"the settings no longer name {left.destination}: run the exam again to send it where they say"] if left else []
    words += [f"first refusal: {refused.kind} by {refused.destination}: {refused.detail}"] if refused else []
    words += [f"first held: {held.kind} {held.sop_instance_uid}: {held.detail}"] if held else []
    return "; ".join(words)


def local(at: datetime) -> str:
    """Hour and minute on the node's own clock."""
    return at.astimezone().strftime("%H:%M")


def _told_of(name: str, rows: Sequence[DeliveryRow]) -> str:
    count = Counter(row.state for row in rows)
    arrived = sum(count[state] for state in ARRIVED)
    words = [f"{arrived} of {len(rows)} objects stored by {name}"]
    words += _proof(rows, arrived)
    words += [f"{count[DeliveryState.REFUSED]} refused"] if count[DeliveryState.REFUSED] else []
    words += [f"{count[DeliveryState.HELD]} held by the gate"] if count[DeliveryState.HELD] else []
    words += [f"{count[DeliveryState.SENDING]} handed over and not answered"] if count[DeliveryState.SENDING] else []
    words += _waiting([row for row in rows if row.state is DeliveryState.QUEUED])
    not_taken = dict.fromkeys(f"{row.detail} ({row.kind})" for row in rows if row.state is DeliveryState.NOT_TAKEN)
    return ", ".join([*words, *not_taken])


def _proof(rows: Sequence[DeliveryRow], arrived: int) -> list[str]:
    """How many are proven and by what; and what the others wait for."""
    proven = [row for row in rows if row.state is DeliveryState.PROVEN]
    by = dict.fromkeys("storage commitment" if (row.proof or "").startswith("storage commitment") else row.proof or "" for row in proven)
    words = [f"{'all' if len(proven) == arrived else len(proven)} proven ({', '.join(by)})"] if proven else []
    open_still = dict.fromkeys(
        row.proof or ("not proven" if row.next_at is None else "proof is next") for row in rows if row.state is DeliveryState.STORED
    )
    return words + list(open_still)[:2]


def _waiting(rows: Sequence[DeliveryRow]) -> list[str]:
    """What waits for another attempt, since when it was tried at all."""
    tried = [row for row in rows if row.attempts and row.next_at is not None]
    if not tried:
        return []
    again = min(row.next_at for row in tried if row.next_at is not None)
    return [f"{len(tried)} again at {local(again)}: {tried[0].detail}"]
