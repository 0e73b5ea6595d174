"""Other people's readers of a report: highdicom, DCMTK, dcmqi, and dciodvfy as its judge."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import pytest
from earlier_exam import HISTORY
from encode_phantom import Plan
from pydicom import dcmread
from report_reading import EVERYTHING, groups, items, numbers
from rich_phantom import rich_phantom

from benchmarks.conformance import complaints
from benchmarks.peers import command
from node.domain.result import Norm
from node.encode.structured_report import encode_report


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


@pytest.mark.peer("dciodvfy", "dcentvfy", "dsrdump")
def test_judges_find_no_fault_with_a_report_of_a_follow_up(tmp_path: Path) -> None:
    phantom = rich_phantom(tmp_path)
    norm = Norm(1.0, 0.9, 1.1, 2.5, "40 healthy people")
    phantom = phantom.with_result(findings=tuple(replace(finding, norm=norm) for finding in phantom.result.findings))
    folder = tmp_path / "out"
    folder.mkdir()

    (encoded,) = encode_report(phantom.material(EVERYTHING, folder, HISTORY))

    done = subprocess.run([command("dsrdump"), "+Pc", str(encoded.path)], capture_output=True, text=True, check=False)
    assert complaints([encoded.path], sorted(tmp_path.glob("*.dcm"))) == []
    assert (done.returncode, done.stderr) == (0, "")


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
