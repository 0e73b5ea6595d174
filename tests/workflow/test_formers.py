"""What earlier versions left at the destinations: only what was stored, of each kind the latest, and nothing that was withdrawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from node.domain.ports import DeliveryState
from node.encode import Kind
from node.workflow import artefacts
from node.workflow.states import State
from node.workflow.steps.formers import formers
from node.workflow.steps.outbox import Frozen, Outbox
from node.workflow.store.database import Store
from node.workflow.store.rows import REJECTION, ExamRow, Posting
from node.workflow.story import version_folder

SC = "1.2.840.10008.5.1.4.1.1.7"


def exam(store: Store, version: int) -> ExamRow:
    return replace(store.exams.get(1), version=version)


def left(store: Store, storage: Path, version: int, kind: Kind, *, stored: bool = True, told: bool = True, count: int = 1) -> None:
    """A version's only kind of object, frozen, posted and answered."""
    folder = version_folder(storage, exam(store, version))
    (folder / "objects").mkdir(parents=True)
    items = []
    for number in range(count):
        uid, series = f"1.{version}.{number}", f"9.{version}"
        _write(folder / "objects" / uid, uid, series, f"RESEARCH {kind.value}")
        told_uids = ("1.2.3", series) if told else ("", "")
        items.append(Frozen(kind.value, uid, SC, ExplicitVRLittleEndian, f"objects/{uid}", "aa", "", *told_uids))
    artefacts.save(folder, "refusal" if kind is Kind.REFUSAL else "objects", Outbox(tuple(items)))
    for item in items:
        answer(store, version, kind.value, item.sop_instance_uid, DeliveryState.STORED if stored else DeliveryState.REFUSED)


def answer(store: Store, version: int, kind: str, uid: str, state: DeliveryState) -> None:
    store.deliveries.post([Posting(uid, "PACS", 1, version, kind, SC, ExplicitVRLittleEndian, uid, "aa")])
    receipts = store.deliveries.receipts("PACS")
    if state is DeliveryState.STORED:
        receipts.stored(uid, "answered Success")
    else:
        receipts.refused(uid, "no")


def _write(path: Path, uid: str, series: str, description: str) -> None:
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID, d.StudyInstanceUID, d.SeriesInstanceUID = SC, uid, "1.2.3", series
    d.SeriesDescription = description
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.save_as(path, enforce_file_format=True)


def told(store: Store, storage: Path, version: int) -> list[tuple[Kind, int, str, int]]:
    found = formers(store, storage, exam(store, version))
    return [(former.kind, former.version, former.series_uid, len(former.instances)) for former in found]


def test_the_first_version_replaces_nothing(store: Store, tmp_path: Path) -> None:
    assert formers(store, tmp_path, exam(store, 1)) == ()


@pytest.mark.parametrize("series_told", [True, False])
def test_what_a_destination_has_is_told_by_series(store: Store, tmp_path: Path, series_told: bool) -> None:
    left(store, tmp_path, 1, Kind.OVERLAY, told=series_told, count=3)

    (former,) = formers(store, tmp_path, exam(store, 2))

    assert (former.kind, former.version, former.description) == (Kind.OVERLAY, 1, "RESEARCH overlay")
    assert (former.study_uid, former.series_uid) == ("1.2.3", "9.1")
    assert former.instances == ((SC, "1.1.0"), (SC, "1.1.1"), (SC, "1.1.2"))


def test_what_was_refused_is_not_replaced(store: Store, tmp_path: Path) -> None:
    left(store, tmp_path, 1, Kind.REPORT)
    left(store, tmp_path, 2, Kind.REPORT, stored=False)

    assert told(store, tmp_path, 3) == [(Kind.REPORT, 1, "9.1", 1)]


def test_of_each_kind_the_latest_is_told(store: Store, tmp_path: Path) -> None:
    left(store, tmp_path, 1, Kind.REPORT)
    left(store, tmp_path, 2, Kind.REFUSAL)
    left(store, tmp_path, 3, Kind.REPORT)

    assert told(store, tmp_path, 3) == [(Kind.REPORT, 1, "9.1", 1), (Kind.REFUSAL, 2, "9.2", 1)]
    assert told(store, tmp_path, 4) == [(Kind.REFUSAL, 2, "9.2", 1), (Kind.REPORT, 3, "9.3", 1)]


def test_a_withdrawn_version_is_not_replaced(store: Store, tmp_path: Path) -> None:
    left(store, tmp_path, 1, Kind.REPORT)
    left(store, tmp_path, 2, Kind.REPORT)
    answer(store, 2, REJECTION, "1.2.99", DeliveryState.STORED)

    assert told(store, tmp_path, 3) == [(Kind.REPORT, 1, "9.1", 1)]


def test_a_version_whose_folder_is_gone_is_left_out(store: Store, tmp_path: Path) -> None:
    answer(store, 1, Kind.REPORT.value, "1.1.0", DeliveryState.STORED)
    store.exams.move(1, State.DELIVERED, "delivered", plan={"series": {}})

    assert formers(store, tmp_path, exam(store, 2)) == ()
