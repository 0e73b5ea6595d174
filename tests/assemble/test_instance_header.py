"""read_header: what one file says, whatever its encoding and its mistakes."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import pytest
from assemble_dicom import PET_SERIES, enhanced_mr, mr_series, pet_series, write
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from node.assemble.attributes import parse_date, parse_date_time, parse_time
from node.assemble.header import from_json, header_of, read_header, to_json
from node.assemble.names import name_key
from node.domain.codes import Code
from node.errors import DataError

at = datetime.fromisoformat


def test_a_pet_header_holds_units_of_the_house(tmp_path: Path) -> None:
    header = read_header(write(pet_series()[7], tmp_path / "a.dcm"))

    assert header.series_uid == PET_SERIES
    assert header.acquired_at == at("2024-03-05 11:25:00")
    assert header.person.birth_date == date(1980, 1, 2)
    assert header.geometry is not None
    assert header.geometry.positions == ((-80.0, -70.0, 980.0),)
    assert header.pet is not None
    assert header.pet.frame_duration_s == 300.0
    assert header.pet.frame_reference_s == pytest.approx(449.605, abs=1e-3)
    assert header.pet.activity == 2e8
    assert header.pet.injected_at == at("2024-03-05 10:20:00")
    assert header.pet.injection_time == time(10, 20)
    assert header.pet.radiopharmaceutical_code == Code("126766", "DCM", "DPA-714 ^18^F")
    assert header.pet.reconstruction == "OSEM 4i21s Gauss2"


def test_explicit_and_implicit_encoding_give_the_same_header(tmp_path: Path) -> None:
    (dataset,) = pet_series(starts_s=[0.0], slices=1)
    explicit = read_header(write(dataset, tmp_path / "explicit.dcm"))

    assert read_header(write(dataset, tmp_path / "implicit.dcm", implicit=True)) == explicit


def test_a_header_survives_the_store() -> None:
    for dataset in (pet_series()[0], mr_series()[0], enhanced_mr(), _segmentation()):
        header = header_of(dataset)

        assert from_json(to_json(header)) == header


def test_a_file_that_is_no_dicom_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear colleague, " * 50)

    with pytest.raises(DataError, match=r"letter\.txt"):
        read_header(path)


def test_an_instance_without_a_series_uid_is_refused_and_the_patient_is_not_named() -> None:
    dataset = mr_series()[0]
    del dataset.SeriesInstanceUID

    with pytest.raises(DataError, match="no SeriesInstanceUID") as refused:
        header_of(dataset)
    assert "ller" not in str(refused.value)


def test_numbers_that_break_the_rules_of_their_type_are_read_or_left_out(tmp_path: Path) -> None:
    dataset = mr_series()[0]
    path = write(dataset, tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"\x04\x002.98", b"\x04\x00?.98"))

    header = read_header(path)

    assert header.mr is not None
    assert header.mr.echo_ms is None
    assert header.mr.repetition_ms == 2300.0


def test_the_vendors_decay_instant_is_found_with_and_without_a_private_creator() -> None:
    with_creator, without, foreign = (pet_series(starts_s=[0.0], slices=1)[0] for _ in range(3))
    with_creator.add(DataElement(0x00090011, "LO", "GEMS_PETD_01"))
    with_creator.add(DataElement(0x0009110D, "DT", "20240305112001"))
    without.add(DataElement(0x0009100D, "DT", "20240305112002"))
    foreign.add(DataElement(0x00090010, "LO", "SOMEBODY ELSE"))
    foreign.add(DataElement(0x0009100D, "DT", "20240305112003"))

    instants = [header.pet.decay_instant for header in map(header_of, (with_creator, without, foreign)) if header.pet]

    assert instants == [at("2024-03-05 11:20:01"), at("2024-03-05 11:20:02"), None]


def test_an_enhanced_mr_is_read_in_the_words_of_a_classic_one() -> None:
    header = header_of(enhanced_mr())

    assert header.mr is not None
    assert header.mr.scanning_sequence == ("GR", "IR")
    assert (header.mr.repetition_ms, header.mr.echo_ms, header.mr.inversion_ms) == (2300.0, 2.98, 900.0)
    assert header.geometry is not None
    assert len(header.geometry.positions) == 6
    assert header.acquired_at == at("2024-03-05 09:00:00")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller^Erika", "MUELLER^ERIKA"),
        ("Müller^Erika", "Muller^Erika^^Dr."),
        ("Yamada^Tarou=山田^太郎", "YAMADA^TAROU"),
        ("Erika Müller", "Müller^Erika"),
        ("Łuczak^Zoë", "LUCZAK^ZOE"),
    ],
)
def test_one_name_written_by_two_consoles_is_one_name(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


def test_two_names_stay_two_names_and_no_name_is_none() -> None:
    assert name_key("Meier^Anna") != name_key("Maier^Anna")
    assert name_key("^^^^") == ""
    assert name_key("山田^太郎") == name_key("=山田^太郎") != ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("112233.5", time(11, 22, 33, 500000)),
        ("1122", time(11, 22)),
        ("11:22:33", time(11, 22, 33)),
        ("235960", time(23, 59, 59, 999999)),
        ("2561", None),
        ("noon", None),
        ("", None),
    ],
)
def test_times_of_day_are_read_as_written(text: str, expected: time | None) -> None:
    assert parse_time(text) == expected


def test_dates_are_read_as_written_and_impossible_ones_left_out() -> None:
    assert parse_date("2024.03.05") == date(2024, 3, 5)
    assert parse_date("20240230") is None
    assert parse_date_time("20240305112233.250000+0100") == at("2024-03-05 11:22:33.250000")
    assert parse_date_time("20240305") is None


def _segmentation() -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.3.5.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.3", "1.2.3.5", "SEG"
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "Lesion"
    dataset.SegmentSequence = [segment]
    return dataset
