"""encode_report: every number of the result is in the report once, coded, and what is no number is said."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from encode_phantom import AXIAL, Phantom, Plan, grid, make_phantom
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from rich_phantom import UNMIXED, rich_phantom, voxels

from benchmarks.conformance import complaints
from benchmarks.peers import command
from node.domain.exam import Check
from node.domain.result import Finding, LesionOrigin, Quantity
from node.encode import EncodeOptions, Kind, encode
from node.encode.objects import OBJECT_NAMES
from node.encode.segmentation import encode_lesions
from node.encode.segments import MOST_SEGMENTS, Patch
from node.encode.sr_codes import PLACES, finding_concept, finding_unit, lesion_concept
from node.encode.sr_points import representative_point
from node.encode.structured_report import encode_report

EVERYTHING = EncodeOptions(objects=OBJECT_NAMES)


def report(phantom: Phantom, folder: Path, options: EncodeOptions = EVERYTHING) -> Dataset:
    (encoded,) = encode_report(phantom.material(options, folder))
    assert encoded.kind is Kind.REPORT
    return dcmread(encoded.path)


def items(node: Dataset, *, meaning: str = "", kind: str = "") -> Iterator[Dataset]:
    """The items right below one, by the meaning of their name and by value type."""
    for item in node.get("ContentSequence", []):
        if kind in ("", item.ValueType) and meaning in ("", item.ConceptNameCodeSequence[0].CodeMeaning):
            yield item


def groups(sr: Dataset) -> list[Dataset]:
    (container,) = items(sr, meaning="Imaging Measurements")
    return list(container.ContentSequence)


def numbers(group: Dataset) -> dict[tuple[str, str], tuple[float, str]]:
    """(scheme, code) → value and unit of every number of a group; a number that is there twice is an error."""
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for item in items(group, kind="NUM"):
        name, measured = item.ConceptNameCodeSequence[0], item.MeasuredValueSequence[0]
        key = (name.CodingSchemeDesignator, name.CodeValue)
        assert key not in found
        found[key] = (float(measured.NumericValue), measured.MeasurementUnitsCodeSequence[0].CodeValue)
    return found


def group_of(sr: Dataset, tracking: str, *, kind: str = "NUM") -> Dataset:
    """The group of that tracking identifier that has an item of a kind."""
    found = [g for g in groups(sr) if next(items(g, meaning="Tracking Identifier")).TextValue == tracking]
    (group,) = [g for g in found if any(items(g, kind=kind))]
    return group


def texts(sr: Dataset, meaning: str) -> list[str]:
    (container,) = items(sr, meaning="Qualitative Evaluations")
    return [str(item.TextValue) for item in items(container, meaning=meaning)]


def statement(sr: Dataset, meaning: str) -> str:
    (container,) = items(sr, meaning="Qualitative Evaluations")
    (item,) = items(container, meaning=meaning)
    return str(item.ConceptCodeSequence[0].CodeMeaning)


def test_every_number_of_a_lesion_is_there_with_its_unit(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    found = numbers(group_of(sr, "E-000001 lesion 1", kind="NUM"))

    ours = {code: value for (scheme, code), (value, _) in found.items() if scheme == "99EMBER"}
    assert found["SCT", "118565006"] == (pytest.approx(23 * 0.512), "ml")
    assert found["99EMBER", "INSCRIBED-RADIUS"] == (2.0, "mm")
    assert ours == {
        "INSCRIBED-RADIUS": 2.0,
        "SUVR-CORE": 1.4,
        "SUVR-RIM": 1.2,
        "DVR-CORE": 1.25,
        "CONTRAST-CORE": 1.4,
        "CONTRAST-RIM": 0.5,
        "SUVR-CORE-UNMIX": 1.1,
        "SUVR-RIM-UNMIX": 1.75,
        "SUVR-DIFF-UNMIX": pytest.approx(0.65),
        "SUVR-BG-UNMIX": 1.05,
        "SUVR-BG": 1.07,
        "ACTIVE-LEVEL": 1.26,
        "CORE-ACTIVE": 0.25,
        "RIM-ACTIVE-SHARE": 0.75,
        "CONFIDENCE": 0.5625,
    }


def test_a_value_that_is_not_known_is_absent_and_not_zero(tmp_path: Path) -> None:
    sr = report(make_phantom(tmp_path), tmp_path)

    group = group_of(sr, "E-000001 lesion 2", kind="NUM")

    assert {code for _, code in numbers(group)} == {"118565006", "INSCRIBED-RADIUS", "SUVR-RIM", "CONTRAST-RIM"}
    assert [item.TextValue for item in items(group, meaning="Comment")] == ["core too small to be measured"]


def test_unmixed_values_carry_one_standard_error_above_and_below(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    group = group_of(sr, "E-000001 lesion 1", kind="NUM")

    errors = {}
    for item in items(group, kind="NUM"):
        ranges = [child for child in items(item, kind="NUM") if child.RelationshipType == "HAS PROPERTIES"]
        if ranges:
            assert {child.ConceptNameCodeSequence[0].CodeValue for child in ranges} == {"371886008", "371885007"}
            (errors[item.ConceptNameCodeSequence[0].CodeValue],) = {float(child.MeasuredValueSequence[0].NumericValue) for child in ranges}
    assert errors == {
        "SUVR-CORE-UNMIX": UNMIXED.core_error,
        "SUVR-RIM-UNMIX": UNMIXED.rim_error,
        "SUVR-DIFF-UNMIX": UNMIXED.difference_error,
    }
    assert "uncertainty: one standard error" in [item.TextValue for item in items(group, meaning="Algorithm Parameters")]


def test_every_finding_of_the_result_is_there_once(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)

    sr = report(phantom, tmp_path)

    seen = 0
    for finding in phantom.result.findings:
        name = "raised TSPO signal" if finding.region == "raised" else finding.region
        found = numbers(group_of(sr, f"E-000001 {name}"))
        concept = finding_concept(finding)
        assert found[concept.scheme, concept.value] == (pytest.approx(finding.value, rel=1e-9), finding_unit(finding).value)
        seen += 1
    told = [key for g in groups(sr) if "lesion " not in next(items(g, meaning="Tracking Identifier")).TextValue for key in numbers(g)]
    assert len(told) == seen == len(phantom.result.findings)


def test_suv_has_its_standard_code_and_no_code_of_mr_is_borrowed(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    extra = (Finding("nawm", Quantity.R1, 0.9, "1", None, "SRTM"), Finding("nawm", Quantity.BP_ND, 0.2, "1", None, "SRTM"))

    sr = report(phantom.with_result(findings=(*phantom.result.findings, *extra)), tmp_path)

    found = [key for g in groups(sr) for key in numbers(g)]
    assert numbers(group_of(sr, "E-000001 nawm"))["DCM", "126401"][1] == "g/ml{SUVbw}"
    assert not {("DCM", "126393"), ("DCM", "126312")} & set(found)
    assert all(scheme in ("DCM", "SCT", "99EMBER") for scheme, _ in found)


def test_a_region_is_named_by_code_and_side(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    (site,) = items(group_of(sr, "E-000001 thalamus_left"), meaning="Finding Site")

    (side,) = items(site)
    assert site.ConceptCodeSequence[0].CodeValue == "42695009"
    assert (side.ConceptNameCodeSequence[0].CodeMeaning, side.ConceptCodeSequence[0].CodeValue) == ("Laterality", "7771000")


def test_the_reference_region_is_said_to_be_one(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    named = [(next(items(g, meaning="Tracking Identifier")).TextValue, list(items(g, meaning="Role of a region"))) for g in groups(sr)]
    roles = {name: [item.ConceptCodeSequence[0].CodeValue for item in found] for name, found in named if found}
    assert roles == {"E-000001 cerebellar_gm": ["REFERENCE"]}


def test_each_lesion_cites_its_own_segment_by_the_same_tracking_uid(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    (lesions,) = encode_lesions(phantom.material(EVERYTHING, tmp_path))
    seg = dcmread(lesions.path)

    sr = report(phantom, tmp_path)

    by_number = {item.SegmentNumber: item for item in seg.SegmentSequence}
    for lesion in phantom.result.lesions:
        group = group_of(sr, f"E-000001 lesion {lesion.number}", kind="NUM")
        (cited,) = items(group, meaning="Referenced Segment")
        reference = cited.ReferencedSOPSequence[0]
        segment = by_number[reference.ReferencedSegmentNumber]
        assert reference.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert reference.ReferencedSOPClassUID == seg.SOPClassUID
        assert segment.TrackingUID == next(items(group, meaning="Tracking Unique Identifier")).UID == lesion.tracking_uid
        assert segment.TrackingID == f"E-000001 lesion {lesion.number}"


def test_the_point_of_a_lesion_lies_in_its_segment_on_a_slice(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    flair = phantom.exam.flair
    assert flair is not None
    (lesions,) = encode_lesions(phantom.material(EVERYTHING, tmp_path))
    drawn = voxels(dcmread(lesions.path), phantom)

    sr = report(phantom, tmp_path)

    for number, lesion in enumerate(phantom.result.lesions, start=1):
        group = group_of(sr, f"E-000001 lesion {lesion.number}", kind="SCOORD3D")
        (point,) = items(group, kind="SCOORD3D")
        assert (point.GraphicType, point.ReferencedFrameOfReferenceUID) == ("POINT", flair.volume.frame_of_reference_uid)
        assert lesion.tracking_uid == next(items(group, meaning="Tracking Unique Identifier")).UID
        index = flair.volume.index_from_lps @ [*point.GraphicData, 1.0]
        assert index == pytest.approx(np.round(index), abs=1e-4)
        assert drawn[number][tuple(np.round(index[:3]).astype(int))]
        assert not numbers(group)


@pytest.mark.parametrize("plan", [Plan(), Plan(lesions=0), Plan(flair=False, lesions=0)])
def test_every_group_with_numbers_has_a_group_with_a_point_in_it(tmp_path: Path, plan: Plan) -> None:
    """A viewer was seen to draw nothing at all where one group had none."""
    phantom = rich_phantom(tmp_path, plan)
    none = phantom.result.raised.like(np.zeros_like(phantom.result.raised.array))
    material = phantom.material()
    grid_, regions = material.reading.volume, {region.name: region.mask for region in phantom.segmentation.regions}

    sr = report(phantom.with_result(raised=none) if not plan.lesions else phantom, tmp_path)

    tracked = [(next(items(g, meaning="Tracking Unique Identifier")).UID, g) for g in groups(sr)]
    by_kind = {kind: [uid for uid, g in tracked if any(items(g, kind=kind))] for kind in ("NUM", "SCOORD3D")}
    assert by_kind["NUM"] == by_kind["SCOORD3D"]
    for group in groups(sr):
        name = next(items(group, meaning="Tracking Identifier")).TextValue.removeprefix("E-000001 ")
        for point in items(group, kind="SCOORD3D"):
            index = grid_.index_from_lps @ [*point.GraphicData, 1.0]
            assert index == pytest.approx(np.round(index), abs=1e-4)
            if name in regions:
                there = regions[name].index_from_lps @ [*material.t1_from_reading.apply(np.array(point.GraphicData)), 1.0]
                near = np.argwhere(regions[name].array)
                assert np.abs(near - there[:3]).max(axis=1).min() < 1.5  # half a voxel of each grid


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20, unique=True))
def test_the_point_of_a_lesion_is_one_of_its_voxels_and_none_lies_nearer_to_the_centroid(places: list[tuple[int, int, int]]) -> None:
    volume = grid((10, 10, 10), AXIAL, (3, 1, 2), "1.2.9.1")
    share = np.zeros((6, 6, 6), bool)
    share[tuple(np.array(places).T)] = True

    point = np.array(representative_point(Patch((3, 2, 1), share), volume))

    points = np.add(places, (3, 2, 1)) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    distance = np.linalg.norm(points - points.mean(axis=0), axis=1)
    assert np.linalg.norm(points - point, axis=1).min() == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(point - points.mean(axis=0)) == pytest.approx(distance.min())


def test_lesions_that_share_a_segment_cite_none_and_keep_their_numbers(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=MOST_SEGMENTS + 2))

    sr = report(phantom, tmp_path)

    last = group_of(sr, f"E-000001 lesion {MOST_SEGMENTS}", kind="NUM")
    assert not list(items(last, meaning="Referenced Segment"))
    assert ("99EMBER", "SUVR-RIM") in numbers(last)
    assert group_of(sr, f"E-000001 lesion {MOST_SEGMENTS}", kind="SCOORD3D")
    assert list(items(group_of(sr, f"E-000001 lesion {MOST_SEGMENTS - 1}", kind="NUM"), meaning="Referenced Segment"))


@pytest.mark.parametrize(
    ("origin", "lesions", "expected"),
    [(LesionOrigin.FOUND, 4, "Present"), (LesionOrigin.FOUND, 0, "Absent"), (LesionOrigin.NONE, 0, "Not assessed")],
)
def test_none_found_is_said_and_differs_from_not_assessed(tmp_path: Path, origin: LesionOrigin, lesions: int, expected: str) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=lesions))
    phantom = replace(phantom, segmentation=replace(phantom.segmentation, lesion_origin=origin))

    assert statement(report(phantom, tmp_path), "Lesion of brain") == expected


def test_raised_signal_is_said_to_be_there_or_not(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    none = phantom.result.raised.like(np.zeros_like(phantom.result.raised.array))

    assert statement(report(phantom, tmp_path), "Region of raised TSPO signal") == "Present"
    assert statement(report(phantom.with_result(raised=none), tmp_path), "Region of raised TSPO signal") == "Absent"


def test_each_point_says_what_it_is(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    said = {
        name: next(items(group_of(sr, f"E-000001 {name}", kind="SCOORD3D"), meaning="Comment")).TextValue
        for name in ("lesion 1", "lesion 2", "thalamus_left", "reference", "lesions")
    }
    assert said == {
        "lesion 1": "Lesion 1, deep white matter, rim-active: SUVR core 1.40, rim 1.20",
        "lesion 2": "Lesion 2, deep white matter, overall-active: SUVR rim 1.20",
        "thalamus_left": "Thalamus, left: SUVR 1.29",
        "reference": "Reference: k2' 0.07 /min",
        "lesions": "Lesions: Count 4.00",
    }


def test_what_did_not_pass_and_what_was_not_computed_is_said(tmp_path: Path) -> None:
    sr = report(make_phantom(tmp_path), tmp_path)

    assert texts(sr, "Check that did not pass") == ["warning: The TSPO genotype is not known."]
    assert texts(sr, "What was not computed, and why") == ["No z-score: the node has no norm for this tracer."]
    assert texts(sr, "What this report may be used for") == ["RESEARCH USE ONLY - not for diagnosis or treatment decisions"]
    assert texts(sr, "Summary") == ["TSPO signal in the thalamus is 1.30 times that of the cerebellar grey matter."]
    assert statement(sr, "TSPO rs6971 binding class") == "Not known"
    assert statement(sr, "Radiopharmaceutical agent") == "[18F]DPA-714"


def test_texts_are_ascii_whatever_the_study_is_written_in(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path, Plan(charset=("", "ISO 2022 IR 87"), name="Y^T=山田^太郎"))
    odd = Check("odd", False, "Größe ≥ 2 × 3 mm²; k2′ – µ山")

    sr = report(phantom.with_result(checks=(odd,)), tmp_path)

    assert texts(sr, "Check that did not pass") == ["warning: Gr??e >= 2 x 3 mm2; k2' - u?"]
    assert str(sr.PatientName) == "Y^T=山田^太郎"


def test_nothing_is_cited_that_is_not_written(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    without = EncodeOptions(objects=("report", "lesions"))

    everything, fewer = report(phantom, tmp_path), report(phantom, tmp_path, without)

    kinds = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for g in groups(fewer) for item in items(g, meaning="Referenced Segment")
    }
    assert len(kinds) == 1
    assert fewer.SOPInstanceUID != everything.SOPInstanceUID
    assert [numbers(g) for g in groups(fewer)] == [numbers(g) for g in groups(everything)]


@pytest.mark.parametrize("studies", [1, 2])
def test_everything_that_is_cited_is_evidence(tmp_path: Path, studies: int) -> None:
    phantom = rich_phantom(tmp_path, Plan(studies=studies))
    folder = tmp_path / "out"
    folder.mkdir()
    options = EncodeOptions(objects=("lesions", "raised", "regions", "report"))

    written = encode(*phantom.parts, storage=tmp_path, folder=folder, options=options)
    sr = dcmread(next(e.path for e in written if e.kind is Kind.REPORT))

    there = {path.stem for path in (*tmp_path.glob("*.dcm"), *folder.glob("*.dcm"))}
    own, other = sr.CurrentRequestedProcedureEvidenceSequence, sr.get("PertinentOtherEvidenceSequence", [])
    listed = {
        i.ReferencedSOPInstanceUID
        for study in (*own, *other)
        for series in study.ReferencedSeriesSequence
        for i in series.ReferencedSOPSequence
    }
    cited = {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in _all(sr) if item.ValueType == "IMAGE"}
    assert cited < listed <= there
    assert {image.sop_instance_uid for image in phantom.material().reading.source.instances} <= listed
    assert {study.StudyInstanceUID for study in own} == {"1.2.3.2"}
    assert {study.StudyInstanceUID for study in other} == ({"1.2.3.1"} if studies == 2 else set())


def test_the_same_report_is_written_twice_byte_for_byte(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)

    (first,) = encode_report(phantom.material(EVERYTHING, tmp_path))
    before = first.path.read_bytes()
    (second,) = encode_report(phantom.material(EVERYTHING, tmp_path))

    assert second.path.read_bytes() == before


def test_highdicom_reads_the_groups_back(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    (encoded,) = encode_report(phantom.material(EVERYTHING, tmp_path))

    content = hd.sr.srread(encoded.path).content

    volumetric = content.get_volumetric_roi_measurement_groups(tracking_uid="1.2.7.1")
    planar = content.get_planar_roi_measurement_groups(tracking_uid="1.2.7.1", graphic_type=hd.sr.GraphicTypeValues3D.POINT)
    assert len(volumetric) == len(planar) == 1
    assert volumetric[0].referenced_segment.referenced_segment_numbers == [1]
    assert [m.value for m in volumetric[0].get_measurements() if m.name.value == "SUVR-CORE"] == [1.4]
    assert planar[0].roi.graphic_type is hd.sr.GraphicTypeValues3D.POINT


@pytest.mark.peer("dciodvfy", "dcentvfy", "dsrdump")
@pytest.mark.parametrize("plan", [Plan(), Plan(studies=1, lesions=0), Plan(enhanced=True), Plan(flair=False, lesions=0)])
def test_judges_find_no_fault_and_dcmtk_parses_it(tmp_path: Path, plan: Plan) -> None:
    phantom = rich_phantom(tmp_path, plan)
    folder = tmp_path / "out"
    folder.mkdir()

    (encoded,) = encode_report(phantom.material(EVERYTHING, folder))

    done = subprocess.run([command("dsrdump"), "+Pc", str(encoded.path)], capture_output=True, text=True, check=False)
    assert complaints([encoded.path], sorted(tmp_path.glob("*.dcm"))) == []
    assert done.returncode == 0
    assert not done.stderr
    assert "thalamus" in done.stdout.lower()


@pytest.mark.peer("tid1500reader")
def test_dcmqi_reads_every_number_of_the_groups_that_cite_a_segment(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    (encoded,) = encode_report(phantom.material(EVERYTHING, tmp_path))
    words = [command("tid1500reader"), "--inputDICOM", str(encoded.path), "--outputMetadata", str(tmp_path / "sr.json")]
    subprocess.run(words, capture_output=True, check=True)

    read = {}
    for group in json.loads((tmp_path / "sr.json").read_text())["Measurements"]:
        if "ReferencedSegment" in group:
            values = {item["quantity"]["CodeValue"]: float(item["value"]) for item in group["measurementItems"]}
            read[group["TrackingIdentifier"]] = values

    sr = dcmread(encoded.path)
    ours = {
        next(items(g, meaning="Tracking Identifier")).TextValue: {code: value for (_, code), (value, _) in numbers(g).items()}
        for g in groups(sr)
        if any(items(g, meaning="Referenced Segment"))
    }
    assert read == {name: pytest.approx(values) for name, values in ours.items()}
    assert len(read) == 4 + 4 + 1  # lesions, regions, raised


def test_the_title_is_the_one_from_which_viewers_draw(tmp_path: Path) -> None:
    sr = report(rich_phantom(tmp_path), tmp_path)

    assert (sr.ConceptNameCodeSequence[0].CodeValue, sr.ContentTemplateSequence[0].TemplateIdentifier) == ("126000", "1500")
    assert (sr.CompletionFlag, sr.VerificationFlag, sr.PreliminaryFlag) == ("COMPLETE", "UNVERIFIED", "PRELIMINARY")


def test_every_concept_fits_its_value_representation(tmp_path: Path) -> None:
    for item in _all(report(rich_phantom(tmp_path), tmp_path)):
        for code in (*item.get("ConceptNameCodeSequence", []), *item.get("ConceptCodeSequence", [])):
            assert len(code.CodeValue) <= 16
            assert len(code.CodeMeaning) <= 64


def test_every_part_of_a_lesion_and_every_place_has_a_concept() -> None:
    parts = ("CORE", "RIM", "BG", "CORE-UNMIX", "RIM-UNMIX", "BG-UNMIX", "DIFF-UNMIX")
    made = [lesion_concept(q, part) for q in (Quantity.SUVR, Quantity.DVR, Quantity.CONTRAST) for part in parts]

    assert len({code.value for code in made}) == len(made)
    assert all(len(code.meaning) <= 64 for code in made)
    assert set(PLACES) == {"periventricular", "juxtacortical", "infratentorial", "deep white matter"}


def test_a_unit_that_the_report_does_not_know_is_our_fault() -> None:
    with pytest.raises(ValueError, match="found 'furlong' for SUVR of nawm"):
        finding_unit(Finding("nawm", Quantity.SUVR, 1.0, "furlong", None, ""))


def _all(node: Dataset) -> Iterator[Dataset]:
    for item in node.get("ContentSequence", []):
        yield item
        yield from _all(item)
