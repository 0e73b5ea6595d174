"""Whether pixels, or a printed document, came through the writing whole: their length, and the checksum of what was handed over."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from node.encode.gate.sheet import Finding, Sheet
from node.encode.headers import content_sum

_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}


def whole(sheet: Sheet) -> Iterator[Finding]:
    """Whether an object's pixels are all there, and those that were meant."""
    dataset = sheet.dataset
    keyword = next((name for name in ("PixelData", *_BITS) if name in dataset), None)
    if keyword is not None:
        expected, found = _bytes(dataset, keyword), len(dataset[keyword].value or b"")
        if found != expected:
            yield Finding((), keyword, f"{expected} bytes", f"{found} bytes")
    if "EncapsulatedDocument" in dataset:
        yield from _document(dataset)
    if sheet.encoded.content_sum is not None and content_sum(dataset) != sheet.encoded.content_sum:
        yield Finding((), keyword or "EncapsulatedDocument", "what was handed over for writing", "other bytes of it")


def _bytes(dataset: Dataset, keyword: str) -> int:
    samples, frames = int(dataset.get("SamplesPerPixel") or 1), int(dataset.get("NumberOfFrames") or 1)
    bits = _BITS.get(keyword, int(dataset.get("BitsAllocated") or 0))
    length = (int(dataset.get("Rows") or 0) * int(dataset.get("Columns") or 0) * samples * frames * bits + 7) // 8
    return length + length % 2


def _document(dataset: Dataset) -> Iterator[Finding]:
    document, told = dataset.EncapsulatedDocument or b"", dataset.get("EncapsulatedDocumentLength")
    if dataset.get("MIMETypeOfEncapsulatedDocument") == "application/pdf" and not document.startswith(b"%PDF-"):
        yield Finding((), "EncapsulatedDocument", "a PDF", "something else")
    if told is not None and len(document) != int(told) + int(told) % 2:
        yield Finding((), "EncapsulatedDocument", f"{told} bytes", f"{len(document)} bytes")
