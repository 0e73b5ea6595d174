"""The outbox of one version: its objects frozen as an artefact, and posted to the destinations that want them.

What did not pass the gate is frozen and posted with the others, as held: it is shown with its reason, and nothing sends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from node.settings import Destination, Settings
from node.workflow import artefacts
from node.workflow.backup import lately_restored
from node.workflow.store.database import Store
from node.workflow.store.rows import ExamRow, Posting

if TYPE_CHECKING:
    from node.encode import Encoded

REFUSAL, PAGES = "refusal", "summary"


@dataclass(frozen=True)
class Frozen:
    """One object in the outbox: `path` relative to the version's folder, `digest` SHA-256 of the file; `held` says why it is not sent.

    Study and series are empty in artefacts of before they were told; the file's header has them.
    """

    kind: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    digest: str
    held: str = ""
    study_uid: str = ""
    series_uid: str = ""


@dataclass(frozen=True)
class Outbox:
    """The objects of one version; the artefact that freezes them."""

    objects: tuple[Frozen, ...]

    @property
    def held(self) -> dict[str, str]:
        """SOP Instance UID of each object that did not pass the gate, and why."""
        return {item.sop_instance_uid: item.held for item in self.objects if item.held}


def freeze(folder: Path, name: str, encoded: Iterable[Encoded]) -> None:
    """Keep what was written, with its digests, as the artefact `name` of a version's folder."""
    objects = tuple(frozen(item, folder) for item in encoded)
    artefacts.save(folder, name, Outbox(objects))


def post(store: Store, settings: Settings, row: ExamRow, folder: Path, name: str) -> str:
    """Post what the artefact `name` froze to each destination that wants it; the sentence that tells so."""
    outbox = artefacts.load(folder, name, Outbox)
    place = folder.relative_to(settings.node.storage)
    postings = [
        posting(item, destination.name, row, place)
        for destination in settings.destination
        for item in outbox.objects
        if takes(settings, destination, item.kind)
    ]
    restored = lately_restored(settings.node.storage, store.clock.now())
    store.deliveries.post(postings, held=outbox.held, perhaps_sent=restored)
    return f"encoded: {len(outbox.objects)} objects{_told_of_held(outbox)}"


def takes(settings: Settings, destination: Destination, kind: str) -> bool:
    """Whether objects of a kind go to a destination: a refusal goes where pages go."""
    wanted = settings.wanted_by(destination)
    return (PAGES if kind == REFUSAL else kind) in wanted


def frozen(item: Encoded, folder: Path) -> Frozen:
    """What was written into a version's folder, with its digest."""
    digest = hashlib.sha256(item.path.read_bytes()).hexdigest()
    path, held = item.path.relative_to(folder).as_posix(), "; ".join(str(complaint) for complaint in item.complaints[:3])
    uids = (item.sop_instance_uid, item.sop_class_uid, item.transfer_syntax_uid)
    return Frozen(item.kind.value, *uids, path, digest, held, item.study_uid, item.series_uid)


def posting(item: Frozen, destination: str, row: ExamRow, place: Path) -> Posting:
    """An object of a version on its way to a destination; `place` is the version's folder below the storage."""
    return Posting(
        sop_instance_uid=item.sop_instance_uid,
        destination=destination,
        exam=row.number,
        version=row.version,
        kind=item.kind,
        sop_class_uid=item.sop_class_uid,
        transfer_syntax_uid=item.transfer_syntax_uid,
        path=(place / item.path).as_posix(),
        digest=item.digest,
    )


def _told_of_held(outbox: Outbox) -> str:
    held = [item for item in outbox.objects if item.held]
    return f", {len(held)} held by the gate; {held[0].kind} {held[0].sop_instance_uid}: {held[0].held}" if held else ""
