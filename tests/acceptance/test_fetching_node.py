"""A whole node gets a PET alone and fetches the MR from Orthanc, by C-GET, by C-MOVE to its own receiver, and by WADO-RS."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from benchmarks.peers import Orthanc, send
from benchmarks.running import RunningNode

pytestmark = [pytest.mark.peer("Orthanc", "storescu"), pytest.mark.slow]

WEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
BEGUN = ("ASSEMBLED", "ALIGNED", "SEGMENTED", "QUANTIFIED", "ENCODED", "DELIVERED")


class FetchingNode(RunningNode):
    """A node that may fetch from an Orthanc."""

    def __init__(self, folder: Path, archive: Orthanc, by: str) -> None:
        super().__init__(folder)
        self._archive, self._by = archive, by

    def _write_settings(self) -> None:
        super()._write_settings()
        archive = self._archive
        lines = [
            "[[peer]]",
            'name = "archive"',
            f'ae_titles = ["{archive.ae_title}"]',
            'host = "127.0.0.1"',
            f"port = {archive.dicom_port}",
        ]
        lines += [f'ae_title = "{archive.ae_title}"', 'ask = "images"', f'fetch_by = "{self._by}"']
        lines += [f'url = "http://127.0.0.1:{archive.http_port}/dicom-web"'] if self._by == "dicomweb" else []
        lines += ["[retrieve]", "missing_roles = true", "after_quiet_s = 1"]
        with (self.folder / "config" / "node.toml").open("a") as file:
            file.write("\n".join(lines) + "\n")


@pytest.mark.parametrize("by", ["get", "move", "dicomweb"])
def test_a_pet_alone_gets_its_mr_from_the_archive(small_exam: Path, tmp_path: Path, by: str) -> None:
    dicom = small_exam / "dicom"
    if by == "dicomweb" and not Path(WEB).exists():
        pytest.skip(f"needs {WEB} (Debian package orthanc-dicomweb)")
    plugins = [WEB] if by == "dicomweb" else []
    with Orthanc(tmp_path / "archive", plugins=plugins) as archive, FetchingNode(tmp_path / "node", archive, by) as node:
        send(sorted(dicom.glob("MR_*/*.dcm")), archive.dicom_port, called=archive.ae_title)
        known = json.dumps({"AET": node.ae_title, "Host": "127.0.0.1", "Port": node.port}).encode()
        urlopen(Request(f"http://127.0.0.1:{archive.http_port}/modalities/ember", known, method="PUT"), timeout=5).close()
        send(sorted(dicom.glob("PET/*.dcm")), node.port, called=node.ae_title)
        deadline = time.monotonic() + 240
        while not (exams := node.exams()) or exams[0]["state"] not in BEGUN:
            assert time.monotonic() < deadline, (exams, node.log[-3000:])
            time.sleep(1)
        shown = node.show("E00001")
    fetched = {row["purpose"]: (row["state"], row["kept"] == row["expected"]) for row in shown["fetches"]}
    assert fetched == {"T1": ("fetched", True), "FLAIR": ("fetched", True)}
    assert set(shown["plan"]["series"]) == {"PET", "T1", "FLAIR"}
