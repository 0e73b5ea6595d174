"""Senders that nobody here wrote: DCMTK in many moods, and Orthanc."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory_inlet import Port, listening
from network import dataset_bytes, instance, wait_until, write

from benchmarks.peers import command

ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}

pytestmark = pytest.mark.peer("storescu", "echoscu", "Orthanc")


@pytest.fixture
def port() -> Iterator[Port]:
    with listening() as port:
        yield port


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    return [write(instance(number, size=256), tmp_path / "sent") for number in range(4)]


def dcmtk(program: str, port: Port, *words: str, called: str = "EMBER") -> subprocess.CompletedProcess[str]:
    words = (str(command(program)), "-aet", "MR3T", "-aec", called, "127.0.0.1", str(port.number), *words)
    return subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)


def test_echoscu_is_answered(port: Port) -> None:
    assert dcmtk("echoscu", port, "--repeat", "5").returncode == 0


def test_echoscu_that_aborts_harms_nobody(port: Port) -> None:
    assert dcmtk("echoscu", port, "--abort").returncode == 0
    assert dcmtk("echoscu", port).returncode == 0


def test_echoscu_with_128_contexts_is_answered(port: Port) -> None:
    assert dcmtk("echoscu", port, "--propose-pc", "128", "--propose-ts", "38").returncode == 0


def test_echoscu_with_another_name_is_told_why(port: Port) -> None:
    done = dcmtk("echoscu", port, called="OTHER")

    assert done.returncode != 0
    assert "Called AE Title Not Recognized" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--max-send-pdu", "4096"],
        ["--max-send-pdu", "131072"],
        ["--max-pdu", "4096"],
        ["--combine"],
        ["--propose-implicit"],
        ["--required"],
        ["--repeat", "3"],
    ],
    ids=" ".join,
)
def test_storescu_sends_all_its_images(port: Port, images: list[Path], options: list[str]) -> None:
    done = dcmtk("storescu", port, *options, *map(str, images))
    port.settle()

    assert done.returncode == 0, done.stderr
    assert len(port.inlet.kept) == 4 * (3 if "--repeat" in options else 1)
    assert list(port.inlet.ends.values()) == ["released"] * len(port.inlet.ends)
    if "--propose-implicit" not in options:
        assert {bytes(coming.dataset) for coming in port.inlet.kept} == {dataset_bytes(path) for path in images}


def test_storescu_that_aborts_leaves_what_was_answered(port: Port, images: list[Path]) -> None:
    done = dcmtk("storescu", port, "--abort", *map(str, images))
    port.settle()

    assert done.returncode == 0
    assert len(port.inlet.kept) == 4
    assert list(port.inlet.ends.values()) == ["aborted"]


def test_storescu_is_told_that_there_is_no_room(port: Port, images: list[Path]) -> None:
    port.inlet.failing = "begin"
    done = dcmtk("storescu", port, "-v", "--no-halt", *map(str, images))

    assert (done.stdout + done.stderr).count("Refused: OutOfResources") == 4


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def orthanc(tmp_path: Path, port: Port) -> Iterator[str]:
    """The URL of an Orthanc that knows our port as "node"."""
    http = _free_port()
    settings = {
        "Name": "tests",
        "StorageDirectory": str(tmp_path / "orthanc"),
        "IndexDirectory": str(tmp_path / "orthanc"),
        "HttpPort": http,
        "DicomPort": _free_port(),
        "DicomAet": "ORTHANC",
        "DicomModalities": {"node": {"AET": "EMBER", "Host": "127.0.0.1", "Port": port.number, "Manufacturer": "Generic"}},
    }
    file = tmp_path / "orthanc.json"
    file.write_text(json.dumps(settings))
    process = subprocess.Popen([command("Orthanc"), str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    url = f"http://127.0.0.1:{http}"
    try:
        wait_until(lambda: _answers(url), 30)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/system", timeout=2):
            return True
    except OSError:
        time.sleep(0.2)
        return False


def _post(url: str, body: bytes) -> dict[str, object]:
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST"), timeout=60) as answer:
        found = json.loads(answer.read() or b"{}")
    assert isinstance(found, dict)
    return found


def test_orthanc_echoes_and_sends(port: Port, orthanc: str, images: list[Path]) -> None:
    identifiers = [_post(f"{orthanc}/instances", path.read_bytes())["ID"] for path in images]
    _post(f"{orthanc}/modalities/node/echo", b"{}")
    sent = _post(f"{orthanc}/modalities/node/store", json.dumps(identifiers).encode())

    assert (sent["InstancesCount"], sent["FailedInstancesCount"]) == (4, 0)
    assert {coming.arriving.sop_instance_uid for coming in port.inlet.kept} == {path.stem for path in images}
