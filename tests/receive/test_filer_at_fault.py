"""What the filer does where one thing is at fault: the others go on, and it is tried again."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from journals import bring, dataset_of, file_all, journal_in, register_in, rows
from network import digest, instance, write
from structlog.testing import capture_logs

from node.errors import TemporaryError
from node.receive import filing
from node.receive.filing import Filer
from node.receive.segments import segments
from node.receive.shelves import inbox_path
from node.workflow.store.database import Store
from node.workflow.store.filing import Filing


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = register_in(tmp_path)
    yield store
    store.close()


def run_until(filer: Filer, done: Callable[[], bool]) -> None:
    stop = threading.Event()
    filer.open()
    thread = threading.Thread(target=filer.run, args=(stop,))
    thread.start()
    until = time.monotonic() + 10
    while not done() and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    thread.join()
    filer.close()


def test_a_journal_that_cannot_be_read_holds_up_no_other(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for writer in ("receiver", "web"):
        journal = journal_in(tmp_path, writer)
        bring(journal, f"1.2.{len(writer)}", dataset_of(writer))
        journal.close()
    read_on = filing.read_on

    def faulty(folder: Path, *args: object, **limits: int) -> object:
        if folder.name == "receiver":
            raise OSError(errno.EIO, "Input/output error")
        return read_on(folder, *args, **limits)

    monkeypatch.setattr(filing, "read_on", faulty)
    filer = Filer(tmp_path, store.filing)
    filer.open()
    with capture_logs() as logs:
        filed = filer.once()
    with pytest.raises(OSError, match="Input/output"):  # nothing else is left to be done
        filer.once()
    filer.close()

    assert filed > 0
    assert [row["sop_instance_uid"] for row in rows(store, "instances")] == ["1.2.3"]
    assert [(line["writer"], line["log_level"]) for line in logs] == [("receiver", "error")]


@pytest.mark.parametrize("call", ["position", "known", "callers"])
def test_a_register_that_does_not_answer_a_question_ends_no_filer(tmp_path: Path, store: Store, call: str) -> None:
    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    sa.event.listen(store._engine, "before_cursor_execute", broken)

    with pytest.raises(TemporaryError, match="disk I/O"):
        getattr(store.filing, call)(["1.2.3"] if call != "position" else "receiver")


def test_what_was_found_beside_the_register_is_recorded_when_the_register_takes_it(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(instance(), tmp_path / "sent")
    target = tmp_path / inbox_path(file.stem)
    target.parent.mkdir(parents=True)
    target.write_bytes(file.read_bytes())
    record, refused = Filing.file, []

    def locked_at_first(self: Filing, batch: object) -> None:
        if not refused:
            refused.append(batch)
            raise TemporaryError("database is locked")
        record(self, batch)

    monkeypatch.setattr(Filing, "file", locked_at_first)
    run_until(Filer(tmp_path, store.filing), lambda: bool(rows(store, "instances")))

    assert len(refused) == 1
    assert [row["sop_instance_uid"] for row in rows(store, "instances")] == [file.stem]


def test_the_same_image_twice_in_a_batch_is_the_first_one(tmp_path: Path, store: Store) -> None:
    journal = journal_in(tmp_path)
    bring(journal, "1.2.3", dataset_of("1.2.3"), association="A1")
    bring(journal, "1.2.3", dataset_of("1.2.3"), association="A2")
    journal.close()

    file_all(tmp_path, store)

    assert [row["association"] for row in rows(store, "instances")] == ["A1"]


def test_a_large_image_named_behind_a_damaged_record_survives_a_restart(tmp_path: Path, store: Store) -> None:
    journal = journal_in(tmp_path)
    for number in range(3):
        bring(journal, f"1.2.{number}", dataset_of(f"1.2.{number}"))
    bring(journal, "1.2.9", dataset_of("1.2.9", 20_000))
    journal.close()
    path = segments(tmp_path / "journal" / "receiver")[0].path
    whole = path.read_bytes()
    at = whole.index(b'"sop_instance_uid":"1.2.1"')
    head = whole.rindex(segments(tmp_path / "journal" / "receiver")[0].nonce, 0, at)
    path.write_bytes(whole[:head] + bytes(32) + whole[head + 32 :])  # a head that the disk has lost

    journal_in(tmp_path).close()
    file_all(tmp_path, store)

    assert [row["sop_instance_uid"] for row in rows(store, "instances")] == ["1.2.0", "1.2.2", "1.2.9"]
    assert (tmp_path / inbox_path("1.2.9")).stat().st_size > 20_000


def test_a_large_image_is_filed_where_files_can_have_one_name_alone(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", unknown)
    journal = journal_in(tmp_path)
    bring(journal, "1.2.9", dataset_of("1.2.9", 20_000))
    bring(journal, "1.2.3", dataset_of("1.2.3"))
    journal.close()

    file_all(tmp_path, store)

    for row in rows(store, "instances"):
        assert digest((tmp_path / str(row["path"])).read_bytes()) == row["digest"]
    assert [row["sop_instance_uid"] for row in rows(store, "instances")] == ["1.2.9", "1.2.3"]
    assert list((tmp_path / "journal" / "receiver" / "spool").iterdir()) == []
    assert list((tmp_path / "inbox" / ".filing").iterdir()) == []
