"""A peer that speaks TLS and wants our certificate is asked and gives; one whose certificate we do not trust is not asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from benchmarks.peers import Orthanc
from node.errors import TemporaryError
from node.retrieve import Wanted, fetch, find_series_counts
from node.settings import Settings
from node.workflow.steps.sources import sources, storage
from tests.authority import Authority, Files
from tests.network import SERIES, STUDY, instance, write
from tests.retrieve.retrieve_inlet import PATIENT, RememberingInlet


class TlsOrthanc(Orthanc):
    """Lets nobody in without a certificate."""

    def __init__(self, folder: Path, files: Files) -> None:
        super().__init__(folder)
        self._files = files

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(self._files.certificate),
            "DicomTlsPrivateKey": str(self._files.key),
            "DicomTlsTrustedCertificates": str(self._files.trusted),
            "DicomTlsRemoteCertificateRequired": True,
        }


def settings(port: int, files: Files) -> Settings:
    return Settings.model_validate(
        {
            "node": {"storage": "unused"},
            "tls": {"certificate": str(files.certificate), "key": str(files.key), "trusted": str(files.trusted)},
            "peer": [
                {
                    "name": "pacs",
                    "ae_titles": ["TESTPACS"],
                    "host": "127.0.0.1",
                    "port": port,
                    "ae_title": "TESTPACS",
                    "tls": True,
                    "ask": "images",
                    "timeout_s": 5,
                }
            ],
        }
    )


@pytest.mark.peer("Orthanc")
def test_a_peer_that_speaks_tls_is_asked_and_gives(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with TlsOrthanc(tmp_path / "pacs", authority.issue("pacs")) as pacs:
        for number in range(3):
            file = write(instance(number), tmp_path / "files")
            urlopen(Request(f"http://127.0.0.1:{pacs.http_port}/instances", file.read_bytes(), method="POST"), timeout=5).close()
        (source,) = sources(settings(pacs.dicom_port, authority.issue("node")))
        assert find_series_counts(source, STUDY) == {SERIES: 3}
        inlet = RememberingInlet()
        done = fetch(source, Wanted(STUDY, SERIES, PATIENT), inlet, calling_ae="EMBER", storage=storage(), tell=lambda _: None)
        assert (done.kept, len(inlet.kept)) == (3, 3)
        (stranger,) = sources(settings(pacs.dicom_port, Authority(tmp_path / "other", "Other CA").issue("node")))
        with pytest.raises(TemporaryError, match="unreachable"):
            find_series_counts(stranger, STUDY)
