"""Every status that we answer over DIMSE, in a case of its own, out of the one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from memory_inlet import Port, listening
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from streams import (
    DATASET,
    ECHO,
    EXPLICIT,
    IMPLICIT,
    MR,
    RELEASE,
    associate,
    command,
    data,
    echo_request,
    elements,
    exchange,
    explicit,
    fragment,
    message,
    proposal,
    role,
    short,
    statuses,
    store_request,
    uid,
)

from node.domain.arrivals import NoticeKind
from node.receive.commands import C_STORE, N_ACTION, N_CREATE, N_EVENT_REPORT, N_SET
from node.receive.statuses import ANSWERS, Answer

COMMITMENT, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
STEP, AVAILABILITY = "1.2.840.10008.3.1.2.3.3", "1.2.840.10008.5.1.4.33"
CONTEXTS = {MR: 1, ECHO: 3, COMMITMENT: 5, STEP: 7, AVAILABILITY: 9}
REQUEST = associate(
    *(proposal(n, abstract, (EXPLICIT, IMPLICIT)) for abstract, n in CONTEXTS.items()),
    user=role(COMMITMENT, 1, 1),
)


@pytest.fixture
def port() -> Iterator[Port]:
    with listening(commitment=True) as port:
        yield port


def encoded(**values: object) -> bytes:
    """A data set, Explicit VR Little Endian."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, False
    write_dataset(file, dataset)
    return file.getvalue()


def reference() -> list[Dataset]:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = MR, "1.2.3.4"
    return [item]


LIST = encoded(TransactionUID="1.2.3", ReferencedSOPSequence=reference())
NESTED = b"\x08\x00\x99\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 3000
STARTED = encoded(PerformedProcedureStepStatus="IN PROGRESS")
COMPLETED = encoded(PerformedProcedureStepStatus="COMPLETED")


def request(field: int, sop_class: str, instance_uid: str, dataset: bytes | None, *, type_id: int = 1, context: str = "") -> bytes:
    """An N-service, with its class and instance as requested or affected ones, as the service wants it."""
    requested = field in (N_ACTION, N_SET)
    parts = [uid(3 if requested else 2, sop_class), short(0x100, field), short(0x110, 7), short(0x800, 0x0101 if dataset is None else 1)]
    if instance_uid:
        parts.append(uid(0x1001 if requested else 0x1000, instance_uid))
    if field == N_EVENT_REPORT:
        parts.append(short(0x1002, type_id))
    if field == N_ACTION:
        parts.append(short(0x1008, type_id))
    return message(command(*parts), dataset, context_id=CONTEXTS[context or sop_class])


def step(field: int, dataset: bytes | None = STARTED, instance_uid: str = "1.2.77") -> bytes:
    return request(field, STEP, instance_uid, dataset)


def image(**changes: object) -> bytes:
    return message(store_request(**changes), DATASET)


@dataclass(frozen=True)
class Case:
    """What is sent, in which state of the disk; the answer is that to the last message."""

    messages: list[bytes]
    failing: str = ""


CASES: dict[Answer, list[Case]] = {
    Answer.ECHOED: [Case([message(echo_request(), context_id=3)])],
    Answer.STORED: [Case([image()])],
    Answer.STORE_OTHER_CLASS: [
        Case([image(sop_class="1.2.840.10008.5.1.4.1.1.2")]),
        Case([message(echo_request(), context_id=1)]),
        Case([message(store_request(), DATASET, context_id=3)]),
    ],
    Answer.OUT_OF_RESOURCES: [Case([image()], failing) for failing in ("opened", "begin", "write", "keep")],
    Answer.OTHER_DATASET: [
        Case([message(store_request(), explicit(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0") + bytes(100))]),
        Case([message(store_request("1.2.3.4"), explicit(0x00080018, b"UI", b"1.2.3.5\0") + bytes(100))]),
    ],
    Answer.CANNOT_UNDERSTAND: [
        Case([message(store_request(), explicit(0x00080016, b"UI", MR.encode() + b"\0") + explicit(0x00080060, b"CS", b"MR") + bytes(99))]),
        Case([message(store_request(), explicit(0x00080018, b"UI", b"1.2.3.4\0") + explicit(0x00080060, b"CS", b"MR") + bytes(99))]),
        *(Case([image(instance_uid=text)]) for text in ("", "../../etc", "1..2", "1.2.3.", ".1", "x", "1." + "2" * 63, "1.2.é", "1.2\0.3")),
        Case([message(store_request(dataset_type=0x0101))]),
        Case([message(store_request(), b"")]),
        Case([message(store_request(), bytes(7))]),
    ],
    Answer.TOLD: [
        Case([request(N_ACTION, COMMITMENT, INSTANCE, LIST)]),
        Case([request(N_EVENT_REPORT, COMMITMENT, INSTANCE, LIST)]),
        Case([request(N_EVENT_REPORT, COMMITMENT, INSTANCE, LIST, type_id=2)]),
        Case([step(N_CREATE)]),
        Case([step(N_SET)]),
        Case([step(N_CREATE), step(N_SET, encoded(SeriesNumber=1)), step(N_SET, COMPLETED)]),
        Case([request(N_CREATE, AVAILABILITY, "1.2.78", encoded(StudyInstanceUID="1.2.3"))]),
    ],
    Answer.INVALID_VALUE: [
        Case([step(N_CREATE, COMPLETED)]),
        Case([step(N_CREATE), step(N_SET, encoded(PerformedProcedureStepStatus="SOON"))]),
    ],
    Answer.UPDATED_NO_MORE: [Case([step(N_CREATE), step(N_SET, COMPLETED), step(N_SET, encoded(SeriesNumber=1))])],
    Answer.UNREADABLE: [Case([step(N_CREATE, NESTED)]), Case([step(N_SET, b"\x08\x00\x05\x00CS\xff\x7fABC")])],
    Answer.DUPLICATE: [Case([step(N_CREATE), step(N_CREATE)])],
    Answer.NO_INSTANCE: [Case([request(N_ACTION, COMMITMENT, "1.2.3", LIST)]), Case([request(N_EVENT_REPORT, COMMITMENT, "", LIST)])],
    Answer.NO_EVENT: [Case([request(N_EVENT_REPORT, COMMITMENT, INSTANCE, LIST, type_id=3)])],
    Answer.NO_ARGUMENT: [
        Case([request(N_ACTION, COMMITMENT, INSTANCE, None)]),
        Case([request(N_ACTION, COMMITMENT, INSTANCE, encoded(TransactionUID="1.2.3"))]),
        Case([request(N_EVENT_REPORT, COMMITMENT, INSTANCE, encoded(ReferencedSOPSequence=reference()))]),
    ],
    Answer.INVALID_ARGUMENT: [Case([request(N_ACTION, COMMITMENT, INSTANCE, NESTED)])],
    Answer.INVALID_INSTANCE: [Case([step(N_CREATE, instance_uid="..")]), Case([step(N_SET, instance_uid="")])],
    Answer.NO_CLASS: [
        Case([request(N_CREATE, AVAILABILITY, "1.2.78", STARTED, context=STEP)]),
        Case([request(N_ACTION, "1.2.3", INSTANCE, LIST, context=COMMITMENT)]),
    ],
    Answer.MISSING: [Case([step(N_CREATE, None)]), Case([step(N_CREATE, encoded(SeriesNumber=1))])],
    Answer.NO_ACTION: [Case([request(N_ACTION, COMMITMENT, INSTANCE, LIST, type_id=2)])],
    Answer.UNRECOGNIZED: [
        Case([message(command(uid(2, MR), short(0x100, 0x0020), short(0x110, 1), short(0x800, 1)), DATASET)]),
        Case([request(N_ACTION, STEP, "1.2.3", STARTED)]),
        Case([request(N_CREATE, COMMITMENT, INSTANCE, LIST)]),
        Case([message(command(uid(2, MR), short(0x100, 0x0150), short(0x110, 1), short(0x800, 0x0101)))]),
    ],
    Answer.NO_ROOM: [
        Case([request(N_ACTION, COMMITMENT, INSTANCE, LIST)], "opened"),
        Case([step(N_CREATE)], "notice"),
    ],
}


def test_every_status_of_a_dimse_service_has_its_cases() -> None:
    assert set(CASES) == {answer for answer in ANSWERS if not answer.name.startswith(("HTTP", "STOW"))}


@pytest.mark.parametrize(
    ("answer", "case"),
    [pytest.param(answer, case, id=f"{answer.name} {n}") for answer, cases in CASES.items() for n, case in enumerate(cases)],
)
def test_a_status_is_answered_where_the_table_says_so(port: Port, answer: Answer, case: Case) -> None:
    port.inlet.failing = case.failing
    answers = exchange(port.number, [REQUEST, *case.messages, RELEASE])

    codes = statuses(answers)
    assert len(codes) == len(case.messages)
    assert codes[-1] == answer.code
    assert answers[-1] == bytes.fromhex("06000000000400000000")
    if answer not in (Answer.STORED, Answer.TOLD):
        assert len(port.inlet.kept) + len(port.inlet.notices) == len(case.messages) - 1
    assert all(coming.state != "coming" for coming in port.inlet.comings)


def test_an_answer_holds_what_the_standard_asks_of_it(port: Port) -> None:
    (_, stored, _) = exchange(port.number, [REQUEST, message(store_request("1.2.3.4", message_id=513), DATASET), RELEASE])
    found = elements(stored)

    assert list(found) == [0x0000, 0x0002, 0x0100, 0x0120, 0x0800, 0x0900, 0x1000]
    assert int.from_bytes(found[0], "little") == len(stored) - 12 - 12
    assert found[0x0002] == MR.encode() + b"\0" * (len(MR) % 2)
    assert found[0x0100] == (C_STORE | 0x8000).to_bytes(2, "little")
    assert found[0x0120] == (513).to_bytes(2, "little")
    assert found[0x1000] == b"1.2.3.4\0"


def test_an_error_comment_is_short_and_ascii(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(arriving: object) -> None:
        raise OSError(28, "Kein Platz für " + "m" * 100)

    monkeypatch.setattr(port.inlet, "begin", begin)
    (_, answer, _) = exchange(port.number, [REQUEST, image(), RELEASE])
    comment = elements(answer)[0x0902]

    assert comment.startswith(b"Kein Platz f?r mmm")
    assert len(comment) == 64


def test_after_a_failure_the_same_image_can_be_kept(port: Port) -> None:
    codes = []
    for failing in ("write", "begin", ""):
        port.inlet.failing = failing
        codes += statuses(exchange(port.number, [REQUEST, image(), RELEASE]))
    assert codes == [0xA700, 0xA700, 0x0000]


def test_what_was_told_reaches_the_inlet_as_it_came(port: Port) -> None:
    answers = exchange(port.number, [REQUEST, request(N_EVENT_REPORT, COMMITMENT, INSTANCE, LIST, type_id=2), RELEASE])
    (notice,) = port.inlet.notices

    assert (notice.kind, notice.type_id, notice.sop_instance_uid) == (NoticeKind.COMMITMENT_RESULT, 2, INSTANCE)
    assert (notice.dataset, notice.transfer_syntax_uid) == (LIST, EXPLICIT)
    assert notice.association in port.inlet.ends
    assert elements(answers[1])[0x1000] == INSTANCE.encode()


def test_a_step_that_is_created_without_a_uid_gets_one_that_is_told(port: Port) -> None:
    answers = exchange(port.number, [REQUEST, step(N_CREATE, instance_uid=""), RELEASE])
    (notice,) = port.inlet.notices

    assert notice.sop_instance_uid.startswith("2.25.")
    assert elements(answers[1])[0x1000].rstrip(b"\0").decode() == notice.sop_instance_uid


def test_a_step_that_could_not_be_kept_may_be_created_again(port: Port) -> None:
    port.inlet.failing = "notice"
    first = statuses(exchange(port.number, [REQUEST, step(N_CREATE), RELEASE]))
    port.inlet.failing = ""
    second = statuses(exchange(port.number, [REQUEST, step(N_CREATE), RELEASE]))

    assert (first, second) == ([0x0213], [0x0000])


def test_a_list_of_more_than_16_mebibytes_is_not_taken_and_takes_no_memory(port: Port) -> None:
    head = request(N_ACTION, COMMITMENT, INSTANCE, None).replace(short(0x800, 0x0101), short(0x800, 1))
    piece = data(fragment(bytes(100_000), context_id=5, last=False))
    answers = exchange(port.number, [REQUEST, head, *[piece] * 170, data(fragment(b"", context_id=5)), RELEASE])

    assert statuses(answers) == [0x0213]
    assert port.inlet.notices == []


def test_no_code_is_in_the_table_twice_for_a_service() -> None:
    found = [(service, answer.code) for answer in ANSWERS for service in answer.service.split(", ")]
    assert sorted({pair for pair in found if found.count(pair) > 1}) == [("N-SET", 0x0110)]
