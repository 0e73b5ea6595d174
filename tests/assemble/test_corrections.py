"""Corrections by a person: read strictly, laid over the headers, told in Checks and in the chain."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from assemble_dicom import HALF_LIFE_S, INJECTION, SCAN_START, pet_series
from exam_reading import drug, failed, read
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import DataElement

from node.assemble.corrections import parse_correction
from node.domain.correction import Correctable, Correction
from node.domain.exam import Exam
from node.errors import DataError
from node.quantify.suv import suv_scale

MADE_AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def correction(what: Correctable, text: str, *, minutes: int = 0) -> Correction:
    return Correction(what, text, "A. Physicist", "read off the scale", MADE_AT + timedelta(minutes=minutes))


def chain(exam: Exam) -> dict[str, tuple[str, str]]:
    return {link.name: (link.value, link.source) for link in exam.pet.chain}


@pytest.mark.parametrize(
    ("what", "text", "value"),
    [
        (Correctable.WEIGHT, "71", 71.0),
        (Correctable.HEIGHT, " 1.68 ", 1.68),
        (Correctable.SEX, "f", "F"),
        (Correctable.ACTIVITY, "253.1", 253.1),
        (Correctable.RESIDUAL, "0", 0.0),
        (Correctable.INJECTED_AT, "2026-03-01T09:30:00", datetime.fromisoformat("2026-03-01 09:30:00")),
        (Correctable.KINETIC_ZERO, "2026-03-01 09:30", datetime.fromisoformat("2026-03-01 09:30:00")),
        (Correctable.GENOTYPE, "mab", "MAB"),
        (Correctable.GENOTYPE, "unknown", "unknown"),
    ],
)
def test_what_a_person_writes_is_read(what: Correctable, text: str, value: object) -> None:
    assert parse_correction(what, text) == value


@pytest.mark.parametrize(
    ("what", "text", "words"),
    [
        (Correctable.WEIGHT, "0", "from 2 to 400"),
        (Correctable.WEIGHT, "71 kg", "found '71 kg'"),
        (Correctable.WEIGHT, "71,5", "found '71,5'"),
        (Correctable.WEIGHT, "71000", "found 71000"),
        (Correctable.WEIGHT, "nan", "found 'nan'"),
        (Correctable.WEIGHT, "-71", "found '-71'"),
        (Correctable.HEIGHT, "168", "from 0.3 to 2.5"),
        (Correctable.SEX, "X", "expected one of M, F, O"),
        (Correctable.ACTIVITY, "253100000", "number of MBq"),
        (Correctable.RESIDUAL, "", "found ''"),
        (Correctable.INJECTED_AT, "09:30", "local time of the scanner"),
        (Correctable.INJECTED_AT, "2026-03-01", "local time of the scanner"),
        (Correctable.INJECTED_AT, "2026-03-01T09:30:00+01:00", "without a zone"),
        (Correctable.KINETIC_ZERO, "2026-02-30T09:30:00", "2026-02-30"),
        (Correctable.GENOTYPE, "high", "HAB, MAB, LAB, unknown"),
    ],
)
def test_nonsense_is_refused_with_what_was_expected(what: Correctable, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as refused:
        parse_correction(what, text)
    assert str(refused.value).startswith(f"{what.value}: expected")


@given(st.sampled_from(list(Correctable)), st.text(max_size=30))
def test_any_text_is_a_value_or_a_data_error(what: Correctable, text: str) -> None:
    with contextlib.suppress(DataError):
        assert parse_correction(what, text) is not None


def test_a_corrected_weight_gives_suv_and_says_who_and_why(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(PatientWeight=0), corrections=[correction(Correctable.WEIGHT, "71")])

    assert exam.subject.weight_kg == 71.0
    assert suv_scale(exam.pet, exam.subject).g_per_ml is not None
    (check,) = [check for check in exam.checks if not check.passed]
    assert check.message == "weight corrected from 0 kg to 71 kg by A. Physicist: read off the scale"
    assert chain(exam)["Weight"] == ("71 kg", "corrected by A. Physicist: read off the scale")
    assert [one.text for one in exam.corrections] == ["71"]


def test_the_last_correction_of_an_item_counts(tmp_path: Path) -> None:
    two = [correction(Correctable.WEIGHT, "80", minutes=5), correction(Correctable.WEIGHT, "71")]

    exam = read(tmp_path, pet_series(), corrections=two)

    assert exam.subject.weight_kg == 80.0
    assert len(exam.corrections) == 2


def test_the_residual_is_taken_off_the_activity(tmp_path: Path) -> None:
    both = [correction(Correctable.ACTIVITY, "250"), correction(Correctable.RESIDUAL, "10")]

    exam = read(tmp_path, pet_series(), corrections=both)

    assert exam.pet.administration.activity_bq == pytest.approx(240e6)
    left = 240e6 * 2 ** (-3600 / HALF_LIFE_S)
    assert suv_scale(exam.pet, exam.subject).g_per_ml == pytest.approx(70e3 / left, rel=1e-12)
    assert chain(exam)["Residual taken off"][0] == "10 MBq"
    assert failed(exam) == {"corrected_activity", "corrected_residual"}


def test_a_residual_as_large_as_the_dose_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="residual below the injected activity"):
        read(tmp_path, pet_series(), corrections=[correction(Correctable.RESIDUAL, "200")])


def test_a_corrected_time_of_injection_moves_dose_and_kinetics(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(), corrections=[correction(Correctable.INJECTED_AT, "2024-03-05T10:30:00")])

    assert exam.pet.administration.injected_at == INJECTION + timedelta(minutes=10)
    assert exam.pet.timing.start_s.tolist() == [3000.0, 3300.0]
    assert exam.pet.time_zero_basis == "corrected by A. Physicist: read off the scale"


def test_a_corrected_time_of_injection_opens_an_exam_that_the_header_closes(tmp_path: Path) -> None:
    wrong = drug(pet_series(), RadiopharmaceuticalStartDateTime="20240305021900")
    with pytest.raises(DataError, match="wrong time"):
        read(tmp_path, wrong)

    exam = read(tmp_path, wrong, corrections=[correction(Correctable.INJECTED_AT, "2024-03-05T10:20:00")])

    assert exam.pet.timing.start_s.tolist() == [3600.0, 3900.0]


def test_time_zero_of_the_kinetics_leaves_the_dose_alone(tmp_path: Path) -> None:
    plain = read(tmp_path, pet_series())
    exam = read(tmp_path, pet_series(), corrections=[correction(Correctable.KINETIC_ZERO, "2024-03-05T10:25:00")])

    assert exam.pet.timing.start_s.tolist() == [3300.0, 3600.0]
    assert exam.pet.administration == plain.pet.administration
    assert suv_scale(exam.pet, exam.subject).g_per_ml == suv_scale(plain.pet, plain.subject).g_per_ml
    assert failed(exam) == {"corrected_kinetic_zero"}


@pytest.mark.parametrize("text", ["2024-03-05T12:00:00", "2024-03-05T03:00:00"])
def test_time_zero_away_from_the_scan_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="kinetic-zero given by a person"):
        read(tmp_path, pet_series(), corrections=[correction(Correctable.KINETIC_ZERO, text)])


def test_a_genotype_by_a_person_counts_more_than_the_sites(tmp_path: Path) -> None:
    site = read(tmp_path, pet_series(), genotype="HAB", genotype_source="the site's list")
    assert (site.subject.genotype, site.subject.genotype_source) == ("HAB", "the site's list")

    exam = read(tmp_path, pet_series(), genotype="HAB", corrections=[correction(Correctable.GENOTYPE, "LAB")])
    assert exam.subject.genotype == "LAB"
    assert exam.subject.genotype_source.startswith("corrected by A. Physicist")

    unknown = read(tmp_path, pet_series(), genotype="HAB", corrections=[correction(Correctable.GENOTYPE, "unknown")])
    assert unknown.subject.genotype is None


def test_a_genotype_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="HAB, MAB, LAB"):
        read(tmp_path, pet_series(), genotype="CC")


def test_suv_that_the_scanner_divided_follow_a_corrected_weight_and_dose(tmp_path: Path) -> None:
    plain = read(tmp_path, pet_series(Units="GML"))
    both = [correction(Correctable.WEIGHT, "77"), correction(Correctable.ACTIVITY, "100")]

    exam = read(tmp_path, pet_series(Units="GML"), corrections=both)

    ratio = exam.pet.volume.array[plain.pet.volume.array > 0] / plain.pet.volume.array[plain.pet.volume.array > 0]
    assert ratio == pytest.approx(77 / 70 * 200 / 100, rel=1e-5)
    assert "corrected_suv" in failed(exam)


def test_suv_that_the_scanner_divided_by_an_unknown_weight_cannot_be_corrected(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(Units="GML", PatientWeight=0), corrections=[correction(Correctable.WEIGHT, "77")])

    scale = suv_scale(exam.pet, exam.subject)
    assert scale.g_per_ml is None
    assert "what the scanner divided by is not known" in scale.missing


def test_philips_counts_go_by_activity_once_the_weight_is_corrected(tmp_path: Path) -> None:
    datasets = pet_series(Units="CNTS")
    for dataset in datasets:
        dataset.add(DataElement(0x70531000, "DS", "0.002"))
        dataset.add(DataElement(0x70531009, "DS", "5"))

    assert read(tmp_path, datasets).pet.units == "GML"
    exam = read(tmp_path, datasets, corrections=[correction(Correctable.WEIGHT, "77")])

    assert exam.pet.units == "BQML"
    left = 200e6 * 2 ** (-(SCAN_START - INJECTION).total_seconds() / HALF_LIFE_S)
    assert suv_scale(exam.pet, exam.subject).g_per_ml == pytest.approx(77e3 / left, rel=1e-12)
