"""Withdrawing: the rejection notes of one version, made once, frozen, and posted to the destinations that stored what they name.

Each destination gets a note on what it has stored and on nothing else: a note on objects that an archive never saw may be refused, or keep
them out for good. Destinations that stored the same share their notes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from node.domain.ports import ARRIVED
from node.domain.result import Provenance
from node.errors import DataError
from node.settings import Settings
from node.workflow import artefacts
from node.workflow.backup import lately_restored
from node.workflow.steps.choices import encode_options
from node.workflow.steps.outbox import Frozen, frozen, posting
from node.workflow.store.database import Store
from node.workflow.store.rows import REJECTION, DeliveryRow, ExamRow, VerdictRow

ARTEFACT = "withdrawal"


@dataclass(frozen=True)
class Notes:
    """The notes for some destinations, by name."""

    destinations: tuple[str, ...]
    objects: tuple[Frozen, ...]


@dataclass(frozen=True)
class Withdrawal:
    """The notes of one version; the artefact that freezes them."""

    notes: tuple[Notes, ...]


def withdraw(store: Store, settings: Settings, row: ExamRow, folder: Path, provenance: Provenance) -> str:
    """Make and post the notes; the sentence that tells so.

    Parameters
    ----------
    provenance : of the version, without inputs

    Raises
    ------
    DataError : no reader has rejected this version, or nothing of it was stored
    """
    if not artefacts.exists(folder, ARTEFACT):
        artefacts.save(folder, ARTEFACT, _make(store, settings, row, folder, provenance))
    made = artefacts.load(folder, ARTEFACT, Withdrawal)
    place = folder.relative_to(settings.node.storage)
    store.deliveries.post(
        [posting(item, name, row, place) for notes in made.notes for name in notes.destinations for item in notes.objects],
        held={item.sop_instance_uid: item.held for notes in made.notes for item in notes.objects if item.held},
        perhaps_sent=lately_restored(settings.node.storage, store.clock.now()),
    )
    return f"withdrawn: {sum(len(notes.objects) for notes in made.notes)} rejection notes"


def _make(store: Store, settings: Settings, row: ExamRow, folder: Path, provenance: Provenance) -> Withdrawal:
    from node.encode import encode_rejection

    verdict = _verdict(store, row)
    place = folder / "objects"
    notes: list[Notes] = []
    for stored, destinations in _by_set(store, row).items():
        origin = replace(
            provenance,
            made_at=verdict.made_at.astimezone(),
            inputs=tuple((one.sop_instance_uid, one.digest) for one in stored),
            parameters=(*provenance.parameters, (verdict.verdict.value, f"by {verdict.author}: {verdict.reason}")),
        )
        encoded = encode_rejection(
            [settings.node.storage / one.path for one in stored],
            verdict.verdict,
            f"by {verdict.author}: {verdict.reason}",
            origin,
            folder=place,
            options=encode_options(settings),
            first=sum(len(made.objects) for made in notes),
        )
        notes.append(Notes(destinations, tuple(frozen(item, folder) for item in encoded)))
    return Withdrawal(tuple(notes))


def _verdict(store: Store, row: ExamRow) -> VerdictRow:
    said = [one for one in store.verdicts.of_exam(row.number) if one.version == row.version and one.verdict.rejects]
    if not said:
        raise DataError(f"exam {row.name}: nobody has rejected version {row.version}")
    return said[-1]


def _by_set(store: Store, row: ExamRow) -> dict[tuple[DeliveryRow, ...], tuple[str, ...]]:
    """Objects that were stored, in order of their UIDs → the destinations that stored just these."""
    stored = [one for one in store.deliveries.of_exam(row.number, row.version) if one.state in ARRIVED and one.kind != REJECTION]
    if not stored:
        raise DataError(f"exam {row.name}: no destination has stored anything of version {row.version}")
    sets: dict[tuple[str, ...], list[str]] = {}
    for name in sorted({one.destination for one in stored}):
        uids = tuple(sorted(one.sop_instance_uid for one in stored if one.destination == name))
        sets.setdefault(uids, []).append(name)
    rows = {one.sop_instance_uid: one for one in stored}
    return {tuple(rows[uid] for uid in uids): tuple(names) for uids, names in sets.items()}
