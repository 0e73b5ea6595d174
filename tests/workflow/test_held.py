"""A person releases what is HELD, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.domain.exam import Check
from node.domain.ports import DeliveryState
from node.errors import ConflictError
from node.workflow import artefacts
from node.workflow.states import State
from node.workflow.steps.held import release
from node.workflow.store.database import Store
from node.workflow.store.rows import Posting


def test_a_released_exam_goes_on_from_the_last_step_that_was_done(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "exams" / "E00001" / "v1"
    folder.mkdir(parents=True)
    for name in ("exam", "alignment"):
        artefacts.save(folder, name, Check("a", True, "b"))
    store.exams.move(1, State.HELD, "the brain has 300 mL", plan={"series": {}}, tries=2)
    assert release(store, tmp_path, store.exams.get(1), "looked at it") is State.ALIGNED
    assert (store.exams.get(1).released, store.exams.get(1).tries) == (True, 0)


def test_what_a_pacs_refused_is_sent_again_when_released(store: Store, tmp_path: Path) -> None:
    store.deliveries.post([Posting("9.9", "pacs", 1, 1, "SEG", "1.2.3", "1.2.4", "x.dcm", "cc")])
    store.deliveries.receipts("pacs").refused("9.9", "0x0122")
    store.exams.move(1, State.HELD, "refused", plan={"series": {}})
    release(store, tmp_path, store.exams.get(1), "the PACS takes SEG now")
    assert store.deliveries.of_exam(1, 1)[0].state is DeliveryState.QUEUED


def test_nobody_releases_two_people_fused_into_one(store: Store, tmp_path: Path) -> None:
    store.exams.move(1, State.HELD, "birth dates differ", plan={"series": {}, "conflicts": ["birth dates differ"]})
    with pytest.raises(ConflictError, match="two people"):
        release(store, tmp_path, store.exams.get(1), "it will be all right")


def test_only_what_is_held_can_be_released(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="not HELD"):
        release(store, tmp_path, store.exams.get(1), "x")


def test_lesions_that_came_alone_are_nothing_to_release(store: Store, tmp_path: Path) -> None:
    store.exams.move(1, State.HELD, "waits for its MR", plan={"series": {}, "unclaimed": "waits for its MR"})
    with pytest.raises(ConflictError, match="no PET and no MR"):
        release(store, tmp_path, store.exams.get(1), "x")


def test_a_release_of_what_became_another_version_meanwhile_changes_nothing(store: Store, tmp_path: Path) -> None:
    store.deliveries.post([Posting("9.9", "pacs", 1, 1, "SEG", "1.2.3", "1.2.4", "x.dcm", "cc")])
    store.deliveries.receipts("pacs").refused("9.9", "0x0122")
    store.exams.move(1, State.HELD, "refused", plan={"series": {}})
    seen = store.exams.get(1)
    store.exams.again(1, "corrected by another person")
    with pytest.raises(ConflictError, match="no longer version 1, HELD"):
        release(store, tmp_path, seen, "the PACS takes SEG now")
    assert (store.exams.get(1).state, store.exams.get(1).version) == (State.RECEIVED, 2)
    assert store.deliveries.of_exam(1, 1)[0].state is DeliveryState.REFUSED
