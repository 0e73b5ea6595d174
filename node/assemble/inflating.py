"""Deflated files (PS3.5 A.5), of which a few megabytes may inflate to more than any memory: never more of one than is wanted.

pydicom inflates the whole of a file before it reads the first element. Here the headers are read from its beginning alone, and pixels are
read only of a file that was seen to end within a limit.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from node.errors import DataError

HEADER_BYTES = 64 * 2**20
"""What stands before the pixels of the largest objects takes half of it."""
WHOLE_BYTES = 2**30
PIECE_BYTES = 2**20

_META = 144
"""Preamble, "DICM" and the group length; what follows it is as long as it says (PS3.10 7.1)."""


def read_header_dataset(path: Path, tags: Sequence[BaseTag]) -> Dataset:
    """The elements wanted of those before the pixels; whatever pydicom raises on a damaged file."""
    start = _deflated_from(path)
    if start is None:
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(tags))
    syntax = ExplicitVRLittleEndian.encode() + b"\0" * (len(ExplicitVRLittleEndian) % 2)
    element = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax
    head = bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(element)) + element
    inflated = io.BytesIO(head)
    inflated.seek(0, io.SEEK_END)
    with path.open("rb") as file:
        file.seek(start)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while inflated.tell() < HEADER_BYTES and (piece := _next(inflater, file)):
            inflated.write(piece)
    inflated.seek(0)
    return pydicom.dcmread(inflated, stop_before_pixels=True, specific_tags=list(tags))


def require_bounded(path: Path) -> None:
    """Nothing, unless a file inflates to more than may be read.

    Raises
    ------
    DataError : it does
    """
    start = _deflated_from(path)
    if start is None:
        return
    size = 0
    with path.open("rb") as file:
        file.seek(start)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while piece := _next(inflater, file):
            size += len(piece)
            if size > WHOLE_BYTES:
                raise DataError(f"{path.name}: expected a deflated data set of up to {WHOLE_BYTES // 2**20} MiB; found more")


def _next(inflater: zlib._Decompress, file: io.BufferedReader) -> bytes:
    """The next piece, of limited size whatever it is deflated from; empty at the end."""
    while not inflater.eof:
        source = inflater.unconsumed_tail or file.read(PIECE_BYTES // 16)
        piece = inflater.decompress(source, PIECE_BYTES)
        if piece or not source:
            return piece
    return b""


def _deflated_from(path: Path) -> int | None:
    """Where the deflated bytes of a file begin; None where it is not deflated."""
    with path.open("rb") as file:
        beginning = file.read(1024)
    if DeflatedExplicitVRLittleEndian.encode() not in beginning:
        return None
    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return None
    return _META + int(meta.FileMetaInformationGroupLength)
