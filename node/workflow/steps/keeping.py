"""`Keeper`: removes the images and results of exams that have had their time ([keeping] days), and nothing else.

An exam has had its time when it ended so many days ago (DELIVERED, IGNORED, REJECTED or WITHDRAWN), everything that it made is proven at
its destinations or not taken by them, no scanner waits for our word on its images, nothing is in quarantine under their UIDs, and no other
exam of the patient, or one that a person merged with it, is younger, goes on, or is held. This is asked once more when nobody else can
write. The disk's being full is no reason: then images are refused.

Order: the file is put aside, the row says so, and when that is committed the file is deleted, all within one write transaction of the
register up to the commit. So a row never names a file that is not there; what a kill leaves aside is deleted or put back by what the row
says. The same image sent again at that moment waits for the transaction, sees that the file is gone, and is kept anew. Results are the
other way round: the row first, then the files, because nobody sends them again and a folder half deleted is found by its row.

Rows stay, so that a re-sent instance is known, and so does ``result.json``: what was measured can be shown for ever.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from node.domain.ports import UNSENT, Clock, DeliveryState
from node.errors import ConflictError
from node.settings import Settings
from node.workflow.store.database import Store
from node.workflow.store.keeping import Kept, Removal
from node.workflow.store.rows import DeliveryRow, ExamRow

log = structlog.get_logger()

PAUSE_S = 600.0
ASIDE = "removed"
"""The folder of files that are about to be deleted, below the storage folder."""

STAYS = frozenset({"result.json"})


class Keeper:
    """One pass is `once`; `run` goes on until it is told to stop."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._storage = settings.node.storage
        self._days = settings.keeping.days
        self._unproven = frozenset(one.name for one in settings.destination if one.proof == "none")
        self._store = store
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Remove what has had its time until told to stop. A fault of ours is told, and costs this pass alone."""
        while True:
            try:
                self.once()
            except Exception:
                log.exception("removing failed by a fault of the node")
            if stop.wait(PAUSE_S):
                return

    def once(self) -> int:
        """Finish what a kill left, then remove what has had its time; returns how many exams."""
        self._settle()
        if self._days is None:
            return 0
        before = self._clock.now() - timedelta(days=self._days)
        removed = 0
        for exam in self._store.keeping.old(before):
            kept = self._store.keeping.images(exam)
            if self._has_had_its_time(exam, kept, before):
                removed += self._remove(exam, kept, before)
        return removed

    def _has_had_its_time(self, exam: ExamRow, kept: Sequence[Kept], before: datetime) -> bool:
        patients = self._store.keeping.patients({exam.patient_key, *(one.patient_key for one in kept)})
        young = any(one.received_at >= before for one in kept) or self._store.keeping.needed(patients, before)
        return not young and self._is_proven(exam) and not self._is_claimed(kept)

    def _is_proven(self, exam: ExamRow) -> bool:
        """Whether nothing of any version is still to be sent, and all of the present one is where it belongs."""
        rows = self._store.deliveries.of_exam(exam.number)
        return not any(row.state in UNSENT for row in rows) and all(self._settled(row) for row in rows if row.version == exam.version)

    def _settled(self, row: DeliveryRow) -> bool:
        if row.state is DeliveryState.STORED:
            return row.destination in self._unproven  # the site says that no proof can be had there
        return row.state in (DeliveryState.PROVEN, DeliveryState.NOT_TAKEN, DeliveryState.DROPPED)

    def _is_claimed(self, kept: Sequence[Kept]) -> bool:
        """Whether a scanner waits for our word on an image, or other bytes under its UID wait for a person."""
        uids = [one.sop_instance_uid for one in kept]
        return bool(self._store.commitments.promised() & set(uids) or self._store.keeping.quarantined(uids))

    def _remove(self, exam: ExamRow, kept: Sequence[Kept], before: datetime) -> int:
        size = sum(one.size for one in kept)
        text = f"{len(kept)} images ({size / 2**20:.0f} MiB) and the results were removed here after {self._days} days (keeping.days)"
        (self._storage / ASIDE).mkdir(exist_ok=True)
        try:
            still = partial(self._has_had_its_time, exam, kept, before)
            self._store.keeping.remove(exam, kept, text, still=still, aside=self._aside, back=returning)
        except ConflictError:
            return 0  # a person has begun another version, or something else needs it since
        log.info("removed", exam=exam.name, images=len(kept), size=size)
        self._settle()
        return 1

    def _aside(self, one: Kept) -> None:
        source = self._storage / one.path
        if source.exists():
            source.rename(self._storage / ASIDE / f"{one.sop_instance_uid}.dcm")

    def _settle(self) -> None:
        """What lies aside is deleted where its row says that it was removed, and put back where that was never committed."""
        folder = self._storage / ASIDE
        for file in folder.iterdir() if folder.is_dir() else ():
            path = self._store.keeping.path(file.stem)
            place = None if path is None or self._store.keeping.is_removed(file.stem) else self._storage / path
            if place is None or place.exists():
                file.unlink()
            else:
                file.rename(place)
        for removal in self._store.keeping.unfinished():
            self._clear(removal)
            self._store.keeping.finished(removal)

    def _clear(self, removal: Removal) -> None:
        """The results of an exam's versions up to the one that was removed, but for what was measured."""
        for version in range(1, removal.version + 1):
            folder = self._storage / "exams" / f"E{removal.exam:05d}" / f"v{version}"
            for item in os.scandir(folder) if folder.is_dir() else ():
                if item.is_dir(follow_symlinks=False):
                    shutil.rmtree(item.path)
                elif item.name not in STAYS:
                    Path(item.path).unlink()


def require_images(store: Store, exam: ExamRow) -> None:
    """Another version of an exam needs its images.

    Raises
    ------
    ConflictError : they were removed here, and did not all come again
    """
    removed = store.keeping.removed(exam)
    if removed is not None:
        count, at = removed
        raise ConflictError(
            f"{exam.name}: {count} of its images were removed here on {at.astimezone():%Y-%m-%d} (keeping.days), with its results: "
            f"expected all; send study {exam.anchor} again, or have it fetched (`ember fetch --peer NAME --study {exam.anchor}`)"
        )


def returning(path: str) -> str:
    """Where the file of a removed instance comes to lie when it is sent again: never where the old one lay, which may be about to go."""
    return f"{path.removesuffix('.dcm')}.again.dcm"
