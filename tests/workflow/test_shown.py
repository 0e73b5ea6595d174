"""Which results may be asked for over DICOMweb."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import DataError
from node.workflow import artefacts
from node.workflow.states import State
from node.workflow.steps.outbox import Frozen, Outbox
from node.workflow.steps.shown import ShownResults
from node.workflow.store.database import Store


def freeze(storage: Path, version: int, name: str, *uids: str) -> None:
    """Objects of the first exam, of which the last did not pass the gate."""
    folder = storage / "exams" / "E00001" / f"v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    held = {uids[-1]: "its pixels are missing"}
    objects = tuple(Frozen("summary", uid, "1.2.3", "1.2.840.10008.1.2.1", f"{uid}.dcm", "00", held.get(uid, "")) for uid in uids)
    artefacts.save(folder, name, Outbox(objects))


@pytest.mark.parametrize("state", [state for state in State if state not in (State.DELIVERED, State.REJECTED)])
def test_nothing_is_shown_before_it_is_delivered_nor_once_it_is_held_or_withdrawn(store: Store, tmp_path: Path, state: State) -> None:
    freeze(tmp_path, 1, "objects", "1.1", "1.2")
    store.exams.move(1, state, "so")

    assert ShownResults(tmp_path, delivers=True).versions() == frozenset()


def test_what_is_delivered_is_shown_but_for_what_did_not_pass_the_gate(store: Store, tmp_path: Path) -> None:
    freeze(tmp_path, 1, "objects", "1.1", "1.2", "1.3")
    store.exams.move(1, State.DELIVERED, "done")
    results = ShownResults(tmp_path, delivers=True)

    assert results.versions() == {"E00001/v1/objects"}
    shown = results.objects("E00001/v1/objects")
    assert [one.sop_instance_uid for one in shown] == ["1.1", "1.2"]
    assert shown[0].path == tmp_path / "exams" / "E00001" / "v1" / "1.1.dcm"


def test_a_new_version_hides_the_one_before_until_it_is_delivered_itself(store: Store, tmp_path: Path) -> None:
    freeze(tmp_path, 1, "objects", "1.1", "1.2")
    store.exams.move(1, State.DELIVERED, "done")
    store.exams.again(1, "once more")
    results = ShownResults(tmp_path, delivers=True)
    assert results.versions() == frozenset()
    freeze(tmp_path, 2, "objects", "2.1", "2.2")
    store.exams.move(1, State.DELIVERED, "done")

    assert results.versions() == {"E00001/v2/objects"}


def test_the_page_of_a_rejected_exam_is_shown_once_there_is_one(store: Store, tmp_path: Path) -> None:
    store.exams.move(1, State.REJECTED, "no dose")
    results = ShownResults(tmp_path, delivers=True)
    assert results.versions() == frozenset()
    freeze(tmp_path, 1, "refusal", "1.1", "1.2")

    assert results.versions() == {"E00001/v1/refusal"}


def test_a_site_without_destinations_is_shown_what_is_encoded(store: Store, tmp_path: Path) -> None:
    freeze(tmp_path, 1, "objects", "1.1", "1.2")
    store.exams.move(1, State.ENCODED, "done")

    assert ShownResults(tmp_path, delivers=False).versions() == {"E00001/v1/objects"}


def test_what_was_removed_from_the_disk_is_shown_no_more(store: Store, tmp_path: Path) -> None:
    freeze(tmp_path, 1, "objects", "1.1", "1.2")
    store.exams.move(1, State.DELIVERED, "done")
    results = ShownResults(tmp_path, delivers=True)
    (tmp_path / "exams" / "E00001" / "v1" / "objects.json").unlink()

    assert results.versions() == frozenset()
    with pytest.raises(DataError, match="objects"):
        results.objects("E00001/v1/objects")
