"""The DIMSE messages of one association, out of the fragments in its P-DATA-TF PDUs (PS3.8 9.3.5, E; PS3.7 6.3).

A command set is small and comes whole. A data set is handed on in the pieces in which it arrives, whatever its size. Several fragments in
a PDU, several PDUs for a command, empty fragments: all of it is legal. Fragments of two messages may not be mixed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from struct import Struct

from node.receive.ending import AbortReason, AssociationEnd, How, illegal
from node.receive.pdu import COMMAND, KNOWN, LAST, MISCOUNT_BYTES, Pdu
from node.receive.wire import Wire

MAX_COMMAND_BYTES = 64 * 1024

_FRAGMENT = Struct(">IBB")
_FRAGMENT_EXTRA = 2
"""Context ID and control header, which the length of a fragment counts."""


class Messages:
    """Reads messages one after the other.

    Every method raises `AssociationEnd`: at A-RELEASE-RQ and A-ABORT, where the peer vanishes, and at everything that is illegal.

    Parameters
    ----------
    context_ids : those that were accepted
    max_length : largest P-DATA-TF that we announced
    """

    def __init__(self, wire: Wire, context_ids: Collection[int], max_length: int) -> None:
        self._wire = wire
        self._context_ids = context_ids
        self._max_length = max_length
        self._left = 0

    def command(self) -> tuple[int, bytes]:
        """Context ID and command set of the next message."""
        encoded = bytearray()  # a list of parts would grow with empty ones, without end
        expected = None
        while True:
            context_id, control, length = self._fragment()
            if not control & COMMAND:
                raise illegal("a data set without a command", AbortReason.UNEXPECTED_PARAMETER)
            if expected not in (None, context_id):
                raise illegal("a command on two presentation contexts")
            expected = context_id
            if len(encoded) + length > MAX_COMMAND_BYTES:
                raise illegal(f"a command set of more than {MAX_COMMAND_BYTES} bytes")
            encoded += self._wire.whole(length)
            if control & LAST:
                return context_id, bytes(encoded)

    def dataset(self, context_id: int) -> Iterator[memoryview]:
        """The pieces of the data set that follows; each is valid until the next is asked for."""
        while True:
            found, control, length = self._fragment()
            if control & COMMAND:
                raise illegal("a command within a data set", AbortReason.UNEXPECTED_PARAMETER)
            if found != context_id:
                raise illegal("a data set on another presentation context than its command")
            yield from self._wire.pieces(length)
            if control & LAST:
                return

    def _fragment(self) -> tuple[int, int, int]:
        """Context ID, control header and length of the next fragment's value, which is to be read next."""
        if not self._left:
            self._left = self._data_pdu()
        if self._left < _FRAGMENT.size:
            raise illegal("P-DATA-TF ends within the header of a fragment")
        length, context_id, control = _FRAGMENT.unpack(self._wire.take(_FRAGMENT.size))
        length -= _FRAGMENT_EXTRA
        self._left -= _FRAGMENT.size + length
        if length < 0 or self._left < 0:
            raise illegal("a fragment that is longer than its P-DATA-TF, or shorter than nothing")
        if context_id not in self._context_ids:
            raise illegal(f"presentation context {context_id}, which was not accepted")
        return context_id, control, length

    def _data_pdu(self) -> int:
        """Length of the next P-DATA-TF."""
        self._wire.restart()
        kind, length = self._wire.header()
        if kind == Pdu.DATA:
            if length > self._max_length + MISCOUNT_BYTES:
                raise illegal(f"P-DATA-TF of {length} bytes, {self._max_length} were agreed")
            return length
        if kind == Pdu.RELEASE_RQ:
            raise AssociationEnd(How.RELEASED, "released")
        if kind == Pdu.ABORT:
            raise AssociationEnd(How.ABORTED, "aborted by the peer")
        if kind in KNOWN:
            raise illegal(f"{Pdu(kind).name} within an association", AbortReason.UNEXPECTED_PDU)
        raise illegal(f"PDU of type 0x{kind:02X}", AbortReason.UNRECOGNIZED_PDU)
