"""Byte streams as a sender makes them, legal and not, and what came back."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom.sop_class import Verification

from node.receive.commands import NO_DATASET

MR, ECHO = str(MRImageStorage), str(Verification)
EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
WITH_DATASET = 0x0001

RELEASE = bytes.fromhex("05000000000400000000")
ABORT = bytes.fromhex("07000000000400000000")


def pdu(kind: int, body: bytes, *, length: int | None = None) -> bytes:
    """A PDU; its length may lie."""
    return struct.pack(">BxI", kind, len(body) if length is None else length) + body


def item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def proposal(context_id: int, abstract: str = MR, transfer: Sequence[str] = (EXPLICIT,)) -> bytes:
    """A presentation context item."""
    syntaxes = b"".join(item(0x40, uid.encode()) for uid in transfer)
    return item(0x20, bytes((context_id, 0, 0, 0)) + item(0x30, abstract.encode()) + syntaxes)


def role(uid: str, scu: int, scp: int) -> bytes:
    return item(0x54, struct.pack(">H", len(uid)) + uid.encode() + bytes((scu, scp)))


def associate(
    *contexts: bytes,
    called: bytes = b"EMBER",
    calling: bytes = b"MR3T",
    user: bytes = b"",
    max_length: int = 16384,
    version: int = 1,
    application: bytes = b"1.2.840.10008.3.1.1.1",
) -> bytes:
    """An A-ASSOCIATE-RQ; MR on context 1 and C-ECHO on 3 where nothing else is said."""
    contexts = contexts or (proposal(1), proposal(3, ECHO, (IMPLICIT,)))
    information = item(0x51, struct.pack(">I", max_length)) + item(0x52, b"1.2.3") + user
    fixed = struct.pack(">HH16s16s32x", version, 0, called.ljust(16), calling.ljust(16))
    return pdu(0x01, fixed + item(0x10, application) + b"".join(contexts) + item(0x50, information))


def fragment(value: bytes, *, context_id: int = 1, command: bool = False, last: bool = True, length: int | None = None) -> bytes:
    """A presentation data value; its length may lie."""
    return struct.pack(">IBB", len(value) + 2 if length is None else length, context_id, int(command) | int(last) << 1) + value


def data(*fragments: bytes) -> bytes:
    """A P-DATA-TF."""
    return pdu(0x04, b"".join(fragments))


def element(number: int, value: bytes, *, group: int = 0) -> bytes:
    return struct.pack("<HHI", group, number, len(value)) + value


def short(number: int, value: int) -> bytes:
    return element(number, struct.pack("<H", value))


def uid(number: int, value: str) -> bytes:
    encoded = value.encode()
    return element(number, encoded + b"\0" * (len(encoded) % 2))


def command(*elements: bytes) -> bytes:
    """A command set with its group length."""
    body = b"".join(elements)
    return element(0, struct.pack("<I", len(body))) + body


def echo_request(message_id: int = 1) -> bytes:
    return command(uid(2, ECHO), short(0x100, 0x30), short(0x110, message_id), short(0x800, NO_DATASET))


def store_request(instance_uid: str = "1.2.3.4", *, message_id: int = 1, sop_class: str = MR, dataset_type: int = WITH_DATASET) -> bytes:
    return command(
        uid(2, sop_class),
        short(0x100, 0x01),
        short(0x110, message_id),
        short(0x700, 0),
        short(0x800, dataset_type),
        uid(0x1000, instance_uid),
    )


def message(request: bytes, dataset: bytes | None = None, *, context_id: int = 1) -> bytes:
    """A command, and a data set, in a PDU each."""
    parts = [data(fragment(request, context_id=context_id, command=True))]
    if dataset is not None:
        parts.append(data(fragment(dataset, context_id=context_id)))
    return b"".join(parts)


def explicit(tag: int, form: bytes, value: bytes) -> bytes:
    """An element in Explicit VR Little Endian, of a short form."""
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, form, len(value)) + value


DATASET = explicit(0x00080016, b"UI", MR.encode() + b"\0") + bytes(16) + bytes(range(256))
"""Names its class and then is no data set any more, so that it may come under any instance UID."""


def exchange(port: int, chunks: Iterable[bytes], *, timeout_s: float = 5.0, close: bool = True) -> list[bytes]:
    """Send chunks, then end the stream; the PDUs that came back."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(timeout_s)
        with suppress(OSError):  # the other side may have had enough
            for chunk in chunks:
                connection.sendall(chunk)
            if close:
                connection.shutdown(socket.SHUT_WR)
        received = bytearray()
        with suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    return split(bytes(received))


def split(stream: bytes) -> list[bytes]:
    """A stream as PDUs."""
    found = []
    while stream:
        length = 6 + int.from_bytes(stream[2:6], "big")
        found.append(stream[:length])
        stream = stream[length:]
    return found


def statuses(pdus: Iterable[bytes]) -> list[int]:
    """The statuses in the responses among some PDUs."""
    return [int.from_bytes(elements(p)[0x900], "little") for p in pdus if p[0] == 0x04]


def elements(response: bytes) -> dict[int, bytes]:
    """The command elements of a P-DATA-TF with one fragment."""
    found, encoded = {}, response[12:]
    while encoded:
        _, number, length = struct.unpack_from("<HHI", encoded)
        found[number], encoded = encoded[8 : 8 + length], encoded[8 + length :]
    return found
