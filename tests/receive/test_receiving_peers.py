"""The whole receiving end with programs that nobody here wrote: by plain TCP and by TLS."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest
from authority import Authority, Files
from knocking import listening
from network import dataset_bytes, instance, wait_until, write
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from benchmarks.peers import command, free_port, send
from node.receive.listener import Door
from node.settings.network import PeerSection
from node.tls import Credentials
from node.workflow.store.tables import quarantine

PEERS = [PeerSection(name="scanner", ae_titles=("MR3T", "SCANNER"))]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def run(*words: str, stdin: int | None = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TCP_NODELAY": "1"}
    return subprocess.run(words, env=environment, text=True, capture_output=True, timeout=60, check=False, stdin=stdin)


def secured(files: Files) -> Sequence[str]:
    """DCMTK's words for a client that shows a certificate."""
    return ("+tls", str(files.key), str(files.certificate), "+cf", str(files.trusted))


@pytest.mark.peer("echoscu")
def test_dcmtk_echo_is_answered(site) -> None:
    assert run(command("echoscu"), "-aet", "MR3T", "-aec", "EMBER", "127.0.0.1", str(site.receiver.port)).returncode == 0


@pytest.mark.peer("storescu")
def test_dcmtk_sends_every_kind_over_two_associations_in_shuffled_order(site, tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "sent") for number in range(20)]
    for number, syntax in enumerate((JPEG2000Lossless, JPEGLSLossless, RLELossless), start=20):
        packed = instance(number, size=64)
        packed.compress(syntax, generate_instance_uid=False)
        paths.append(write(packed, tmp_path / "sent"))

    send(paths, site.receiver.port, called="EMBER", calling="MR3T", associations=2)
    send(paths, site.receiver.port, called="EMBER", calling="MR3T", associations=2, seed=1)
    site.file()

    kept = site.kept()
    assert set(kept) == {path.stem for path in paths}
    assert site.rows(quarantine) == []
    for path in paths[20:]:
        assert dataset_bytes(kept[path.stem]) == dataset_bytes(path)


@pytest.mark.peer("storescu")
def test_dcmtk_sends_by_tls_and_strangers_do_not(authority: Authority, tmp_path: Path) -> None:
    path = write(instance(), tmp_path / "sent")
    door = Door("127.0.0.1", 0, Credentials(authority.issue("node")))
    ours, theirs = authority.issue("scanner"), Authority(tmp_path / "other", "Other CA").issue("scanner")
    stranger = Files(theirs.certificate, theirs.key, authority.file)
    with listening(PEERS, doors=(door,)) as place:
        last = ("-aet", "SCANNER", "-aec", "EMBER", "127.0.0.1", str(place.receiver.port), str(path))
        sent = run(command("storescu"), *secured(ours), *last)
        refused = [run(command("storescu"), *how, *last).returncode for how in (secured(stranger), ("+tla", "-ic"), ())]

    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert 0 not in refused
    ((caller,), kept) = list(place.inlet.callers.values()), place.inlet.kept
    assert (caller.peer, caller.certificate.subject) == ("scanner", "CN=scanner,C=CH")
    assert [bytes(one.dataset) for one in kept] == [dataset_bytes(path)]


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(("words", "spoken"), [(["-tls1_3"], True), (["-tls1_2"], True), (["-tls1_1"], False)])
def test_openssl_shakes_hands_in_versions_of_today_alone(authority: Authority, words: list[str], spoken: bool) -> None:
    files = authority.issue("scanner")
    door = Door("127.0.0.1", 0, Credentials(authority.issue("node")))
    with listening(PEERS, doors=(door,)) as place:
        shown = ["-cert", str(files.certificate), "-key", str(files.key), "-CAfile", str(files.trusted), "-verify_return_error"]
        done = run("openssl", "s_client", "-connect", f"127.0.0.1:{place.receiver.port}", *shown, *words)

    assert ("Verify return code: 0 (ok)" in done.stdout and "Cipher is (NONE)" not in done.stdout) is spoken
    assert "Compression: NONE" in done.stdout or not spoken


@pytest.mark.peer("Orthanc")
def test_orthanc_sends_by_tls(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("orthanc")
    http, path = free_port(), write(instance(), tmp_path / "sent")
    with listening(PEERS, doors=(Door("127.0.0.1", 0, Credentials(authority.issue("node"))),)) as place:
        node = {"AET": "EMBER", "Host": "127.0.0.1", "Port": place.receiver.port, "UseDicomTls": True}
        settings = {
            "StorageDirectory": str(tmp_path / "storage"),
            "IndexDirectory": str(tmp_path / "storage"),
            "HttpPort": http,
            "AuthenticationEnabled": False,
            "DicomServerEnabled": False,
            "DicomAet": "SCANNER",
            "DicomModalities": {"node": node},
            "DicomTlsCertificate": str(files.certificate),
            "DicomTlsPrivateKey": str(files.key),
            "DicomTlsTrustedCertificates": str(files.trusted),
        }
        (tmp_path / "orthanc.json").write_text(json.dumps(settings))
        words = [command("Orthanc"), str(tmp_path / "orthanc.json")]
        process = subprocess.Popen(words, env={**os.environ, "TCP_NODELAY": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: answers(http), 30)
            stored = json.loads(post(http, "/instances", path.read_bytes()))["ID"]
            sent = json.loads(post(http, "/modalities/node/store", stored.encode()))
        finally:
            process.terminate()
            process.wait(30)

    assert sent["FailedInstancesCount"] == 0
    assert [one.arriving.sop_instance_uid for one in place.inlet.kept] == [path.stem]
    ((caller,)) = place.inlet.callers.values()
    assert caller.certificate.subject == "CN=orthanc,C=CH"


def post(port: int, path: str, body: bytes) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/system", timeout=5):
            return True
    except OSError:
        return False
