"""The web port with senders that nobody here wrote: Orthanc's DICOMweb plugin, and curl."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from network import dataset_bytes, instance, write
from web_site import HEADERS, WebSite, multipart, serving_web

from benchmarks.peers import Orthanc, send
from node.receive.dicomweb.tokens import new_token

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
TOKEN, LINE = new_token("orthanc")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    (tmp_path / "tokens").write_text(LINE)
    with serving_web(tmp_path, tokens=tmp_path / "tokens") as site:
        yield site


class Sender(Orthanc):
    """An Orthanc that knows us as a DICOMweb server."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, plugins=[str(PLUGIN)])
        tokens = {"ember": TOKEN, "stranger": "wrong"}
        self._servers = {name: {"Url": f"{url}/", "HttpHeaders": {"Authorization": f"Bearer {token}"}} for name, token in tokens.items()}

    def stow(self, server: str) -> dict[str, Any]:
        """Send all that it holds."""
        everything = json.dumps({"Resources": self._get("/instances"), "Synchronous": True}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/dicom-web/servers/{server}/stow", everything, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.loads(answer.read()))

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": self._servers}}


@pytest.mark.peer("Orthanc", "storescu")
@pytest.mark.skipif(not PLUGIN.is_file(), reason=f"needs {PLUGIN.name} (Debian package orthanc-dicomweb)")
def test_orthanc_sends_here_by_stow_and_its_bytes_arrive(site: WebSite, tmp_path: Path) -> None:
    paths = [write(instance(number, size=128), tmp_path / "scanner") for number in range(30)]
    with Sender(tmp_path / "orthanc", site.url) as orthanc:
        send(paths, orthanc.dicom_port, called=orthanc.ae_title)
        with pytest.raises(urllib.error.HTTPError):
            orthanc.stow("stranger")
        assert site.inlet.comings == []
        orthanc.stow("ember")

    kept = {coming.arriving.sop_instance_uid: bytes(coming.dataset) for coming in site.inlet.kept}
    assert kept == {path.stem: dataset_bytes(path) for path in paths}
    assert {caller.peer for caller in site.inlet.callers.values()} == {"orthanc"}
    assert set(site.inlet.ends.values()) == {"released"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl (Debian package curl)")
@pytest.mark.parametrize("words", [[], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"]], ids=["length", "chunked", "HTTP/1.0"])
def test_curl_sends_here(site: WebSite, tmp_path: Path, words: list[str]) -> None:
    body = tmp_path / "body"
    body.write_bytes(multipart([write(instance(number, size=128), tmp_path / "files").read_bytes() for number in range(20)]))
    headers = [word for name, value in HEADERS.items() for word in ("-H", f"{name}: {value}")]
    command = ["curl", "-sS", "-w", "%{http_code}", "-o", str(tmp_path / "answer"), *headers, *words, "--data-binary", f"@{body}"]
    urls = f"{site.url}/studies"
    welcome = subprocess.run([*command, "-H", f"Authorization: Bearer {TOKEN}", urls], capture_output=True, text=True, timeout=30)
    answer = json.loads((tmp_path / "answer").read_text())
    stranger = subprocess.run([*command, urls], capture_output=True, text=True, timeout=30)

    assert (welcome.stdout, stranger.stdout) == ("200", "401")
    assert len(answer["00081199"]["Value"]) == len(site.inlet.kept) == 20
