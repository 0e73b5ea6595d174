"""The refusal page: why, what to do, and which series, in its own study."""

from __future__ import annotations

from pathlib import Path

from encode_phantom import make_phantom
from pydicom import dcmread
from test_pages import Placed, overlap, placed, words  # noqa: F401 placed is a fixture

from node.encode import EncodeOptions, Kind, encode_refusal


def test_a_refusal_says_why_and_what_to_do_in_its_own_study(tmp_path: Path, placed: list[Placed]) -> None:  # noqa: F811
    phantom = make_phantom(tmp_path)
    reason, advice = "The PET's Units are CNTS; BQML or GML is needed. " * 40, "Reconstruct it with Units BQML."
    source, others = phantom.exam.t1.source, (phantom.exam.pet.source,)

    encoded = encode_refusal(
        source, reason, advice, phantom.result.provenance, storage=tmp_path, folder=tmp_path, options=EncodeOptions(), others=others
    )

    text = words(placed)
    assert "This exam was not analysed. There are no numbers." in text
    assert text.count("BQML or GML") == 40
    assert advice in text
    assert "MR · T1 head acquired 2024-03-05 09:12, 20 images" in " ".join(text.split())
    assert "PET · PET Brain AC acquired 2024-03-12 11:20, 44 images" in " ".join(text.split())
    assert [e.kind for e in encoded] == [Kind.REFUSAL] * len(encoded)
    d = dcmread(encoded[0].path)
    assert (d.StudyInstanceUID, d.AccessionNumber, d.BurnedInAnnotation) == ("1.2.3.1", "A1", "YES")
    assert (d.SeriesDescription, d.ImageComments) == ("RESEARCH TSPO not analysed", "Not analysed")
    assert not any(overlap(a.box, b.box) for i, a in enumerate(placed) for b in placed[i + 1 :] if a.page == b.page)
