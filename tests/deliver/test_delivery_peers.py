"""Delivery to programs that nobody here wrote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from deliver_pictures import map_slice, page
from network import Receipts, dataset_bytes, instance, parcel, wait_until, write
from pydicom import dcmread
from pydicom.uid import UID, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from benchmarks.peers import Orthanc, find, free_port
from node.deliver import Compression, send
from node.dimse import Peer, echo, find_instance
from node.domain.ports import DeliveryState
from node.errors import TemporaryError


@pytest.mark.peer("Orthanc")
def test_orthanc_takes_what_is_delivered_with_its_bytes_and_can_be_asked(tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "outbox") for number in range(3)]
    with Orthanc(tmp_path / "orthanc") as orthanc:
        pacs = Peer("orthanc", "127.0.0.1", orthanc.dicom_port, orthanc.ae_title, "EMBER", connect_timeout_s=10, answer_timeout_s=10)
        assert echo(pacs).status == 0x0000
        first = send([parcel(path) for path in paths[:2]], pacs, Receipts())
        known = [find_instance(pacs, path.stem, instance().StudyInstanceUID, instance().SeriesInstanceUID) for path in paths]
        again = send([parcel(path, DeliveryState.SENDING) for path in paths], pacs, Receipts())
        arrived = orthanc.download(tmp_path / "arrived")

    assert [how for _, how in first.stored] == ["answered 0x0000"] * 2
    assert known == [True, True, False]
    assert [how for _, how in again.stored] == ["found by C-FIND", "found by C-FIND", "answered 0x0000"]
    assert [dataset_bytes(path) for path in arrived] == [dataset_bytes(path) for path in paths]


@pytest.mark.peer("storescu")
def test_dcmtk_storescp_gets_every_syntax_bit_by_bit_and_again_when_it_cannot_be_asked(tmp_path: Path) -> None:
    paths = [write(instance(0), tmp_path / "outbox")]
    for number, syntax in enumerate((JPEG2000Lossless, JPEGLSLossless, RLELossless), start=1):
        packed = instance(number, size=64)
        packed.compress(syntax, generate_instance_uid=False)
        paths.append(write(packed, tmp_path / "outbox"))
    arrived, port = tmp_path / "arrived", free_port()
    arrived.mkdir()
    words = [str(find("storescp")), "+B", "+xa", "-uf", "-aet", "PACS", "-od", str(arrived), str(port)]  # both come with DCMTK
    scp = subprocess.Popen(words, env={**os.environ, "TCP_NODELAY": "1"})
    try:
        pacs = Peer("storescp", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=5, answer_timeout_s=5)
        wait_until(lambda: is_up(pacs))
        known = find_instance(pacs, paths[0].stem, instance().StudyInstanceUID, instance().SeriesInstanceUID)
        first = send([parcel(path) for path in paths], pacs, Receipts())
        again = send([parcel(path, DeliveryState.SENDING) for path in paths], pacs, Receipts())
    finally:
        scp.terminate()
        scp.wait()

    got = {str(dcmread(file, stop_before_pixels=True).SOPInstanceUID): dataset_bytes(file) for file in arrived.iterdir()}
    assert known is None
    assert [how for _, how in (*first.stored, *again.stored)] == ["answered 0x0000"] * 8
    assert got == {path.stem: dataset_bytes(path) for path in paths}


def is_up(peer: Peer) -> bool:
    try:
        return echo(peer).status == 0x0000
    except TemporaryError:
        return False


@pytest.mark.peer("storescu")
@pytest.mark.parametrize(("words", "syntax"), [("+xt", JPEGLSLossless), ("+xr", RLELossless)])
def test_dcmtk_storescp_that_prefers_a_lossless_syntax_gets_it_and_decodes_the_same_pixels(tmp_path: Path, words: str, syntax: UID) -> None:
    paths = {path.stem: path for path in (write(page(), tmp_path / "outbox"), write(map_slice(1), tmp_path / "outbox"))}
    arrived, port = tmp_path / "arrived", free_port()
    arrived.mkdir()
    scp = subprocess.Popen(
        [str(find("storescp")), words, "-uf", "-aet", "PACS", "-od", str(arrived), str(port)], env={**os.environ, "TCP_NODELAY": "1"}
    )
    try:
        pacs = Peer("storescp", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=5, answer_timeout_s=5)
        wait_until(lambda: is_up(pacs))
        outcome = send([parcel(path) for path in paths.values()], pacs, Receipts(), compression=Compression.LOSSLESS)
    finally:
        scp.terminate()
        scp.wait()

    assert [how for _, how in outcome.stored] == [f"answered 0x0000, sent in {syntax.name}"] * 2
    for file in arrived.iterdir():
        plain = tmp_path / f"{file.name}.plain"
        subprocess.run([str(find("dcmdjpls" if syntax == JPEGLSLossless else "dcmdrle")), str(file), str(plain)], check=True)
        got, sent = dcmread(plain), dcmread(paths[str(dcmread(file, stop_before_pixels=True).SOPInstanceUID)])
        assert dcmread(file, stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(got.pixel_array, sent.pixel_array)


@pytest.mark.peer("storescu")
def test_dcmtk_storescp_that_takes_implicit_vr_alone_gets_the_same_pixels(tmp_path: Path) -> None:
    paths = {path.stem: path for path in (write(page(), tmp_path / "outbox"), write(map_slice(1), tmp_path / "outbox"))}
    arrived, port = tmp_path / "arrived", free_port()
    arrived.mkdir()
    words = [str(find("storescp")), "+xi", "-uf", "-aet", "PACS", "-od", str(arrived), str(port)]
    scp = subprocess.Popen(words, env={**os.environ, "TCP_NODELAY": "1"})
    try:
        pacs = Peer("storescp", "127.0.0.1", port, "PACS", "EMBER", connect_timeout_s=5, answer_timeout_s=5)
        wait_until(lambda: is_up(pacs))
        outcome = send([parcel(path) for path in paths.values()], pacs, Receipts())
    finally:
        scp.terminate()
        scp.wait()

    got = [dcmread(file) for file in arrived.iterdir()]
    assert [how for _, how in outcome.stored] == ["answered 0x0000, sent in Implicit VR Little Endian"] * 2
    assert {one.file_meta.TransferSyntaxUID for one in got} == {ImplicitVRLittleEndian}
    assert all(np.array_equal(one.pixel_array, dcmread(paths[one.SOPInstanceUID]).pixel_array) for one in got)


@pytest.mark.peer("Orthanc")
def test_orthanc_takes_what_was_compressed_and_shows_the_same_pixels(tmp_path: Path) -> None:
    paths = {path.stem: path for path in (write(page(), tmp_path / "outbox"), write(map_slice(1), tmp_path / "outbox"))}
    with Orthanc(tmp_path / "orthanc") as orthanc:
        pacs = Peer("orthanc", "127.0.0.1", orthanc.dicom_port, orthanc.ae_title, "EMBER", connect_timeout_s=10, answer_timeout_s=10)
        outcome = send([parcel(path) for path in paths.values()], pacs, Receipts(), compression=Compression.LOSSLESS)
        arrived = [dcmread(path) for path in orthanc.download(tmp_path / "arrived")]

    assert [how for _, how in outcome.stored] == [f"answered 0x0000, sent in {JPEGLSLossless.name}"] * 2
    assert all(np.array_equal(got.pixel_array, dcmread(paths[got.SOPInstanceUID]).pixel_array) for got in arrived)
    assert len(arrived) == 2
