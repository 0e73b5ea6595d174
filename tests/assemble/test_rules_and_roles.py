"""load_rules and judge: which series may fill which role, by physics first and the site's own word second."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Sequence
from typing import Any

import pytest
from assemble_dicom import enhanced_mr, flair_series, headers, mr_series, pet_series, profiles
from pydicom.dataset import Dataset

from node.assemble.roles import Judgement, judge
from node.assemble.rules import Rules, load_rules, unknown_tracers
from node.assemble.series import summarise
from node.assemble.tracer import nuclide_of
from node.domain.codes import Code
from node.domain.exam import Gravity, Role
from node.errors import SettingsError
from node.settings import shipped_folder

SHIPPED: dict[str, Any] = tomllib.loads((shipped_folder() / "rules.toml").read_text(encoding="utf-8"))
TRACERS = profiles()


def rules(**sections: Any) -> Rules:
    """The shipped rules with sections replaced, and with room for the thick slices of the phantoms."""
    head = {**SHIPPED["head"], "thickest_slice_mm": 20}
    return load_rules({**copy.deepcopy(SHIPPED), "head": head, **sections})


def judged(datasets: Sequence[Dataset], by: Rules | None = None, *, source: str = "") -> Judgement:
    """What the series is."""
    return judge(summarise(headers(datasets)), by or rules(), TRACERS, source=source)


def drug(datasets: Sequence[Dataset]) -> list[Dataset]:
    """The radiopharmaceutical items."""
    return [dataset.RadiopharmaceuticalInformationSequence[0] for dataset in datasets]


def renamed(datasets: list[Dataset], name: str) -> list[Dataset]:
    """A PET whose console knew the radiopharmaceutical by that name only."""
    for item in drug(datasets):
        item.Radiopharmaceutical = name
        del item.RadiopharmaceuticalCodeSequence
    return datasets


def test_the_shipped_rules_are_right() -> None:
    shipped = load_rules(SHIPPED)

    assert shipped.deadline_s == 3600.0
    assert (shipped.quiet_s, shipped.uncounted_quiet_s, shipped.automatic_versions) == (5.0, 30.0, 3)
    assert {sequence.role for sequence in shipped.sequences} == {Role.T1, Role.FLAIR}
    assert unknown_tracers(shipped, TRACERS) == ()


def test_every_mistake_in_the_rules_is_listed_with_its_key_path() -> None:
    table = copy.deepcopy(SHIPPED)
    table["analyse"]["mr_within_days"] = "ninety"
    table["completeness"]["quite_s"] = table["completeness"].pop("quiet_s")
    table["mr"]["sequence"][1]["echo_ms"] = [8, 0.5]
    table["mr"]["never_descriptions"] = ["(unclosed"]
    table["site_tracer"] = [{"tracer": "dpa714"}]

    with pytest.raises(SettingsError) as refused:
        load_rules(table)

    paths = {mistake.split(":")[0] for mistake in refused.value.mistakes}
    assert paths == {
        "rules.analyse.mr_within_days",
        "rules.completeness.quiet_s",
        "rules.completeness.quite_s",
        "rules.mr.sequence.2.echo_ms",
        "rules.mr.never_descriptions",
        "rules.site_tracer.1",
    }


def test_a_rule_that_names_a_tracer_that_is_not_there_is_a_mistake() -> None:
    wrong = rules(site_tracer=[{"tracer": "dpa741", "source": "MCT"}])

    assert unknown_tracers(wrong, TRACERS) == ("rules.site_tracer.tracer: no file of this name in config/tracers; found 'dpa741'",)


# --- PET ---


def test_a_tspo_tracer_is_told_by_its_code() -> None:
    judgement = judged(pet_series())

    assert (judgement.role, judgement.wanted, judgement.tracer, judgement.tracer_basis) == (Role.PET, True, "dpa714", "code")
    assert judgement.checks == ()


@pytest.mark.parametrize("name", ["DPA714", "[18F]DPA-714", "F18 dpa 714", "18F-DPA_714"])
def test_a_tspo_tracer_is_told_by_its_name_where_there_is_no_code(name: str) -> None:
    judgement = judged(renamed(pet_series(), name))

    assert (judgement.tracer, judgement.tracer_basis) == ("dpa714", "text")


@pytest.mark.parametrize("name", ["FDG", "Fluorodeoxyglucose", "PIB", "DPA-71", "Solution", ""])
def test_another_radiopharmaceutical_is_not_taken(name: str) -> None:
    judgement = judged(renamed(pet_series(), name))

    assert (judgement.role, judgement.wanted) == (None, False)
    assert "not taken" in judgement.reason


def test_fdg_is_taken_for_tspo_by_the_sites_own_rule_alone_and_a_check_says_so() -> None:
    ours = rules(site_tracer=[{"tracer": "dpa714", "source": "^MCT1$", "protocol": "tspo"}])
    datasets = renamed(pet_series(ProtocolName="Brain TSPO 60-90"), "FDG")

    judgement = judged(datasets, ours, source="MCT1")

    assert (judgement.role, judgement.tracer_basis) == (Role.PET, "site rule")
    assert [(check.name, check.passed) for check in judgement.checks] == [("tracer_by_site_rule", False)]
    assert judged(datasets, ours, source="MCT2").role is None


def test_a_procedure_code_may_name_the_tracer() -> None:
    ours = rules(site_tracer=[{"tracer": "dpa714", "procedure_code": r"^PET77\^LOCAL$"}])
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "PET77", "LOCAL", "TSPO brain"

    assert judged(renamed(pet_series(ProcedureCodeSequence=[code]), "Solution"), ours).tracer == "dpa714"


def test_a_half_life_that_contradicts_the_tracer_is_refused_and_told() -> None:
    datasets = pet_series()
    for item in drug(datasets):
        item.RadionuclideHalfLife = "1223"

    judgement = judged(datasets)

    assert (judgement.role, judgement.wanted) == (None, True)
    assert "half-life" in judgement.reason
    assert "1223 s" in judgement.reason


def test_a_radionuclide_that_contradicts_the_tracer_is_refused_and_told() -> None:
    datasets = pet_series()
    for item in drug(datasets):
        item.RadionuclideCodeSequence[0].CodeValue = "40565003"

    assert "labelled with F-18, but the header says C-11" in judged(datasets).reason


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [("18F", "F-18"), ("^11^Carbon", "C-11"), ("F-18", "F-18"), ("Fluorine F^18^", "F-18"), ("C^11^", "C-11"), ("Germanium", None)],
)
def test_a_radionuclide_is_read_from_its_meaning_where_its_code_is_unknown(meaning: str, expected: str | None) -> None:
    assert nuclide_of(Code("X", "LOCAL", meaning)) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CorrectedImage": ["NORM", "DECY"]}, "not corrected for ATTN"),
        ({"ImageType": ["DERIVED", "PRIMARY"]}, "derived"),
        ({"Manufacturer": "Ember"}, "made by this node"),
    ],
)
def test_a_pet_that_measures_nothing_new_is_not_taken(changes: dict[str, Any], words: str) -> None:
    judgement = judged(pet_series(**changes))

    assert (judgement.role, judgement.wanted) == (None, False)
    assert words in judgement.reason


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        (pet_series(Units="PROPCPS"), "PROPCPS"),
        (pet_series(slices=3), "60 mm"),
        (pet_series(SOPClassUID="1.2.840.10008.5.1.4.1.1.130"), "do not say where they lie"),
    ],
)
def test_a_tspo_pet_that_cannot_be_used_is_wanted_and_says_why(datasets: list[Dataset], words: str) -> None:
    judgement = judged(datasets)

    assert (judgement.role, judgement.wanted, judgement.tracer) == (None, True, "dpa714")
    assert words in judgement.reason


def test_half_of_a_pet_is_not_called_too_short() -> None:
    assert judged(pet_series()[:3]).role is Role.PET


# --- MR ---

MPRAGE_PHILIPS = {"ScanningSequence": "GR", "SequenceVariant": "MP", "RepetitionTime": "6.5", "EchoTime": "2.93", "InversionTime": None}
BRAVO_GE = {
    "SequenceVariant": ["SS", "SP", "SK"],
    "ScanningSequence": "GR",
    "RepetitionTime": "8.2",
    "EchoTime": "3.2",
    "InversionTime": 450,
}
SPGR = {
    "ScanningSequence": "GR",
    "SequenceVariant": ["SK", "SP"],
    "RepetitionTime": 20,
    "EchoTime": 4,
    "FlipAngle": 25,
    "InversionTime": None,
}
SE_2D = {
    "ScanningSequence": "SE",
    "SequenceVariant": "SK",
    "RepetitionTime": 600,
    "EchoTime": 12,
    "MRAcquisitionType": "2D",
    "InversionTime": None,
}
T1_FLAIR = {"ScanningSequence": ["SE", "IR"], "SequenceVariant": "SK", "RepetitionTime": 2500, "EchoTime": 10, "InversionTime": 900}


MPRAGE_GE = {"ScanningSequence": "RM", "SequenceVariant": "NONE", "RepetitionTime": 2300, "EchoTime": 2.5, "InversionTime": 900}

# As a uMR 770 writes it (neurolabusc/dcm_qa_uih, t1_gre_fsp_3d_sag, side-car of its converter).
FSP_UIH = {
    "Manufacturer": "UIH",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "UCA", "IF", "MAGNITUDE"],
    "ScanningSequence": ["GR", "IR"],
    "SequenceVariant": "NONE",
    "RepetitionTime": 7.25,
    "EchoTime": 3.1,
    "InversionTime": 750,
    "FlipAngle": 10,
}


@pytest.mark.parametrize("physics", [{}, MPRAGE_PHILIPS, MPRAGE_GE, BRAVO_GE, FSP_UIH, SPGR, SE_2D, T1_FLAIR])
def test_a_t1_is_told_by_how_it_was_made(physics: dict[str, Any]) -> None:
    judgement = judged(mr_series(**{**physics, "SeriesDescription": "series 7"}))

    assert judgement.role is Role.T1
    assert judgement.checks == ()


@pytest.mark.parametrize(
    "physics",
    [
        {},
        {"MRAcquisitionType": "2D", "RepetitionTime": 9000, "EchoTime": 125, "InversionTime": 2500},
        {"ScanningSequence": "IR", "RepetitionTime": 11000, "EchoTime": 125, "InversionTime": 2800},
        {"InversionTime": None},
    ],
)
def test_a_flair_is_told_by_how_it_was_made(physics: dict[str, Any]) -> None:
    assert judged(flair_series(**physics, SeriesDescription="series 8")).role is Role.FLAIR


T2 = {"ScanningSequence": "SE", "SequenceVariant": "SK", "RepetitionTime": 4500, "EchoTime": 100, "InversionTime": None}
PD = {"ScanningSequence": "SE", "SequenceVariant": "SK", "RepetitionTime": 2500, "EchoTime": 12, "InversionTime": None}
STIR = {"ScanningSequence": ["SE", "IR"], "RepetitionTime": 4500, "EchoTime": 70, "InversionTime": 160}
EPI = {"ScanningSequence": ["EP", "GR"], "RepetitionTime": 2000, "EchoTime": 30, "InversionTime": None}
SWI = {"ScanningSequence": "GR", "SequenceVariant": "SP", "RepetitionTime": 28, "EchoTime": 20, "InversionTime": None}
TOF = {**SPGR, "AngioFlag": "Y"}
BSSFP = {"ScanningSequence": "GR", "SequenceVariant": ["SS", "SK"], "RepetitionTime": 5, "EchoTime": 2, "InversionTime": None}


@pytest.mark.parametrize("physics", [T2, PD, STIR, EPI, SWI, TOF, BSSFP])
def test_another_contrast_fills_no_role_whatever_it_is_called(physics: dict[str, Any]) -> None:
    judgement = judged(mr_series(**{**physics, "SeriesDescription": "T1 FLAIR"}))

    assert (judgement.role, judgement.wanted) == (None, False)
    assert "not taken" in judgement.reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "LOCALIZER"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "ImageType says P"),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}, "ImageType says REFORMATTED"),
        ({"ImageType": ["DERIVED", "PRIMARY", "OTHER"]}, "derived"),
        ({"ImageType": ["ORIGINAL", "SECONDARY", "M"]}, "made after the examination"),
        ({"SeriesDescription": "TOF_3D_multi-slab"}, "TOF"),
        ({"BodyPartExamined": "KNEE"}, "BodyPartExamined is KNEE"),
        ({"Manufacturer": "EMBER"}, "made by this node"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4.3"}, "colour"),
    ],
)
def test_what_is_no_image_of_the_head_as_measured_is_not_taken(changes: dict[str, Any], words: str) -> None:
    judgement = judged(mr_series(**changes))

    assert judgement.role is None
    assert words in judgement.reason


def test_an_image_that_the_scanner_itself_normalised_is_taken() -> None:
    assert judged(mr_series(ImageType=["DERIVED", "PRIMARY", "M", "NORM", "DIS2D"])).role is Role.T1


def test_a_t1_after_contrast_agent_is_taken_with_a_check() -> None:
    judgement = judged(mr_series(ContrastBolusAgent="Gadobutrol"))

    assert judgement.role is Role.T1
    assert [(check.name, check.gravity) for check in judgement.checks] == [("t1_contrast_agent", Gravity.HOLD)]


def test_a_slab_is_too_short_for_a_head_and_thick_slices_are_too_thick() -> None:
    assert "less than the 100 mm of a head" in judged(mr_series(slices=3)).reason
    assert "20.0 mm apart, more than 6.0 mm" in judged(mr_series(), load_rules(SHIPPED)).reason


def test_an_enhanced_mr_is_judged_like_a_classic_one() -> None:
    assert judged([enhanced_mr()]).role is Role.T1


def test_the_site_may_say_what_a_series_without_physics_is() -> None:
    ours = rules(site_role=[{"role": "T1", "station": "RESEARCH"}])
    datasets = mr_series(StationName="RESEARCH3T", ScanningSequence="RM", RepetitionTime=None)

    judgement = judged(datasets, ours)

    assert judgement.role is Role.T1
    assert [check.name for check in judgement.checks] == ["role_by_site_rule"]
    assert judged(datasets).role is None


# --- others ---


@pytest.mark.parametrize(
    ("label", "type_", "expected"),
    [
        ("MS lesions", None, Role.LESION_SEG),
        ("Segment 1", ("301766008", "SCT", "Lesion of brain"), Role.LESION_SEG),
        ("Segment 1", ("10200004", "SCT", "Liver"), None),
        ("Thalamus", None, None),
    ],
)
def test_a_segmentation_is_of_lesions_by_its_code_or_its_words(
    label: str, type_: tuple[str, str, str] | None, expected: Role | None
) -> None:
    dataset = mr_series()[0]
    dataset.Modality, dataset.SOPClassUID = "SEG", "1.2.840.10008.5.1.4.1.1.66.4"
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, label
    if type_:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = type_
        segment.SegmentedPropertyTypeCodeSequence = [code]
    dataset.SegmentSequence = [segment]

    assert judged([dataset]).role is expected


def test_a_report_is_no_input() -> None:
    dataset = mr_series()[0]
    dataset.Modality = "SR"

    assert "modality SR" in judged([dataset]).reason
