"""Pages on paper: what was drawn on each page, drawn again in a PDF file, A4 landscape, dark ink on white."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from node.encode.canvas import GROUND, HEIGHT, WIDTH, Canvas
from node.encode.pdf_file import PdfFile, add_font, add_picture, date_string, text_string
from node.encode.print_ink import area, edge, ink, mark, turned
from node.encode.strokes import Block, Disc, Picture, Rgb, Stroke, Words
from node.encode.typeface import face, font

PAPER_PT = (842, 595)
"""A4 landscape, points."""
EDGE_PT = 14
"""Least distance of a page from the paper's edge, which printers leave white."""

_SCALE = min((PAPER_PT[0] - 2 * EDGE_PT) / WIDTH, (PAPER_PT[1] - 2 * EDGE_PT) / HEIGHT)
_LEFT, _BOTTOM = (PAPER_PT[0] - WIDTH * _SCALE) / 2, (PAPER_PT[1] - HEIGHT * _SCALE) / 2
_ROUND = 4.0 * (math.sqrt(2.0) - 1.0) / 3.0
"""Where the control points of a quarter circle lie, in radii."""


@dataclass(frozen=True)
class Imprint:
    """What the file says of itself: a title, who made it, when, and its language (ISO 639-1)."""

    title: str
    producer: str
    made_at: datetime
    language: str


def print_pages(pages: Sequence[Canvas], imprint: Imprint) -> bytes:
    """A PDF file of some pages."""
    file = PdfFile()
    written = [stroke for page in pages for stroke in page.strokes if isinstance(stroke, Words)]
    fonts = {bold: add_font(file, face(bold=bold), _letters(written, bold=bold)) for bold in (False, True)}
    # The pages and their tree name each other: the tree comes after all of them, and each page is two objects besides its pictures.
    tree = len(file.objects) + sum(2 + len(_pictures(page.strokes)) for page in pages) + 1
    kids = [_page(file, page.strokes, fonts, tree) for page in pages]
    named = " ".join(f"{kid} 0 R" for kid in kids)
    if file.add(f"<< /Type /Pages /Kids [{named}] /Count {len(kids)} >>".encode()) != tree:
        raise AssertionError("the tree of pages is not where its pages say")
    catalogue = file.add(f"<< /Type /Catalog /Pages {tree} 0 R /Lang ({imprint.language}) /PageLayout /SinglePage >>".encode())
    title, producer, made = text_string(imprint.title), text_string(imprint.producer), date_string(imprint.made_at)
    info = file.add(f"<< /Title {title} /Producer {producer} /CreationDate {made} >>".encode())
    return file.bytes(catalogue, info)


def _page(file: PdfFile, strokes: Sequence[Stroke], fonts: dict[bool, int], tree: int) -> int:
    pictures = [add_picture(file, turned(p.rgb) if p.drawn else p.rgb) for p in _pictures(strokes)]
    shown, number = [], 0
    for stroke in strokes:
        shown.append(_told(stroke, number))
        number += isinstance(stroke, Picture)
    frame = f"{_SCALE:.6f} 0 0 {-_SCALE:.6f} {_LEFT:.3f} {_BOTTOM + HEIGHT * _SCALE:.3f} cm\n"
    content = file.stream((frame + "\n".join(shown)).encode())
    images = " ".join(f"/P{index} {picture} 0 R" for index, picture in enumerate(pictures))
    return file.add(
        f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {PAPER_PT[0]} {PAPER_PT[1]}] /Contents {content} 0 R /Resources "
        f"<< /Font << /F0 {fonts[False]} 0 R /F1 {fonts[True]} 0 R >> /XObject << {images} >> >> >>".encode()
    )


def _pictures(strokes: Iterable[Stroke]) -> list[Picture]:
    return [stroke for stroke in strokes if isinstance(stroke, Picture)]


def _letters(written: Iterable[Words], *, bold: bool) -> set[str]:
    return {letter for words in written if words.bold is bold for letter in words.text} | {" "}


def _told(stroke: Stroke, number: int) -> str:
    """A stroke in PDF's operators, y downwards; `number` is that of the page's next picture."""
    if isinstance(stroke, Words):
        return _words(stroke)
    if isinstance(stroke, Block):
        return _block(stroke)
    if isinstance(stroke, Disc):
        return _disc(stroke)
    rows, columns = (size / stroke.fine for size in stroke.rgb.shape[:2])
    return f"q {columns:g} 0 0 {-rows:g} {stroke.left} {stroke.top + rows:g} cm /P{number} Do Q"


def _words(words: Words) -> str:
    """Text as wide as on the page, whose letters stand on whole pixels: stretched by the little that they differ."""
    if not words.text:
        return ""
    used, printed = font(words.size, bold=words.bold), face(bold=words.bold)
    wide = used.getlength(words.text)
    natural = sum(printed.width(letter) for letter in words.text) * words.size / 1000
    x = words.x - {"l": 0.0, "m": wide / 2, "r": wide}[words.anchor[0]]
    ascent, descent = used.getmetrics()
    y = words.y + {"a": ascent, "m": (ascent - descent) / 2, "s": 0.0, "d": -descent}[words.anchor[1]]
    text = "".join(f"{printed.glyph(letter):04X}" for letter in words.text)
    place = f"BT /F{int(words.bold)} {words.size} Tf {100 * wide / natural:.3f} Tz 1 0 0 -1 {x:g} {y:g} Tm"
    halo = f"{place} 1 Tr {2 * words.halo} w 1 j {_colour(GROUND, 'RG')} <{text}> Tj ET\n" if words.halo else ""
    colour = words.colour if words.halo else ink(words.colour)
    return f"{halo}{place} 0 Tr {_colour(colour, 'rg')} <{text}> Tj ET"


def _block(block: Block) -> str:
    wide, high = block.right - block.left, block.bottom - block.top
    if not block.line:
        return f"{_colour(area(block.colour), 'rg')} {block.left} {block.top} {wide} {high} re f"
    half = block.line / 2
    inner = f"{block.left + half:g} {block.top + half:g} {wide - block.line} {high - block.line} re S"
    return f"{_colour(area(block.colour), 'RG')} {block.line} w {inner}"


def _disc(disc: Disc) -> str:
    """Filled, then its line inside its border, dark where the mark itself would be lost on white."""
    x, y, radius = disc.x + 0.5, disc.y + 0.5, disc.radius + 0.5
    fill = f"{_colour(mark(disc.colour), 'rg')} {_circle(x, y, radius)} f"
    return f"{fill}\n{_colour(edge(disc.line), 'RG')} 2 w {_circle(x, y, radius - 1)} s"


def _circle(x: float, y: float, radius: float) -> str:
    """Four quarters (a Bézier curve each), from the right, downwards."""
    path = f"{x + radius:g} {y:g} m"
    ends = ((0, 1), (-1, 0), (0, -1), (1, 0))
    begins = ((1, 0), *ends)
    for (bx, by), (ex, ey) in zip(begins, ends, strict=False):
        one = (x + radius * (bx + _ROUND * ex), y + radius * (by + _ROUND * ey))
        two = (x + radius * (ex + _ROUND * bx), y + radius * (ey + _ROUND * by))
        path += f" {one[0]:.3f} {one[1]:.3f} {two[0]:.3f} {two[1]:.3f} {x + radius * ex:.3f} {y + radius * ey:.3f} c"
    return path


def _colour(rgb: Rgb, operator: str) -> str:
    return f"{' '.join(f'{part / 255:.4g}' for part in rgb)} {operator}"
