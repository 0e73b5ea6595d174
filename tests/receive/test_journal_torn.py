"""What a power cut or a kill leaves of a journal: everything that was promised, nothing that was not written, nothing old."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import pytest
from journals import SEGMENT, arriving, bring, dataset_of, file_all, journal_in, register_in, stands_in
from structlog.testing import capture_logs

from node.errors import TemporaryError
from node.receive.part10 import head
from node.receive.records import Arrived, arrived
from node.receive.segments import record_at, segments

SECTOR = 512


def folder_of(storage: Path) -> Path:
    return storage / "journal" / "receiver"


def uids(storage: Path) -> list[str]:
    return [one.arriving.sop_instance_uid for one in stands_in(folder_of(storage)) if isinstance(one, Arrived)]


def ends_of(storage: Path) -> tuple[Path, list[int]]:
    """The last segment, and where each of its records ends."""
    segment = segments(folder_of(storage))[-1]
    ends = [64]
    descriptor = os.open(segment.path, os.O_RDONLY)
    while found := record_at(descriptor, segment.nonce, ends[-1], end=SEGMENT):
        ends.append(found.next)
    os.close(descriptor)
    return segment.path, ends


def test_a_tail_that_is_torn_at_any_byte_ends_the_log_before_it(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for uid in ("1.2.1", "1.2.2", "1.2.3"):
        bring(journal, uid, dataset_of(uid, 100))
    journal.close()
    path, ends = ends_of(tmp_path)
    whole = path.read_bytes()

    seen = set()
    for cut in range(ends[-2], ends[-1]):
        path.write_bytes(whole[:cut] + bytes(SEGMENT - cut))
        found = uids(tmp_path)
        assert found[:2] == ["1.2.1", "1.2.2"]
        seen.add((len(found), whole[cut : ends[-1]].strip(b"\0") == b""))

    assert seen == {(2, False), (3, True)}  # only the padding may be missing


def test_a_byte_that_changed_anywhere_in_a_record_is_noticed(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for uid in ("1.2.1", "1.2.2"):
        bring(journal, uid, dataset_of(uid, 100))
    journal.close()
    path, ends = ends_of(tmp_path)
    whole = path.read_bytes()
    padding = len(whole[: ends[-1]]) - len(whole[: ends[-1]].rstrip(b"\0"))

    for at in range(ends[-2], ends[-1] - padding):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        path.write_bytes(damaged)
        if at - ends[-2] not in (9, 10, 11, 28, 29, 30, 31):  # reserved, and in no checksum
            assert uids(tmp_path) == ["1.2.1"], at


def test_a_fault_of_the_disk_in_the_middle_costs_no_more_than_it_hit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = journal_in(tmp_path)
    sent = [f"1.2.{number}" for number in range(1, 30)]
    for uid in sent:
        bring(journal, uid, dataset_of(uid, 1500))
    journal.close()
    first = segments(folder_of(tmp_path))[0].path
    damaged = bytearray(first.read_bytes())
    damaged[5000] ^= 0xFF
    first.write_bytes(damaged)

    found = uids(tmp_path)

    assert len(found) == len(sent) - 1
    assert [uid for uid in sent if uid in found] == found


def test_a_fault_in_the_last_record_of_a_segment_is_told(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for number in range(1, 30):
        bring(journal, f"1.2.{number}", dataset_of(f"1.2.{number}", 1500))
    journal.close()
    first = segments(folder_of(tmp_path))[0]
    whole = first.path.read_bytes()
    damaged = bytearray(whole)
    damaged[whole.rindex(first.nonce) + 1000] ^= 0xFF
    first.path.write_bytes(damaged)

    with capture_logs() as logs:
        found = uids(tmp_path)

    assert len(found) == 28
    assert [line["log_level"] for line in logs] == ["warning"]


def test_a_segment_that_is_used_again_never_tells_what_stood_in_it(tmp_path: Path) -> None:
    store = register_in(tmp_path)
    journal = journal_in(tmp_path, waiting_bytes=3 * SEGMENT)
    told: list[str] = []
    for number in range(1, 80):
        uid = f"1.2.{number}"
        bring(journal, uid, dataset_of(uid, random.Random(number).randrange(8, 6000)))
        told.append(uid)
        if number % 3 == 0:
            file_all(tmp_path, store)
            journal.close()
            journal = journal_in(tmp_path, waiting_bytes=3 * SEGMENT)
        position = store.filing.position("receiver")
        after = [one.arriving.sop_instance_uid for one in stands_in(folder_of(tmp_path), position) if isinstance(one, Arrived)]
        assert after == told[number - number % 3 :]
    journal.close()
    store.close()


def test_an_image_cannot_bring_a_record_of_its_own(tmp_path: Path) -> None:
    store = register_in(tmp_path)
    journal = journal_in(tmp_path, waiting_bytes=3 * SEGMENT)
    body = b"12345678"
    for number in range(12):
        nonce = segments(folder_of(tmp_path))[-1].nonce  # more than any sender can know
        forged = b"".join(arrived(arriving("6.6.6"), datetime.now(UTC), [body], crc32(body)).parts(nonce))
        bring(journal, f"1.2.{number}", (forged * 60)[: 6000 + 8 * number])
        journal.close()
        file_all(tmp_path, store)
        journal = journal_in(tmp_path, waiting_bytes=3 * SEGMENT)  # what stood in a segment stands there still, behind its end
    journal.close()
    file_all(tmp_path, store)

    assert store.filing.known(["6.6.6"]) == {}
    assert len(store.filing.known([f"1.2.{number}" for number in range(12)])) == 12
    store.close()


class PowerCut:
    """A disk that remembers what was written since it was last made durable, sector by sector, and loses any of it when the power goes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, chance: random.Random) -> None:
        self._chance = chance
        self._before: dict[tuple[str, int], bytes] = {}
        self._real = os.pwritev, os.pwrite, os.fdatasync, os.fsync
        monkeypatch.setattr(os, "pwritev", lambda fd, parts, at: self._write(fd, b"".join(parts), at))
        monkeypatch.setattr(os, "pwrite", self._write)
        monkeypatch.setattr(os, "fdatasync", self._sync)
        monkeypatch.setattr(os, "fsync", self._sync)

    def _write(self, descriptor: int, data: bytes, at: int) -> int:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if "segment-" in path:
            for sector in range(at // SECTOR, (at + len(data) - 1) // SECTOR + 1):
                self._before.setdefault((path, sector), Path(path).read_bytes()[sector * SECTOR : (sector + 1) * SECTOR])
        return self._real[1](descriptor, data, at)

    def _sync(self, descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        self._real[2](descriptor)
        self._before = {key: old for key, old in self._before.items() if key[0] != path}

    def go(self) -> None:
        """The power goes: any of what was not durable is as it was before."""
        for (path, sector), old in self._before.items():
            if self._chance.random() < 0.5:
                descriptor = os.open(path, os.O_WRONLY)
                self._real[1](descriptor, old, sector * SECTOR)
                os.close(descriptor)
        self._before.clear()


class Gone(BaseException):
    """The power went while something was being made durable."""


@pytest.mark.parametrize("seed", range(12))
def test_what_was_promised_survives_power_cuts_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    store = register_in(tmp_path)
    power = PowerCut(monkeypatch, chance)
    made_durable = os.fdatasync

    def may_go(descriptor: int) -> None:
        if chance.random() < 0.04:
            raise Gone
        made_durable(descriptor)

    promised: dict[str, bytes] = {}
    number = 0
    for _life in range(8):
        journal = journal_in(tmp_path, waiting_bytes=8 * SEGMENT)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", may_go)
            try:
                for _ in range(20):
                    number += 1
                    data = dataset_of(f"1.2.{number}", chance.randrange(8, 5000))
                    with suppress(TemporaryError):  # too much waits to be filed
                        bring(journal, f"1.2.{number}", data)
                        promised[f"1.2.{number}"] = data
                    if chance.random() < 0.3:
                        file_all(tmp_path, store)
            except Gone:
                if chance.random() < 0.5:
                    file_all(tmp_path, store)  # the filer has seen what was not durable yet
        os.close(journal._log._tail.descriptor)
        journal._log._held.close()
        power.go()
    journal_in(tmp_path, waiting_bytes=8 * SEGMENT)._log._held.close()
    file_all(tmp_path, store)

    found = store.filing.known(sorted(promised))
    assert len(promised) > 20
    assert set(found) == set(promised)
    for uid, data in promised.items():
        assert (tmp_path / found[uid].path).read_bytes() == head(arriving(uid)) + data
    store.close()


def test_a_segment_of_which_the_power_took_even_the_beginning_is_filed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = register_in(tmp_path)
    power = PowerCut(monkeypatch, random.Random(0))
    journal = journal_in(tmp_path)
    bring(journal, "1.2.1", dataset_of("1.2.1", 8000))
    synced = os.fdatasync

    def go_in_the_second(descriptor: int) -> None:
        if journal._log._tail.segment.sequence == 2:
            raise Gone
        synced(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", go_in_the_second)
        bring(journal, "1.2.2", dataset_of("1.2", 7000))
        with pytest.raises(Gone):
            bring(journal, "1.2.3", dataset_of("1.2", 7000))
    file_all(tmp_path, store)  # sees the second segment, and is quicker than the power
    os.close(journal._log._tail.descriptor)
    journal._log._held.close()
    monkeypatch.setattr(power._chance, "random", lambda: 0.0)
    power.go()
    (folder_of(tmp_path) / "filed").unlink()  # is never made durable
    journal = journal_in(tmp_path)
    bring(journal, "1.2.20", b"12345678")
    journal.close()
    file_all(tmp_path, store)

    assert [segment.sequence for segment in segments(folder_of(tmp_path))] == [1, 2]
    assert set(store.filing.known(["1.2.1", "1.2.20"])) == {"1.2.1", "1.2.20"}
    store.close()


def test_a_segment_is_durable_before_the_next_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    power = PowerCut(monkeypatch, random.Random(0))
    journal = journal_in(tmp_path)
    first = journal._log._tail.segment.path
    one = arrived(arriving("1.2.1"), datetime.now(UTC), [b"12345678"], crc32(b"12345678"))
    with journal._log._turn:
        journal._log._write(one)  # by a thread that has not come to wait for the disk yet
    assert any(path == str(first) for path, _ in power._before)
    while journal._log._tail.segment.path == first:
        with journal._log._turn:
            journal._log._write(one)

    assert not any(path == str(first) for path, _ in power._before)
    journal.close()
