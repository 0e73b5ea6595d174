"""Orthanc and DCMTK's dcmqrscp are asked, and give images by C-GET, C-MOVE and WADO-RS."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import evt
from retrieve_inlet import PATIENT, STORAGE, RememberingInlet, peer

from benchmarks.peers import Orthanc, command, free_port, send
from node.errors import TemporaryError
from node.retrieve import (
    By,
    Question,
    Source,
    Wanted,
    WebPeer,
    fetch,
    find_images,
    find_series,
    find_series_counts,
    find_studies,
    find_study,
)
from tests.network import SERIES, STUDY, dataset_bytes, instance, serving, write

COUNT = 5
ORTHANC_WEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@dataclass(frozen=True)
class Archive:
    """An archive with one study of one series."""

    files: dict[str, bytes]
    port: int
    title: str
    url: str = ""


def _files(folder: Path) -> list[Path]:
    found = []
    for number in range(COUNT):
        image = instance(number)
        image.SpecificCharacterSet = "ISO_IR 100"
        image.StudyDate, image.StudyTime, image.PatientBirthDate, image.PatientSex = "20260301", "101500", "19800102", "F"
        image.SeriesDescription, image.PatientName = "T1 schräg", "Müller^Käthe"
        found.append(write(image, folder))
    return found


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("orthanc")
    files = _files(folder / "files")
    plugins = [ORTHANC_WEB] if Path(ORTHANC_WEB).exists() else []
    with Orthanc(folder / "pacs", plugins=plugins) as pacs:
        send(files, pacs.dicom_port, called=pacs.ae_title)
        yield Archive(
            {file.stem: dataset_bytes(file) for file in files},
            pacs.dicom_port,
            pacs.ae_title,
            f"http://127.0.0.1:{pacs.http_port}/dicom-web" if plugins else "",
        )


@pytest.fixture(scope="module")
def dcmqrscp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("dcmqrscp")
    files = _files(folder / "files")
    (folder / "db").mkdir()
    port, mover = free_port(), free_port()
    (folder / "qr.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 131072\nMaxAssociations = 8\n"
        f"HostTable BEGIN\nember = (EMBER, 127.0.0.1, {mover})\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {folder / 'db'} RW (20, 200mb) ANY\nAETable END\n"
    )
    environment = {**os.environ, "TCP_NODELAY": "1"}
    log = (folder / "log").open("wb")
    process = subprocess.Popen([command("dcmqrscp"), "-c", str(folder / "qr.cfg")], env=environment, stdout=log, stderr=log)
    log.close()
    try:
        _patiently_send(files, port)
        yield Archive({file.stem: dataset_bytes(file) for file in files}, port, "QRSCP", str(mover))
    finally:
        process.terminate()
        process.wait(10)


def _patiently_send(files: list[Path], port: int) -> None:
    for _ in range(50):
        try:
            return send(files, port, called="QRSCP")
        except RuntimeError:
            time.sleep(0.1)
    raise RuntimeError("dcmqrscp did not take the files")


def dimse(archive: Archive, by: By = By.GET) -> Source:
    return Source("pacs", by, peer=peer(archive.port, archive.title))


def web(archive: Archive) -> Source:
    if not archive.url:
        pytest.skip(f"needs {ORTHANC_WEB} (Debian package orthanc-dicomweb)")
    return Source("pacs", By.DICOMWEB, web=WebPeer("pacs", archive.url, timeout_s=5))


def asks_everything(source: Source, *, description: str = "T1 schräg") -> None:
    """One study, one series, five images, and nothing of anybody else."""
    found = find_studies(source, Question(PATIENT, first=date(2026, 1, 1), last=date(2026, 12, 31)))
    assert [one.study_uid for one in found] == [STUDY]
    assert (found[0].person.birth_date, found[0].person.sex) == (date(1980, 1, 2), "F")
    assert find_study(source, STUDY) == found[0]
    assert find_studies(source, Question(PATIENT, last=date(2025, 12, 31))) == ()
    assert find_studies(source, Question("SECRET*")) == ()
    assert find_study(source, "1.2.3.4") is None
    series = find_series(source, STUDY)
    assert [(one.series_uid, one.modality, one.description) for one in series] == [(SERIES, "MR", description)]
    assert find_series_counts(source, STUDY) == {SERIES: COUNT}
    assert {one.sop_instance_uid for one in find_images(source, STUDY, SERIES)} == {str(instance(n).SOPInstanceUID) for n in range(COUNT)}


def gives_everything(archive: Archive, source: Source) -> None:
    """The whole series, then two images of it by UID, with the bytes that were sent there."""
    inlet, told = RememberingInlet(), list[int]()
    done = fetch(source, Wanted(STUDY, SERIES, PATIENT), inlet, calling_ae="EMBER", storage=STORAGE, tell=told.append)
    assert (done.kept, done.turned_away, done.failed) == (COUNT, 0, 0)
    assert told == [1, 2, 3, 4, 5]
    assert {uid: data for uid, (_, data) in inlet.kept.items()} == archive.files
    assert {arriving.transfer_syntax_uid for arriving, _ in inlet.kept.values()} == {ExplicitVRLittleEndian}
    assert set(inlet.ends.values()) == {"released"}

    some = tuple(sorted(archive.files)[1:3])
    fewer = RememberingInlet()
    fetch(source, Wanted(STUDY, SERIES, PATIENT, some), fewer, calling_ae="EMBER", storage=STORAGE, tell=told.append)
    assert set(fewer.kept) == set(some)


@pytest.mark.peer("Orthanc", "storescu")
def test_orthanc_answers_by_c_find(orthanc: Archive) -> None:
    asks_everything(dimse(orthanc))


@pytest.mark.peer("Orthanc", "storescu")
def test_orthanc_answers_by_qido_rs(orthanc: Archive) -> None:
    asks_everything(web(orthanc))


@pytest.mark.peer("Orthanc", "storescu")
def test_orthanc_gives_by_c_get(orthanc: Archive) -> None:
    gives_everything(orthanc, dimse(orthanc))


@pytest.mark.peer("Orthanc", "storescu")
def test_orthanc_gives_by_wado_rs_in_pieces(orthanc: Archive) -> None:
    gives_everything(orthanc, web(orthanc))


@pytest.mark.peer("dcmqrscp", "storescu")
def test_dcmqrscp_answers_by_c_find(dcmqrscp: Archive) -> None:
    asks_everything(dimse(dcmqrscp), description="")  # which it does not keep


@pytest.mark.peer("dcmqrscp", "storescu")
def test_dcmqrscp_gives_by_c_get(dcmqrscp: Archive) -> None:
    gives_everything(dcmqrscp, dimse(dcmqrscp))


def moves_everything(archive: Archive, port: int) -> None:
    came = list[str]()
    handlers = [(evt.EVT_C_STORE, lambda event: came.append(event.request.AffectedSOPInstanceUID) or 0x0000)]
    with serving([(MRImageStorage, ExplicitVRLittleEndian)], handlers, ae_title="EMBER", port=port):
        done = fetch(
            dimse(archive, By.MOVE), Wanted(STUDY, SERIES), RememberingInlet(), calling_ae="EMBER", storage=STORAGE, tell=lambda _: None
        )
    assert (done.kept, done.failed) == (COUNT, 0)
    assert set(came) == set(archive.files)


@pytest.mark.peer("Orthanc", "storescu")
def test_orthanc_moves_to_us_once_it_knows_us(orthanc: Archive) -> None:
    wanted, port = Wanted(STUDY, SERIES), free_port()
    with pytest.raises(TemporaryError, match="AE title that they do not know"):
        fetch(dimse(orthanc, By.MOVE), wanted, RememberingInlet(), calling_ae="EMBER", storage=STORAGE, tell=lambda _: None)
    known = json.dumps({"AET": "EMBER", "Host": "127.0.0.1", "Port": port}).encode()
    urlopen(Request(f"{orthanc.url.removesuffix('/dicom-web')}/modalities/ember", known, method="PUT"), timeout=5).close()
    moves_everything(orthanc, port)


@pytest.mark.peer("dcmqrscp", "storescu")
def test_dcmqrscp_moves_to_us(dcmqrscp: Archive) -> None:
    moves_everything(dcmqrscp, int(dcmqrscp.url))
