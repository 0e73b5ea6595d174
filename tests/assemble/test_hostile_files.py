"""Files that were made to hurt, or damaged: each is read or refused with its reason, within bounds, and never with a wrong pixel."""

from __future__ import annotations

import resource
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from node.assemble import inflating
from node.assemble.header import from_json, read_header, to_json
from node.assemble.stored import StoredInstance, read_pixels
from node.domain.exam import Instance
from node.errors import DataError

EXPLICIT, DEFLATED, MR = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.5.1.4.1.1.4"
LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")


def element(group: int, number: int, kind: bytes, value: bytes, length: int | None = None) -> bytes:
    """One element in Explicit VR Little Endian, whose length may be a lie."""
    size = len(value) if length is None else length
    if kind in LONG:
        return struct.pack("<HH2sHI", group, number, kind, 0, size) + value
    return struct.pack("<HH2sH", group, number, kind, size) + value


def uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def meta(syntax: str = EXPLICIT) -> bytes:
    part = element(2, 0x10, b"UI", uid(syntax))
    return bytes(128) + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(part))) + part


INSTANCE = element(8, 0x16, b"UI", uid(MR)) + element(8, 0x18, b"UI", uid("1.2.3"))
PLACE = element(0x20, 0xD, b"UI", uid("1.2.4")) + element(0x20, 0xE, b"UI", uid("1.2.5"))
PIXELS = element(0x7FE0, 0x10, b"OW", bytes(100))


def nested(depth: int, group: int, number: int) -> bytes:
    """Sequences in sequences, none of which says how long it is."""
    inner = b""
    for _ in range(depth):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inner + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        inner = struct.pack("<HH2sHI", group, number, b"SQ", 0, 0xFFFFFFFF) + item + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return inner


def deflated(data: bytes, more_mib: int = 0) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    pieces = [deflater.compress(data)] + [deflater.compress(bytes(2**20)) for _ in range(more_mib)]
    return b"".join([*pieces, deflater.flush()])


REFUSED = {
    "deep sequences": (meta() + INSTANCE + PLACE + nested(3000, 0x40, 0x275) + PIXELS, "RecursionError"),
    "deep private sequences": (meta() + INSTANCE + PLACE + nested(3000, 0x41, 0x1075) + PIXELS, "RecursionError"),
    "gigabytes of a description": (meta() + INSTANCE + element(8, 0x103E, b"UT", b"abc", 0xFFFFFFF0), "StudyInstanceUID"),
    "no SOP class": (meta() + PLACE + PIXELS, "SOPClassUID"),
    "no preamble": (INSTANCE + PLACE + PIXELS, "InvalidDicomError"),
    "nothing": (b"", "InvalidDicomError"),
    "no data set": (meta(), "SOPInstanceUID"),
    "deflated rubbish": (meta(DEFLATED) + b"\xff" * 500, "error"),
    "a path for a UID": (
        meta() + INSTANCE + element(0x20, 0xD, b"UI", b"1.2\0../../xy") + element(0x20, 0xE, b"UI", b"/etc/passwd ") + PIXELS,
        "StudyInstanceUID, SeriesInstanceUID",
    ),
    "a UID without end": (meta() + INSTANCE + element(0x20, 0xD, b"UI", b"1" * 200) + element(0x20, 0xE, b"UI", b"1.2") + PIXELS, "64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    data, reason = REFUSED[name]
    (tmp_path / "file.dcm").write_bytes(data)

    with pytest.raises(DataError, match=reason):
        read_header(tmp_path / "file.dcm")


READ = {
    "elements twice": meta() + INSTANCE + INSTANCE + PLACE + PLACE + PIXELS,
    "gigabytes of comments": meta() + INSTANCE + PLACE + element(0x20, 0x4000, b"UT", b"abc", 0xF0000000),
    "a character set that is none": meta()
    + element(8, 5, b"CS", b"\\ISO 2022 IR 87\\nonsense ")
    + INSTANCE
    + element(0x10, 0x10, b"PN", b"\x1b$B\xff\xff\x1b(J^\x1b")
    + PLACE
    + PIXELS,
    "numbers that are none": meta()
    + INSTANCE
    + element(0x10, 0x1030, b"DS", b"1e999 ")
    + PLACE
    + element(0x20, 0x13, b"IS", b"9" * 20)
    + element(0x20, 0x32, b"DS", b"nan\\inf\\x ")
    + PIXELS,
    "deflated": meta(DEFLATED) + deflated(INSTANCE + PLACE + PIXELS),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", READ)
def test_what_is_merely_odd_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.dcm").write_bytes(READ[name])
    header = read_header(tmp_path / "file.dcm")

    assert (header.sop_instance_uid, header.study_uid, header.series_uid) == ("1.2.3", "1.2.4", "1.2.5")
    assert to_json(from_json(to_json(header))) == to_json(header)


def test_a_bomb_takes_neither_time_nor_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflating, "HEADER_BYTES", 2**21)
    monkeypatch.setattr(inflating, "WHOLE_BYTES", 2**25)
    description = element(0x20, 0x4000, b"UT", b"", 900 * 2**20)
    (tmp_path / "bomb.dcm").write_bytes(meta(DEFLATED) + deflated(INSTANCE + PLACE + description, 900))
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()

    header = read_header(tmp_path / "bomb.dcm")
    with pytest.raises(DataError, match="deflated data set of up to 32 MiB"):
        inflating.require_bounded(tmp_path / "bomb.dcm")

    assert header.sop_instance_uid == "1.2.3"
    assert (tmp_path / "bomb.dcm").stat().st_size < 2**20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert time.process_time() - began < 2


def offline_files() -> Iterator[Path]:
    """What pydicom brings along of test files: images and character sets, whole and damaged."""
    data = Path(pydicom.__file__).parent / "data"
    for folder in ("test_files", "charset_files"):
        yield from (path for path in sorted((data / folder).rglob("*")) if path.is_file())


@pytest.mark.filterwarnings("ignore")
def test_every_file_that_pydicom_brings_along_is_read_or_refused() -> None:
    read, refused = 0, 0
    for path in offline_files():
        try:
            read_header(path)
            read += 1
        except DataError:
            refused += 1

    assert read > 100
    assert refused > 10  # directories, waveforms without UIDs, files without preamble


ONE_IMAGE = [
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_expb.dcm",
    "MR_small_implicit.dcm",
    "MR_small_padded.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
]
"""The same image in eight encodings."""


def stored(path: Path) -> StoredInstance:
    header = read_header(path)
    return StoredInstance(header, Instance(header.sop_instance_uid, header.sop_class_uid, path.name, "0" * 64))


def image(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    if found is None:
        pytest.fail(f"pydicom no longer brings {name} along")
    return Path(str(found))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ONE_IMAGE)
def test_an_image_has_the_same_pixels_in_each_encoding_and_none_when_it_is_cut(tmp_path: Path, name: str) -> None:
    truth = pydicom.dcmread(image("MR_small.dcm")).pixel_array
    path = image(name)
    (pixels,) = read_pixels([stored(path)], path.parent)
    whole = path.read_bytes()
    right = 0
    for left in (0.35, 0.5, 0.7, 0.9, 0.97, 0.999):
        cut = tmp_path / "cut.dcm"
        cut.write_bytes(whole[: int(len(whole) * left)])
        try:
            (found,) = read_pixels([stored(cut)], tmp_path)
        except DataError:
            continue
        assert np.array_equal(found.values, truth), left  # only padding is gone
        right += 1

    assert np.array_equal(pixels.values, truth)
    assert right <= 2
