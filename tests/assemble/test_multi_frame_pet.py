"""Enhanced and Legacy Converted Enhanced PET and MR give the exam of the classic images that they were made of."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from assemble_dicom import COLUMNS, ROWS, STEP_MM, headers, mr_series, pet_series, store, write
from exam_reading import RULES, TRACERS, drug, failed, read
from multi_frame import converted, enhanced_pet, uneven_slopes
from pydicom import dcmread
from pydicom.uid import RLELossless

from node.assemble.choice import choose
from node.assemble.header import from_json, header_of, to_json
from node.assemble.roles import judge
from node.assemble.series import summarise
from node.assemble.stored import read_pixels, stored_slices
from node.domain.exam import Exam, Role
from node.errors import DataError
from node.quantify.suv import suv_scale

STATIC = {"starts_s": [0.0]}
DYNAMIC = {"starts_s": [0.0, 300.0, 700.0]}


def assert_same(exam: Exam, classic: Exam) -> None:
    """One volume, one timing, one SUV, one decay."""
    np.testing.assert_array_equal(exam.pet.volume.array, classic.pet.volume.array)
    assert exam.pet.volume.same_grid(classic.pet.volume)
    assert exam.pet.volume.unit == classic.pet.volume.unit
    np.testing.assert_allclose(exam.pet.timing.start_s, classic.pet.timing.start_s, atol=1e-3)
    np.testing.assert_allclose(exam.pet.timing.duration_s, classic.pet.timing.duration_s)
    assert exam.pet.administration == classic.pet.administration
    assert (exam.pet.decay_reference, exam.pet.decay_correction) == (classic.pet.decay_reference, classic.pet.decay_correction)
    assert suv_scale(exam.pet, exam.subject).g_per_ml == suv_scale(classic.pet, classic.subject).g_per_ml
    factors = [[record.decay_factor for record in one.pet.records] for one in (exam, classic)]
    np.testing.assert_allclose(factors[0], factors[1], rtol=1e-9)
    assert failed(exam) == failed(classic)


@pytest.mark.parametrize("frames", [STATIC, DYNAMIC], ids=["static", "dynamic"])
@pytest.mark.parametrize("make", [converted, enhanced_pet], ids=["legacy", "enhanced"])
def test_one_object_gives_the_exam_of_its_classic_images(make, frames: dict[str, list[float]], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    datasets = uneven_slopes(**frames)

    exam = read(tmp_path, [make(datasets)])

    assert_same(exam, read(tmp_path, datasets))
    assert len(exam.pet.source.instances) == 1


@pytest.mark.parametrize("make", [converted, enhanced_pet], ids=["legacy", "enhanced"])
def test_one_object_a_time_frame_gives_the_same_exam(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    datasets = uneven_slopes(**DYNAMIC)
    objects = [make(datasets[6 * i : 6 * i + 6], number=i + 1) for i in range(3)]

    exam = read(tmp_path, objects[::-1])

    assert_same(exam, read(tmp_path, datasets))
    assert len(exam.pet.source.instances) == 18


def test_a_compressed_object_gives_the_same_exam(tmp_path: Path) -> None:
    datasets = uneven_slopes(**DYNAMIC)
    made = enhanced_pet(datasets)
    (item,) = store([made], tmp_path)
    packed = dcmread(tmp_path / item.instance.path)
    packed.compress(RLELossless, generate_instance_uid=False)
    packed.save_as(tmp_path / item.instance.path)

    found = {pixels.index: pixels.values * pixels.slope for pixels in read_pixels(stored_slices([item]), tmp_path)}

    for index, dataset in enumerate(reversed(datasets)):
        expected = np.frombuffer(dataset.PixelData, "<u2").reshape(ROWS, COLUMNS) * float(dataset.RescaleSlope)
        np.testing.assert_array_equal(found[index], expected)


def test_frames_of_one_object_at_one_time_are_told_apart_by_their_index(tmp_path: Path) -> None:
    made = enhanced_pet(pet_series())
    for frame in made.PerFrameFunctionalGroupsSequence:
        (content,) = frame.FrameContentSequence
        content.FrameAcquisitionDateTime = "20240305112000"

    exam = read(tmp_path, [made])

    np.testing.assert_allclose(exam.pet.timing.start_s, [3600.0, 3900.0], atol=1e-3)


def test_a_header_of_many_frames_survives_the_store() -> None:
    header = header_of(enhanced_pet(pet_series()))

    assert len(header.frames) == 12
    assert from_json(to_json(header)) == header


@pytest.mark.parametrize(("unit", "units", "suv"), [("g/ml{SUVbw}", "GML", 1.0), ("Bq/ml", "BQML", None), ("{SUVlbm}g/ml", "GML", 1.0)])
def test_the_unit_of_an_enhanced_pet_is_that_of_its_mapping(unit: str, units: str, suv: float | None, tmp_path: Path) -> None:
    exam = read(tmp_path, [enhanced_pet(pet_series(**STATIC), unit=unit)])

    assert exam.pet.units == units
    if suv is not None:
        assert suv_scale(exam.pet, exam.subject).g_per_ml == suv


def test_an_enhanced_pet_in_another_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="umol/min/ml"):
        read(tmp_path, [enhanced_pet(pet_series(**STATIC), unit="umol/min/ml")])


def test_an_enhanced_pet_of_two_units_is_refused(tmp_path: Path) -> None:
    made = enhanced_pet(pet_series(**STATIC))
    (mapping,) = made.PerFrameFunctionalGroupsSequence[3].RealWorldValueMappingSequence
    mapping.MeasurementUnitsCodeSequence[0].CodeValue = "g/ml{SUVbw}"

    with pytest.raises(DataError, match=r"one unit in all frames; found Bq/ml and g/ml\{SUVbw\}"):
        read(tmp_path, [made])


def test_an_enhanced_pet_without_decay_correction_is_corrected_to_the_injection(tmp_path: Path) -> None:
    exam = read(tmp_path, [enhanced_pet(pet_series(), DecayCorrected="NO")])

    classic = read(tmp_path, pet_series(DecayCorrection="NONE"))
    assert exam.pet.decay_correction == "NONE"
    np.testing.assert_allclose(suv_scale(exam.pet, exam.subject).decay, suv_scale(classic.pet, classic.subject).decay)


def test_an_uncorrected_enhanced_pet_is_not_wanted() -> None:
    judgement = judge(summarise(headers([enhanced_pet(pet_series(), AttenuationCorrected="NO")])), RULES, TRACERS)

    assert not judgement.wanted
    assert "ATTN" in judgement.reason


def test_a_missing_part_of_a_concatenation_is_waited_for() -> None:
    datasets = pet_series(**DYNAMIC)
    parts = [enhanced_pet(datasets[6 * i : 6 * i + 6], number=i + 1) for i in range(3)]
    for number, part in enumerate(parts, 1):
        part.ConcatenationUID, part.InConcatenationNumber, part.InConcatenationTotalNumber = "1.2.3.88", number, 3

    assert summarise(headers(parts)).complete
    summary = summarise(headers(parts[:2]))
    assert not summary.complete
    assert "2 of the 3 parts of a concatenation" in summary.completeness


def test_frames_that_are_promised_but_not_there_are_refused(tmp_path: Path) -> None:
    made = enhanced_pet(pet_series(**STATIC))
    (stored,) = store([made], tmp_path)
    made.NumberOfFrames, made.PixelData = 5, made.PixelData[: 5 * len(made.PixelData) // 6]
    write(made, tmp_path / stored.instance.path)

    with pytest.raises(DataError, match="expected 6 frames; found 5"):
        list(read_pixels(stored_slices([stored]), tmp_path))


def test_a_missing_frame_of_one_slice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="frame 2 has 5 of 6 slices"):
        read(tmp_path, [enhanced_pet(pet_series()[:-1])])


def test_classic_and_converted_series_in_one_study_are_not_mixed() -> None:
    classic, legacy = pet_series(), [converted(pet_series())]
    judged = [(summary, judge(summary, RULES, TRACERS)) for summary in (summarise(headers(legacy)), summarise(headers(classic)))]

    choice = choose(judged, RULES)

    chosen = choice.get(Role.PET)
    assert chosen is not None
    assert chosen.summary.series_uid == classic[0].SeriesInstanceUID
    assert "as the scanner wrote it" in chosen.why


def test_a_converted_mr_gives_the_volume_of_the_classic_one(tmp_path: Path) -> None:
    classic = read(tmp_path, pet_series(), mr_series())
    legacy = converted(mr_series(), series="1.2.3.78")

    exam = read(tmp_path, pet_series(), [legacy])

    assert exam.t1.volume.same_grid(classic.t1.volume)
    np.testing.assert_array_equal(exam.t1.volume.array, classic.t1.volume.array)
    assert header_of(legacy).mr == header_of(mr_series()[0]).mr


def test_a_classic_mr_with_a_converted_pet_and_the_other_way_round(tmp_path: Path) -> None:
    exam = read(tmp_path, [converted(pet_series())], mr_series())
    other = read(tmp_path, pet_series(), [converted(mr_series(), series="1.2.3.78")])

    assert_same(exam, other)


def test_several_multi_frame_objects_of_one_mr_series_are_refused() -> None:
    parts = [converted(mr_series()[:3], number=1), converted(mr_series()[3:], number=2)]

    assert "2 multi-frame objects" in judge(summarise(headers(parts)), RULES, TRACERS).reason


def test_the_chain_of_a_multi_frame_pet_names_its_own_attributes(tmp_path: Path) -> None:
    chain = {link.name: link.source for link in read(tmp_path, [enhanced_pet(pet_series())]).pet.chain}

    assert chain["Decay-corrected to"] == "DecayCorrectionDateTime (0018,9701)"
    assert chain["Start of the scan"] == "FrameAcquisitionDateTime (0018,9074)"
    assert "functional groups" in chain["Slope"]


def test_two_radiopharmaceuticals_in_one_object_are_no_tracer() -> None:
    made = enhanced_pet(drug(pet_series()))
    made.RadiopharmaceuticalInformationSequence = [*made.RadiopharmaceuticalInformationSequence] * 2

    assert "more than one radiopharmaceutical" in judge(summarise(headers([made])), RULES, TRACERS).reason


def test_slices_of_a_multi_frame_object_lie_where_their_positions_say(tmp_path: Path) -> None:
    exam = read(tmp_path, [enhanced_pet(pet_series(**STATIC))])

    assert exam.pet.volume.affine[:3, 3].tolist() == [-80.0, -70.0, 1000.0 - 5 * STEP_MM]


def test_frames_in_two_orientations_make_no_volume() -> None:
    made = enhanced_pet(pet_series(**STATIC))
    plane = made.SharedFunctionalGroupsSequence[0].pop("PlaneOrientationSequence").value
    for i, frame in enumerate(made.PerFrameFunctionalGroupsSequence):
        frame.PlaneOrientationSequence = deepcopy(plane)
        if i == 3:
            frame.PlaneOrientationSequence[0].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]

    assert "in one orientation" in judge(summarise(headers([made])), RULES, TRACERS).reason
