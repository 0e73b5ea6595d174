"""By choice: an exam's results in OHIF, in Chromium, on an Orthanc. ``EMBER_OHIF`` names the viewer's ``dist`` folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from benchmarks import exam_accuracy, ohif, truth
from benchmarks.images import centres

pytestmark = [pytest.mark.peer("storescu", "Orthanc"), pytest.mark.slow]

APART_MM = 4.0
"""The lesions are found, not drawn, on voxels of 2 mm."""


@pytest.fixture(scope="module")
def dist() -> Path:
    named = os.environ.get("EMBER_OHIF")
    if named is None:
        pytest.skip("viewer: EMBER_OHIF names no OHIF (npm pack @ohif/app; its package/dist)")
    pytest.importorskip("playwright")
    return Path(named)


@pytest.fixture(scope="module")
def files(two_study_exam: Path, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    keep = tmp_path_factory.mktemp("objects")
    exam_accuracy.run(two_study_exam, keep, timeout_s=900)
    return [path for folder in (two_study_exam / "dicom", keep) for path in sorted(folder.rglob("*.dcm"))]


def test_every_series_opens_and_every_segment_is_drawn_where_it_lies(files: list[Path], dist: Path) -> None:
    rows = ohif.run(files, dist)

    assert {row.modality for row in rows} == {"OT", "PT", "SEG"}
    assert not [(row.description, row.fault) for row in rows if row.fault]


def test_the_lesions_that_are_drawn_lie_on_true_lesions(files: list[Path], two_study_exam: Path) -> None:
    (seg,) = (d for d in map(dcmread, files) if d.Modality == "SEG" and "Lesions" in d.SeriesDescription)
    known = truth.read(two_study_exam / "truth")
    true = centres(known.lesions.affine, known.lesions.array > 0)

    for points in ohif.segment_voxels(seg).values():
        middle = known.t1_from_flair @ np.append(points.mean(0), 1.0)
        assert np.linalg.norm(true[:, :3] - middle[:3], axis=1).min() < APART_MM
