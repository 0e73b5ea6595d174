"""DIMSE command sets (PS3.7 6.3, E): read from their bytes, and our responses as bytes. Always Implicit VR Little Endian."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from node.receive.ending import illegal

NO_DATASET = 0x0101
"""Command Data Set Type (0000,0800) of a message without one; any other value says that one follows."""

IS_RESPONSE = 0x8000

C_STORE, C_ECHO, C_CANCEL = 0x0001, 0x0030, 0x0FFF
N_EVENT_REPORT, N_SET, N_ACTION, N_CREATE = 0x0100, 0x0120, 0x0130, 0x0140

_ELEMENT = Struct("<HHI")
_AFFECTED_CLASS, _REQUESTED_CLASS, _FIELD, _MESSAGE_ID, _RESPONDED_TO = 0x0002, 0x0003, 0x0100, 0x0110, 0x0120
_DATASET_TYPE, _STATUS, _COMMENT = 0x0800, 0x0900, 0x0902
_AFFECTED_INSTANCE, _REQUESTED_INSTANCE, _EVENT_TYPE, _ACTION_TYPE = 0x1000, 0x1001, 0x1002, 0x1008
_COMMENT_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Command:
    """A command set, as far as we use it.

    Parameters
    ----------
    field : Command Field (0000,0100)
    message_id : of a request; of a response the one that it answers
    sop_class_uid, sop_instance_uid : affected, or requested; empty where there is none
    type_id : Action Type ID or Event Type ID; 0 where there is none
    """

    field: int
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    type_id: int
    has_dataset: bool


def decode_command(encoded: bytes) -> Command:
    """A command set; the group length is not needed, odd lengths and unknown elements are tolerated.

    Raises
    ------
    AssociationEnd : it cannot be read, or lacks what an answer would need: Command Field, Message ID, Command Data Set Type
    """
    elements = dict(_elements(encoded))
    field = _number(elements, _FIELD)
    message_id = _number(elements, _MESSAGE_ID) if _MESSAGE_ID in elements else _number(elements, _RESPONDED_TO)
    dataset_type = _number(elements, _DATASET_TYPE)
    if field is None or message_id is None or dataset_type is None:
        raise illegal("command set without Command Field, Message ID or Command Data Set Type")
    return Command(
        field=field,
        message_id=message_id,
        sop_class_uid=_uid(elements.get(_AFFECTED_CLASS) or elements.get(_REQUESTED_CLASS)),
        sop_instance_uid=_uid(elements.get(_AFFECTED_INSTANCE) or elements.get(_REQUESTED_INSTANCE)),
        type_id=_number(elements, _ACTION_TYPE) or _number(elements, _EVENT_TYPE) or 0,
        has_dataset=dataset_type != NO_DATASET,
    )


def encode_response(request: Command, status: int, *, comment: str = "", instance_uid: str | None = None) -> bytes:
    """The response to a request (PS3.7 E.1 and E.2), without a data set.

    Parameters
    ----------
    comment : Error Comment (0000,0902); cut to 64 characters, ASCII
    instance_uid : Affected SOP Instance UID; that of the request where it is left out
    """
    instance_uid = request.sop_instance_uid if instance_uid is None else instance_uid
    parts = [
        _text(_AFFECTED_CLASS, request.sop_class_uid, b"\0"),
        _short(_FIELD, request.field | IS_RESPONSE),
        _short(_RESPONDED_TO, request.message_id),
        _short(_DATASET_TYPE, NO_DATASET),
        _short(_STATUS, status),
        _text(_COMMENT, comment[:_COMMENT_LENGTH], b" "),
        _text(_AFFECTED_INSTANCE, instance_uid, b"\0"),
    ]
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


def _elements(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and value of each element of group 0000; others are passed over."""
    begin, end = 0, len(encoded)
    while begin < end:
        if end - begin < _ELEMENT.size:
            raise illegal("command set is cut off within an element")
        group, element, length = _ELEMENT.unpack_from(encoded, begin)
        begin += _ELEMENT.size
        if length > end - begin:
            raise illegal(f"command element ({group:04X},{element:04X}) is longer than what it lies in")
        if group == 0:
            yield element, encoded[begin : begin + length]
        begin += length


def _number(elements: dict[int, bytes], element: int) -> int | None:
    """A value of VR US; none where it is missing or of another length."""
    value = elements.get(element, b"")
    return int.from_bytes(value, "little") if len(value) == 2 else None


def _uid(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0 ").decode("ascii", "backslashreplace")


def _short(element: int, value: int) -> bytes:
    return _ELEMENT.pack(0, element, 2) + value.to_bytes(2, "little")


def _text(element: int, value: str, padding: bytes) -> bytes:
    if not value:
        return b""
    encoded = value.encode("ascii", "replace")
    encoded += padding * (len(encoded) % 2)
    return _ELEMENT.pack(0, element, len(encoded)) + encoded
