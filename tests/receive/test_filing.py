"""The filer: files before rows, each once, in order, wherever it is killed."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from journals import CALLER, SEGMENT, arriving, bring, dataset_of, file_all, journal_in, notice, register_in, rows, stands_in
from network import digest, instance, write
from structlog.testing import capture_logs

from node.errors import TemporaryError
from node.receive import filing, progress
from node.receive.filing import Filer
from node.receive.part10 import head
from node.receive.shelves import Shelves, inbox_path
from node.receive.waiting import waiting
from node.workflow.store.database import Store
from node.workflow.store.filing import Filing


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = register_in(tmp_path)
    yield store
    store.close()


def test_what_stands_in_the_journal_becomes_files_and_rows(tmp_path: Path, store: Store) -> None:
    journal = journal_in(tmp_path)
    journal.opened("A1", CALLER)
    bring(journal, "1.2.3", dataset_of("1.2.3"))
    bring(journal, "1.2.4", dataset_of("1.2.4", 50_000))
    journal.notice(notice("1.2.9"))
    journal.closed("A1", "released")
    journal.close()
    file_all(tmp_path, store)

    for row, size in zip(rows(store, "instances"), (500, 50_000), strict=True):
        file = tmp_path / str(row["path"])
        uid = str(row["sop_instance_uid"])
        assert file.read_bytes() == head(arriving(uid)) + dataset_of(uid, size)
        assert (row["path"], row["digest"], row["size"]) == (inbox_path(uid), digest(file.read_bytes()), file.stat().st_size)
        assert (row["association"], row["calling_ae"], row["called_ae"], row["address"]) == ("A1", "MR3T", "EMBER", "10.1.2.3:50000")
    (association,) = rows(store, "associations")
    assert (association["how"], association["peer"], association["writer"]) == ("released", "mr3t", "receiver")
    (told,) = rows(store, "notices")
    assert (told["sop_instance_uid"], told["dataset"], told["calling_ae"]) == ("1.2.9", b"said", "MR3T")
    assert list((tmp_path / "journal" / "receiver" / "spool").iterdir()) == []


@pytest.mark.parametrize("size", [500, 50_000])
def test_the_same_again_changes_nothing_and_other_bytes_are_quarantined(tmp_path: Path, store: Store, size: int) -> None:
    journal = journal_in(tmp_path)
    first, other = dataset_of("1.2.3", size), dataset_of("3.2.1", size)
    for data in (first, first, other):
        bring(journal, "1.2.3", data)
    file_all(tmp_path, store)
    before = (tmp_path / inbox_path("1.2.3")).stat()
    for data in (other, first):
        bring(journal, "1.2.3", data)
    file_all(tmp_path, store)
    journal.close()

    after = (tmp_path / inbox_path("1.2.3")).stat()
    (aside,) = rows(store, "quarantine")
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [row["digest"] for row in rows(store, "instances")] == [digest(head(arriving("1.2.3")) + first)]
    assert (tmp_path / str(aside["path"])).read_bytes() == head(arriving("1.2.3")) + other
    assert (aside["kind"], aside["digest"]) == ("changed", digest(head(arriving("1.2.3")) + other))
    assert list((tmp_path / "journal" / "receiver" / "spool").iterdir()) == []


def test_a_recorded_instance_whose_file_is_gone_is_put_back_when_it_comes_again(tmp_path: Path, store: Store) -> None:
    journal = journal_in(tmp_path)
    bring(journal, "1.2.3", dataset_of("1.2.3"))
    file_all(tmp_path, store)
    (tmp_path / inbox_path("1.2.3")).unlink()
    bring(journal, "1.2.3", dataset_of("1.2.3"))
    journal.close()
    file_all(tmp_path, store)

    assert (tmp_path / inbox_path("1.2.3")).read_bytes() == head(arriving("1.2.3")) + dataset_of("1.2.3")
    assert len(rows(store, "instances")) == 1


def test_two_writers_are_filed_and_what_one_leaves_open_is_not_the_others(tmp_path: Path, store: Store) -> None:
    receiver, web = journal_in(tmp_path), journal_in(tmp_path, "web")
    for number, journal in enumerate((receiver, web)):
        journal.opened(f"A{number}", CALLER)
        bring(journal, "1.2.3", dataset_of("1.2.3"), association=f"A{number}")
        bring(journal, f"1.2.{number}", dataset_of("1.2"), association=f"A{number}")
    receiver.close()
    journal_in(tmp_path).close()  # starts again
    web.close()
    file_all(tmp_path, store)

    assert sorted(str(row["sop_instance_uid"]) for row in rows(store, "instances")) == ["1.2.0", "1.2.1", "1.2.3"]
    assert {row["id"]: row["how"] for row in rows(store, "associations")} == {"A0": "lost", "A1": None}


def test_the_files_of_a_batch_are_durable_before_its_rows(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, rename, record = os.fsync, Path.rename, Filing.file

    def synced(descriptor: int) -> None:
        order.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")
        sync(descriptor)

    journal = journal_in(tmp_path)
    for number in range(3):
        bring(journal, f"1.2.{number}", dataset_of("1.2"))
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", lambda self, to: order.append("name") or rename(self, to))
    monkeypatch.setattr(Filing, "file", lambda self, batch: order.append("rows") or record(self, batch))
    file_all(tmp_path, store)
    journal.close()

    in_inbox = [step for step in order if step in ("file", "name", "rows")]
    assert in_inbox == ["file"] * 3 + ["name"] * 3 + ["rows"]
    assert order[-2:] == ["folder", "rows"]


class Killed(BaseException):
    """The process is gone: nothing of it is done any more."""


def _put(kill: Callable[[], None]) -> tuple[object, str, object]:
    real = Shelves.put
    return Shelves, "put", lambda self, *args, **names: (real(self, *args, **names), kill())


def _link(kill: Callable[[], None]) -> tuple[object, str, object]:
    real = Shelves.link
    return Shelves, "link", lambda self, *args, **names: (real(self, *args, **names), kill())


def _rename(kill: Callable[[], None]) -> tuple[object, str, object]:
    real = Path.rename
    return Path, "rename", lambda self, target: (real(self, target), kill())


def _before_rows(kill: Callable[[], None]) -> tuple[object, str, object]:
    real = Filing.file
    return Filing, "file", lambda self, batch: (kill(), real(self, batch))


def _after_rows(kill: Callable[[], None]) -> tuple[object, str, object]:
    real = Filing.file
    return Filing, "file", lambda self, batch: (real(self, batch), kill())


def _told(kill: Callable[[], None]) -> tuple[object, str, object]:
    real = progress.write_progress
    return filing, "write_progress", lambda folder, position: (real(folder, position), kill())


def _unlink(kill: Callable[[], None]) -> tuple[object, str, object]:
    real = Path.unlink
    return Path, "unlink", lambda self, **names: (real(self, **names), kill() if self.parent.name == "spool" else None)


@pytest.mark.parametrize("step", [_put, _link, _rename, _before_rows, _after_rows, _told, _unlink])
def test_a_filer_that_is_killed_between_any_two_steps_files_everything_once(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, step: Callable[[Callable[[], None]], tuple[object, str, object]]
) -> None:
    journal = journal_in(tmp_path, waiting_bytes=64 * SEGMENT)
    journal.opened("A1", CALLER)
    for number in range(30):
        uid = f"1.2.{number % 25}"
        bring(journal, uid, dataset_of(uid if number < 25 else "9.9", 20_000 if number % 7 == 0 else 2000))
        journal.notice(notice(f"1.3.{number}"))
    journal.closed("A1", "released")
    journal.close()
    kills = 0
    while True:
        calls = 0

        def kill(after: int = kills) -> None:
            nonlocal calls
            calls += 1
            if calls > after % 9:
                raise Killed

        with monkeypatch.context() as patch:
            where, name, doomed = step(kill)
            if kills < 12:
                patch.setattr(where, name, doomed)
            filer = Filer(tmp_path, store.filing)
            monkeypatch.setattr(filing, "MOST_RECORDS", 7)
            try:
                filer.open()
                while filer.once():
                    pass
                filer.close()
                break
            except Killed:
                kills += 1
                filer._held.close()
                filer._bell.close()

    found = {row["sop_instance_uid"]: row for row in rows(store, "instances")}
    assert kills > 0
    assert set(found) == {f"1.2.{number}" for number in range(25)}
    for uid, row in found.items():
        number = int(str(uid).rpartition(".")[2])
        expected = head(arriving(str(uid))) + dataset_of(str(uid), 20_000 if number % 7 == 0 else 2000)
        assert (tmp_path / str(row["path"])).read_bytes() == expected
    assert [row["sop_instance_uid"] for row in rows(store, "notices")] == [f"1.3.{number}" for number in range(30)]
    assert sorted(str(row["sop_instance_uid"]) for row in rows(store, "quarantine")) == [f"1.2.{number}" for number in range(5)]
    for row in rows(store, "quarantine"):
        assert digest((tmp_path / str(row["path"])).read_bytes()) == row["digest"]
    assert list((tmp_path / "inbox" / ".filing").iterdir()) == []
    assert list((tmp_path / "journal" / "receiver" / "spool").iterdir()) == []


@pytest.mark.parametrize("call", ["pwritev", "fsync", "rename"])
def test_a_disk_that_is_full_leaves_the_journal_as_it_is(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = journal_in(tmp_path)
    bring(journal, "1.2.3", dataset_of("1.2.3"))
    journal.close()
    with monkeypatch.context() as patch:
        patch.setattr(Path if call == "rename" else os, call, full)
        with pytest.raises(OSError, match="No space"):
            file_all(tmp_path, store)
    unfiled = rows(store, "instances")
    file_all(tmp_path, store)

    assert unfiled == []
    assert [row["sop_instance_uid"] for row in rows(store, "instances")] == ["1.2.3"]


def test_a_register_that_cannot_be_written_is_tried_again_and_told_of(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise TemporaryError("the register does not take what came in: database is locked")

    journal = journal_in(tmp_path)
    bring(journal, "1.2.3", dataset_of("1.2.3"))
    stop = threading.Event()
    filer = Filer(tmp_path, store.filing)
    filer.open()
    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(Filing, "file", locked)
        thread = threading.Thread(target=filer.run, args=(stop,))
        thread.start()
        end = time.monotonic() + 5
        while not logs and time.monotonic() < end:
            time.sleep(0.01)
        patch.undo()
        while not rows(store, "instances") and time.monotonic() < end:
            time.sleep(0.01)
        stop.set()
        thread.join()
    filer.close()
    journal.close()

    assert [row["sop_instance_uid"] for row in rows(store, "instances")] == ["1.2.3"]
    assert logs[0]["log_level"] == "error"
    assert "locked" in logs[0]["why"]


def test_one_file_that_the_disk_does_not_take_holds_its_batch_back(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sync, seen = os.fsync, []

    def failing(descriptor: int) -> None:
        seen.append(descriptor)
        if len(seen) == 7:
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    uids = [f"1.2.{number}" for number in range(20)]
    journal = journal_in(tmp_path)
    for uid in uids:
        bring(journal, uid, dataset_of(uid))
    journal.close()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="Input/output"):
            file_all(tmp_path, store)
    named = list((tmp_path / "inbox").rglob("*.dcm"))
    unfiled = rows(store, "instances")
    file_all(tmp_path, store)

    assert len(seen) >= 20  # all have ended before their files are closed
    assert named == unfiled == []
    assert sorted(str(row["sop_instance_uid"]) for row in rows(store, "instances")) == sorted(uids)


class Rings:
    """A bell that has been rung each time it is looked at, so many times."""

    def __init__(self, left: int) -> None:
        self.left = left

    def wait(self, _timeout_s: float) -> bool:
        self.left -= 1
        return self.left >= 0


@pytest.mark.parametrize(("rings", "longest_s", "left"), [(5, 60.0, -1), (10**9, 0.0, 10**9 - 1)])
def test_more_may_come_until_it_is_quiet_and_not_for_ever(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, rings: int, longest_s: float, left: int
) -> None:
    monkeypatch.setattr(filing, "LONGEST_GATHER_S", longest_s)
    monkeypatch.setattr(filing, "GATHER_S", 0.001)
    filer, bell = Filer(tmp_path, store.filing), Rings(rings)
    monkeypatch.setattr(filer, "_bell", bell)
    filer._gather(threading.Event())

    assert bell.left == left


def test_what_comes_is_filed_at_once_and_an_idle_filer_rests(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "IDLE_S", 60.0)
    looks: list[float] = []
    once = Filer.once
    monkeypatch.setattr(Filer, "once", lambda self: looks.append(time.monotonic()) or once(self))
    journal = journal_in(tmp_path)
    stop = threading.Event()
    filer = Filer(tmp_path, store.filing)
    filer.open()
    thread = threading.Thread(target=filer.run, args=(stop,))
    thread.start()
    time.sleep(0.5)
    before = len(looks)
    time.sleep(0.5)
    resting = len(looks) - before
    bring(journal, "1.2.3", dataset_of("1.2.3"))
    began = time.monotonic()
    while not store.filing.known(["1.2.3"]):
        time.sleep(0.005)
        assert time.monotonic() - began < 30  # the bell, and not the next look
    stop.set()
    journal._bell.ring()
    thread.join()
    filer.close()
    journal.close()

    assert resting == 0


def test_how_much_waits_is_a_number(tmp_path: Path, store: Store) -> None:
    journal = journal_in(tmp_path)
    file_all(tmp_path, store)
    before = waiting(tmp_path / "journal" / "receiver")
    for number in range(20):
        bring(journal, f"1.2.{number}", dataset_of("1.2", 2000))
    after = waiting(tmp_path / "journal" / "receiver")
    file_all(tmp_path, store)
    journal.close()

    assert (before.records, before.since) == (0, None)
    assert after.records == 20
    assert 40_000 < after.bytes < 50_000
    assert after.since is not None
    assert waiting(tmp_path / "journal" / "receiver").records == 0


def test_a_journal_that_was_made_anew_is_filed_from_its_beginning(tmp_path: Path, store: Store) -> None:
    for life in range(2):
        journal = journal_in(tmp_path)
        for number in range(20):
            bring(journal, f"1.{life}.{number}", dataset_of("1.2", 3000))
        journal.close()
        file_all(tmp_path, store)
        for path in (tmp_path / "journal" / "receiver").iterdir():
            if path.is_file():
                path.unlink()

    assert len(rows(store, "instances")) == 40


def test_a_durable_file_that_stands_in_no_row_is_recorded_when_there_is_time(tmp_path: Path, store: Store) -> None:
    file = write(instance(), tmp_path / "sent")
    target = tmp_path / inbox_path(file.stem)
    target.parent.mkdir(parents=True)
    target.write_bytes(file.read_bytes())
    torn = target.with_name("1.2.3.dcm")
    torn.write_bytes(b"not DICOM at all")
    stop = threading.Event()
    filer = Filer(tmp_path, store.filing)
    filer.open()
    thread = threading.Thread(target=filer.run, args=(stop,))
    thread.start()
    end = time.monotonic() + 5
    while not rows(store, "instances") and time.monotonic() < end:
        time.sleep(0.01)
    stop.set()
    thread.join()
    filer.close()

    (row,) = rows(store, "instances")
    assert (row["sop_instance_uid"], row["association"], row["digest"]) == (file.stem, "recovered", digest(target.read_bytes()))
    assert torn.exists()


def test_only_one_filer_files(tmp_path: Path, store: Store) -> None:
    filer = Filer(tmp_path, store.filing)
    filer.open()
    with pytest.raises(TemporaryError, match="another process"):
        Filer(tmp_path, store.filing).open()
    filer.close()


def test_nothing_is_read_that_no_writer_wrote(tmp_path: Path, store: Store) -> None:
    file_all(tmp_path, store)

    assert stands_in(tmp_path / "journal" / "receiver") == []
