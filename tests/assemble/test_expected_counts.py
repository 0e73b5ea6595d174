"""promise_of: what headers say of how many images there are, and when that is believed."""

from __future__ import annotations

import pytest
from assemble_dicom import MR_SERIES, enhanced_mr, headers, mr_series, pet_series
from pydicom.dataset import Dataset

from node.assemble.header import from_json, header_of, to_json
from node.assemble.series import summarise


def ge(datasets: list[Dataset], locations: int) -> list[Dataset]:
    for dataset in datasets:
        block = dataset.private_block(0x0021, "GEMS_RELA_01", create=True)
        block.add_new(0x4F, "SS", locations)
    return datasets


def philips(datasets: list[Dataset], slices: int) -> list[Dataset]:
    for dataset in datasets:
        block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
        block.add_new(0x18, "SL", slices)
    return datasets


def test_an_mr_that_says_nothing_is_whole_as_far_as_is_known_and_never_sure() -> None:
    summary = summarise(headers(mr_series()))
    assert (summary.complete, summary.sure, summary.n_expected) == (True, False, None)
    assert summary.completeness == "6 images, 6 slices"


def test_images_in_acquisition_says_what_is_missing_at_the_end() -> None:
    datasets = mr_series(ImagesInAcquisition=6)
    whole, short = summarise(headers(datasets)), summarise(headers(datasets[:-2]))
    assert (whole.complete, whole.sure) == (True, True)
    assert (short.complete, short.sure, short.only_short) == (False, False, True)
    assert short.completeness == "4 of 6 images, 4 slices"


def test_a_gap_is_more_than_short() -> None:
    datasets = mr_series(ImagesInAcquisition=6)
    summary = summarise(headers(datasets[:2] + datasets[3:]))
    assert (summary.complete, summary.only_short) == (False, False)
    assert "gap of 1 slice after depth 30.0 mm" in summary.completeness


def test_a_count_below_what_is_here_is_no_evidence() -> None:
    summary = summarise(headers(mr_series(ImagesInAcquisition=4)))
    assert (summary.complete, summary.sure, summary.n_expected) == (True, False, None)


@pytest.mark.parametrize("vendor", [ge, philips])
def test_the_consoles_own_number_of_slices_is_believed(vendor) -> None:  # type: ignore[no-untyped-def]
    whole, short = summarise(headers(vendor(mr_series(), 6))), summarise(headers(vendor(mr_series(), 6)[:-1]))
    assert whole.sure
    assert short.only_short
    assert short.completeness == "5 of 6 images, 5 slices"
    assert not summarise(headers(vendor(mr_series(), 5))).sure


def test_two_counts_that_differ_make_nobody_sure() -> None:
    summary = summarise(headers(ge(mr_series(ImagesInAcquisition=24), 6)))
    assert (summary.complete, summary.sure, summary.n_expected) == (True, False, 6)


def test_temporal_positions_multiply() -> None:
    summary = summarise(headers(mr_series(ImagesInAcquisition=6, NumberOfTemporalPositions=2)))
    assert summary.completeness == "6 of 12 images, 6 slices"


def test_image_numbers_are_a_hint_and_decide_nothing() -> None:
    datasets = mr_series()
    for number, dataset in enumerate(datasets, 1):
        dataset.InstanceNumber = number
    summary = summarise(headers(datasets[3:]))
    assert summary.complete
    assert summary.completeness == "3 images, 3 slices, image numbers run to 6 (3 not here)"


def test_an_object_of_many_frames_is_whole_when_it_is_here() -> None:
    assert summarise(headers([enhanced_mr()])).sure


def test_a_concatenation_is_sure_only_when_its_total_is_told() -> None:
    told = enhanced_mr()
    told.ConcatenationUID, told.InConcatenationNumber, told.InConcatenationTotalNumber = "1.2.9", 1, 1
    assert summarise(headers([told])).sure
    del told.InConcatenationTotalNumber
    assert not summarise(headers([told])).sure


@pytest.mark.parametrize(("starts_s", "sure"), [([0.0], True), ([0.0, 300.0], True)])
def test_a_pet_is_sure_by_its_slices_and_time_slices(starts_s: list[float], sure: bool) -> None:
    datasets = pet_series(starts_s=starts_s)
    assert summarise(headers(datasets)).sure is sure
    assert not summarise(headers(datasets[:-1])).complete


def test_a_gated_pet_counts_heart_beats_and_time_slots() -> None:
    datasets = pet_series(starts_s=[0.0], SeriesType=["GATED", "IMAGE"], NumberOfTimeSlots=4, NumberOfRRIntervals=1)
    summary = summarise(headers(datasets))
    assert (summary.n_expected, summary.complete) == (24, False)


def test_an_image_index_beyond_what_is_here_says_that_images_are_missing() -> None:
    datasets = [dataset for dataset in pet_series() if dataset.ImageIndex != 3]
    for dataset in datasets:
        del dataset.NumberOfTimeSlices
    summary = summarise(headers(datasets))
    assert (summary.n_expected, summary.complete, summary.sure) == (12, False, False)


def test_uneven_spacing_is_no_missing_slice() -> None:
    datasets = mr_series(slices=8)
    for dataset in datasets[4:]:
        x, y, z = (float(value) for value in dataset.ImagePositionPatient)
        dataset.ImagePositionPatient = [x, y, z + 10.0]
    assert "gap" not in summarise(headers(datasets)).completeness


def test_headers_that_were_kept_before_counts_were_read_are_read_all_the_same() -> None:
    header = header_of(mr_series(ImagesInAcquisition=6)[0])
    old = to_json(header).replace(',"counts":{"images":6', ',"x":{"images":6')
    assert from_json(to_json(header)).counts.images == 6
    assert from_json(old.partition(',"x":')[0] + "}").counts.images is None
    assert header.series_uid == MR_SERIES
