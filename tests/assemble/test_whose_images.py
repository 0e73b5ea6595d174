"""Whose images are: what a person may waive and what a Check then says, issuers, changed identities, and what is our own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from assemble_dicom import headers, mr_series, pet_series
from pydicom.dataset import Dataset

from node.assemble.drawings import is_own
from node.assemble.header import Header, from_json, header_of, to_json
from node.assemble.identity import conflicts, identity_changes, identity_checks, patient_key, unsure_issuer
from node.assemble.overruling import Overruling, overruled
from node.assemble.roles import Judgement
from node.assemble.series import SeriesSummary, summarise
from node.domain.exam import Role

ELSEWHERE = {"StudyInstanceUID": "1.2.4"}


def pet(**changes: Any) -> SeriesSummary:
    return summarise(headers(pet_series(**changes)))


def mr(series: str = "1.2.3.2", **changes: Any) -> SeriesSummary:
    return summarise(headers(mr_series(series=series, **changes)))


def failed(*args: Any, **named: Any) -> dict[str, str]:
    return {check.name: check.message for check in identity_checks(*args, **named) if not check.passed}


# --- waived ------------------------------------------------------------------------------------------------------------------------------


def test_what_a_person_has_merged_contradicts_nothing_and_is_told_with_what_differs() -> None:
    other = mr(PatientID="P-2", PatientBirthDate="19500101")
    assert len(conflicts(pet(), [other])) == 1
    assert conflicts(pet(), [other], waived=["1.2.3.2"]) == ()

    told = "MR series 1.2.3.2, which differs in patient ID, birth date, was said to be of the PET's patient by A: two cards"
    assert failed(pet(), [other], waived={"1.2.3.2": "by A: two cards"}) == {"identity_merged": told}


def test_a_merge_claims_no_agreement_that_nobody_saw() -> None:
    assert [check.name for check in identity_checks(pet(), [mr()], waived={"1.2.3.2": "by A: b"})] == ["identity_merged"]


def test_a_merge_of_one_series_waives_nothing_of_another() -> None:
    swapped = mr("1.2.3.8", PatientSex="M")
    assert "differ in sex" in conflicts(pet(), [mr(), swapped], waived=["1.2.3.2"])[0]


def test_series_whose_own_images_differ_are_a_conflict_whatever_was_merged() -> None:
    datasets = mr_series()
    datasets[0].PatientID = "P-3"
    mixed = summarise(headers(datasets))
    assert "the images of MR series 1.2.3.2 differ in patient ID" in conflicts(pet(), [mixed], waived=["1.2.3.2"])[0]


# --- every image, and each series with each ----------------------------------------------------------------------------------------------


def test_a_first_image_that_is_silent_hides_nothing_of_what_the_others_say() -> None:
    datasets = mr_series(PatientID="P-2", PatientBirthDate="19500101")
    datasets[0].PatientID, datasets[0].PatientBirthDate = "", ""
    (told,) = conflicts(pet(), [summarise(headers(datasets))])
    assert told == "PET series 1.2.3.1 and MR series 1.2.3.2 differ in patient ID and birth date"


def test_a_silent_pet_does_not_let_two_people_meet() -> None:
    silent, one, other = pet(PatientID=""), mr(PatientID="P-1"), mr("1.2.3.3", PatientID="P-2")
    assert conflicts(silent, [one, other]) == ("MR series 1.2.3.2 and MR series 1.2.3.3 differ in patient ID",)
    assert conflicts(silent, [one, one]) == ()


def test_names_are_compared_where_an_id_is_missing() -> None:
    twin = {"PatientName": "Mueller^Anna", "PatientID": ""}
    assert conflicts(pet(PatientName="Mueller^Erika"), [mr(**twin)]) == ("PET series 1.2.3.1 and MR series 1.2.3.2 differ in patient name",)
    assert conflicts(pet(PatientName="Müller^Anna"), [mr(**twin)]) == ()
    assert conflicts(pet(PatientName=""), [mr(**twin)]) == ()
    assert conflicts(pet(PatientName="Mueller^Erika"), [mr(PatientName="Mueller^Anna")]) == ()  # the ID tells


def test_what_was_merged_is_of_one_patient_all_the_same() -> None:
    merged = ["1.2.3.2", "1.2.3.3"]
    one, other = mr(PatientID="P-2"), mr("1.2.3.3", PatientID="P-2", PatientSex="M")
    assert conflicts(pet(), [one, other], waived=merged) == ("MR series 1.2.3.2 and MR series 1.2.3.3 differ in sex",)
    assert conflicts(pet(), [one, mr("1.2.3.3", PatientID="P-3")], waived=merged) == ()  # two merges, each with a person's word


# --- issuers -----------------------------------------------------------------------------------------------------------------------------


def test_an_issuer_that_one_side_says_alone_is_a_check_and_one_that_nobody_says_is_none() -> None:
    assert "identity_issuer" in failed(pet(IssuerOfPatientID="A"), [mr()])
    assert "identity_issuer" not in {check.name for check in identity_checks(pet(), [mr()])}


@pytest.mark.parametrize(("issuers", "told"), [((), 0), (("A",), 0), (("A", "B"), 1)])
def test_silence_is_unsure_only_where_the_id_was_given_out_twice(issuers: tuple[str, ...], told: int) -> None:
    found = unsure_issuer(pet(IssuerOfPatientID="A"), [mr(**ELSEWHERE)], issuers)
    assert len(found) == told
    assert unsure_issuer(pet(IssuerOfPatientID="A"), [mr()], issuers) == ()  # one study is one person's
    assert unsure_issuer(pet(IssuerOfPatientID="A"), [mr(IssuerOfPatientID="A", **ELSEWHERE)], issuers) == ()


def test_images_without_patient_id_are_of_nobody_but_their_study() -> None:
    (header, *_) = headers(mr_series(PatientID=" "))
    assert patient_key(header) == "study 1.2.3"


# --- changed -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "grave", "slight"),
    [
        ({}, (), ()),
        ({"PatientID": "P-1 "}, (), ()),
        ({"PatientID": "P-2"}, ("patient ID",), ()),
        ({"IssuerOfPatientID": "A"}, ("issuer of the patient ID",), ()),
        ({"PatientBirthDate": ""}, ("birth date",), ()),
        ({"StudyInstanceUID": "1.2.9"}, ("Study Instance UID",), ()),
        ({"PatientName": "MUELLER^ERIKA"}, (), ()),
        ({"PatientName": "Schulz^Erika"}, (), ("patient name",)),
        ({"AccessionNumber": "7", "StudyDescription": "x"}, (), ("accession number",)),
    ],
)
def test_what_differs_between_two_files_of_one_uid(changes: dict[str, str], grave: tuple[str, ...], slight: tuple[str, ...]) -> None:
    (kept, *_), (came, *_) = headers(mr_series()), headers(mr_series(**changes))
    assert identity_changes(kept, came) == (grave, slight)


# --- overruled ---------------------------------------------------------------------------------------------------------------------------


def test_a_person_gives_and_takes_roles_and_leaves_the_rest() -> None:
    def judged(uid: str, role: Role | None) -> tuple[SeriesSummary, Judgement]:
        return mr(uid), Judgement(role, role is not None, None, "", f"series {uid}: as it was made")

    said = Overruling(split={"1.3": "by A: c"}, roles={"1.4": (Role.T1, "by A: d")})
    found = overruled([judged("1.1", Role.T1), judged("1.2", Role.FLAIR), judged("1.3", Role.FLAIR), judged("1.4", None)], said)

    roles = {summary.series_uid: judgement.role for summary, judgement in found}
    assert roles == {"1.1": None, "1.2": Role.FLAIR, "1.3": None, "1.4": Role.T1}
    (check,) = found[3][1].checks
    assert check.name == "role_by_person"
    assert check.message == "the T1 was told by A: d; how it was made says otherwise: series 1.4: as it was made"


def test_a_role_that_the_physics_say_too_needs_no_check() -> None:
    summary = mr()
    judgement = Judgement(Role.T1, True, None, "", "by physics")
    assert overruled([(summary, judgement)], Overruling(roles={"1.2.3.2": (Role.T1, "by A: b")})) == [(summary, judgement)]


# --- our own -----------------------------------------------------------------------------------------------------------------------------


def made_by_us(modality: str = "OT", **changes: Any) -> Header:
    (dataset, *_) = mr_series(slices=1)
    equipment, purpose = Dataset(), Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = "109102", "DCM", "Processing Equipment"
    equipment.Manufacturer, equipment.PurposeOfReferenceCodeSequence = "Ember", [purpose]
    dataset.Modality, dataset.Manufacturer, dataset.ContributingEquipmentSequence = modality, "Ember", [equipment]
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return header_of(dataset)


def test_what_we_made_is_known_by_its_maker_or_by_the_equipment_that_made_it() -> None:
    assert is_own(made_by_us())
    assert is_own(made_by_us(Manufacturer="A router"))
    assert not is_own(made_by_us(Manufacturer="A router", ContributingEquipmentSequence=[]))
    assert not is_own(replace(made_by_us(Manufacturer="A router"), processed_by=("Somebody",), sop_instance_uid="2.25.7"))


def test_a_seg_that_a_person_signed_or_another_product_wrote_is_no_output_of_ours() -> None:
    assert is_own(made_by_us("SEG"))
    assert not is_own(made_by_us("SEG", ContentCreatorName="Reader^Rhea"))
    assert not is_own(made_by_us("SEG", Manufacturer="A viewer"))


def test_the_equipment_is_kept_with_the_header_and_older_rows_have_none() -> None:
    header = made_by_us()
    assert from_json(to_json(header)).processed_by == ("Ember",)
    older = to_json(header).replace(',"processed_by":["Ember"]', "")
    assert from_json(older).processed_by == ()
