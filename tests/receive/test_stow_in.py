"""STOW-RS into our inlet: by requests written by hand, and by dicomweb-client."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from memory_inlet import MemoryInlet
from network import STUDY, instance
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)
from web_site import HEADERS, WebSite, multipart, serving_web

from node.domain.arrivals import Caller
from node.receive.dicomweb.tokens import new_token

STORED, FAILED, OTHERS = "00081199", "00081198", "0008119A"


@pytest.fixture
def inlet() -> MemoryInlet:
    return MemoryInlet()


@pytest.fixture
def site(tmp_path: Path, inlet: MemoryInlet) -> Iterator[WebSite]:
    with serving_web(tmp_path, inlet=inlet) as site:
        yield site


def encoded(dataset: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """As a file."""
    if syntax.is_encapsulated:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = BytesIO()
    if not syntax.is_little_endian:
        dataset["PixelData"].value = b"\0" * len(dataset.PixelData)
    dataset.save_as(buffer, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, enforce_file_format=True)
    return buffer.getvalue()


def post(site: WebSite, body: Any, path: str = "/studies", **headers: str) -> requests.Response:
    return requests.post(site.url + path, data=body, headers=HEADERS | headers, timeout=10)


def listed(answer: requests.Response, sequence: str) -> list[tuple[str, int]]:
    items = answer.json().get(sequence, {}).get("Value", ())
    return [(item.get("00081155", {}).get("Value", [""])[0], item.get("00081197", {}).get("Value", [0])[0]) for item in items]


def data_of(file: bytes) -> bytes:
    """What follows the file meta information."""
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length :]


def test_instances_are_kept_as_they_came_and_each_is_named(site: WebSite, inlet: MemoryInlet) -> None:
    files = [encoded(instance(number)) for number in range(3)]
    answer = post(site, multipart(files))

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/dicom+json"
    assert listed(answer, STORED) == [(str(instance(number).SOPInstanceUID), 0) for number in range(3)]
    assert [bytes(coming.dataset) for coming in inlet.kept] == [data_of(file) for file in files]
    (association,) = inlet.callers
    assert inlet.callers[association].calling_ae == "local"
    assert inlet.ends == {association: "released"}


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_chunked_body_is_the_same_whatever_its_chunks(site: WebSite, inlet: MemoryInlet, pieces: int) -> None:
    file = encoded(instance())
    body = multipart([file] if pieces > 1 else [encoded(instance(size=4))])
    answer = post(site, (body[at : at + pieces] for at in range(0, len(body), pieces)))

    assert answer.status_code == 200
    assert len(inlet.kept) == 1


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, JPEGLSLossless])
def test_every_syntax_is_kept_and_its_study_found(site: WebSite, inlet: MemoryInlet, syntax: UID) -> None:
    file = encoded(instance(), syntax)

    assert post(site, multipart([file]), f"/studies/{STUDY}").status_code == 200
    assert post(site, multipart([file]), f"/studies/{STUDY}.9").status_code == 409
    assert [coming.arriving.transfer_syntax_uid for coming in inlet.kept] == [syntax]
    assert bytes(inlet.kept[0].dataset) == data_of(file)


def test_some_refused_is_said_of_each(site: WebSite, inlet: MemoryInlet) -> None:
    unknown = instance(1)
    unknown.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.1"
    files = [encoded(instance(0)), encoded(unknown), b"no DICOM at all" * 20, encoded(instance(3))]
    answer = post(site, multipart(files))

    assert answer.status_code == 202
    assert len(listed(answer, STORED)) == 2
    assert listed(answer, FAILED) == [(str(instance(1).SOPInstanceUID), 0x0122)]
    assert listed(answer, OTHERS) == [("", 0xC000)]
    assert len(inlet.kept) == 2


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("TransferSyntaxUID", "1.2.840.10008.1.2.4.103", 0xC122),
        ("MediaStorageSOPInstanceUID", "../../etc/passwd", 0xC000),
        ("MediaStorageSOPInstanceUID", "1.2\x003", 0xC000),
        ("MediaStorageSOPInstanceUID", "1." + "2" * 80, 0xC000),
        ("MediaStorageSOPClassUID", "", 0xC000),
    ],
)
def test_a_head_that_cannot_be_trusted_is_refused(site: WebSite, inlet: MemoryInlet, name: str, value: str, reason: int) -> None:
    file = with_meta(encoded(instance()), name, value)
    answer = post(site, multipart([file]))

    assert answer.status_code == 409
    assert [code for _, code in listed(answer, FAILED) + listed(answer, OTHERS)] == [reason]
    assert inlet.kept == []


def with_meta(file: bytes, name: str, value: str) -> bytes:
    """The file with another UID in its head, written by hand so that nothing corrects it."""
    tags = {"MediaStorageSOPClassUID": 2, "MediaStorageSOPInstanceUID": 3, "TransferSyntaxUID": 0x10}
    uids = {2: "1.2.840.10008.5.1.4.1.1.4", 3: str(instance().SOPInstanceUID), 0x10: ExplicitVRLittleEndian} | {tags[name]: value}
    meta = b""
    for tag, uid in uids.items():
        text = uid.encode() + b"\0" * (len(uid) % 2)
        meta += b"\x02\0" + tag.to_bytes(2, "little") + b"UI" + len(text).to_bytes(2, "little") + text
    return bytes(128) + b"DICM\x02\0\0\0UL\x04\0" + len(meta).to_bytes(4, "little") + meta + data_of(file)


def test_an_instance_of_another_study_is_refused_where_the_path_names_one(site: WebSite, inlet: MemoryInlet) -> None:
    other = instance(1)
    other.StudyInstanceUID = f"{STUDY}.2"
    answer = post(site, multipart([encoded(instance(0)), encoded(other)]), f"/studies/{STUDY}")

    assert answer.status_code == 202
    assert listed(answer, FAILED) == [(str(other.SOPInstanceUID), 0xA900)]


@pytest.mark.parametrize("step", ["opened", "begin", "write"])
def test_a_full_disk_is_answered_507_and_each_instance_a700(site: WebSite, inlet: MemoryInlet, step: str) -> None:
    inlet.failing = step
    answer = post(site, multipart([encoded(instance(0)), encoded(instance(1))]))

    assert answer.status_code == 507
    assert [reason for _, reason in listed(answer, FAILED)] == [0xA700, 0xA700]
    assert answer.headers["Retry-After"]


def test_a_fault_of_ours_tells_nothing_of_itself_and_stores_nothing(site: WebSite, inlet: MemoryInlet) -> None:
    inlet.failing = "keep"
    answer = post(site, multipart([encoded(instance())]))

    assert answer.status_code == 500
    assert "something else" not in answer.text
    assert [coming.state for coming in inlet.comings] == ["dropped"]
    assert list(inlet.ends.values()) == ["lost"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/dicom"}, 415),
        ({"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=abc'}, 415),
        ({"Content-Type": 'multipart/related; type="application/dicom"'}, 400),
        ({"Content-Type": 'multipart/related; type="application/dicom"; boundary="a\u00e4"'}, 400),
        ({"Content-Type": "nonsense"}, 415),
        ({"Accept": "application/dicom+xml"}, 406),
        ({"Accept": "text/html"}, 406),
    ],
)
def test_a_request_is_refused_by_its_headers(site: WebSite, inlet: MemoryInlet, headers: dict[str, str], status: int) -> None:
    raw: dict[str, Any] = {name: value.encode("latin-1") for name, value in (HEADERS | headers).items()}

    assert requests.post(site.url + "/studies", data=multipart([encoded(instance())]), headers=raw, timeout=10).status_code == status
    assert inlet.comings == []


def test_a_body_that_is_cut_off_keeps_what_was_whole_and_says_so(site: WebSite, inlet: MemoryInlet) -> None:
    body = multipart([encoded(instance(0)), encoded(instance(1))])
    answer = post(site, body[: len(body) - 200])

    assert answer.status_code == 400
    assert [uid for uid, _ in listed(answer, STORED)] == [str(instance(0).SOPInstanceUID)]
    assert [coming.state for coming in inlet.comings] == ["kept", "dropped"]


@pytest.mark.parametrize("body", [b"", b"--abc--\r\n", b"no boundary anywhere", b"--abc\r\nno header\r\n\r\n\r\n--abc--\r\n"])
def test_a_body_without_instances_is_a_bad_request(site: WebSite, body: bytes) -> None:
    assert post(site, body).status_code == 400


def test_a_path_that_is_no_uid_is_a_bad_request(site: WebSite) -> None:
    assert post(site, multipart([encoded(instance())]), "/studies/1.2%00.3").status_code == 400
    assert post(site, multipart([encoded(instance())]), "/studies/..%2F..%2Fetc").status_code in (404, 405)


def test_dicomweb_client_stores_here_and_reads_our_answer(site: WebSite, inlet: MemoryInlet) -> None:
    answer = DICOMwebClient(site.url).store_instances([dcmread(BytesIO(encoded(instance(number)))) for number in range(2)])

    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [
        instance(0).SOPInstanceUID,
        instance(1).SOPInstanceUID,
    ]
    assert len(inlet.kept) == 2


def test_the_register_learns_who_it_was(tmp_path: Path) -> None:
    token, line = new_token("mr3t")
    (tmp_path / "tokens").write_text(line + "\n")
    with serving_web(tmp_path, tokens=tmp_path / "tokens") as site:
        assert post(site, multipart([encoded(instance())])).status_code == 401
        assert post(site, multipart([encoded(instance())]), Authorization=f"Bearer {token}").status_code == 200
        (caller,) = site.inlet.callers.values()
    assert caller == Caller("mr3t", "EMBER", "127.0.0.1", caller.port, "mr3t")
