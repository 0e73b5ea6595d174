"""Bytes of the upper layer, for clients that don't keep to it (PS3.8 9.3)."""

from __future__ import annotations

from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context

ABORT = bytes.fromhex("07000000000400000000")
"""A-ABORT by the service user."""

MR = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT = "1.2.840.10008.1.2.1"


def associate_rq(*, called: str = "EMBER", calling: str = "SCANNER") -> bytes:
    """A-ASSOCIATE-RQ with one context for MR images."""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.called_ae_title, request.calling_ae_title = called, calling
    context = build_context(MR, EXPLICIT)
    context.context_id = 1
    request.presentation_context_definition_list = [context]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16384
    implementation.implementation_class_uid = "1.2.826.0.1.3680043.8.498.1"
    request.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return bytes(pdu.encode())


def half_an_image(uid: str = "1.2.826.0.1.3680043.8.498.77.1") -> bytes:
    """P-DATA-TF with the command of a C-STORE, and one with the beginning of its data set, cut off in the midst."""
    elements = [
        _element(0x0002, MR.encode()),
        _element(0x0100, b"\x01\x00"),
        _element(0x0110, b"\x01\x00"),
        _element(0x0700, b"\x02\x00"),
        _element(0x0800, b"\x01\x00"),
        _element(0x1000, uid.encode()),
    ]
    command = b"".join(elements)
    whole = _element(0x0000, len(command).to_bytes(4, "little")) + command
    data = _data(0x00, bytes(8192))
    return _data(0x03, whole) + data[: len(data) // 2]


def _element(number: int, value: bytes) -> bytes:
    """Of a command set: group 0000, Implicit VR Little Endian."""
    value += b"\0" * (len(value) % 2)
    return b"\x00\x00" + number.to_bytes(2, "little") + len(value).to_bytes(4, "little") + value


def _data(control: int, value: bytes) -> bytes:
    item = (len(value) + 2).to_bytes(4, "big") + bytes((1, control)) + value
    return b"\x04\x00" + len(item).to_bytes(4, "big") + item
