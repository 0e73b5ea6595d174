"""STOW-RS to an archive that nobody here wrote: Orthanc with its DICOMweb plugin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from deliver_pictures import map_slice, page
from network import Receipts, dataset_bytes, instance, parcel, write

from benchmarks.peers import Orthanc
from node.deliver import Held, HttpServer, StowDestination
from node.domain.ports import DeliveryState

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

pytestmark = [
    pytest.mark.peer("Orthanc"),
    pytest.mark.skipif(not PLUGIN.is_file(), reason=f"needs {PLUGIN.name} (Debian package orthanc-dicomweb)"),
]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with Orthanc(tmp_path_factory.mktemp("orthanc"), plugins=[str(PLUGIN)]) as orthanc:
        yield orthanc


@pytest.fixture
def archive(orthanc: Orthanc) -> StowDestination:
    return archive_at(f"http://127.0.0.1:{orthanc.http_port}/dicom-web")


def archive_at(url: str) -> StowDestination:
    return StowDestination("orthanc", HttpServer("orthanc", url, token=None, tls=None, timeout_s=10))


def test_orthanc_takes_what_is_delivered_with_its_bytes_and_proves_it(archive: StowDestination, orthanc: Orthanc, tmp_path: Path) -> None:
    paths = [write(dataset, tmp_path / "outbox") for dataset in (*map(instance, range(20)), page(30), map_slice(40))]
    assert "answers QIDO-RS" in archive.check()
    assert {proof.held for proof in archive.prove([parcel(path) for path in paths[:2]])} == {Held.NO}

    outcome = archive.send([parcel(path) for path in paths], Receipts())
    proofs = archive.prove([parcel(path, DeliveryState.STORED) for path in paths])
    again = archive.send([parcel(path, DeliveryState.SENDING) for path in paths], Receipts())

    assert [how for _, how in outcome.stored] == ["answered 200"] * len(paths)
    assert {(proof.held, proof.how) for proof in proofs} == {(Held.YES, "found by QIDO-RS")}
    assert [how for _, how in again.stored] == ["found by QIDO-RS"] * len(paths)
    arrived = {path.name: dataset_bytes(path) for path in orthanc.download(tmp_path / "arrived")}
    assert all(arrived[path.name] == dataset_bytes(path) for path in paths)


def test_one_broken_object_does_not_cost_the_others(archive: StowDestination, tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "outbox") for number in range(50, 53)]
    shutil.copyfile(paths[1], tmp_path / "whole.dcm")
    broken = parcel(paths[1])
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[:128] + b"DIXX" + content[132:])
    outcome = archive.send([parcel(paths[0]), broken, parcel(paths[2])], Receipts())

    assert [uid for uid, _ in outcome.stored] == [paths[0].stem, paths[2].stem]
    assert [uid for uid, _ in (*outcome.refused, *outcome.postponed)] == [paths[1].stem]


def test_a_wrong_address_postpones_with_a_word_of_it(orthanc: Orthanc, tmp_path: Path) -> None:
    elsewhere = archive_at(f"http://127.0.0.1:{orthanc.http_port}/no-dicom-web")
    outcome = elsewhere.send([parcel(write(instance(60), tmp_path / "outbox"))], Receipts())

    assert len(outcome.postponed) == 1
    assert "404" in outcome.away
