"""What each object says of itself: its patient and study, its date, its UIDs, its sources."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from encode_phantom import MADE_AT, Phantom, Plan, make_phantom
from pydicom import Dataset, dcmread
from rich_phantom import rich_phantom

from node.domain.result import Provenance, Quantity
from node.encode import Encoded, EncodeOptions, Kind, encode, encode_refusal
from node.encode.headers import Maker, describe
from node.encode.objects import DEFAULT_OBJECTS, OBJECT_NAMES, series_number
from node.encode.segmentation import encode_lesions
from node.encode.uids import UidMaker
from node.errors import DataError

PAGES = {Kind.SUMMARY}
PROVENANCE = Provenance("E-000001", 1, "Ember 0.1.0", "sha256:" + "ab" * 32, 7, MADE_AT, (("1.2", "ff"),))

WITH_REGISTRATION = EncodeOptions(objects=(*DEFAULT_OBJECTS, "registration"))
"""What is written by default, and what lies in space without being an image."""


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """The default exam: PET and MR in two studies."""
    return make_phantom(tmp_path_factory.mktemp("identity"))


@pytest.fixture(scope="module")
def encoded(phantom: Phantom) -> tuple[Encoded, ...]:
    """Its objects."""
    return run(phantom, phantom.storage / "out")


def run(phantom: Phantom, folder: Path, options: EncodeOptions | None = None) -> tuple[Encoded, ...]:
    folder.mkdir(exist_ok=True)
    return encode(*phantom.parts, storage=phantom.storage, folder=folder, options=options or WITH_REGISTRATION)


def some_objects(phantom: Phantom, folder: Path) -> tuple[Encoded, ...]:
    """A page in the PET's study and a segmentation in the MR's: quicker than everything."""
    where = {"storage": phantom.storage, "folder": folder}
    page = encode_refusal(phantom.exam.pet.source, "Why.", "What.", phantom.result.provenance, options=EncodeOptions(), **where)
    return (*page, *encode_lesions(phantom.material(folder=folder)))


def one_of_each(encoded: tuple[Encoded, ...]) -> dict[Kind, Dataset]:
    return {e.kind: dcmread(e.path) for e in reversed(encoded)}


def test_an_exam_gives_pages_overlay_and_two_segmentations(phantom: Phantom, encoded: tuple[Encoded, ...]) -> None:
    counts = Counter(e.kind for e in encoded)
    assert counts[Kind.OVERLAY] == 12
    assert counts[Kind.LESIONS] == counts[Kind.RAISED] == 1
    assert counts[Kind.SUMMARY] >= 1
    assert {e.path for e in encoded} == set((phantom.storage / "out").iterdir())


def test_the_record_of_an_object_agrees_with_its_file(encoded: tuple[Encoded, ...]) -> None:
    for e in encoded:
        d = dcmread(e.path)
        assert (e.sop_instance_uid, e.sop_class_uid) == (d.SOPInstanceUID, d.SOPClassUID)
        assert (e.study_uid, e.series_uid) == (d.StudyInstanceUID, d.SeriesInstanceUID)
        assert e.transfer_syntax_uid == d.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
        assert (d.file_meta.MediaStorageSOPInstanceUID, d.file_meta.MediaStorageSOPClassUID) == (d.SOPInstanceUID, d.SOPClassUID)


def test_encoding_twice_gives_identical_bytes(phantom: Phantom, encoded: tuple[Encoded, ...], tmp_path: Path) -> None:
    again = run(phantom, tmp_path)

    assert [e.path.name for e in encoded] == [e.path.name for e in again]
    assert [e.path.name for e, f in zip(encoded, again, strict=True) if e.path.read_bytes() != f.path.read_bytes()] == []


@pytest.mark.parametrize(
    "change",
    [
        {"settings_digest": "sha256:" + "cd" * 32},
        {"software": "Ember 0.1.1"},
        {"version": 2},
        {"inputs": (("1.2.3", "00"),)},
        {"exam": "E-000002"},
    ],
)
def test_another_setting_software_or_input_gives_other_uids(change: dict[str, Any]) -> None:
    changed = replace(PROVENANCE, **change)

    assert UidMaker(changed, EncodeOptions())(Kind.LESIONS, "series") != UidMaker(PROVENANCE, EncodeOptions())(Kind.LESIONS, "series")


def test_a_uid_tells_apart_kind_part_number_and_option_but_not_the_date() -> None:
    uid = UidMaker(PROVENANCE, EncodeOptions())
    later = UidMaker(replace(PROVENANCE, made_at=MADE_AT.replace(year=2030)), EncodeOptions())
    on_t1 = UidMaker(PROVENANCE, EncodeOptions(reading="T1"))

    others = (uid(Kind.RAISED, "series"), uid(Kind.LESIONS, "instance"), uid(Kind.LESIONS, "series", 1), on_t1(Kind.LESIONS, "series"))
    assert uid(Kind.LESIONS, "series") not in others
    assert later(Kind.LESIONS, "series") == uid(Kind.LESIONS, "series")


def test_uids_are_unique_and_short_enough(encoded: tuple[Encoded, ...]) -> None:
    uids = [e.sop_instance_uid for e in encoded]
    assert len(set(uids)) == len(uids)
    assert all(len(uid) <= 64 and uid.startswith("2.25.") for uid in uids)
    assert len({e.series_uid for e in encoded}) == len({(e.series_uid, e.kind) for e in encoded})


def test_pages_go_to_the_pet_and_pictures_to_the_mr(phantom: Phantom, encoded: tuple[Encoded, ...]) -> None:
    for e in encoded:
        expected = phantom.exam.pet if e.kind in (*PAGES, Kind.REPORT) else phantom.exam.t1
        assert e.study_uid == expected.source.study_uid


def test_each_object_copies_the_study_that_it_goes_into(tmp_path: Path) -> None:
    extra = (("IssuerOfPatientID", "Ward 7"), ("AdmissionID", "ADM-9"), ("StudyDescription", "Brain TSPO"))
    phantom = make_phantom(tmp_path, Plan(extra=extra))

    for e in some_objects(phantom, tmp_path):
        d, source = dcmread(e.path), phantom.exam.pet.source if e.kind is Kind.REFUSAL else phantom.exam.t1.source
        header = dcmread(tmp_path / source.instances[0].path)
        for keyword in (
            *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSize"),
            *("PatientWeight", "StudyID", "AccessionNumber", "StudyDate", "StudyTime", "StudyDescription", "ReferringPhysicianName"),
            *("AdmissionID", "SpecificCharacterSet"),
        ):
            assert d[keyword].value == header[keyword].value, keyword


def test_the_other_study_is_named(encoded: tuple[Encoded, ...]) -> None:
    for kind, d in one_of_each(encoded).items():
        if kind is Kind.REPORT:  # a report names what it rests on as evidence
            assert [item.StudyInstanceUID for item in d.PertinentOtherEvidenceSequence] == ["1.2.3.1"]
            continue
        other = d.StudiesContainingOtherReferencedInstancesSequence
        assert [item.StudyInstanceUID for item in other] == ["1.2.3.1" if kind in PAGES else "1.2.3.2"]
        assert other[0].ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID


def test_within_one_study_no_other_is_named(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(studies=1))

    (encoded,) = encode_lesions(phantom.material(folder=tmp_path))
    d = dcmread(encoded.path)

    assert "StudiesContainingOtherReferencedInstancesSequence" not in d
    assert [item.SeriesInstanceUID for item in d.ReferencedSeriesSequence] == [phantom.material().reading.source.series_uid]


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (("ISO_IR 100",), "Müller^Jörg"),
        (("ISO_IR 192",), "Łukasiewicz^Żaneta=山田^太郎"),
        (("", "ISO 2022 IR 87"), "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (("ISO 2022 IR 13", "ISO 2022 IR 87"), "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (("", "ISO 2022 IR 149"), "Hong^Gildong=洪^吉洞=홍^길동"),
        (("ISO_IR 144",), "Иванов^Иван"),
    ],
)
def test_a_name_keeps_its_bytes_in_every_character_set(tmp_path: Path, charset: tuple[str, ...], name: str) -> None:
    phantom = make_phantom(tmp_path, Plan(charset=charset, name=name))
    source = (tmp_path / phantom.exam.pet.source.instances[0].path).read_bytes()
    start = source.index(b"\x10\x00\x10\x00PN")
    element = source[start : start + 8 + int.from_bytes(source[start + 6 : start + 8], "little")]

    for e in some_objects(phantom, tmp_path):
        assert element in e.path.read_bytes()
        d = dcmread(e.path)
        assert str(d.PatientName) == name
        assert d.SpecificCharacterSet == (list(charset) if len(charset) > 1 else charset[0])


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (("GB18030",), "Zhang^XiaoDong=张^小东"),
        (("", "ISO 2022 IR 149"), "Hong^Gildong=洪^吉洞=홍^길동"),
        (("ISO_IR 100",), "Müller^Jörg"),
    ],
)
def test_each_study_keeps_its_own_character_set(tmp_path: Path, charset: tuple[str, ...], name: str) -> None:
    """A PET in Kanji and an MR in another set: each object speaks that of its study."""
    mr = (("SpecificCharacterSet", charset), ("PatientName", name), ("InstitutionName", "Clinic"))
    plan = Plan(charset=("", "ISO 2022 IR 87"), name="Yamada^Tarou=山田^太郎", extra=(("InstitutionName", "病院"),), mr_extra=mr)
    phantom = make_phantom(tmp_path, plan)
    folder = tmp_path / "out"

    written = one_of_each(run(phantom, folder, EncodeOptions(objects=("summary", "lesions"))))

    of_pet, of_mr = written[Kind.SUMMARY], written[Kind.LESIONS]

    assert (str(of_pet.PatientName), of_pet.SpecificCharacterSet) == ("Yamada^Tarou=山田^太郎", ["", "ISO 2022 IR 87"])
    assert of_pet.InstitutionName == "病院"
    assert (str(of_mr.PatientName), of_mr.InstitutionName) == (name, "Clinic")
    assert of_mr.SpecificCharacterSet == (list(charset) if len(charset) > 1 else charset[0])


def test_dates_are_those_of_the_provenance(encoded: tuple[Encoded, ...]) -> None:
    for d in one_of_each(encoded).values():
        for name in ("Content", "Series", "InstanceCreation"):
            assert (d[f"{name}Date"].value, d[f"{name}Time"].value) == ("20261122", "101530")
        assert d.StudyDate in ("20240305", "20240312")


def test_a_study_with_a_time_zone_is_told_our_time_in_it(tmp_path: Path) -> None:
    d = dcmread(some_objects(make_phantom(tmp_path, Plan(offset="-0500")), tmp_path)[0].path)

    assert (d.TimezoneOffsetFromUTC, d.ContentDate, d.ContentTime) == ("-0500", "20261122", "041530")


def test_series_are_numbered_after_the_scanners_and_say_research(phantom: Phantom, encoded: tuple[Encoded, ...], tmp_path: Path) -> None:
    again = phantom.with_result(provenance=replace(phantom.result.provenance, version=2))

    first, second = one_of_each(encoded), one_of_each(run(again, tmp_path))

    assert {kind: int(d.SeriesNumber) for kind, d in first.items()} == {
        Kind.SUMMARY: 9001,
        Kind.OVERLAY: 9002,
        Kind.LESIONS: 9003,
        Kind.RAISED: 9004,
        Kind.MAP: 9006,
        Kind.REPORT: 9007,
        Kind.REGISTRATION: 9201,
    }
    assert {int(d.SeriesNumber) for d in second.values()} == {9011, 9012, 9013, 9014, 9016, 9017, 9211}
    assert all(d.SeriesDescription.startswith("RESEARCH ") and len(d.SeriesDescription) <= 64 for d in second.values())
    assert all(d.SeriesDescription.endswith("(version 2)") for d in second.values())


@pytest.mark.parametrize("kind", list(Kind))
def test_no_version_takes_a_number_of_another(kind: Kind) -> None:
    others = {
        series_number(other, version) for other in Kind for version in range(1, 101) if other not in (kind, Kind.REFUSAL, Kind.SUMMARY)
    }
    own = [series_number(kind, version) for version in range(1, 101)]

    assert own == sorted(set(own))
    assert not others & set(own)


def test_series_are_numbered_by_hand() -> None:
    assert [series_number(Kind.SUMMARY, version) for version in (1, 2, 20, 21, 41)] == [9001, 9011, 9191, 10001, 11001]
    assert series_number(Kind.REGISTRATION, 21, 9) == 10210
    assert [series_number(Kind.REGISTRATION, 1, series) for series in (9, 10, 21)] == [9210, 1009201, 2009202]


def test_every_series_has_a_number_and_a_description_of_its_own(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    contrast = replace(phantom.result.suvr, quantity=Quantity.CONTRAST, method="median and MAD of the normal-appearing white matter")
    maps = (
        replace(contrast, quantity=Quantity.DVR, method="MRTM2"),
        contrast,
        replace(contrast, quantity=Quantity.SUV, method="body weight"),
    )
    names = tuple(name for name in OBJECT_NAMES if name not in ("overlay_t1", "pdf"))

    written = run(phantom.with_result(maps=maps), tmp_path / "out", EncodeOptions(objects=names))

    told = {d.SeriesInstanceUID: (int(d.SeriesNumber), str(d.SeriesDescription)) for d in (dcmread(e.path) for e in written)}
    assert len({number for number, _ in told.values()}) == len({text for _, text in told.values()}) == len(told)
    assert all(text.startswith("RESEARCH ") and len(text) <= 64 for _, text in told.values())
    assert {text for number, text in told.values() if 9400 < number < 9410} == {
        "RESEARCH float map DVR ratio, MRTM2",
        "RESEARCH float map SUVR ratio, ratio",
        "RESEARCH float map NAWM contrast score ratio, median and MAD of",
        "RESEARCH float map SUVbw g/ml{SUVbw}, body weight",
    }


@pytest.mark.parametrize(("version", "end"), [(1, "x" * 55), (2, " (version 2)"), (1234, " (version 1234)")])
def test_a_long_description_is_cut_and_its_version_is_not(phantom: Phantom, version: int, end: str) -> None:
    provenance = replace(phantom.result.provenance, version=version)
    d = Dataset()
    d.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    header = phantom.material().pet_header

    describe(d, Kind.SUMMARY, header, Maker(provenance, EncodeOptions(), Path()), cited=(), description="RESEARCH " + "x" * 60)

    assert len(d.SeriesDescription) == 64
    assert d.SeriesDescription.endswith(end)


def test_objects_name_their_maker(encoded: tuple[Encoded, ...]) -> None:
    for kind, d in one_of_each(encoded).items():
        assert (d.Manufacturer, d.DeviceSerialNumber) == ("Ember", "EMBER")
        assert d.get("BodyPartExamined") == (None if kind is Kind.REPORT else "BRAIN")  # no attribute of a report
        assert list(d.SoftwareVersions) == ["Ember 0.1.0", "settings abababababab"]


def test_a_missing_file_is_told_by_its_uid(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    instance = phantom.exam.pet.source.instances[0]
    (tmp_path / instance.path).unlink()

    with pytest.raises(DataError, match=instance.sop_instance_uid):
        run(phantom, tmp_path / "out")


def test_files_of_another_size_than_the_volume_are_refused(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    flair = phantom.exam.flair
    assert flair is not None
    cut = replace(flair, source=replace(flair.source, instances=flair.source.instances[:-1]))

    with pytest.raises(DataError, match="expected 12 images, found 11"):
        run(replace(phantom, exam=replace(phantom.exam, flair=cut)), tmp_path / "out")
