"""choose, conflicts and identity_checks: one series a role, of one person."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Sequence
from typing import Any

import pytest
from assemble_dicom import MR_SERIES, PET_SERIES, flair_series, headers, mr_series, pet_series, profiles
from pydicom.dataset import Dataset

from node.assemble.choice import Choice, choose
from node.assemble.identity import conflicts, identity_checks
from node.assemble.roles import judge
from node.assemble.rules import load_rules
from node.assemble.series import SeriesSummary, summarise
from node.domain.exam import Role
from node.settings import shipped_folder

_TABLE: dict[str, Any] = tomllib.loads((shipped_folder() / "rules.toml").read_text(encoding="utf-8"))
_TABLE["head"]["thickest_slice_mm"] = 20
RULES = load_rules(copy.deepcopy(_TABLE))
OTHER_STUDY = {"StudyInstanceUID": "1.2.4"}


def chosen(*series: Sequence[Dataset]) -> Choice:
    """The choice among these series."""
    summaries = [summarise(headers(datasets)) for datasets in series]
    tracers = profiles()
    return choose([(summary, judge(summary, RULES, tracers)) for summary in summaries], RULES)


def uid(choice: Choice, role: Role) -> str | None:
    """Series UID for a role."""
    found = choice.get(role)
    return found.summary.series_uid if found else None


def person(modality: str = "MR", **changes: Any) -> SeriesSummary:
    """A series of somebody."""
    return summarise(headers(pet_series(**changes) if modality == "PT" else mr_series(**changes)))


def test_each_role_is_filled_from_one_study() -> None:
    choice = chosen(flair_series(), pet_series(), mr_series())

    assert [uid(choice, role) for role in (Role.PET, Role.T1, Role.FLAIR)] == [PET_SERIES, MR_SERIES, "1.2.3.3"]
    assert choice.unusable == ""
    assert choice.not_taken == ()


@pytest.mark.parametrize(
    ("better", "worse", "words"),
    [
        ({}, {"MRAcquisitionType": "2D"}, "is 3-D"),
        ({}, {"ContrastBolusAgent": "Gadobutrol"}, "without contrast agent"),
        ({"PixelSpacing": [15, 15]}, {}, "finer voxels"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM"]}, {}, "normalised"),
        ({"AcquisitionTime": "100000"}, {"AcquisitionTime": "090000"}, "nearer in time"),
        ({}, {"AcquisitionDate": "20240301"}, "nearer to the PET"),
        ({}, OTHER_STUDY, "study of the PET"),
    ],
)
def test_the_better_of_two_t1_is_taken_and_it_is_said_why(better: dict[str, Any], worse: dict[str, Any], words: str) -> None:
    one, other = mr_series(series="1.2.3.8", **worse), mr_series(series="1.2.3.9", **better)

    choice = chosen(pet_series(), one, other)

    t1 = choice.get(Role.T1)
    assert t1 is not None
    assert t1.summary.series_uid == "1.2.3.9"
    assert words in t1.why
    assert any("1.2.3.8" in sentence and "another series" in sentence for sentence in choice.not_taken)


def test_a_whole_t1_comes_before_a_better_one_with_a_gap() -> None:
    with_gap = mr_series(series="1.2.3.9", slices=12, ImageType=["ORIGINAL", "PRIMARY", "M", "NORM"])
    del with_gap[5]

    assert uid(chosen(pet_series(), with_gap, mr_series()), Role.T1) == MR_SERIES


def test_the_flair_of_the_t1s_study_comes_before_one_nearer_in_time() -> None:
    t1 = mr_series(**OTHER_STUDY, AcquisitionDate="20240302")
    old = flair_series(series="1.2.4.3", **OTHER_STUDY, AcquisitionDate="20240302")
    near = flair_series(series="1.2.5.3", StudyInstanceUID="1.2.5", AcquisitionDate="20240304")

    assert uid(chosen(pet_series(), t1, near, old), Role.FLAIR) == "1.2.4.3"


def test_mr_from_too_long_ago_is_not_taken() -> None:
    choice = chosen(pet_series(), mr_series(**OTHER_STUDY, AcquisitionDate="20231101"))

    assert uid(choice, Role.T1) is None
    assert "more than 90 days" in choice.not_taken[0]


def test_mr_of_another_patient_is_not_taken() -> None:
    choice = chosen(pet_series(), mr_series(**OTHER_STUDY, PatientID="P-2"))

    assert uid(choice, Role.T1) is None
    assert "another patient ID" in choice.not_taken[0]
    assert "P-2" not in choice.not_taken[0]


def test_the_pet_with_more_frames_is_taken() -> None:
    summed = pet_series(starts_s=[0.0], length_s=600.0)
    for dataset in summed:
        dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.3.0", f"{dataset.SOPInstanceUID}.7"

    assert uid(chosen(summed, pet_series()), Role.PET) == PET_SERIES


def test_a_pet_that_cannot_be_used_is_told_unless_another_can() -> None:
    broken = pet_series(Units="PROPCPS")
    for dataset in broken:
        dataset.SeriesInstanceUID = "1.2.3.0"

    assert "PROPCPS" in chosen(broken, mr_series()).unusable
    assert chosen(broken, pet_series(), mr_series()).unusable == ""


def test_a_lesion_segmentation_counts_in_the_space_of_the_chosen_mr_alone() -> None:
    def segmentation(frame_of_reference: str) -> list[Dataset]:
        (dataset,) = mr_series(slices=1, series="1.2.3.5")
        dataset.Modality, dataset.SOPClassUID, dataset.FrameOfReferenceUID = "SEG", "1.2.840.10008.5.1.4.1.1.66.4", frame_of_reference
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = 1, "lesions"
        dataset.SegmentSequence = [segment]
        return [dataset]

    assert uid(chosen(pet_series(), mr_series(), segmentation("1.2.3.99")), Role.LESION_SEG) == "1.2.3.5"
    elsewhere = chosen(pet_series(), mr_series(), segmentation("1.2.3.77"))
    assert uid(elsewhere, Role.LESION_SEG) is None
    assert "frame of reference" in elsewhere.not_taken[0]


# --- identity ---


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PatientID": "P-2"}, "patient ID"),
        ({"PatientBirthDate": "19800201"}, "birth date"),
        ({"PatientSex": "M"}, "sex"),
        ({"PatientBirthDate": "19800201", "PatientSex": "M"}, "birth date and sex"),
    ],
)
def test_two_people_are_a_conflict_that_names_no_value(changes: dict[str, str], words: str) -> None:
    (sentence,) = conflicts(person("PT"), [person(**changes)])

    assert sentence.endswith(f"differ in {words}")
    assert not any(value in sentence for value in ("P-1", "P-2", "19800102", "1980", "19800201"))


def test_two_issuers_of_one_number_are_a_conflict() -> None:
    pet, mr = person("PT", IssuerOfPatientID="North"), person(IssuerOfPatientID="South")

    assert "issuer" in conflicts(pet, [mr])[0]
    assert conflicts(pet, [person()]) == ()


def test_images_of_two_people_in_one_series_are_a_conflict() -> None:
    datasets = mr_series()
    datasets[2].PatientID = "P-2"

    (sentence,) = conflicts(person("PT"), [summarise(headers(datasets))])

    assert sentence.startswith("the images of MR series")


def test_what_one_side_leaves_out_is_a_check_and_no_conflict() -> None:
    pet, mr = person("PT"), person(PatientBirthDate="")

    assert conflicts(pet, [mr]) == ()
    assert [check.name for check in identity_checks(pet, [mr]) if not check.passed] == ["identity_birth_date"]


def test_another_spelling_of_the_name_is_no_word_and_another_name_is_a_check() -> None:
    pet = person("PT")

    assert all(check.passed for check in identity_checks(pet, [person(PatientName="MUELLER^ERIKA")]))
    failed = [check for check in identity_checks(pet, [person(PatientName="Schulz^Erika")]) if not check.passed]
    assert [check.name for check in failed] == ["identity_name"]
    assert "Schulz" not in failed[0].message
    assert conflicts(pet, [person(PatientName="Schulz^Erika")]) == ()
