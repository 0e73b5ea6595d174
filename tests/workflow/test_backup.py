"""A backup taken while images come in and are filed holds each that was acknowledged; what is damaged is found out."""

from __future__ import annotations

import errno
import json
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import dcmread

from node.app import SystemClock
from node.cli import main
from node.commands.backup import file_and_begin_anew
from node.domain.arrivals import Arriving, Caller
from node.errors import DataError, TemporaryError
from node.receive.filing import Filer
from node.receive.journal import Journal, Limits
from node.settings import Settings
from node.workflow import artefacts
from node.workflow.backup import lately_restored, manifests, restore, take, verify
from node.workflow.backup.restore import begin_anew
from node.workflow.steps import outbox
from node.workflow.store.database import Store
from node.workflow.store.rows import Posting
from tests.network import dataset_bytes, instance, write

CLOCK = SystemClock()
MR, EXPLICIT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1"


class SetBack:
    """The machine's clock, a day late."""

    def now(self) -> datetime:
        return CLOCK.now() - timedelta(days=1)


class Node:
    """A storage folder with a journal of small segments, so that they are used again and again, and a filer."""

    def __init__(self, folder: Path) -> None:
        self.storage = folder / "storage"
        self.storage.mkdir()
        self.store = Store(self.storage, CLOCK)
        self.store.migrate()
        self.journal = Journal(
            self.storage / "journal", "receiver", CLOCK, Limits(segment_bytes=64 * 1024, waiting_bytes=2**20, small_bytes=5000)
        )
        self.filer = Filer(self.storage, self.store.filing)
        self.journal.open()
        self.filer.open()
        self.journal.opened("a", Caller("MR", "EMBER", "127.0.0.1", 1))
        self._template = dataset_bytes(write(instance(), folder / "template"))

    def receive(self, number: int) -> str:
        """One image, acknowledged when this returns; some are large and take another way through the journal."""
        uid = f"1.9.{number}"
        coming = self.journal.begin(Arriving("a", MR, uid, EXPLICIT))
        coming.write(memoryview(self._template))
        coming.write(memoryview(random.Random(number).randbytes(9000 if number % 7 == 0 else 300)))
        coming.keep()
        return uid

    def file_all(self) -> None:
        while self.filer.once():
            pass

    def close(self) -> None:
        self.journal.close()
        self.filer.close()
        self.store.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.close()


def images(folder: Path) -> dict[str, str]:
    """UID → digest of each image of a storage folder; every file is what its row says."""
    with closing(sqlite3.connect(folder / "node.db")) as register:
        rows = register.execute("SELECT sop_instance_uid, digest, path FROM instances").fetchall()
    assert all(sha256((folder / path).read_bytes()).hexdigest() == digest for _, digest, path in rows)
    return {uid: digest for uid, digest, _ in rows}


def test_each_image_acknowledged_before_a_backup_is_in_it_while_images_come_and_are_filed(node: Node, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()

    def receive() -> None:
        for number in range(1, 100_000):
            if stop.is_set():
                return
            try:
                acknowledged.append(node.receive(number))
            except TemporaryError:
                stop.wait(0.01)

    def file() -> None:
        while not stop.is_set():
            if not node.filer.once():
                stop.wait(0.005)

    threads = [threading.Thread(target=one) for one in (receive, file)]
    for thread in threads:
        thread.start()
    expected = []
    try:
        for number in range(3):
            while len(acknowledged) < 60 * (number + 1):
                stop.wait(0.005)
            before = list(acknowledged)
            made = take(node.storage, tmp_path / "target", CLOCK)
            expected.append((made.manifest.file.stem, before))
            assert made.complaints == ()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for number, (name, before) in enumerate(expected):
        folder = tmp_path / f"restored-{number}"
        restore(tmp_path / "target", folder, at=name, complete=file_and_begin_anew)
        restored = images(folder)
        assert set(before) <= set(restored), "an acknowledged image is missing"
        assert not (folder / "journal").exists() or not any((folder / "journal").iterdir())


def test_a_second_backup_copies_what_is_new(node: Node, tmp_path: Path) -> None:
    for number in range(1, 4):
        node.receive(number)
    node.file_all()
    first = take(node.storage, tmp_path / "target", CLOCK)
    node.receive(4)
    node.file_all()
    second = take(node.storage, tmp_path / "target", CLOCK)
    inbox = [entry.path for entry in second.manifest.entries() if entry.path.startswith("inbox/")]
    assert len(inbox) == 4
    assert first.new > second.new
    assert second.new <= 5, "the new image, the register, the journal's segment and its progress"
    assert verify(tmp_path / "target")[1] == ()


def test_what_only_stands_in_the_journal_is_filed_by_the_restore(node: Node, tmp_path: Path) -> None:
    uids = {node.receive(number) for number in range(1, 15)}
    assert images(node.storage) == {}
    take(node.storage, tmp_path / "target", CLOCK)
    restore(tmp_path / "target", tmp_path / "restored", complete=file_and_begin_anew)
    assert set(images(tmp_path / "restored")) == uids
    first = dcmread(next((tmp_path / "restored").glob("inbox/*/1.9.1.dcm")), stop_before_pixels=True)
    assert first.file_meta.MediaStorageSOPInstanceUID == "1.9.1"


def test_a_restored_node_takes_what_comes_and_asks_before_it_sends(node: Node, tmp_path: Path) -> None:
    node.receive(1)
    node.file_all()
    exam = node.store.exams.create(anchor="1.9", patient_key="P", text="new")
    page = node.storage / "exams" / exam.name / "v1" / "objects" / "page.dcm"
    page.parent.mkdir(parents=True)
    page.write_bytes(b"page")
    path = str(page.relative_to(node.storage))
    node.store.deliveries.post([Posting("1.9.100", "pacs", exam.number, 1, "summary", MR, EXPLICIT, path, "d")])
    take(node.storage, tmp_path / "target", CLOCK)
    (tmp_path / "again").mkdir()
    restore(tmp_path / "target", tmp_path / "again" / "storage", complete=file_and_begin_anew)

    store = Store(tmp_path / "again" / "storage", CLOCK)
    (row,) = store.deliveries.of_exam(exam.number)
    assert row.state.value == "sending"
    journal = Journal(tmp_path / "again" / "storage" / "journal", "receiver", CLOCK, Limits(segment_bytes=64 * 1024))
    journal.open()
    journal.opened("b", Caller("MR", "EMBER", "127.0.0.1", 1))
    coming = journal.begin(Arriving("b", MR, "1.9.2", EXPLICIT))
    coming.write(memoryview(b"\0" * 100))
    coming.keep()
    filer = Filer(tmp_path / "again" / "storage", store.filing)
    filer.open()
    while filer.once():
        pass
    assert set(images(tmp_path / "again" / "storage")) == {"1.9.1", "1.9.2"}
    for one in (filer, journal, store):
        one.close()


def test_a_restored_node_asks_whether_what_it_makes_is_there_already(node: Node) -> None:
    exam = node.store.exams.create(anchor="1.9", patient_key="P", text="new")
    folder = node.storage / "exams" / exam.name / "v1"
    folder.mkdir(parents=True)
    made = [outbox.Frozen(kind, f"1.9.{kind}", MR, EXPLICIT, "page.dcm", "d", held) for kind, held in (("summary", ""), ("report", "held"))]
    artefacts.save(folder, "objects", outbox.Outbox(tuple(made)))
    pacs = {"name": "pacs", "host": "h", "port": 104, "ae_title": "PACS"}
    settings = Settings.model_validate({"node": {"storage": str(node.storage)}, "destination": [pacs]})
    begin_anew(node.storage, CLOCK.now())
    outbox.post(node.store, settings, exam, folder, "objects")

    assert {row.kind: row.state.value for row in node.store.deliveries.of_exam(exam.number)} == {"summary": "sending", "report": "held"}
    assert not lately_restored(node.storage, CLOCK.now() + timedelta(days=31))


@pytest.mark.parametrize("suffix", ["", ".again.again", ".0123456789abcdef"])
def test_a_file_that_the_disk_has_changed_is_told(node: Node, tmp_path: Path, suffix: str) -> None:
    """Also one that was sent again after its time, or released from quarantine."""
    node.receive(1)
    node.file_all()
    (first,) = node.storage.glob("inbox/*/*.dcm")
    file = first.rename(first.with_name(f"{first.stem}{suffix}.dcm"))
    with closing(sqlite3.connect(node.storage / "node.db")) as register, register:
        register.execute("UPDATE instances SET path = ?", (str(file.relative_to(node.storage)),))
    rotten = bytearray(file.read_bytes())
    rotten[-1] ^= 1
    file.write_bytes(rotten)
    made = take(node.storage, tmp_path / "target", CLOCK)
    assert len(made.complaints) == 1
    assert "the disk has changed it" in made.complaints[0]


def test_a_file_that_is_gone_makes_no_backup(node: Node, tmp_path: Path) -> None:
    node.receive(1)
    node.file_all()
    next(node.storage.glob("inbox/*/*.dcm")).unlink()
    with pytest.raises(TemporaryError, match="named by the register and not there"):
        take(node.storage, tmp_path / "target", CLOCK)
    assert manifests(tmp_path / "target") == ()


def test_damage_of_a_backup_is_found_by_reading_and_stops_a_restore(node: Node, tmp_path: Path) -> None:
    node.receive(1)
    node.file_all()
    made = take(node.storage, tmp_path / "target", CLOCK)
    entry = next(entry for entry in made.manifest.entries() if entry.path.startswith("inbox/"))
    kept = tmp_path / "target" / "objects" / entry.digest[:2] / entry.digest
    kept.write_bytes(b"other")
    count, complaints = verify(tmp_path / "target")
    assert (count > 1, len(complaints)) == (True, 1)
    assert entry.path in complaints[0]
    with pytest.raises(DataError, match="holds other bytes"):
        restore(tmp_path / "target", tmp_path / "restored", complete=file_and_begin_anew)
    assert not (tmp_path / "restored").exists()
    kept.unlink()
    assert "no file" in verify(tmp_path / "target")[1][0]
    lines = made.manifest.file.read_text().splitlines(keepends=True)
    made.manifest.file.write_text("".join(lines[:-1]))
    with pytest.raises(DataError, match="is damaged: expected"):
        verify(tmp_path / "target")


def test_nothing_is_overwritten_by_a_restore(node: Node, tmp_path: Path) -> None:
    take(node.storage, tmp_path / "target", CLOCK)
    with pytest.raises(TemporaryError, match="is not empty"):
        restore(tmp_path / "target", node.storage, complete=file_and_begin_anew)
    with pytest.raises(DataError, match="begins with 1999"):
        restore(tmp_path / "target", tmp_path / "new", at="1999", complete=file_and_begin_anew)


def test_old_backups_go_with_what_they_alone_name(node: Node, tmp_path: Path) -> None:
    for number in range(1, 5):
        node.receive(number)
        node.file_all()
        take(node.storage, tmp_path / "target", CLOCK, keep=2)
    assert len(manifests(tmp_path / "target")) == 2
    named = {entry.digest for one in manifests(tmp_path / "target") for entry in one.entries()}
    assert {file.name for file in (tmp_path / "target" / "objects").glob("*/*")} == named


def test_a_clock_that_was_set_back_does_not_cost_the_backup_just_made(node: Node, tmp_path: Path) -> None:
    take(node.storage, tmp_path / "target", CLOCK, keep=1)
    node.receive(1)
    made = take(node.storage, tmp_path / "target", SetBack(), keep=1)
    assert [one.file for one in manifests(tmp_path / "target")] == [made.manifest.file]
    assert verify(tmp_path / "target")[1] == ()


def test_what_may_be_lost_or_is_half_written_is_not_backed_up(node: Node, tmp_path: Path) -> None:
    for path in ("web/index.db", "inbox/.filing/0"):
        (node.storage / path).parent.mkdir(parents=True, exist_ok=True)
        (node.storage / path).write_bytes(b"in use")
    made = take(node.storage, tmp_path / "target", CLOCK)
    assert not [entry.path for entry in made.manifest.entries() if "index" in entry.path or ".filing" in entry.path]


def test_a_backup_does_not_lie_in_what_it_backs_up(node: Node) -> None:
    with pytest.raises(TemporaryError, match="another disk"):
        take(node.storage, node.storage / "backup", CLOCK)


def test_the_commands_back_up_verify_and_restore(node: Node, tmp_path: Path) -> None:
    node.receive(1)
    config = tmp_path / "node.toml"
    config.write_text(f'[node]\nstorage = "{node.storage}"\n')

    def ember(*words: str, ends: int = 0) -> str:
        done = CliRunner().invoke(main, ["--config", str(config), *words])
        assert done.exit_code == ends, done.output
        return done.stdout

    target, fresh = str(tmp_path / "target"), str(tmp_path / "fresh")
    made = json.loads(ember("backup", target, "--json"))
    assert (made["complaints"], made["backup"]) == ([], manifests(tmp_path / "target")[0].file.name)
    assert "0 damaged" in ember("backup", target, "--verify")
    assert made["backup"] in ember("restore", target, fresh)
    assert set(images(tmp_path / "fresh")) == {"1.9.1"}
    ember("restore", target, fresh, ends=1)
    next((tmp_path / "target" / "objects").glob("*/*")).write_bytes(b"rotten")
    assert "1 damaged" in ember("backup", target, "--verify", ends=1)


def test_a_full_disk_ends_a_backup_with_a_sentence_and_the_next_one_goes_on(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.receive(1)
    node.file_all()
    config = tmp_path / "node.toml"
    config.write_text(f'[node]\nstorage = "{node.storage}"\n')

    def full(*_: object) -> tuple[str, int]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("node.workflow.backup.shelf._copied", full)
    done = CliRunner().invoke(main, ["--config", str(config), "backup", str(tmp_path / "target")])
    assert (done.exit_code, done.output.endswith("does not give it: No space left on device\n")) == (1, True)
    assert manifests(tmp_path / "target") == ()
    monkeypatch.undo()
    assert take(node.storage, tmp_path / "target", CLOCK).complaints == ()
