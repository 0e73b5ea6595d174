"""A-ASSOCIATE-RQ (PS3.8 9.3.2): who asks, and what is proposed.

Items that we do not know, and those that we have no use for (user identity, extended negotiation), are skipped: a sender is not turned away
for offering more than we take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct, error

from node.receive.ending import illegal

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

_ITEM = Struct(">BxH")
_FIXED_BYTES = 68
_TITLE_BYTES = 16


@dataclass(frozen=True)
class Proposal:
    """One proposed presentation context, as it was sent: the context ID may be even, the UIDs may be anything."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True)
class Role:
    """SCP/SCU role selection (PS3.7 D.3.3.4): the roles that the requestor wants to play, or is allowed to."""

    scu: bool
    scp: bool


@dataclass(frozen=True)
class AssociateRequest:
    """What an A-ASSOCIATE-RQ says.

    Parameters
    ----------
    titles : the 64 bytes that are sent back as they came
    max_length : largest P-DATA-TF that the requestor takes; 0 is any
    roles : by SOP class
    """

    protocol_version: int
    called_ae: str
    calling_ae: str
    titles: bytes
    application_context: str
    proposals: tuple[Proposal, ...]
    max_length: int = 0
    roles: dict[str, Role] = field(default_factory=dict)


def decode_request(encoded: bytes) -> AssociateRequest:
    """An A-ASSOCIATE-RQ from what follows its PDU header.

    Raises
    ------
    AssociationEnd : lengths that contradict each other, or something missing
    """
    try:
        return _decode(encoded)
    except (error, IndexError):
        raise illegal("A-ASSOCIATE-RQ is cut off within an item") from None


def _decode(encoded: bytes) -> AssociateRequest:
    if len(encoded) < _FIXED_BYTES:
        raise illegal(f"A-ASSOCIATE-RQ of {len(encoded)} bytes")
    items = list(_items(encoded, _FIXED_BYTES))
    user = [sub for kind, body in items if kind == 0x50 for sub in _items(body, 0)]
    lengths = [int.from_bytes(body[:4], "big") for kind, body in user if kind == 0x51 and len(body) >= 4]
    return AssociateRequest(
        protocol_version=int.from_bytes(encoded[:2], "big"),
        called_ae=_title(encoded[4:20]),
        calling_ae=_title(encoded[20:36]),
        titles=encoded[4:68],
        application_context=next((_uid(body) for kind, body in items if kind == 0x10), ""),
        proposals=tuple(_proposal(body) for kind, body in items if kind == 0x20),
        max_length=lengths[-1] if lengths else 0,
        roles=dict(_role(body) for kind, body in user if kind == 0x54),
    )


def _items(encoded: bytes, begin: int) -> Iterator[tuple[int, bytes]]:
    """Type and body of each item."""
    while begin < len(encoded):
        kind, length = _ITEM.unpack_from(encoded, begin)
        begin += _ITEM.size
        if begin + length > len(encoded):
            raise illegal(f"item 0x{kind:02X} of A-ASSOCIATE-RQ is longer than what it lies in")
        yield kind, encoded[begin : begin + length]
        begin += length


def _proposal(body: bytes) -> Proposal:
    items = list(_items(body, 4))
    return Proposal(
        context_id=body[0],
        abstract_syntax=next((_uid(sub) for kind, sub in items if kind == 0x30), ""),
        transfer_syntaxes=tuple(_uid(sub) for kind, sub in items if kind == 0x40),
    )


def _role(body: bytes) -> tuple[str, Role]:
    (length,) = Struct(">H").unpack_from(body)
    return _uid(body[2 : 2 + length]), Role(scu=bool(body[2 + length]), scp=bool(body[3 + length]))


def _uid(encoded: bytes) -> str:
    """Without padding; what is no ASCII becomes a text that is no UID."""
    return encoded.rstrip(b"\0 ").decode("ascii", "backslashreplace")


def _title(encoded: bytes) -> str:
    """An AE title without padding; what may stand in none is written out, so that it equals nobody's and harms no log."""
    text = encoded.strip(b"\0 ").decode("ascii", "backslashreplace")
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
