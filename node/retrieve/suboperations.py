"""What C-GET, C-MOVE and WADO-RS have in common: our own association towards the inlet, and what a peer's last answer says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from pydicom.dataset import Dataset

from node.dimse import Peer
from node.domain.arrivals import Caller, Inlet
from node.errors import NodeError, RefusedError, TemporaryError

Tell = Callable[[int], None]
"""Told how many images have come."""

PATIENCE_S = 300.0
"""How long a peer may be silent in the middle of a fetch: archives bring images from slow stores before they send the first."""

_FOR_GOOD = {
    0x0122: "it does not support it",
    0x0124: "it does not allow us to",
    0xA801: "it does not know where to send them: tell it our AE title, address and port",
    0xA900: "it does not take such a request",
}
_WARNING, _CANCELLED = 0xB000, 0xFE00


@contextmanager
def opening(inlet: Inlet, caller: Caller) -> Iterator[str]:
    """Our own name of what the inlet is to know as an association, told to it at both ends."""
    association = f"fetch-{uuid4().hex}"
    inlet.opened(association, caller)
    how = "lost"
    try:
        yield association
        how = "released"
    finally:
        inlet.closed(association, how)


def is_pending(answer: Dataset) -> bool:
    """Whether more answers follow."""
    return answer.get("Status") in (0xFF00, 0xFF01)


def failure(peer: Peer, service: str, answer: Dataset) -> NodeError | None:
    """What a last answer means; none where images came, even if not all of them. Its Error Comment may name a patient: it is left out."""
    if "Status" not in answer:
        return TemporaryError(f"{peer} did not go on with {service} within {PATIENCE_S:g} s, or ended the association")
    status = int(answer.Status)
    if status in (0x0000, _WARNING):
        return None
    if status == _CANCELLED:
        return TemporaryError(f"{service} from {peer} was cancelled")
    if status in _FOR_GOOD:
        return RefusedError(f"{peer} refused {service} with 0x{status:04X}: {_FOR_GOOD[status]}")
    perhaps = "; some say so of an AE title that they do not know: tell it ours, with address and port" if service == "C-MOVE" else ""
    return TemporaryError(f"{peer} answered {service} with 0x{status:04X}{perhaps}")


def failed_of(answer: Dataset) -> int:
    """NumberOfFailedSuboperations."""
    return int(answer.get("NumberOfFailedSuboperations") or 0)
