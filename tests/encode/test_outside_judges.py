"""Other people's programs on what we write: dciodvfy, dcentvfy, dcmqi."""

from __future__ import annotations

from pathlib import Path

import pytest
from encode_phantom import Plan, make_phantom

from benchmarks.conformance import complaints
from node.encode import EncodeOptions, encode, encode_refusal


@pytest.mark.peer("dciodvfy", "dcentvfy", "segimage2itkimage")
@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        Plan(studies=1, lesions=70),
        Plan(flair=False, lesions=0),
        Plan(enhanced=True),
        Plan(charset=("", "ISO 2022 IR 87"), name="Y^T=山田^太郎"),
    ],
    ids=["two studies", "one study, many lesions", "no lesions", "enhanced", "kanji"],
)
def test_judges_find_no_fault(tmp_path: Path, plan: Plan) -> None:
    phantom = make_phantom(tmp_path, plan)
    folder = tmp_path / "out"
    folder.mkdir()
    options = EncodeOptions()

    encoded = encode(*phantom.parts, storage=tmp_path, folder=folder, options=options)
    provenance = phantom.result.provenance
    refused = encode_refusal(phantom.exam.pet.source, "Why.", "What to do.", provenance, storage=tmp_path, folder=folder, options=options)

    objects = [e.path for e in (*encoded, *refused)]
    assert complaints(objects, sorted(tmp_path.glob("*.dcm"))) == []
    assert [str(complaint) for e in (*encoded, *refused) for complaint in e.complaints] == []  # our own gate agrees
