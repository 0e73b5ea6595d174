"""Searches among our own results, and what is given out: read by dicomweb-client, and by requests written by hand."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from memory_inlet import MemoryInlet
from network import STUDY, instance, write
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import SecondaryCaptureImageStorage, SegmentationStorage
from web_site import WebSite, serving_web

JSON = {"Accept": "application/dicom+json"}


def result(number: int, *, study: str = STUDY, series: int = 1, **changes: Any) -> Dataset:
    """A result as far as a search is concerned."""
    dataset = instance(number + 100 * series, size=8)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName, dataset.PatientID = "Müller^Änne", "P1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.{series}"
    dataset.SOPInstanceUID = f"{study}.{series}.{number + 1}"
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20260131", "101500", "A-17"
    dataset.SeriesNumber, dataset.SeriesDescription = 900 + series, "TSPO signal"
    asked = Dataset()
    asked.ScheduledProcedureStepID = "STEP1"
    dataset.RequestAttributesSequence = Sequence([asked])
    for name, value in changes.items():
        setattr(dataset, name, value)
    return dataset


def segmentation(number: int) -> Dataset:
    """Three frames of one bit a pixel, 5 × 5, so that none begins with a byte."""
    dataset = result(number, series=3, Modality="SEG", SOPClassUID=SegmentationStorage)
    dataset.Rows = dataset.Columns = 5
    dataset.NumberOfFrames = 3
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = 0
    dataset.PixelData = np.packbits(masks().ravel(), bitorder="little").tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


def masks() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, (3, 5, 5), dtype=np.uint8)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    folder = tmp_path_factory.mktemp("web")
    made = [
        result(0),
        result(1),
        result(0, series=2, Modality="OT", SOPClassUID=SecondaryCaptureImageStorage),
        segmentation(0),
        result(0, study=f"{STUDY}.7", PatientName="Other^One", PatientID="P2", StudyDate="20250101", AccessionNumber=""),
    ]
    with serving_web(folder, inlet=MemoryInlet()) as site:
        site.results.put("E00001/v1", [write(dataset, folder / "outbox") for dataset in made])
        yield site


@pytest.fixture
def client(site: WebSite) -> Iterator[DICOMwebClient]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what it reads between the lines
        yield DICOMwebClient(site.url)


def search(site: WebSite, path: str, **parameters: str) -> list[dict[str, Any]]:
    answer = requests.get(site.url + path, params=parameters, headers=JSON, timeout=10)
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def uids(found: list[dict[str, Any]], tag: str) -> list[str]:
    return sorted(item[tag]["Value"][0] for item in found)


def test_studies_tell_what_the_standard_asks_for(site: WebSite) -> None:
    (study,) = search(site, "/studies", PatientID="P1")

    assert study["0020000D"]["Value"] == [STUDY]
    assert study["00100010"]["Value"] == [{"Alphabetic": "Müller^Änne"}]
    assert study["00080061"]["Value"] == ["MR", "OT", "SEG"]
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([3], [4])
    assert study["00081190"]["Value"] == [f"{site.url}/studies/{STUDY}"]
    assert "00080005" not in study
    assert {"00080020", "00080030", "00080050", "00080056"} <= study.keys()


@pytest.mark.parametrize(
    ("key", "wanted", "expected"),
    [
        ("PatientName", "Müll*", 1),
        ("PatientName", "müll?r^*", 1),
        ("PatientName", "[M]*", 0),
        ("00100020", "P?", 2),
        ("StudyDate", "20260101-", 1),
        ("StudyDate", "-20251231", 1),
        ("StudyDate", "20250101-20260131", 2),
        ("StudyDate", "20260131", 1),
        ("StudyTime", "10-11", 2),
        ("AccessionNumber", "A-17", 1),
        ("AccessionNumber", "", 2),
        ("ModalitiesInStudy", "SEG", 1),
        ("StudyInstanceUID", f"{STUDY},{STUDY}.7", 2),
        ("StudyInstanceUID", f"{STUDY}*", 0),
        ("Modality", "OT", 1),
    ],
)
def test_keys_match_as_the_standard_has_it(site: WebSite, key: str, wanted: str, expected: int) -> None:
    assert len(search(site, "/studies", **{key: wanted})) == expected


def test_series_and_instances_are_found_below_and_everywhere(site: WebSite) -> None:
    assert uids(search(site, f"/studies/{STUDY}/series"), "0020000E") == [f"{STUDY}.{number}" for number in (1, 2, 3)]
    assert len(search(site, "/series")) == 4
    assert len(search(site, "/instances", ModalitiesInStudy="MR", PatientID="P1")) == 2
    assert search(site, "/instances", SOPInstanceUID="1.2.3") == []
    assert len(search(site, f"/studies/{STUDY}/instances")) == 4
    assert uids(search(site, f"/studies/{STUDY}/series/{STUDY}.1/instances"), "00080018") == [f"{STUDY}.1.1", f"{STUDY}.1.2"]
    assert uids(search(site, "/instances", SOPInstanceUID=f"{STUDY}.1.2"), "00080018") == [f"{STUDY}.1.2"]
    assert len(search(site, "/series", **{"RequestAttributesSequence.ScheduledProcedureStepID": "STEP1"})) == 4
    assert search(site, "/series", **{"00400275.00400009": "OTHER"}) == []
    (series,) = search(site, "/series", Modality="SEG")
    assert series["00201209"]["Value"] == [1]
    assert series["0008103E"]["Value"] == ["TSPO signal"]
    (found,) = search(site, "/instances", Modality="SEG")
    assert (found["00280008"]["Value"], found["00280010"]["Value"], found["00280100"]["Value"]) == ([3], [5], [1])


def test_pages_of_results_follow_each_other(site: WebSite) -> None:
    whole = search(site, "/instances")
    pages = [search(site, "/instances", limit="2", offset=str(offset)) for offset in (0, 2, 4, 6)]

    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert list(chain.from_iterable(pages)) == whole
    assert search(site, "/instances", limit="0") == []


def test_more_is_told_where_it_is_asked_for(site: WebSite) -> None:
    plain, some, everything = (
        search(site, "/instances", SOPInstanceUID=f"{STUDY}.1.1", **more)[0]
        for more in ({}, {"includefield": "PhotometricInterpretation,00280101"}, {"includefield": "all"})
    )

    assert "00280004" not in plain
    assert some["00280004"]["Value"] == ["MONOCHROME2"]
    assert some["00280101"]["Value"] == [12]
    assert everything["00280102"]["Value"] == [11]
    assert "7FE00010" not in everything


@pytest.mark.parametrize(
    "parameters", [{"limit": "many"}, {"offset": "-1"}, {"NoSuchKeyword": "1"}, {"00091001": "1"}, {"limit": "9" * 30}]
)
def test_a_query_that_is_none_is_a_bad_request(site: WebSite, parameters: dict[str, str]) -> None:
    assert requests.get(f"{site.url}/studies", params=parameters, headers=JSON, timeout=10).status_code == 400


def test_what_was_not_done_as_asked_is_told(site: WebSite) -> None:
    fuzzy = requests.get(f"{site.url}/studies", params={"PatientName": "Müller^Änne", "fuzzymatching": "true"}, headers=JSON, timeout=10)
    unknown = requests.get(f"{site.url}/studies", params={"ManufacturerModelName": "x"}, headers=JSON, timeout=10)

    assert fuzzy.headers["Warning"].startswith('299 ember "The fuzzymatching parameter is not supported')
    assert len(fuzzy.json()) == 1
    assert "not matched" in unknown.headers["Warning"]


def test_dicomweb_client_searches_and_retrieves_the_frozen_bytes(site: WebSite, client: DICOMwebClient) -> None:
    assert len(client.search_for_studies()) == 2
    assert len(client.search_for_series(STUDY)) == 3
    assert len(client.search_for_instances(STUDY, f"{STUDY}.1", limit=1)) == 1
    held = {one.sop_instance_uid: one.path for one in site.results.objects("E00001/v1")}
    for dataset in client.retrieve_study(STUDY):
        assert dataset == dcmread(held[dataset.SOPInstanceUID])
    assert len(client.retrieve_series(STUDY, f"{STUDY}.1")) == 2
    assert client.retrieve_instance(STUDY, f"{STUDY}.2", f"{STUDY}.2.1").SOPClassUID == SecondaryCaptureImageStorage


def test_files_come_as_they_were_frozen(site: WebSite) -> None:
    path = next(one.path for one in site.results.objects("E00001/v1") if one.sop_instance_uid == f"{STUDY}.1.1")
    url = f"{site.url}/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"
    single = requests.get(url, headers={"Accept": "application/dicom"}, timeout=10)
    related = requests.get(url, headers={"Accept": 'multipart/related; type="application/dicom"'}, timeout=10)

    assert single.content == path.read_bytes()
    assert path.read_bytes() in related.content
    assert len(related.content) == int(related.headers["Content-Length"])


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=*', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90', 406),
        ('multipart/related; type="image/jpeg", multipart/related; type="application/dicom"; q=0.1', 200),
        ('multipart/related; type="application/dicom"; q=0', 406),
        ("multipart/related", 200),
        ("image/png", 406),
        ("application/zip", 406),
        ("application/dicom", 406),
    ],
)
def test_what_is_accepted_decides(site: WebSite, accept: str, status: int) -> None:
    assert requests.get(f"{site.url}/studies/{STUDY}", headers={"Accept": accept}, timeout=10).status_code == status


def test_metadata_tell_where_the_bulk_is_and_it_is_there(site: WebSite, client: DICOMwebClient) -> None:
    metadata = client.retrieve_instance_metadata(STUDY, f"{STUDY}.3", f"{STUDY}.3.1")
    # The client's Host header names no port, and the addresses in our answer are those by which we were called.
    uri = site.url + metadata["7FE00010"]["BulkDataURI"].partition("/dicom-web")[2]
    whole = requests.get(uri, headers={"Accept": "application/octet-stream"}, timeout=10)

    assert whole.content == segmentation(0).PixelData
    assert metadata["00100010"]["Value"][0]["Alphabetic"] == "Müller^Änne"
    assert len(client.retrieve_study_metadata(STUDY)) == 4
    assert requests.get(uri.replace("7FE00010", "00100010"), timeout=10).status_code == 404
    assert requests.get(uri.replace("7FE00010", "nonsense"), timeout=10).status_code == 404


def test_frames_come_apart_even_within_a_byte(site: WebSite, client: DICOMwebClient) -> None:
    found = client.retrieve_instance_frames(
        STUDY, f"{STUDY}.3", f"{STUDY}.3.1", frame_numbers=[3, 1], media_types=(("application/octet-stream", "*"),)
    )

    assert [np.unpackbits(np.frombuffer(frame, np.uint8), count=25, bitorder="little").reshape(5, 5).tolist() for frame in found] == [
        masks()[2].tolist(),
        masks()[0].tolist(),
    ]


@pytest.mark.parametrize(
    ("tail", "status"),
    [
        ("/frames/1", 200),
        ("/frames/2", 404),
        ("/frames/0", 404),
        ("/frames/1,1", 404),
        ("/frames/x", 400),
        ("/rendered", 406),
        ("/frames/1/rendered", 406),
        ("/nonsense", 404),
    ],
)
def test_what_is_not_there_is_told(site: WebSite, tail: str, status: int) -> None:
    assert requests.get(f"{site.url}/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1{tail}", timeout=10).status_code == status


@pytest.mark.parametrize(
    "path", ["/studies/1.2.3", f"/studies/{STUDY}/series/1.2", f"/studies/{STUDY}.7/series/{STUDY}.1", "/studies/..%2f.."]
)
def test_what_is_not_ours_is_not_found(site: WebSite, path: str) -> None:
    for tail in ("", "/metadata"):
        assert requests.get(site.url + path + tail, timeout=10).status_code == 404


def test_results_come_and_go_with_their_version(tmp_path: Path) -> None:
    with serving_web(tmp_path) as site:
        assert search(site, "/studies") == []
        site.results.put("E00001/v1", [write(result(0), tmp_path / "v1"), write(result(1), tmp_path / "v1")])
        look_again(site)
        assert len(search(site, "/instances")) == 2
        site.results.held = {}
        site.results.put("E00001/v2", [write(result(0, series=5), tmp_path / "v2")])
        look_again(site)
        assert uids(search(site, "/instances"), "00080018") == [f"{STUDY}.5.1"]
        assert requests.get(f"{site.url}/studies/{STUDY}/series/{STUDY}.1", timeout=10).status_code == 404


def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "index.db").write_bytes(b"no database at all" * 100)
    with serving_web(tmp_path) as site:
        site.results.put("E00001/v1", [write(result(0), tmp_path / "v1")])
        assert len(search(site, "/instances")) == 1


def test_results_that_cannot_be_read_do_not_hide_the_others(tmp_path: Path) -> None:
    with serving_web(tmp_path) as site:
        paths = [write(result(0), tmp_path / "v1"), write(result(0, series=2), tmp_path / "v2")]
        site.results.put("E00001/v1", paths[:1])
        site.results.put("E00002/v1", paths[1:])
        paths[0].unlink()
        assert uids(search(site, "/instances"), "00080018") == [f"{STUDY}.2.1"]
        paths[1].unlink()
        assert requests.get(f"{site.url}/studies/{STUDY}", timeout=10).status_code == 404


def look_again(site: WebSite) -> None:
    """Without waiting until the index would."""
    site.index._looked = -1e9
