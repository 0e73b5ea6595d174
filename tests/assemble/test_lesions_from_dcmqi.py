"""A SEG as 3D Slicer and ITK-SNAP's users make it: by dcmqi, from a label image, on an oblique MR."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from assemble_dicom import COLUMNS, ROWS, mr_series, store

from benchmarks.peers import command
from node.assemble.header import header_of, read_header
from node.assemble.lesions import read_lesions
from node.assemble.mr import read_mr
from node.assemble.roles import judge
from node.assemble.rules import load_rules
from node.assemble.series import summarise
from node.assemble.stored import StoredInstance
from node.domain.exam import Instance, Role
from node.imaging import to_sitk
from node.settings import shipped_folder

RULES = load_rules(tomllib.loads((shipped_folder() / "rules.toml").read_text(encoding="utf-8")))
SLICES = 8
CATEGORY = {"CodeValue": "49755003", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Morphologically Abnormal Structure"}
LESION = {"CodeValue": "52988006", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Lesion"}


def _metadata(labels: list[int]) -> str:
    segments = [
        {
            "labelID": label,
            "SegmentDescription": f"Segment_{label}",
            "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": CATEGORY,
            "SegmentedPropertyTypeCodeSequence": LESION,
        }
        for label in labels
    ]
    said = {"ContentCreatorName": "Reader^Rhea", "ContentLabel": "LESIONS", "SeriesNumber": "300", "InstanceNumber": "1"}
    return json.dumps(said | {"segmentAttributes": [segments]})


@pytest.mark.peer("itkimage2segimage")
def test_a_seg_by_dcmqi_is_a_readers_and_lies_where_it_was_drawn(tmp_path: Path) -> None:
    turn = np.array([[0.0, 0.0, 1.0], [0.96, 0.28, 0.0], [-0.28, 0.96, 0.0]])
    source = mr_series(slices=SLICES, turn=turn, StudyID="1", AccessionNumber="A", ReferringPhysicianName="")
    images = tmp_path / "mr"
    images.mkdir()
    t1 = read_mr(store(source, images), Role.T1, images)[0].volume
    drawn = np.zeros((SLICES, ROWS, COLUMNS), dtype=np.uint8)
    drawn[1:3, 2:4, 1:6], drawn[5, 5, 7] = 1, 2
    sitk.WriteImage(to_sitk(t1.like(drawn, unit="1")), str(tmp_path / "labels.nrrd"))
    (tmp_path / "said.json").write_text(_metadata([1, 2]))
    words = ["--inputImageList", "labels.nrrd", "--inputDICOMDirectory", "mr", "--inputMetadata", "said.json", "--outputDICOM", "seg.dcm"]
    subprocess.run([command("itkimage2segimage"), *words], cwd=tmp_path, check=True, capture_output=True)

    header = read_header(tmp_path / "seg.dcm")
    assert judge(summarise([header]), RULES, {}).role is Role.LESION_SEG
    stored = StoredInstance(header, Instance(header.sop_instance_uid, header.sop_class_uid, "seg.dcm", "0" * 64))
    lesions = read_lesions([stored], RULES, tmp_path, mrs={Role.T1: header_of(source[0])})

    assert (lesions.by_reader, lesions.drawn_on, lesions.tracking) == (True, Role.T1, ())
    for label in (1, 2):
        expected = np.argwhere(drawn == label) @ t1.affine[:3, :3].T + t1.affine[:3, 3]
        found = np.argwhere(lesions.labels.array == label) @ lesions.labels.affine[:3, :3].T + lesions.labels.affine[:3, 3]
        np.testing.assert_allclose(_sorted(found), _sorted(expected), atol=1e-3)


def _sorted(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(np.round(points, 2).T)]
