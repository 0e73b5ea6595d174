"""Results as files in a folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from network import Receipts, instance, parcel, write

from node.deliver import Held
from node.deliver.folder import FolderDestination
from node.domain.ports import DeliveryState, Parcel
from node.errors import TemporaryError


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def results(share: Path) -> FolderDestination:
    return FolderDestination("share", share, "E00012-v1")


@pytest.fixture
def parcels(tmp_path: Path) -> list[Parcel]:
    found = []
    for number in range(3):
        dataset = instance(number)
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.SeriesNumber, dataset.SeriesDescription = 901, "TSPO: SUVR/…map ü."
        found.append(parcel(write(dataset, tmp_path / "outbox")))
    return found


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_bear_names_that_people_can_read(results: FolderDestination, share: Path, parcels: list[Parcel]) -> None:
    outcome = results.send(parcels, Receipts())

    assert files(share) == sorted(f"E00012-v1/901 TSPO SUVR ...map u/{one.sop_instance_uid}.dcm" for one in parcels)
    assert [(share / "E00012-v1" / "901 TSPO SUVR ...map u" / f"{one.sop_instance_uid}.dcm").read_bytes() for one in parcels] == [
        one.path.read_bytes() for one in parcels
    ]
    assert [how for _, how in outcome.stored] == ["written"] * 3


def test_a_second_run_finds_its_own_files(results: FolderDestination, share: Path, parcels: list[Parcel]) -> None:
    results.send(parcels, Receipts())
    before = {path: path.stat().st_mtime_ns for path in share.rglob("*.dcm")}
    again = [Parcel(one.sop_instance_uid, one.sop_class_uid, one.transfer_syntax_uid, one.path, DeliveryState.SENDING) for one in parcels]
    outcome = results.send(again, Receipts())

    assert [how for _, how in outcome.stored] == ["written before"] * 3
    assert {path: path.stat().st_mtime_ns for path in share.rglob("*.dcm")} == before


def test_other_bytes_are_never_replaced(results: FolderDestination, share: Path, parcels: list[Parcel]) -> None:
    results.send(parcels[:1], Receipts())
    (theirs,) = share.rglob("*.dcm")
    theirs.write_bytes(b"theirs")
    outcome = results.send(parcels[:1], Receipts())

    assert theirs.read_bytes() == b"theirs"
    assert [uid for uid, _ in outcome.refused] == [parcels[0].sop_instance_uid]
    assert [proof.held for proof in results.prove(parcels[:1])] == [Held.NO]


def test_proof_is_the_file_read_back(results: FolderDestination, share: Path, parcels: list[Parcel]) -> None:
    results.send(parcels[:2], Receipts())

    assert [proof.held for proof in results.prove(parcels)] == [Held.YES, Held.YES, Held.NO]
    assert results.prove(parcels)[0].how == "its file read back"


def test_a_share_that_is_not_mounted_is_not_made(tmp_path: Path, parcels: list[Parcel]) -> None:
    away = FolderDestination("share", tmp_path / "missing", "E00012-v1")
    outcome = away.send(parcels, Receipts())

    assert not (tmp_path / "missing").exists()
    assert len(outcome.postponed) == 3
    assert outcome.away
    assert [proof.held for proof in away.prove(parcels)] == [Held.UNKNOWN] * 3
    with pytest.raises(TemporaryError):
        away.check()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES])
def test_a_disk_that_does_not_take_it_postpones_and_leaves_no_half_file(
    results: FolderDestination, share: Path, parcels: list[Parcel], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronise, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 4:  # the second file's: the first has synchronised two new folders and itself, then its own
            raise OSError(number, os.strerror(number))
        synchronise(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    receipts = Receipts()
    outcome = results.send(parcels, receipts)

    assert os.strerror(number) in outcome.away
    assert len(outcome.stored) + len(outcome.postponed) == 3
    assert outcome.postponed
    assert all(name.endswith(".dcm") for name in files(share))
    assert {uid for what, uid, _ in receipts.told if what == "postponed"} == {uid for uid, _ in outcome.postponed}
    monkeypatch.undo()
    assert len(results.send(parcels, Receipts()).stored) == 3


def test_a_check_leaves_nothing_behind(results: FolderDestination, share: Path) -> None:
    assert "can be written" in results.check()
    assert files(share) == []
