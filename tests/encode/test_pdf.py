"""The encapsulated PDF: that it is a whole file, holds the pages' words and pictures, can be read on white, and is a DICOM object."""

from __future__ import annotations

import re
import subprocess
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Plan, make_phantom
from pydicom import dcmread
from pydicom.uid import EncapsulatedPDFStorage

from benchmarks.conformance import complaints
from node.domain.volume import Array
from node.encode import summary
from node.encode.canvas import BAD, GOOD, GROUND, INK, PANEL, SOFT, WARNING, Box, Canvas, Style
from node.encode.material import Material, once
from node.encode.objects import EncodeOptions
from node.encode.pdf import encode_pdf
from node.encode.phenotypes import LOOKS
from node.encode.print_ink import PAPER, area, ink, luminance, mark, turned
from node.encode.print_pages import Imprint, print_pages

IMPRINT = Imprint("Title", "Maker", datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "en")


def objects(content: bytes) -> list[bytes]:
    """The objects of a file, found by its own table of places."""
    start = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    places = [int(line[:10]) for line in content[start:].split(b"\n") if line.endswith(b" n ")]
    assert all(content[place:].startswith(f"{number} 0 obj\n".encode()) for number, place in enumerate(places, start=1))
    return [content[place:].split(b" obj\n", 1)[1].split(b"\nendobj\n", 1)[0] for place in places]


def stream(item: bytes) -> bytes:
    """What a stream holds."""
    head, packed = item.split(b"stream\n", 1)
    return zlib.decompress(packed[: int(re.search(rb"/Length (\d+)", head)[1])])  # type: ignore[index]


def words(content: bytes) -> list[str]:
    """Every line of text, letter by letter through the tables that a reader copies by; both weights number their glyphs apart."""
    found = objects(content)
    tables = []
    for item in found:
        if b"/Type0" in item:
            number = int(re.search(rb"/ToUnicode (\d+)", item)[1])  # type: ignore[index]
            pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n", stream(found[number - 1]) + b"\n")
            tables.append({glyph.decode(): bytes.fromhex(letter.decode()).decode("utf-16-be") for glyph, letter in pairs})
    pages = [stream(item) for item in found if b"/Filter" in item and b"/Length1" not in item and b"/Image" not in item]
    lines = [line for page in pages for line in re.findall(rb"/F(\d) .*<([0-9A-F]*)> Tj", page)]
    return ["".join(tables[int(weight)][text[i : i + 4].decode()] for i in range(0, len(text), 4)) for weight, text in lines]


def picture(item: bytes) -> Array:
    """A picture (R, C, 3), its rows added up."""
    columns, rows = (int(re.search(rf"/{name} (\d+)".encode(), item)[1]) for name in ("Width", "Height"))  # type: ignore[index]
    coded = np.frombuffer(stream(item), np.uint8).reshape(rows, 1 + 3 * columns)
    assert (coded[:, 0] == 2).all()
    return np.asarray(np.cumsum(coded[:, 1:], axis=0, dtype=np.uint8).reshape(rows, columns, 3))


def page() -> Canvas:
    """A page with a stroke of each kind."""
    canvas = Canvas("Title")
    canvas.panel(Box(10, 10, 200, 100))
    canvas.text(20, 20, "Größe − 1.5 mm", Style.BODY)
    canvas.text(400, 20, "right", Style.STRONG, SOFT, anchor="ra")
    canvas.disc(50, 60, 9, LOOKS_RGB)
    canvas.frame(Box(10, 120, 200, 140), WARNING)
    canvas.rule(10, 200, 160)
    canvas.paste(IMAGE, 300, 200)
    canvas.mark(305, 205, "R", anchor="lm")
    canvas.paste_drawing(np.full((8, 8, 3), GROUND, np.uint8), 500, 200, fine=2)
    return canvas


LOOKS_RGB = next(iter(LOOKS.values())).rgb
IMAGE = np.random.default_rng(3).integers(0, 256, (13, 17, 3)).astype(np.uint8)


def test_the_words_of_a_page_can_be_copied() -> None:
    assert words(print_pages([page()], IMPRINT)) == ["Größe − 1.5 mm", "right", "R", "R"]


def test_an_image_is_printed_as_it_is_and_a_drawing_on_white() -> None:
    image, drawing = (picture(item) for item in objects(print_pages([page()], IMPRINT)) if b"/Image" in item)

    assert (image == IMAGE).all()
    assert drawing.shape == (8, 8, 3)
    assert drawing.min() >= 250


def test_every_page_stands_in_the_tree_of_pages() -> None:
    found = objects(print_pages([page(), page(), Canvas("empty")], IMPRINT))

    (tree,) = (item for item in found if b"/Type /Pages" in item)
    kids = [int(number) for number in re.findall(rb"(\d+) 0 R", tree.split(b"[")[1])]
    assert [b"/Type /Page " in found[kid - 1] for kid in kids] == [True] * 3
    assert {re.search(rb"/Parent (\d+)", found[kid - 1])[1] for kid in kids} == {str(found.index(tree) + 1).encode()}  # type: ignore[index]


def test_the_same_pages_give_the_same_bytes() -> None:
    assert print_pages([page()], IMPRINT) == print_pages([page()], IMPRINT)


@pytest.mark.parametrize("colour", [INK, SOFT, WARNING, GOOD, BAD, *(look.rgb for look in LOOKS.values())])
def test_text_can_be_read_on_white_paper_and_on_a_panel(colour: tuple[int, int, int]) -> None:
    for paper in (PAPER, area(PANEL)):
        assert (luminance(paper) + 0.05) / (luminance(ink(colour)) + 0.05) >= 4.0


def test_the_ground_becomes_paper_and_marks_keep_what_they_stand_for() -> None:
    assert min(area(GROUND)) >= 250
    assert ink(GROUND) == PAPER
    assert mark(LOOKS_RGB) == LOOKS_RGB


def test_turning_over_keeps_the_hue() -> None:
    assert turned(np.array([86, 180, 233], np.uint8)).argsort().tolist() == [0, 1, 2]


def test_the_document_holds_the_summary_in_the_study_of_the_pet(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    (tmp_path / "out").mkdir()
    material = phantom.material(EncodeOptions(language="de"), tmp_path / "out")

    (encoded,) = encode_pdf(material)
    dataset = dcmread(encoded.path)

    content = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    assert dataset.SOPClassUID == encoded.sop_class_uid == EncapsulatedPDFStorage
    assert dataset.StudyInstanceUID == phantom.exam.pet.source.study_uid
    assert (dataset.BurnedInAnnotation, dataset.MIMETypeOfEncapsulatedDocument) == ("YES", "application/pdf")
    assert len(dataset.EncapsulatedDocument) % 2 == 0
    assert content.startswith(b"%PDF-1.7")
    assert content.endswith(b"%%EOF\n")
    assert "Ball, Phantom" in words(content) or "Phantom, Ball" in words(content)
    assert any(line.startswith("Seite 1 von ") for line in words(content))


@pytest.mark.peer("dciodvfy", "dcentvfy", "qpdf", "pdftotext")
def test_judges_find_no_fault_in_the_document(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=6))
    (tmp_path / "out").mkdir()

    (encoded,) = encode_pdf(phantom.material(folder=tmp_path / "out"))

    assert complaints([encoded.path], sorted(tmp_path.glob("*.dcm"))) == []
    dataset = dcmread(encoded.path)
    (tmp_path / "x.pdf").write_bytes(dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength])
    subprocess.run(("qpdf", "--check", str(tmp_path / "x.pdf")), check=True, capture_output=True)
    told = subprocess.run(("pdftotext", str(tmp_path / "x.pdf"), "-"), check=True, capture_output=True).stdout.decode()
    assert "RESEARCH USE ONLY" in told


def test_screen_and_print_share_pages_that_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Material] = []

    def draw(material: Material) -> list[Canvas]:
        drawn.append(material)
        return [Canvas("Summary")]

    monkeypatch.setattr(summary, "PAGES", (draw,))
    (tmp_path / "out").mkdir()
    phantom = make_phantom(tmp_path)
    material = phantom.material(folder=tmp_path / "out")

    (page,) = summary.encode_summary(material)
    (document,) = encode_pdf(material)

    assert drawn == [material]
    # The foot stands on the page once, on paper as on the screen.
    assert words(dcmread(document.path).EncapsulatedDocument.rstrip(b"\0")).count("page 1 of 1") == 1
    assert dcmread(page.path).ImageComments == "Summary"


def test_what_is_kept_with_one_material_is_not_that_of_another(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    one, other = phantom.material(), phantom.material()
    made: list[Material] = []

    @once
    def make(material: Material) -> int:
        made.append(material)
        return len(made)

    assert [make(one), make(one), make(other), make(one), make(one.on(one.exam.t1))] == [1, 1, 2, 1, 3]
