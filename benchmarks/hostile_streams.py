"""Byte streams for our port that nobody would send by intent: legal ones as recorded from a sender, and what becomes of them by accident.

A *stream* is a list of PDUs. The legal ones are recorded from pynetdicom as it speaks to our own associations: echo, images in several
syntaxes, storage commitment in both roles, a procedure step, an availability notice. `damaged` makes others out of them: random bytes,
bytes changed, lengths that lie, PDUs left out, repeated, in another order, out of another stream.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage, PositronEmissionTomographyImageStorage
from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    InstanceAvailabilityNotification,
    ModalityPerformedProcedureStep,
    StorageCommitmentPushModel,
    Verification,
)

from node.domain.arrivals import Arriving, Caller, Notice
from node.receive.association import AssociationService, AssociationSettings

Stream = list[bytes]
Conversation = Callable[[int], None]

RELEASE_RQ = 0x05
TRIES = 20

COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
AWKWARD = (0, 1, 2, 3, 5, 6, 0x7F, 0x80, 0xFF, 0xFFFF, 0x10000, 131072, 131085, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Lengths and counts at which programs go wrong."""


class CountingInlet:
    """Keeps nothing but counts, and complains where it is used otherwise than agreed."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.coming = self.kept = self.notices = 0

    def opened(self, association: str, caller: Caller) -> None:
        assert association not in self.open, "opened twice"
        self.open.add(association)

    def begin(self, arriving: Arriving) -> CountingIncoming:
        assert arriving.association in self.open, "not opened"
        assert all(part.isdigit() for part in arriving.sop_instance_uid.split(".")), "no UID"
        self.coming += 1
        return CountingIncoming(self)

    def notice(self, notice: Notice) -> None:
        assert notice.association in self.open, "not opened"
        self.notices += 1

    def closed(self, association: str, how: str) -> None:
        assert how in ("released", "aborted", "lost"), how
        self.open.remove(association)


class CountingIncoming:
    """One instance, of which the size alone is kept."""

    def __init__(self, inlet: CountingInlet) -> None:
        self._inlet = inlet
        self._size = 0
        self._ended = False

    def write(self, piece: memoryview) -> None:
        assert not self._ended, "a piece after the end"
        assert len(piece), "an empty piece"
        self._size += len(piece)

    def keep(self) -> None:
        assert self._size >= 8, "kept, and shorter than an element"
        self._inlet.kept += not self._ended
        self._end()

    def drop(self) -> None:
        self._end()

    def _end(self) -> None:
        self._inlet.coming -= not self._ended
        self._ended = True


class OpenDoor:
    """Lets everybody in, and counts."""

    def __init__(self) -> None:
        self.inside = 0

    def admit(self, caller: Caller) -> str:
        self.inside += 1
        return "anybody"

    def left(self, peer: str) -> None:
        self.inside -= 1


@cache
def recorded() -> tuple[Stream, ...]:
    """Legal streams, as pynetdicom sends them."""
    return tuple(_recorded(conversation) for conversation in (_echo, _images, _commitment, _steps, _report))


def split(encoded: bytes) -> Stream:
    """Bytes as PDUs; the last one may be cut off."""
    found = []
    while encoded:
        length = 6 + int.from_bytes(encoded[2:6], "big")
        found.append(encoded[:length])
        encoded = encoded[length:]
    return found


def damaged(corpus: Sequence[Stream], dice: random.Random) -> Stream:
    """A stream that is not as it should be, or that is, by chance."""
    if dice.random() < 0.05:
        return [_bytes(dice, dice.choice((1, 5, 6, 100, 5000)))]
    stream = list(dice.choice(corpus))
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        # The request mostly stays whole: behind it lies most of what can go wrong.
        first = 0 if len(stream) < 2 or dice.random() < 0.15 else 1
        at = dice.randrange(first, len(stream)) if stream else 0
        stream = dice.choice(_ACCIDENTS)(stream, at, corpus, dice) or [b""]
    return stream


def _changed(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    pdu = bytearray(stream[at])
    for _ in range(min(dice.choice((1, 1, 2, 8)), len(pdu))):
        pdu[dice.randrange(min(len(pdu), dice.choice((12, 80, 1 << 20))))] = dice.randrange(256)
    return [*stream[:at], bytes(pdu), *stream[at + 1 :]]


def _lying(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    pdu = bytearray(stream[at])
    form, offsets = dice.choice(((">I", (2, 6)), ("<I", (16, 28, 40)), (">H", (76, 80))))
    offset = dice.choice(offsets) if dice.random() < 0.7 else dice.randrange(max(len(pdu), 1))
    if offset + 4 <= len(pdu):
        struct.pack_into(form, pdu, offset, dice.choice(AWKWARD) & (0xFFFF if form == ">H" else 0xFFFFFFFF))
    return [*stream[:at], bytes(pdu), *stream[at + 1 :]]


def _cut(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    return [*stream[:at], stream[at][: dice.randrange(len(stream[at]) + 1)], *stream[at + 1 :]]


def _grown(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    middle = dice.randrange(len(stream[at]) + 1)
    return [*stream[:at], stream[at][:middle] + _bytes(dice, dice.randrange(1, 20)) + stream[at][middle:], *stream[at + 1 :]]


def _left_out(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    return stream[:at] + stream[at + 1 :]


def _repeated(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    return stream[:at] + [stream[at]] * dice.choice((2, 3, 10)) + stream[at + 1 :]


def _mixed(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    return [*stream[:at], dice.choice(dice.choice(corpus)), *stream[at:]]


def _random_pdu(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    body = _bytes(dice, dice.choice((0, 4, 10, 300)))
    return [*stream[:at], struct.pack(">BxI", dice.randrange(9), len(body)) + body, *stream[at:]]


def _refragmented(stream: Stream, at: int, corpus: Sequence[Stream], dice: random.Random) -> Stream:
    """A P-DATA-TF with one fragment, as several; legal."""
    pdu = stream[at]
    if pdu[:1] != b"\x04" or len(pdu) < 14:
        return stream
    context, control, value = pdu[10], pdu[11], pdu[12:]
    cut = dice.randrange(len(value))
    parts = [(value[:cut], control & ~2), (value[cut:], control)]
    return [*stream[:at], *(struct.pack(">BxIIBB", 4, len(v) + 6, len(v) + 2, context, c) + v for v, c in parts), *stream[at + 1 :]]


_ACCIDENTS = (_changed, _changed, _lying, _lying, _cut, _grown, _left_out, _repeated, _mixed, _random_pdu, _refragmented)


def _bytes(dice: random.Random, size: int) -> bytes:
    return dice.randbytes(size)


class _Tape:
    """A socket that remembers what was read from it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.recorded = bytearray()

    def recv_into(self, view: memoryview) -> int:
        count = self._connection.recv_into(view)
        self.recorded += view[:count]
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _recorded(conversation: Conversation) -> Stream:
    """A conversation that came to its release.

    The library's requestor sometimes loses an answer: its reactor thread, which is being paused, takes it from the queue first.
    """
    for _ in range(TRIES):
        stream = _tried(conversation)
        if stream[-1][0] == RELEASE_RQ:
            return stream
    raise RuntimeError(f"no conversation of {TRIES} came to its end")


def _tried(conversation: Conversation) -> Stream:
    service = AssociationService(AssociationSettings(("EMBER",), commitment=True), OpenDoor(), CountingInlet())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tapes: list[_Tape] = []
        thread = threading.Thread(target=_serve_one, args=(listener, service, tapes))
        thread.start()
        with suppress(RuntimeError):  # it lost an answer, and its association with it
            conversation(listener.getsockname()[1])
        thread.join()
    return split(bytes(tapes[0].recorded))


def _serve_one(listener: socket.socket, service: AssociationService, tapes: list[_Tape]) -> None:
    connection, (host, port) = listener.accept()
    with connection:
        tapes.append(_Tape(connection))
        service.serve(tapes[0], host, port, None)  # type: ignore[arg-type]


def _associated(port: int, *classes: str, roles: Sequence[Any] = ()) -> Association:
    entity = AE(ae_title="FUZZ")
    entity.dimse_timeout = 1
    for sop_class in classes:
        entity.add_requested_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    association = entity.associate("127.0.0.1", port, ae_title="EMBER", ext_neg=list(roles))
    assert association.is_established
    return association


def _echo(port: int) -> None:
    association = _associated(port, Verification)
    for _ in range(3):
        association.send_c_echo()
    association.release()


def _images(port: int) -> None:
    association = _associated(port, MRImageStorage, PositronEmissionTomographyImageStorage, Verification)
    for number in range(4):
        association.send_c_store(_image(number))
        association.send_c_echo()
    association.release()


def _commitment(port: int) -> None:
    association = _associated(port, StorageCommitmentPushModel)
    for _ in range(3):
        association.send_n_action(_references(), 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE)
    association.release()


def _steps(port: int) -> None:
    association = _associated(port, ModalityPerformedProcedureStep, InstanceAvailabilityNotification)
    for status, send in (("IN PROGRESS", association.send_n_create), ("COMPLETED", association.send_n_set)):
        step = Dataset()
        step.PerformedProcedureStepStatus = status
        step.PerformedSeriesSequence = [_references()]
        send(step, ModalityPerformedProcedureStep, "1.2.3.77")
    association.send_n_create(_references(), InstanceAvailabilityNotification, "1.2.3.78")
    association.release()


def _report(port: int) -> None:
    association = _associated(
        port, StorageCommitmentPushModel, roles=[build_role(StorageCommitmentPushModel, scu_role=True, scp_role=True)]
    )
    for event in (1, 2):
        association.send_n_event_report(_references(), event, StorageCommitmentPushModel, COMMITMENT_INSTANCE)
    association.release()


def _references() -> Dataset:
    dataset, item = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = MRImageStorage, "1.2.3.4"
    dataset.TransactionUID = "1.2.3.99"
    dataset.ReferencedSOPSequence = [item] * 3
    return dataset


def _image(number: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = PositronEmissionTomographyImageStorage if number % 2 else MRImageStorage
    dataset.SOPInstanceUID = f"1.2.3.5.{number}"
    dataset.PatientID = "NOBODY"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    dataset.Rows = dataset.Columns = 16
    dataset.BitsAllocated, dataset.SamplesPerPixel = 16, 1
    dataset.PixelData = bytes(512)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def streams(seed: int) -> Iterator[Stream]:
    """Damaged streams without end, the same for the same seed."""
    corpus, dice = recorded(), random.Random(seed)
    while True:
        yield damaged(corpus, dice)
