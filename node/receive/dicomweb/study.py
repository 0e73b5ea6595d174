"""`StudyFinder`: the Study Instance UID of a data set that is still coming in, found by walking over the lengths of its elements.

Only requests that name a study need it (PS3.18 10.5.1). Values are skipped, never read or held, so that neither long nor deep data sets
cost anything; what is inflated of a deflated one is bounded.
"""

from __future__ import annotations

import struct
import zlib

from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

STUDY = (0x0020, 0x000D)
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_MAX_UID_BYTES = 66
_MAX_DEPTH = 1000
_MAX_ELEMENTS = 1_000_000
_MAX_INFLATED = 64 * 2**20
"""Of a deflated data set. Study Instance UID is before the pixels."""
_INFLATE_BYTES = 2**20


class StudyFinder:
    """Looks for the UID in the pieces of one data set; `study_uid` is empty until it is found, and where there is none."""

    def __init__(self, transfer_syntax_uid: str) -> None:
        syntax = UID(transfer_syntax_uid)
        self.study_uid = ""
        self._order = "<" if syntax.is_little_endian else ">"
        self._implicit = syntax.is_implicit_VR
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if syntax == DeflatedExplicitVRLittleEndian else None
        self._seen = 0
        self._elements = 0
        self._held = b""
        self._skip = 0
        self._outside: list[bool] = []  # of each open sequence and item, whether what is around it has implicit VRs
        self._done = False

    def feed(self, data: memoryview) -> None:
        """The next bytes of the data set."""
        if self._inflater is None:
            self._walk(bytes(data))
            return
        try:
            rest = bytes(data)
            while rest and not self._done:
                self._walk(self._inflater.decompress(rest, _INFLATE_BYTES))
                rest = self._inflater.unconsumed_tail
                self._done |= self._seen > _MAX_INFLATED
        except zlib.error:
            self._done = True

    def _walk(self, data: bytes) -> None:
        if self._done:
            return
        self._seen += len(data)
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._held += data[skipped:]
        place = 0
        while not self._done and not self._skip:
            step = self._element(place)
            if step is None:
                break
            place = min(step, len(self._held))
            self._skip = step - place
        self._held = self._held[place:]

    def _element(self, place: int) -> int | None:
        """Where the element at `place` ends, or what is in it begins; None where too little of it is here."""
        header = self._header(place)
        if header is None:
            return None
        tag, vr, begin, length = header
        self._elements += 1
        if tag == STUDY and not self._outside and length <= _MAX_UID_BYTES:
            return self._read(begin, length)
        if tag in (_ITEM_END, _SEQUENCE_END) and self._outside:
            self._implicit = self._outside.pop()
        elif length == _UNDEFINED:
            self._outside.append(self._implicit)
            self._implicit |= vr == b"UN"  # PS3.5 6.2.2: such a value is in Implicit VR Little Endian
        past = tag > STUDY and tag[0] != _ITEM[0] and not self._outside
        self._done = past or len(self._outside) > _MAX_DEPTH or self._elements > _MAX_ELEMENTS
        return begin if length == _UNDEFINED else begin + length

    def _read(self, begin: int, length: int) -> int | None:
        if len(self._held) < begin + length:
            return None
        self.study_uid = self._held[begin : begin + length].decode("ascii", "replace").rstrip("\0 ")
        self._done = True
        return begin + length

    def _header(self, place: int) -> tuple[tuple[int, int], bytes, int, int] | None:
        """Tag, VR (empty where it is implicit), where the value begins, its length."""
        held, order = self._held, self._order
        if len(held) < place + 8:
            return None
        group, element = struct.unpack_from(f"{order}HH", held, place)
        if self._implicit or group == _ITEM[0]:
            return (group, element), b"", place + 8, int(struct.unpack_from(f"{order}I", held, place + 4)[0])
        vr = held[place + 4 : place + 6]
        if vr not in _LONG:
            return (group, element), vr, place + 8, int(struct.unpack_from(f"{order}H", held, place + 6)[0])
        if len(held) < place + 12:
            return None
        return (group, element), vr, place + 12, int(struct.unpack_from(f"{order}I", held, place + 8)[0])
