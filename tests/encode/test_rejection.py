"""The rejection note names what it takes back, and nothing else, in the study that it is of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from encode_phantom import Phantom, Plan, make_phantom
from pydicom import Dataset, dcmread

from benchmarks.conformance import complaints
from node.domain.verdict import Verdict
from node.encode import Encoded, EncodeOptions, Kind, encode, encode_rejection

AT = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
OPTIONS = EncodeOptions(objects=("summary", "lesions", "report"))


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """PET and MR in two studies, of a patient with a name in two scripts."""
    return make_phantom(tmp_path_factory.mktemp("rejection"), Plan(charset=("", "ISO 2022 IR 87"), name="Y^T=山田^太郎"))


@pytest.fixture(scope="module")
def sent(phantom: Phantom) -> tuple[Encoded, ...]:
    """What was delivered: pages and report in the PET's study, a segmentation in the MR's."""
    folder = phantom.storage / "out"
    folder.mkdir()
    return encode(*phantom.parts, storage=phantom.storage, folder=folder, options=OPTIONS)


def notes(phantom: Phantom, objects: list[Path], folder: Path, *, verdict: Verdict = Verdict.REJECTED, first: int = 0) -> list[Path]:
    folder.mkdir(exist_ok=True)
    provenance = replace(phantom.result.provenance, made_at=AT)
    words = "by Jörg Müller: falsche Seite"
    written = encode_rejection(objects, verdict, words, provenance, folder=folder, options=OPTIONS, first=first)
    assert {item.kind for item in written} == {Kind.REJECTION}
    assert [str(complaint) for item in written for complaint in item.complaints] == []
    return [item.path for item in written]


def named(note: Dataset) -> set[str]:
    items = [item for study in note.CurrentRequestedProcedureEvidenceSequence for item in study.ReferencedSeriesSequence]
    return {str(one.ReferencedSOPInstanceUID) for item in items for one in item.ReferencedSOPSequence}


def test_each_study_has_a_note_on_all_of_its_objects(phantom: Phantom, sent: tuple[Encoded, ...], tmp_path: Path) -> None:
    written = [dcmread(path) for path in notes(phantom, [item.path for item in sent], tmp_path / "a")]

    assert len(written) == 2
    for note in written:
        mine = [item for item in sent if item.study_uid == note.StudyInstanceUID]
        assert named(note) == {item.sop_instance_uid for item in mine}
        content = [item for item in note.ContentSequence if item.ValueType in ("IMAGE", "COMPOSITE")]
        assert {str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) for item in content} == named(note)
        source = dcmread(mine[0].path, stop_before_pixels=True)
        keywords = ("PatientName", "PatientID", "PatientBirthDate", "SpecificCharacterSet", "AccessionNumber", "StudyID", "StudyDate")
        assert [note.get(keyword) for keyword in keywords] == [source.get(keyword) for keyword in keywords]


def test_a_document_is_named_as_a_document_and_an_image_as_an_image(phantom: Phantom, sent: tuple[Encoded, ...], tmp_path: Path) -> None:
    kinds = {item.sop_instance_uid: item.kind for item in sent}
    for path in notes(phantom, [item.path for item in sent], tmp_path / "a"):
        for item in dcmread(path).ContentSequence:
            if "ReferencedSOPSequence" in item:
                kind = kinds[str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)]
                assert item.ValueType == ("COMPOSITE" if kind is Kind.REPORT else "IMAGE")


@pytest.mark.parametrize(
    ("verdict", "code"), [(Verdict.REJECTED, ("113001", "DCM")), (Verdict.UNSAFE, ("113037", "DCM"))], ids=["quality", "safety"]
)
def test_the_title_is_the_verdict_and_the_words_say_who_and_why(
    phantom: Phantom, sent: tuple[Encoded, ...], tmp_path: Path, verdict: Verdict, code: tuple[str, str]
) -> None:
    note = dcmread(notes(phantom, [sent[0].path], tmp_path / "a", verdict=verdict)[0])

    title = note.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator) == code
    (words,) = [item.TextValue for item in note.ContentSequence if item.ValueType == "TEXT"][-1:]
    assert words == "Withdrawn by Jorg Muller: falsche Seite. Research use only."
    assert (note.ContentDate, note.Manufacturer) == (f"{AT.astimezone():%Y%m%d}", "Ember")


def test_notes_made_twice_are_the_same_bytes_and_those_for_another_set_have_other_uids(
    phantom: Phantom, sent: tuple[Encoded, ...], tmp_path: Path
) -> None:
    paths = [item.path for item in sent]
    first, again = notes(phantom, paths, tmp_path / "a"), notes(phantom, paths[::-1], tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]

    other = notes(phantom, paths[:1], tmp_path / "c", first=len(first))
    uids = [str(dcmread(path)[key].value) for path in (*first, *other) for key in ("SOPInstanceUID", "SeriesInstanceUID")]
    assert len(set(uids)) == 2 * (len(first) + len(other))


@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.REJECTED])
def test_nothing_is_withdrawn_without_objects_and_a_verdict_against_them(
    phantom: Phantom, sent: tuple[Encoded, ...], tmp_path: Path, verdict: Verdict
) -> None:
    objects = [] if verdict.rejects else [sent[0].path]
    with pytest.raises(ValueError, match="expected objects and a verdict that rejects them"):
        notes(phantom, objects, tmp_path / "a", verdict=verdict)


@pytest.mark.peer("dciodvfy", "dcentvfy")
def test_judges_find_no_fault_with_a_rejection_note(phantom: Phantom, sent: tuple[Encoded, ...], tmp_path: Path) -> None:
    written = notes(phantom, [item.path for item in sent], tmp_path / "a")

    assert complaints([*written, *(item.path for item in sent)], sorted(phantom.storage.glob("*.dcm"))) == []
