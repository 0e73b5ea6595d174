"""Peers that never answer, answer garbage, send other images than were asked for, or half of them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
import retrieve_inlet
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet, Verification
from retrieve_inlet import PATIENT, STORAGE, RememberingInlet

from node.errors import DataError, RefusedError, TemporaryError
from node.part10 import file_head
from node.retrieve import By, Question, Source, Wanted, WebPeer, fetch, find_series, find_studies, suboperations, web
from node.retrieve import ask as asking
from node.retrieve.belonging import stranger
from node.retrieve.found import Fetched
from node.retrieve.parts import parts
from tests.network import SERIES, STUDY, instance, serving

FIND, GET = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet
WANTED = Wanted(STUDY, SERIES, PATIENT)


def source(port: int, seconds: float = 2.0) -> Source:
    return Source("pacs", By.GET, peer=retrieve_inlet.peer(port, "PACS", seconds))


def answering(*handlers: Any, contexts: tuple[Any, ...] = (FIND,)) -> Any:
    return serving([(uid, ExplicitVRLittleEndian) for uid in contexts], list(handlers), ae_title="PACS")


def study(**values: str) -> Dataset:
    answer = Dataset()
    for keyword, value in {"QueryRetrieveLevel": "STUDY", "PatientID": PATIENT, "StudyInstanceUID": STUDY, **values}.items():
        setattr(answer, keyword, value)
    return answer


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_peer_that_ignores_what_was_asked_tells_us_of_nobody_else() -> None:
    answers = [study(), study(PatientID="OTHER", StudyInstanceUID="1.2.3"), study(StudyInstanceUID="../../x"), study(StudyInstanceUID="")]

    def find(_: evt.Event) -> Iterator[tuple[int, Dataset]]:
        yield from ((0xFF00, answer) for answer in answers)

    with answering((evt.EVT_C_FIND, find)) as port:
        assert [one.study_uid for one in find_studies(source(port), Question(PATIENT))] == [STUDY]


def test_a_wildcard_in_a_patient_id_asks_for_no_more_than_one_character() -> None:
    asked = []

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        asked.append(event.identifier.PatientID)
        yield 0xFF00, study(PatientID="A*1")
        yield 0xFF00, study(PatientID="AB1", StudyInstanceUID="1.2.3")

    with answering((evt.EVT_C_FIND, find)) as port:
        assert [one.study_uid for one in find_studies(source(port), Question("A*1"))] == [STUDY]
    assert asked == ["A?1"]


@pytest.mark.parametrize("patient_id", ["", " ", "*", "?*?", "A\\B"])
def test_nobody_is_asked_for_everybody(patient_id: str) -> None:
    with pytest.raises(DataError, match="names one patient"):
        find_studies(source(1), Question(patient_id))


def test_too_many_answers_are_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(asking._RETURNED, "STUDY", (asking.keys.STUDY_KEYS, 3))
    cancelled = threading.Event()

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        for number in range(2000):
            if event.is_cancelled:
                cancelled.set()
                yield 0xFE00, None
                return
            time.sleep(0.005)  # it hears of the cancelling between two answers
            yield 0xFF00, study(StudyInstanceUID=f"1.2.{number}")

    with answering((evt.EVT_C_FIND, find)) as port, pytest.raises(DataError, match="more than 3 answers"):
        find_studies(source(port), Question(PATIENT))
    assert cancelled.wait(2)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [(0xA700, TemporaryError, "0xA700"), (0xA900, RefusedError, "does not take"), (0xC001, TemporaryError, "0xC001")],
)
def test_a_failed_question_says_whether_to_ask_again(status: int, error: type[Exception], words: str) -> None:
    def find(_: evt.Event) -> Iterator[tuple[int, None]]:
        yield status, None

    with answering((evt.EVT_C_FIND, find)) as port, pytest.raises(error, match=words):
        find_series(source(port), STUDY)


def test_a_peer_without_the_service_is_told_from_one_that_is_busy() -> None:
    with answering(contexts=(Verification,)) as port, pytest.raises(RefusedError, match="accepts none"):
        find_series(source(port), STUDY)


def test_a_peer_that_never_answers_costs_no_more_than_its_time() -> None:
    let_go = threading.Event()

    def find(_: evt.Event) -> Iterator[tuple[int, None]]:
        let_go.wait(5)
        yield 0x0000, None

    with answering((evt.EVT_C_FIND, find)) as port:
        with pytest.raises(TemporaryError, match="did not answer C-FIND within"):
            find_series(source(port, 0.3), STUDY)
        let_go.set()


def sending(*images: Dataset) -> Any:
    """A peer that answers C-GET with these images."""

    def get(_: evt.Event) -> Iterator[Any]:
        yield len(images)
        for image in images:
            yield 0xFF00, image

    contexts = [(GET, ExplicitVRLittleEndian)]
    return serving_both(contexts, [(evt.EVT_C_GET, get)])


def serving_both(contexts: list[Any], handlers: list[Any]) -> Any:
    """The same, which takes the SCU role of storage when we ask for it."""
    from contextlib import contextmanager

    from pynetdicom import AE

    @contextmanager
    def run() -> Iterator[int]:
        entity = AE(ae_title="PACS")
        for uid, syntax in contexts:
            entity.add_supported_context(uid, syntax)
        entity.add_supported_context(MRImageStorage, ExplicitVRLittleEndian, scu_role=True, scp_role=True)
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        try:
            yield server.server_address[1]
        finally:
            server.socket.shutdown(socket.SHUT_RDWR)
            entity.shutdown()

    return run()


def fetched(port: int, inlet: RememberingInlet, wanted: Wanted = WANTED) -> Fetched:
    return fetch(source(port), wanted, inlet, calling_ae="EMBER", storage=STORAGE, tell=lambda _: None)


def test_images_of_other_people_and_series_are_turned_away() -> None:
    other, elsewhere = instance(1), instance(2)
    other.PatientID = "OTHER"
    elsewhere.SeriesInstanceUID = "1.2.3.4"
    inlet = RememberingInlet()
    with sending(instance(0), other, elsewhere) as port:
        assert fetched(port, inlet) == Fetched(kept=1, turned_away=2)
    assert list(inlet.kept) == [instance(0).SOPInstanceUID]


def test_half_a_series_is_told_as_half() -> None:
    inlet = RememberingInlet()
    unsendable = instance(2, sop_class=CTImageStorage)  # we propose no context for it
    with sending(instance(0), instance(1), unsendable) as port:
        done = fetched(port, inlet)
    assert done == Fetched(kept=2, failed=1)
    assert len(inlet.kept) == 2


def test_a_peer_that_takes_our_storage_and_gives_nothing_is_refused() -> None:
    with serving_both([], []) as port, pytest.raises(RefusedError, match="does not offer C-GET"):
        fetched(port, RememberingInlet())


def test_what_a_peer_sends_after_we_have_cancelled_is_not_taken() -> None:
    inlet = RememberingInlet()
    with sending(*map(instance, range(5))) as port, pytest.raises(TemporaryError, match="was cancelled"):
        fetch(source(port), WANTED, inlet, calling_ae="EMBER", storage=STORAGE, tell=lambda _: None, stopped=lambda: len(inlet.kept) > 1)
    assert len(inlet.kept) == 2


def test_an_image_that_does_not_fit_into_memory_is_refused_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.retrieve.get.LARGEST_BYTES", 100_000)
    large = instance(1)
    large.PixelData, large.Rows, large.Columns = bytes(200_000), 500, 200
    inlet = RememberingInlet()
    with sending(instance(0), large, instance(2)) as port, pytest.raises(RefusedError, match="cannot be fetched by C-GET"):
        fetched(port, inlet)
    assert len(inlet.kept) == 1


def test_a_full_disk_ends_the_fetch_and_keeps_what_came() -> None:
    inlet = RememberingInlet(room=1)
    with sending(instance(0), instance(1), instance(2)) as port, pytest.raises(TemporaryError, match="cannot be kept here"):
        fetched(port, inlet)
    assert (len(inlet.kept), inlet.dropped) == (1, 2)
    assert set(inlet.ends.values()) == {"released"}


def test_a_peer_that_breaks_off_leaves_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suboperations, "PATIENCE_S", 1.0)

    def get(event: evt.Event) -> Iterator[Any]:
        yield 2
        yield 0xFF00, instance(0)
        event.assoc.abort()

    inlet = RememberingInlet()
    with serving_both([(GET, ExplicitVRLittleEndian)], [(evt.EVT_C_GET, get)]) as port, pytest.raises(TemporaryError):
        fetched(port, inlet)
    assert len(inlet.kept) == 1
    assert set(inlet.ends.values()) == {"lost"}


def encoded(dataset: Dataset) -> bytes:
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, False
    write_dataset(file, dataset)
    return file.getvalue()


def test_what_cannot_be_read_belongs_to_nobody() -> None:
    whole = encoded(instance(0))
    assert stranger(WANTED, whole, ExplicitVRLittleEndian) == ""
    assert stranger(WANTED, b"", ExplicitVRLittleEndian)
    assert stranger(WANTED, b"\xff" * 400, ExplicitVRLittleEndian)
    assert "another image" in stranger(replace(WANTED, images=("1.2.3",)), whole, ExplicitVRLittleEndian)
    assert stranger(WANTED, whole[:40], ExplicitVRLittleEndian)


class _Stream(BytesIO):
    """Gives so many bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self._step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(self._step, size if size and size > 0 else self._step))


@pytest.mark.parametrize("step", [1, 3, 7, 64])
def test_parts_come_whole_however_they_are_cut(step: int) -> None:
    bodies = [b"", b"\r\n--", b"\r\n--notb\r\n" * 3, bytes(range(256))]
    whole = b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n" for body in bodies) + b"--b--\r\n"
    assert [b"".join(bytes(piece) for piece in part) for part in parts(_Stream(whole, step), "b")] == bodies


def test_an_answer_that_is_cut_off_is_no_part() -> None:
    with pytest.raises(TemporaryError, match="cut off"):
        [list(part) for part in parts(_Stream(b"--b\r\n\r\nhalf", 4), "b")]


def test_a_file_without_prefix_or_uids_is_told() -> None:
    for head in (b"", bytes(200), bytes(128) + b"DICM" + bytes(40), bytes(128) + b"DICM\x02\x00\x01\x00OB"):
        with pytest.raises(DataError):
            file_head(head)


def web_server(answer: bytes) -> Iterator[int]:
    """Gives one answer, whatever is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, answer))
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (OK + b"Content-Type: application/dicom+json\r\n\r\n{no json", TemporaryError, "no DICOM JSON"),
        (OK + b'\r\n[{"0020000D": {"vr": "QQ", "Value": 3}}]', TemporaryError, "no DICOM JSON"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", RefusedError, "302"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", RefusedError, "401"),
        (b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", TemporaryError, "503"),
        (b"nonsense\r\n\r\n", TemporaryError, "cut off"),
        (b"", TemporaryError, "cut off"),
    ],
)
def test_a_web_answer_that_is_none_is_told(answer: bytes, error: type[Exception], words: str) -> None:
    for port in web_server(answer):
        with pytest.raises(error, match=words):
            find_series(Source("web", By.DICOMWEB, web=WebPeer("web", f"http://127.0.0.1:{port}/dicom-web", timeout_s=2)), STUDY)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(WebPeer("web", "http://x", "secret"))


def test_one_byte_at_a_time_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "WINDOW_S", 0.2)

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(OK + b"\r\n[")
            for _ in range(500):
                connection.sendall(b" ")
                time.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        began = time.monotonic()
        with pytest.raises(TemporaryError, match="cut off"):
            find_series(Source("web", By.DICOMWEB, web=WebPeer("web", f"http://127.0.0.1:{server.getsockname()[1]}", timeout_s=2)), STUDY)
        assert time.monotonic() - began < 3
        thread.join(10)
