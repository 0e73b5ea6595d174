"""`Ledger`: what one attempt at sending learned of each parcel, told to the receipts as it is learned; `Outcome` sums it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from node.deliver.verdict import Fate, Verdict
from node.domain.ports import Parcel, Receipts

log = structlog.get_logger()


@dataclass(frozen=True)
class Outcome:
    """What became of the parcels: SOP Instance UID, and how or why.

    Parameters
    ----------
    away : why the destination could not be spoken with at all, one sentence; empty where it could
    """

    stored: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    postponed: tuple[tuple[str, str], ...]
    not_taken: tuple[tuple[str, str], ...] = ()
    away: str = ""

    @property
    def retry(self) -> bool:
        """Whether another attempt, later, may bring more."""
        return bool(self.postponed)


class Ledger:
    """What is known of each parcel of one attempt; tells the receipts as it learns it."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._verdicts: dict[str, Verdict] = {}

    def open(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Those of which nothing has been noted."""
        return [parcel for parcel in parcels if parcel.sop_instance_uid not in self._verdicts]

    def sending(self, parcel: Parcel) -> None:
        """It is handed to the network now."""
        self._receipts.sending(parcel.sop_instance_uid)

    def note(self, parcel: Parcel, verdict: Verdict) -> None:
        """What was learned of it. Of an unknown fate the receipts are told nothing: it stays SENDING, so that the peer is asked first."""
        uid = parcel.sop_instance_uid
        self._verdicts[uid] = verdict
        match verdict.fate:
            case Fate.STORED:
                self._receipts.stored(uid, verdict.reason)
            case Fate.REFUSED:
                self._receipts.refused(uid, verdict.reason)
            case Fate.NOT_TAKEN:
                self._receipts.not_taken(uid, verdict.reason)
            case Fate.POSTPONED:
                self._receipts.postponed(uid, verdict.reason)
            case Fate.UNKNOWN:
                pass
        # The reason stays in our rows: it may hold a comment of the peer, and that a patient's name.
        log.debug("delivery", sop_instance_uid=uid, fate=verdict.fate.value)

    def outcome(self, *, away: str = "") -> Outcome:
        """What was noted of all of them."""
        return Outcome(
            stored=self._with(Fate.STORED),
            refused=self._with(Fate.REFUSED),
            postponed=self._with(Fate.POSTPONED, Fate.UNKNOWN),
            not_taken=self._with(Fate.NOT_TAKEN),
            away=away,
        )

    def _with(self, *fates: Fate) -> tuple[tuple[str, str], ...]:
        return tuple((uid, verdict.reason) for uid, verdict in self._verdicts.items() if verdict.fate in fates)
