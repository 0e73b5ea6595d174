"""A PDF file, written by hand: pages of text, rectangles, circles and pictures (ISO 32000-1).

Text stays text, in the typeface of the pages, which goes into the file whole: it is sharp at any size, and can be searched and copied.
We chose to write the format itself, which for this is short, instead of printing through matplotlib (its text is laid out anew, and its
files differ with the interpreter's hash seed) or of saving the pages as pictures through Pillow (blurred in print, nothing to copy).
Pictures are compressed without loss. The same content gives the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from node.domain.volume import Array
from node.encode.typeface import Face

HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


@dataclass(eq=False)
class PdfFile:
    """A file while it is written: objects are numbered from 1 in the order in which they are added."""

    objects: list[bytes] = field(default_factory=list)

    def add(self, content: bytes) -> int:
        """An object's number."""
        self.objects.append(content)
        return len(self.objects)

    def stream(self, content: bytes, entries: str = "") -> int:
        """A compressed stream, with further entries of its dictionary."""
        packed = zlib.compress(content, 9)
        head = f"<< /Length {len(packed)} /Filter /FlateDecode {entries}>>\nstream\n".encode()
        return self.add(head + packed + b"\nendstream")

    def bytes(self, catalogue: int, info: int) -> bytes:
        """The whole file."""
        body, places = bytearray(HEADER), []
        for number, content in enumerate(self.objects, start=1):
            places.append(len(body))
            body += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
        table = "".join(f"{place:010d} 00000 n \n" for place in places)
        size = len(self.objects) + 1
        trailer = f"trailer\n<< /Size {size} /Root {catalogue} 0 R /Info {info} 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
        return bytes(body) + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode()


def add_picture(file: PdfFile, rgb: Array) -> int:
    """A picture (R, C, 3) uint8; each row as its difference from the one above, which packs images well (PNG predictor 12)."""
    rows, columns = rgb.shape[:2]
    flat = rgb.reshape(rows, columns * 3)
    above = np.vstack([np.zeros((1, columns * 3), np.uint8), flat[:-1]])
    coded = np.hstack([np.full((rows, 1), 2, np.uint8), flat - above])
    return file.stream(
        coded.tobytes(),
        f"/Type /XObject /Subtype /Image /Width {columns} /Height {rows} /ColorSpace /DeviceRGB /BitsPerComponent 8 "
        f"/DecodeParms << /Predictor 12 /Colors 3 /BitsPerComponent 8 /Columns {columns} >> ",
    )


def add_font(file: PdfFile, face: Face, used: Iterable[str]) -> int:
    """A typeface with the letters that are used: glyphs are named by their number in the font's file, widths and letters told for each."""
    letters = sorted(set(used))
    program = Path(face.file).read_bytes()
    embedded = file.stream(program, f"/Length1 {len(program)} ")
    box, ascent, descent = face.box, face.ascent, face.descent
    descriptor = file.add(
        f"<< /Type /FontDescriptor /FontName /{face.name} /Flags 32 /FontBBox [{' '.join(str(edge) for edge in box)}] /ItalicAngle 0 "
        f"/Ascent {ascent} /Descent {descent} /CapHeight {ascent} /StemV 80 /FontFile2 {embedded} 0 R >>".encode()
    )
    widths = " ".join(f"{face.glyph(letter)} [{face.width(letter):.4g}]" for letter in letters)
    descendant = file.add(
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{face.name} /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) "
        f"/Supplement 0 >> /FontDescriptor {descriptor} 0 R /W [{widths}] /CIDToGIDMap /Identity >>".encode()
    )
    copied = file.stream(_to_unicode(face, letters))
    return file.add(
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{face.name} /Encoding /Identity-H /DescendantFonts [{descendant} 0 R] "
        f"/ToUnicode {copied} 0 R >>".encode()
    )


def _to_unicode(face: Face, letters: Sequence[str]) -> bytes:
    """Which letter each glyph stands for, so that text can be searched and copied; at most 100 in one block."""
    lines = [f"<{face.glyph(letter):04X}> <{letter.encode('utf-16-be').hex().upper()}>" for letter in letters]
    blocks = [lines[start : start + 100] for start in range(0, len(lines), 100)]
    told = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n/CMapName /Letters def /CMapType 2 def\n"
        f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{told}\nendcmap end end"
    ).encode()


def text_string(text: str) -> str:
    """A text string outside of pages: UTF-16 in hexadecimal."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


def date_string(moment: datetime) -> str:
    """A date with its zone, as PDF writes it."""
    zone = moment.strftime("%z")
    return f"(D:{moment.strftime('%Y%m%d%H%M%S')}{zone[:3]}'{zone[3:5]}')" if zone else f"(D:{moment.strftime('%Y%m%d%H%M%S')})"
