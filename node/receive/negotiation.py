"""What of a proposal is accepted, and A-ASSOCIATE-AC (PS3.8 9.3.3, PS3.7 D.3).

The library's negotiation is not used: it accepts the default role where a service is offered in the other role only, which would let a
scanner ask for a storage commitment that the site has not allowed; and its classes raise at context IDs and UIDs that peers do send.
A test compares the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from node.dimse import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from node.receive.pdu import Pdu
from node.receive.request import APPLICATION_CONTEXT, AssociateRequest, Proposal, Role

_ITEM = Struct(">BxH")
_UID_LENGTH = 64
_SUPPOSED = Role(scu=True, scp=False)
"""The requestor's roles where it says nothing of them."""


class Result(IntEnum):
    """Of one presentation context (PS3.8 Table 9-18)."""

    ACCEPTED = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX = 3
    TRANSFER_SYNTAXES = 4


@dataclass(frozen=True)
class Offer:
    """What we take of one SOP class.

    Parameters
    ----------
    transfer_syntaxes : the one that we like best first
    peer : the roles in which the requestor may come
    """

    transfer_syntaxes: tuple[str, ...]
    peer: Role = _SUPPOSED


@dataclass(frozen=True)
class Context:
    """One presentation context after negotiation; the roles are the requestor's."""

    context_id: int
    result: Result
    abstract_syntax: str
    transfer_syntax: str
    peer: Role = _SUPPOSED


@dataclass(frozen=True)
class Agreement:
    """The outcome: all contexts in the order in which they were proposed, and the roles that are answered."""

    contexts: tuple[Context, ...]
    roles: Mapping[str, Role]

    @property
    def accepted(self) -> dict[int, Context]:
        """By context ID."""
        return {context.context_id: context for context in self.contexts if context.result is Result.ACCEPTED}


def negotiate(request: AssociateRequest, offers: Mapping[str, Offer]) -> Agreement:
    """Accept what is offered, context by context.

    A context ID that is even, or that is proposed twice, is accepted for none: it could not be told which one an image came in.
    """
    times = Counter(proposal.context_id for proposal in request.proposals)
    contexts = tuple(_context(p, request.roles, offers, times[p.context_id]) for p in {p.context_id: p for p in request.proposals}.values())
    granted = {context.abstract_syntax: context.peer for context in contexts if context.result is Result.ACCEPTED}
    return Agreement(contexts, {uid: granted[uid] for uid in request.roles if uid in granted})


def accept(request: AssociateRequest, agreement: Agreement, max_length: int) -> bytes:
    """A-ASSOCIATE-AC, encoded.

    Parameters
    ----------
    max_length : largest P-DATA-TF that we take
    """
    user = [
        _item(0x51, max_length.to_bytes(4, "big")),
        _item(0x52, IMPLEMENTATION_CLASS_UID.encode("ascii")),
        *(_item(0x54, _role(uid, role)) for uid, role in agreement.roles.items()),
        _item(0x55, IMPLEMENTATION_VERSION_NAME.encode("ascii")),
    ]
    items = [
        _item(0x10, APPLICATION_CONTEXT.encode("ascii")),
        *(_item(0x21, _answer(context)) for context in agreement.contexts),
        _item(0x50, b"".join(user)),
    ]
    body = b"\x00\x01\x00\x00" + request.titles + b"".join(items)
    return bytes((Pdu.ASSOCIATE_AC, 0)) + len(body).to_bytes(4, "big") + body


def _context(proposal: Proposal, roles: Mapping[str, Role], offers: Mapping[str, Offer], times: int) -> Context:
    uid, proposed = proposal.abstract_syntax, proposal.transfer_syntaxes
    shown = proposed[0] if proposed else ""
    if proposal.context_id % 2 == 0 or times > 1:
        return Context(proposal.context_id, Result.NO_REASON, uid, shown)
    offer = offers.get(uid)
    if offer is None:
        return Context(proposal.context_id, Result.ABSTRACT_SYNTAX, uid, shown)
    syntax = _first(offer.transfer_syntaxes, proposed)
    if syntax is None:
        return Context(proposal.context_id, Result.TRANSFER_SYNTAXES, uid, shown)
    wanted = roles.get(uid, _SUPPOSED)
    granted = Role(scu=wanted.scu and offer.peer.scu, scp=wanted.scp and offer.peer.scp)
    result = Result.ACCEPTED if granted.scu or granted.scp else Result.USER_REJECTION
    return Context(proposal.context_id, result, uid, syntax, granted)


def _first(ours: Iterable[str], proposed: tuple[str, ...]) -> str | None:
    return next((syntax for syntax in ours if syntax in proposed), None)


def _item(kind: int, body: bytes) -> bytes:
    return _ITEM.pack(kind, len(body)) + body


def _answer(context: Context) -> bytes:
    syntax = context.transfer_syntax.encode("ascii", "replace")[:_UID_LENGTH]  # of no meaning where it was not accepted
    return bytes((context.context_id, 0, context.result, 0)) + _item(0x40, syntax)


def _role(uid: str, role: Role) -> bytes:
    encoded = uid.encode("ascii")
    return len(encoded).to_bytes(2, "big") + encoded + bytes((role.scu, role.scp))
