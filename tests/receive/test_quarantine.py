"""Quarantine: what is kept aside has a reason, is counted and listed, and can be let in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from journals import CALLER, bring, file_all, journal_in, register_in, rows
from network import SERIES, dataset_bytes, digest, instance, write

from node import check
from node.assemble.header import read_header, to_json
from node.cli import main
from node.errors import ConflictError, DataError
from node.settings import load
from node.workflow.states import State
from node.workflow.steps.releasing import release
from node.workflow.store.database import Store
from node.workflow.store.filing import Filing
from node.workflow.store.register import HeaderRow
from node.workflow.store.snapshot import Snapshot


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = register_in(tmp_path / "storage")
    yield store
    store.close()


def send(storage: Path, store: Store, *files: Path) -> None:
    journal = journal_in(storage)
    journal.opened("A1", CALLER)
    for file in files:
        bring(journal, file.stem, dataset_bytes(file))
    journal.close()
    file_all(storage, store)


def read(storage: Path, store: Store) -> None:
    """What the worker does with new images."""
    found = []
    for uid, path in store.register.unread(100):
        try:
            header = read_header(storage / path)
        except DataError as error:
            found.append(HeaderRow(uid, None, None, None, None, str(error)))
        else:
            found.append(HeaderRow(uid, "P", header.study_uid, header.series_uid, to_json(header), None))
    store.register.headers_read(found)


def two(folder: Path) -> tuple[Path, Path]:
    """The same instance, and the same with another description."""
    changed = instance()
    changed.SeriesDescription = "changed"
    return write(instance(), folder / "first"), write(changed, folder / "second")


def test_changed_bytes_that_are_let_in_change_places_with_the_former_ones(tmp_path: Path, store: Store) -> None:
    storage = tmp_path / "storage"
    first, second = two(tmp_path)
    send(storage, store, first, second)
    read(storage, store)
    exam = store.exams.get(store.exams.create(anchor="1.2", patient_key="P", text="new").number)
    store.exams.move(exam.number, State.RECEIVED, "begun", plan={"series": {"T1": {"series_uid": SERIES}}})

    (row,) = Snapshot(storage).quarantined()
    told = release(store, storage, row, author="Dr Who", reason="the scanner mended its header")

    (now,) = rows(store, "instances")
    released, former = Snapshot(storage).quarantined()
    assert dataset_bytes(storage / str(now["path"])) == dataset_bytes(second)
    assert dataset_bytes(storage / former.path) == dataset_bytes(first)
    for path, expected in ((now["path"], now["digest"]), (former.path, former.digest)):
        assert digest((storage / str(path)).read_bytes()) == expected
    assert (now["header"], now["study_uid"], now["size"]) == (None, None, (storage / str(now["path"])).stat().st_size)
    assert (released.released_by, former.released_at) == ("Dr Who", None)
    assert "the scanner mended its header" in former.reason
    assert "E00001" in told
    assert "replaced from quarantine" in store.exams.events(exam.number)[-1].text
    assert sorted(p.name for p in storage.glob("*/??/*.dcm")) == sorted((Path(str(now["path"])).name, Path(former.path).name))


def test_what_was_let_in_is_what_comes_again_and_the_former_is_quarantined_again(tmp_path: Path, store: Store) -> None:
    storage = tmp_path / "storage"
    first, second = two(tmp_path)
    send(storage, store, first, second)
    release(store, storage, Snapshot(storage).quarantined()[0], author="A", reason="r")
    send(storage, store, first, second)
    back = Snapshot(storage).quarantined()[1]
    release(store, storage, back, author="A", reason="and back")
    send(storage, store, first, second)

    (now,) = rows(store, "instances")
    held = [row for row in Snapshot(storage).quarantined() if row.released_at is None]
    assert dataset_bytes(storage / str(now["path"])) == dataset_bytes(first)
    assert [dataset_bytes(storage / row.path) for row in held] == [dataset_bytes(second)]


def test_nothing_is_let_in_twice_or_when_its_file_is_another(tmp_path: Path, store: Store) -> None:
    storage = tmp_path / "storage"
    send(storage, store, *two(tmp_path))
    (row,) = Snapshot(storage).quarantined()
    file = storage / row.path
    kept = file.read_bytes()
    file.write_bytes(b"something else")
    with pytest.raises(DataError, match="SHA-256"):
        release(store, storage, row, author="A", reason="r")
    file.unlink()
    with pytest.raises(DataError, match="gone"):
        release(store, storage, row, author="A", reason="r")
    file.write_bytes(kept)
    release(store, storage, row, author="A", reason="r")

    with pytest.raises(DataError, match="gone"):  # as it was seen before
        release(store, storage, row, author="A", reason="r")
    with pytest.raises(ConflictError, match="already"):
        release(store, storage, store.quarantine.get(row.id), author="A", reason="r")


def test_an_image_that_comes_while_its_uid_is_let_in_is_decided_on_anew(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "storage"
    first, second = two(tmp_path)
    send(storage, store, first, second)
    known = Filing.known

    def then_released(self: Filing, uids: list[str]) -> object:
        before = known(self, uids)
        if uids:
            monkeypatch.undo()
            release(store, storage, Snapshot(storage).quarantined()[0], author="A", reason="r")
        return before

    monkeypatch.setattr(Filing, "known", then_released)
    with pytest.raises(Exception, match="meanwhile"):
        send(storage, store, first)
    file_all(storage, store)

    (now,) = rows(store, "instances")
    assert dataset_bytes(storage / str(now["path"])) == dataset_bytes(second)
    assert {row.digest for row in Snapshot(storage).quarantined() if row.released_at is None} != {now["digest"]}
    assert len([row for row in Snapshot(storage).quarantined() if row.released_at is None]) == 1


def test_what_cannot_be_read_is_quarantined_counted_and_can_be_read_again(tmp_path: Path, store: Store) -> None:
    storage = tmp_path / "storage"
    without = instance()
    del without.StudyInstanceUID
    file = write(without, tmp_path)
    send(storage, store, file)
    for _ in range(2):
        read(storage, store)
    counted = store.register.counts()
    (row,) = Snapshot(storage).quarantined()
    release(store, storage, row, author="A", reason="this version may read it")
    again = store.register.unread(10)
    read(storage, store)

    assert (counted["unreadable"], counted["changed"]) == (1, 0)
    assert (row.kind, row.path) == ("unreadable", rows(store, "instances")[0]["path"])
    assert "StudyInstanceUID" in row.reason
    assert again == ((file.stem, row.path),)
    assert [one.released_at is None for one in Snapshot(storage).quarantined()] == [False, True]
    assert Snapshot(storage).counts()["unreadable"] == 1


def test_the_command_lists_shows_and_releases(tmp_path: Path, store: Store) -> None:
    storage = tmp_path / "storage"
    config = tmp_path / "node.toml"
    config.write_text(f'[node]\nae_title = "EMBER"\nstorage = "{storage}"\n')
    send(storage, store, *two(tmp_path))

    def ember(*words: str) -> str:
        done = CliRunner().invoke(main, ["--config", str(config), *words])
        assert done.exit_code == 0, done.output
        return done.output

    listed = ember("quarantine")
    (entry,) = json.loads(ember("quarantine", "--json"))
    shown = ember("quarantine", "show", "1")
    released = ember("quarantine", "release", "1", "--reason", "looked at", "--by", "Dr Who")
    after = json.loads(ember("quarantine", "--json"))

    assert "MR3T" in listed
    assert "other bytes" in listed
    assert (entry["number"], entry["kind"]) == (1, "changed")
    assert entry["digest"] in shown
    assert released.startswith("1: instance")
    assert [one["number"] for one in after] == [2]
    assert len(json.loads(ember("quarantine", "--all", "--json"))) == 2
    assert CliRunner().invoke(main, ["--config", str(config), "quarantine", "show", "7"]).exit_code == 2


def test_what_waits_to_be_filed_is_listed_and_fails_the_check_when_it_waits_long(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "storage"
    config = tmp_path / "node.toml"
    config.write_text(f'[node]\nae_title = "EMBER"\nstorage = "{storage}"\n')
    journal = journal_in(storage)
    bring(journal, "1.2.3", b"12345678")
    journal.close()
    settings = load(config)

    waits = check._journal(settings)
    listed = CliRunner().invoke(main, ["--config", str(config), "list"]).output
    monkeypatch.setattr(check, "LONGEST_WAIT_S", -1.0)
    with pytest.raises(OSError, match="the filer cannot write"):
        check._journal(settings)
    file_all(storage, store)

    assert waits.startswith("2 entries, 0 MiB, wait to be filed")  # that the writer began is one of them
    assert listed.rstrip().endswith("2 more wait in the journal to be filed")
    assert check._journal(settings) == "everything that came in is filed"
