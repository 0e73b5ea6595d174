"""What earlier versions of an exam left at its destinations, from the deliveries and the frozen objects themselves.

Of each kind the latest version that some destination answered Success for: a version that was held, refused or never sent replaces nothing
and is replaced by nothing. Nor is a version that was withdrawn, whose objects a PACS may have taken out of sight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from node.domain.ports import ARRIVED
from node.workflow import artefacts
from node.workflow.steps.outbox import REFUSAL, Frozen, Outbox
from node.workflow.store.database import Store
from node.workflow.store.rows import REJECTION, DeliveryRow, ExamRow
from node.workflow.story import version_folder

if TYPE_CHECKING:
    from pydicom import Dataset

    from node.encode import Former

_OUTBOXES = ("objects", REFUSAL)


def formers(store: Store, storage: Path, row: ExamRow) -> tuple[Former, ...]:
    """The series whose place the objects of the exam's present version take, oldest version first.

    A series whose version's folder is no longer kept is left out: nothing here knows its UID, and no exam may fail for that.
    """
    stored = [one for one in store.deliveries.of_exam(row.number) if one.version < row.version and one.state in ARRIVED]
    withdrawn = {one.version for one in stored if one.kind == REJECTION}
    withdrawn |= store.verdicts.rejected(row.number)
    standing = [one for one in stored if one.version not in withdrawn]
    latest = {one.kind: one.version for one in sorted(standing, key=lambda one: one.version)}
    wanted = [one for one in standing if one.version == latest[one.kind]]
    versions = sorted({one.version for one in wanted})
    return tuple(former for version in versions for former in _of_version(wanted, storage, replace(row, version=version)))


def _of_version(deliveries: Iterable[DeliveryRow], storage: Path, row: ExamRow) -> list[Former]:
    from node.encode import Former, Kind

    uids = {one.sop_instance_uid for one in deliveries if one.version == row.version}
    folder = version_folder(storage, row)
    series: dict[str, list[Frozen]] = {}
    for item in _frozen(folder):
        whole = item if item.series_uid else _named(item, folder)
        if item.sop_instance_uid in uids and whole is not None:
            series.setdefault(whole.series_uid, []).append(whole)
    return [
        Former(
            Kind(items[0].kind),
            row.version,
            items[0].study_uid,
            uid,
            _description(folder / items[0].path),
            tuple((item.sop_class_uid, item.sop_instance_uid) for item in items),
        )
        for uid, items in series.items()
    ]


def _frozen(folder: Path) -> list[Frozen]:
    names = [name for name in _OUTBOXES if artefacts.exists(folder, name)]
    return [item for name in names for item in artefacts.load(folder, name, Outbox).objects]


def _named(item: Frozen, folder: Path) -> Frozen | None:
    """An object that was frozen before outboxes told series: its own header does, where its file is kept."""
    header = _header(folder / item.path)
    return None if header is None else replace(item, study_uid=str(header.StudyInstanceUID), series_uid=str(header.SeriesInstanceUID))


def _description(path: Path) -> str:
    header = _header(path)
    return "" if header is None else str(header.get("SeriesDescription", ""))


def _header(path: Path) -> Dataset | None:
    from pydicom import dcmread

    tags = ["StudyInstanceUID", "SeriesInstanceUID", "SeriesDescription"]
    return dcmread(path, stop_before_pixels=True, specific_tags=tags) if path.is_file() else None
