"""Who drew the lesions, as the SEG says it: the node, a program of the site, another product, or a person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from encode_phantom import Phantom, make_phantom
from pydicom import Dataset, dcmread
from rich_phantom import rich_phantom

from benchmarks.conformance import complaints
from node.domain.exam import LesionImport
from node.domain.result import LesionOrigin
from node.encode.lesion_methods import of_import
from node.encode.segmentation import encode_lesions, encode_rims
from node.encode.segments import one_line


def with_origin(phantom: Phantom, origin: LesionOrigin) -> Phantom:
    return replace(phantom, segmentation=replace(phantom.segmentation, lesion_origin=origin))


def imported(phantom: Phantom, kind: str, *, by_reader: bool = False) -> Phantom:
    """The same with lesions of a SEG that came with the exam: ours, as another product would write it."""
    (own,) = encode_lesions(phantom.material(folder=phantom.storage))
    seg = dcmread(own.path)
    for item in seg.SegmentSequence:
        item.SegmentAlgorithmType = kind
        if kind == "MANUAL":
            del item.SegmentAlgorithmName, item.SegmentationAlgorithmIdentificationSequence
        else:
            item.SegmentAlgorithmName = "Finder"
            item.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName = "Finder"
            item.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion = "4.2"
    seg.Manufacturer = "Other"
    seg.save_as(own.path)
    assert phantom.exam.flair is not None
    instance = replace(phantom.exam.flair.source.instances[0], sop_instance_uid=own.sop_instance_uid, path=own.path.name)
    source = replace(phantom.exam.flair.source, series_uid="1.2.60", modality="SEG", instances=(instance,))
    drawn = LesionImport(phantom.segmentation.lesions, source, "Other Workstation", by_reader=by_reader)
    return replace(with_origin(phantom, LesionOrigin.IMPORTED), exam=replace(phantom.exam, lesions=drawn))


def segment(phantom: Phantom, folder: Path) -> Dataset:
    """The first lesion's, written by the node."""
    folder.mkdir(exist_ok=True)
    (encoded,) = encode_lesions(phantom.material(folder=folder))
    return dcmread(encoded.path).SegmentSequence[0]


def test_what_the_node_found_is_automatic_by_the_node(tmp_path: Path) -> None:
    item = segment(make_phantom(tmp_path), tmp_path)

    assert (item.SegmentAlgorithmType, item.SegmentAlgorithmName) == ("AUTOMATIC", "Ember: Lesion finder on FLAIR")
    assert item.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion == "Ember 0.1.0"


@pytest.mark.parametrize(
    ("kind", "by_reader", "expected"),
    [
        ("MANUAL", True, ("MANUAL", None, None)),
        ("SEMIAUTOMATIC", True, ("SEMIAUTOMATIC", "Finder", "4.2")),
        ("AUTOMATIC", False, ("AUTOMATIC", "Finder", "4.2")),
        ("AUTOMATIC", True, ("SEMIAUTOMATIC", "Finder", "4.2")),
    ],
)
def test_what_was_imported_stays_whose_it_was(tmp_path: Path, kind: str, by_reader: bool, expected: tuple[str | None, ...]) -> None:
    item = segment(imported(make_phantom(tmp_path), kind, by_reader=by_reader), tmp_path / "out")

    identified = item.get("SegmentationAlgorithmIdentificationSequence")
    version = identified[0].AlgorithmVersion if identified else None
    assert (item.SegmentAlgorithmType, item.get("SegmentAlgorithmName"), version) == expected
    assert item.SegmentDescription == "Drawn elsewhere (Other Workstation); carried onto the images that it is shown on"


def test_a_seg_that_names_no_algorithm_is_told_by_its_product(tmp_path: Path) -> None:
    drawn = imported(make_phantom(tmp_path), "AUTOMATIC").exam.lesions
    assert drawn is not None
    bare = Dataset()
    bare.SegmentSequence = [Dataset()]
    bare.SegmentSequence[0].SegmentAlgorithmType = "AUTOMATIC"

    how = of_import(drawn, bare)

    assert (how.kind, how.name, how.version) == ("AUTOMATIC", "Other Workstation", "not told")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ((("lesion program", "LST-AI 1.2.0"), ("lesion program version", "1.2.0")), ("LST-AI", "1.2.0")),
        ((("lesion program", "Our own finder"),), ("Our own finder", "not told")),
        ((), ("program of the site", "not told")),
    ],
)
def test_a_program_of_the_site_is_named(tmp_path: Path, parameters: tuple[tuple[str, str], ...], expected: tuple[str, str]) -> None:
    phantom = with_origin(make_phantom(tmp_path), LesionOrigin.PROGRAM)

    item = segment(phantom.with_result(provenance=replace(phantom.result.provenance, parameters=parameters)), tmp_path)

    identified = item.SegmentationAlgorithmIdentificationSequence[0]
    assert item.SegmentAlgorithmType == "AUTOMATIC"
    assert (item.SegmentAlgorithmName, identified.AlgorithmVersion) == expected
    assert identified.AlgorithmName == expected[0]


def test_rims_are_the_nodes_whoever_drew_the_lesions(tmp_path: Path) -> None:
    (rims,) = encode_rims(imported(rich_phantom(tmp_path), "MANUAL").material(folder=tmp_path))

    assert dcmread(rims.path).SegmentSequence[0].SegmentAlgorithmName == "Ember: Distance from a lesion"


def test_a_label_is_one_value_whatever_a_site_calls_a_region() -> None:
    assert one_line("Left\\Right – größer " + "x" * 80) == "Left/Right - gro?er " + "x" * 44


@pytest.mark.peer("dciodvfy", "dcentvfy", "segimage2itkimage")
@pytest.mark.parametrize("kind", ["MANUAL", "SEMIAUTOMATIC"])
def test_judges_find_no_fault_with_imported_lesions(tmp_path: Path, kind: str) -> None:
    phantom = imported(make_phantom(tmp_path), kind)
    (tmp_path / "out").mkdir()

    (encoded,) = encode_lesions(phantom.material(folder=tmp_path / "out"))

    assert complaints([encoded.path], []) == []
