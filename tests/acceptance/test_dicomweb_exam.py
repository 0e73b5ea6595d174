"""An exam over DICOMweb alone: in by STOW-RS, out by STOW-RS and into a folder, both proven, and read back from us."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread

from benchmarks.peers import Orthanc, free_port
from benchmarks.running import RunningNode

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.peer("Orthanc"),
    pytest.mark.skipif(not PLUGIN.is_file(), reason=f"needs {PLUGIN.name} (Debian package orthanc-dicomweb)"),
]

HANDFUL = 50


@dataclass(frozen=True)
class Site:
    """A node whose exam has ended, the client that brought the images, and where the results went."""

    exam: dict[str, Any]
    client: DICOMwebClient
    archive: list[Path]
    share: list[Path]
    frozen: dict[str, bytes]


@pytest.fixture(scope="module")
def site(small_exam: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("dicomweb"), free_port()
    share = folder / "share"
    share.mkdir()
    (folder / "node").mkdir()
    with Orthanc(folder / "orthanc", plugins=[str(PLUGIN)]) as orthanc, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client warns of what it reads between the lines
        archive = f'name = "archive"\nkind = "stow"\nurl = "http://127.0.0.1:{orthanc.http_port}/dicom-web"'
        folders = f'name = "share"\nkind = "folder"\nfolder = "{share}"'
        more = f"[web]\nport = {port}\n[[destination]]\n{archive}\n[[destination]]\n{folders}"
        with RunningNode(folder / "node", more=more) as node:
            client = DICOMwebClient(f"http://127.0.0.1:{port}/dicom-web")
            bring(client, sorted(path for path in (small_exam / "dicom").rglob("*") if path.is_file()))
            (exam,) = node.wait(timeout_s=900)
            frozen = {path.stem: path.read_bytes() for path in (node.storage / "exams").rglob("*.dcm")}
            yield Site(node.show(exam["exam"]), client, orthanc.download(folder / "arrived"), sorted(share.rglob("*.dcm")), frozen)


def bring(client: DICOMwebClient, paths: list[Path]) -> None:
    """Store all, a handful a request, once the port listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            client.search_for_studies(limit=1)
            break
        except OSError:
            assert time.monotonic() < deadline, "the web port does not listen"
            time.sleep(0.2)
    for begin in range(0, len(paths), HANDFUL):
        handful = [dcmread(path) for path in paths[begin : begin + HANDFUL]]
        assert len(client.store_instances(handful).ReferencedSOPSequence) == len(handful)


def test_every_result_is_proven_at_both_places(site: Site) -> None:
    assert site.exam["state"] == "DELIVERED", site.exam["reason"]
    assert {(row["destination"], row["state"]) for row in site.exam["deliveries"]} == {("archive", "proven"), ("share", "proven")}


def test_the_share_holds_the_frozen_bytes_and_names_nobody(site: Site) -> None:
    assert {path.stem: path.read_bytes() for path in site.share} == site.frozen
    assert all(path.parent.parent.name == "E00001-v1" for path in site.share)
    assert not any("Demo" in str(path.relative_to(path.parents[3])) for path in site.share)


def test_the_archive_holds_every_result_once(site: Site) -> None:
    assert {path.stem for path in site.archive} == site.frozen.keys()


def test_the_results_are_found_here_and_given_out_with_their_bytes(site: Site) -> None:
    time.sleep(1.1)  # the index looks again after a second
    (study,) = site.client.search_for_studies()
    uid = study["0020000D"]["Value"][0]
    series = site.client.search_for_series(uid)
    retrieved = list(site.client.retrieve_study(uid))

    assert {dataset.SOPInstanceUID for dataset in retrieved} == site.frozen.keys()
    assert sum(one["00201209"]["Value"][0] for one in series) == len(site.frozen)
    assert len(site.client.retrieve_study_metadata(uid)) == len(site.frozen)
    assert site.client.search_for_studies(search_filters={"PatientID": "NOBODY"}) == []
