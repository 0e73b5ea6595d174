"""What Siemens, GE, Philips, Canon and United Imaging write differently, and the residual that a GE console keeps for itself.

Siemens, GE and Philips as in public headers; Canon and United Imaging as the standard lets them, since no public header was at hand.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from assemble_dicom import HALF_LIFE_S, SCAN_START, headers, inside_factor, pet_series, write
from exam_reading import drug, failed, read
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from node.assemble.header import read_header
from node.assemble.series import summarise
from node.domain.exam import Exam
from node.errors import DataError
from node.quantify.suv import suv_scale

DECAYED = 2 ** (-3600.0 / HALF_LIFE_S)
DATA = Path(os.environ.get("EMBER_DATA", Path(__file__).parents[3] / "shared" / "data")) / "pet_dicom"


def with_private(datasets: list[Dataset], creator: tuple[int, str], *elements: tuple[int, str, Any]) -> list[Dataset]:
    for dataset in datasets:
        dataset.add(DataElement(creator[0], "LO", creator[1]))
        for tag, vr, value in elements:
            dataset.add(DataElement(tag, vr, value))
    return datasets


def ge(*, before: float = 210.0, after: float = 10.0, total: str = "200000000", residual_at: str = "20240305102000") -> list[Dataset]:
    """A GE console that counted the syringe five minutes before and five after."""
    datasets = with_private(
        pet_series(starts_s=[0.0], Manufacturer="GE MEDICAL SYSTEMS"),
        (0x00090010, "GEMS_PETD_01"),
        (0x0009100D, "DT", "20240305112000.00"),
        (0x00091038, "FL", before),
        (0x00091039, "DT", "20240305102000"),
        (0x0009103B, "DT", "20240305102000"),
        (0x0009103C, "FL", after),
        (0x0009103D, "DT", residual_at),
    )
    return drug(datasets, RadionuclideTotalDose=total)


def activity_mbq(exam: Exam) -> float:
    assert exam.pet.administration.activity_bq is not None
    return exam.pet.administration.activity_bq / 1e6


def source(exam: Exam, name: str) -> str:
    return next(link.source for link in exam.pet.chain if link.name == name)


def test_a_ge_total_that_has_the_residual_taken_off_stays(tmp_path: Path) -> None:
    exam = read(tmp_path, ge())

    assert activity_mbq(exam) == pytest.approx(200.0)
    assert failed(exam) == set()
    assert source(exam, "Decay-corrected to") == "GE scan_datetime (0009,xx0D)"


def test_a_ge_total_that_is_the_whole_syringe_has_the_residual_taken_off_and_says_so(tmp_path: Path) -> None:
    exam = read(tmp_path, ge(total="210000000"))

    assert activity_mbq(exam) == pytest.approx(200.0)
    assert failed(exam) == {"residual"}
    assert "GE post_inj_activity" in source(exam, "Residual taken off")


def test_the_residual_is_brought_to_the_time_of_the_injection(tmp_path: Path) -> None:
    exam = read(tmp_path, ge(total="210000000", residual_at="20240305103000"))

    assert activity_mbq(exam) == pytest.approx(210 - 10 * 2 ** (600 / HALF_LIFE_S), rel=1e-6)


def test_a_ge_total_that_fits_neither_is_taken_as_it_is_and_told(tmp_path: Path) -> None:
    exam = read(tmp_path, ge(total="180000000"))

    assert activity_mbq(exam) == pytest.approx(180.0)
    assert failed(exam) == {"residual"}


@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
def test_private_numbers_are_read_from_any_transfer_syntax(tmp_path: Path, *, implicit: bool) -> None:
    header = read_header(write(ge()[0], tmp_path / "ge.dcm", implicit=implicit))

    assert header.pet is not None
    assert header.pet.counted is not None
    assert (header.pet.counted.activity, header.pet.counted.residual) == (210.0, 10.0)


@pytest.mark.parametrize("creator", ["SIEMENS MED PT", None])
def test_siemens_own_decay_instant_is_read_with_and_without_its_creator(creator: str | None, tmp_path: Path) -> None:
    datasets = pet_series(SeriesTime="111000")
    for dataset in datasets:
        if creator:
            dataset.add(DataElement(0x00710010, "LO", creator))
        dataset.add(DataElement(0x00711022, "DT", "20240305112000.000000"))

    exam = read(tmp_path, datasets)

    assert exam.pet.decay_reference == SCAN_START
    assert source(exam, "Decay-corrected to").startswith("Siemens decay correction")


def test_anothers_private_block_is_not_read(tmp_path: Path) -> None:
    datasets = with_private(pet_series(), (0x00710010, "SOMEBODY ELSE"), (0x00711022, "DT", "20240305100000"))

    assert source(read(tmp_path, datasets), "Decay-corrected to").startswith("SeriesDate")


def test_a_canon_series_made_after_the_scan_goes_by_the_frames(tmp_path: Path) -> None:
    """Series made in post-processing: SeriesTime after the scan, and no private instant."""
    datasets = pet_series(Manufacturer="CANON_MEC", ManufacturerModelName="Cartesion Prime", SeriesTime="121500")

    exam = read(tmp_path, datasets)

    assert abs((exam.pet.decay_reference - SCAN_START).total_seconds()) < 2e-3  # type: ignore[operator]
    assert "DecayFactor" in source(exam, "Decay-corrected to")
    assert suv_scale(exam.pet, exam.subject).g_per_ml == pytest.approx(70e3 / (200e6 * DECAYED), rel=1e-6)


def test_a_united_imaging_series_with_the_scans_time_on_every_image_goes_by_the_reference_times(tmp_path: Path) -> None:
    datasets = pet_series(starts_s=[0.0, 300.0, 600.0], Manufacturer="UIH", ManufacturerModelName="uMI Panorama", AcquisitionTime="112000")
    for dataset in datasets:
        dataset.FrameReferenceTime = f"{float(dataset.FrameReferenceTime):.0f}"  # whole ms

    exam = read(tmp_path, datasets)

    assert exam.pet.timing.start_s == pytest.approx([3600.0, 3900.0, 4200.0], abs=1e-3)
    assert "FrameReferenceTime" in source(exam, "Start of the scan")


def test_a_ge_reference_time_at_the_start_of_the_frame_is_told_by_the_decay_factors(tmp_path: Path) -> None:
    """As in a Discovery ST: one acquisition time on every image, FrameReferenceTime 1215 s, 240 s long, DecayFactor that of 1335 s."""
    datasets = pet_series(starts_s=[0.0, 300.0, 900.0], AcquisitionTime="112000", Manufacturer="GE MEDICAL SYSTEMS")
    for i, dataset in enumerate(datasets):
        dataset.FrameReferenceTime = (0, 300000, 900000)[i // 6]

    exam = read(tmp_path, datasets)

    assert exam.pet.timing.start_s.tolist() == [3600.0, 3900.0, 4500.0]
    assert exam.pet.decay_reference == SCAN_START
    assert failed(exam) == {"frame_times"}
    assert "the start of each frame" in source(exam, "Start of the scan")


@pytest.mark.parametrize("reference_ms", [0, 423600])
def test_a_reference_time_that_says_nothing_is_outvoted_by_the_decay_factor(reference_ms: int, tmp_path: Path) -> None:
    """As in a CPS: FrameReferenceTime 0, though the frame began 423.6 s after the decay reference, as its DecayFactor says."""
    late = inside_factor(420.0) * 2 ** (423.6 / HALF_LIFE_S)
    datasets = pet_series(starts_s=[0.0], length_s=420.0, SeriesTime="111256.4", DecayFactor=f"{late:.7f}", FrameReferenceTime=reference_ms)

    exam = read(tmp_path, datasets)

    assert failed(exam) == set()
    assert (SCAN_START - exam.pet.decay_reference).total_seconds() == pytest.approx(423.6)  # type: ignore[operator]


def test_without_decay_factors_the_reference_time_is_the_average_as_the_standard_has_it(tmp_path: Path) -> None:
    datasets = pet_series(SeriesTime="140000", DecayFactor=None)

    exam = read(tmp_path, datasets)

    assert abs((exam.pet.decay_reference - SCAN_START).total_seconds()) < 2e-3  # type: ignore[operator]
    assert exam.pet.records[0].decay_factor is None


@pytest.mark.parametrize("half_life", ["6586.2", "6588", "6584.04", "6600"])
def test_half_lives_that_consoles_write_are_taken(half_life: str, tmp_path: Path) -> None:
    assert read(tmp_path, drug(pet_series(), RadionuclideHalfLife=half_life)).pet.administration.half_life_s == float(half_life)


@pytest.mark.parametrize("half_life", ["1223", "6500", "109.77"])
def test_a_half_life_of_another_nuclide_is_refused(half_life: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="half-life of 6586"):
        read(tmp_path, drug(pet_series(), RadionuclideHalfLife=half_life))


def test_two_decay_references_are_told_with_the_suv_of_each(tmp_path: Path) -> None:
    exam = read(tmp_path, pet_series(SeriesTime="111500"))

    (check,) = [check for check in exam.checks if check.name == "decay_reference"]
    taken, other = 70e6 / (200e6 * 2 ** (-3300 / HALF_LIFE_S)), 70e6 / (200e6 * DECAYED)
    assert f"SUV {taken:.4g} by it, and would be {other:.4g} by the other (+3.2 %)" in check.message


def test_every_value_of_the_chain_has_a_source(tmp_path: Path) -> None:
    chain = read(tmp_path, pet_series()).pet.chain

    assert all(link.value and link.source for link in chain)
    assert {"Units", "Slope", "Injected activity", "Injected at", "Half-life", "Weight", "Decay-corrected to", "Time zero"} <= {
        link.name for link in chain
    }
    (suv,) = [link.value for link in chain if link.name == "SUV of 1 kBq/mL"]
    assert float(suv) == pytest.approx(70e6 / (200e6 * DECAYED), rel=1e-5)


@pytest.mark.skipif(not DATA.is_dir(), reason="real headers: the folder of shared data is not here")
@pytest.mark.parametrize("name", ["SIEMENS", "GE_MEDICAL_AND_BQML", "PHILIPS_BQML", "RADIOPHARM_DATETIME_UNDEFINED"])
def test_whole_real_headers_give_the_factor_of_their_publisher(name: str, tmp_path: Path) -> None:
    """Header values as cornerstonejs/calculate-suv (MIT) publishes them, with the factor that its authors computed."""
    folder = DATA / "suv_header_cases"
    expected = json.loads((folder / "expected_suv_factors.json").read_text(encoding="utf-8"))[name]["factor"]
    real, *_ = json.loads((folder / f"{name}-instances.json").read_text(encoding="utf-8"))
    of_drug = {keyword: real.get(keyword) for keyword in _OF_DRUG}
    of_image = {key: value for key, value in real.items() if key not in _OF_DRUG and key not in ("PatientSex", "PhilipsPETPrivateGroup")}

    exam = read(tmp_path, drug(pet_series(starts_s=[0.0], **of_image), **of_drug))

    assert suv_scale(exam.pet, exam.subject).g_per_ml == pytest.approx(expected, rel=1e-6)


_OF_DRUG = ("RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime")


def test_a_static_ge_series_of_six_beds_is_one_frame() -> None:
    datasets = pet_series(starts_s=[0.0], NumberOfTimeSlices=6)
    for i, dataset in enumerate(datasets):
        dataset.AcquisitionTime = f"11{20 + i}00"

    assert len(summarise(headers(datasets)).frames) == 1
