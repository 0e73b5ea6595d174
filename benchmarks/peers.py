"""Programs that nobody here wrote: where they are, Orthanc as a PACS, DCMTK's storescu as a scanner."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pydicom

PACKAGES = {
    "storescu": "Debian package dcmtk",
    "echoscu": "Debian package dcmtk",
    "openssl": "Debian package openssl",
    "storescp": "Debian package dcmtk",
    "findscu": "Debian package dcmtk",
    "dcmqrscp": "Debian package dcmtk",
    "dcmdump": "Debian package dcmtk",
    "dcm2pdf": "Debian package dcmtk",
    "dcmcjpeg": "Debian package dcmtk",
    "dcmcjpls": "Debian package dcmtk",
    "dcmcrle": "Debian package dcmtk",
    "Orthanc": "Debian package orthanc",
    "dciodvfy": "Debian package dicom3tools",
    "dcentvfy": "Debian package dicom3tools",
    "gdcmconv": "Debian package libgdcm-tools",
    "segimage2itkimage": "Python package dcmqi",
    "itkimage2segimage": "Python package dcmqi",
    "tid1500reader": "Python package dcmqi",
    "dsrdump": "Debian package dcmtk",
    "paramap2itkimage": "Python package dcmqi",
}
"""Program → where it comes from."""

_PROPOSALS = {
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.57": "-xs",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
    "1.2.840.10008.1.2.1.99": "-xd",
}
"""Transfer syntax → the option with which storescu proposes it; the uncompressed ones need none."""


def find(program: str) -> Path | None:
    """Where a program is. pynetdicom puts programs with DCMTK's names beside Python; only dcmqi's are taken from there."""
    ours = Path(sys.prefix) / "bin"
    if PACKAGES.get(program) == "Python package dcmqi":
        path = str(ours)
    else:
        path = os.pathsep.join(p for p in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(p) != ours)
        path += os.pathsep + "/usr/sbin"
    found = shutil.which(program, path=path)
    return Path(found) if found else None


def command(program: str) -> str:
    """The program's path.

    Raises
    ------
    FileNotFoundError : it is not installed; says in which package it is
    """
    found = find(program)
    if found is None:
        raise FileNotFoundError(f"{program} is not installed ({PACKAGES[program]})")
    return str(found)


def free_port() -> int:
    """A TCP port that nobody holds, on any address: Orthanc binds them all."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


class Orthanc:
    """An Orthanc that plays the PACS, as a context manager.

    Parameters
    ----------
    folder : its storage, settings and log, made where missing
    plugins : paths of shared libraries that it loads
    knows : AE title → port on this machine, of those whom it may call
    """

    ae_title = "TESTPACS"

    def __init__(self, folder: Path, *, plugins: Sequence[str] = (), knows: Mapping[str, int] | None = None) -> None:
        self.folder = folder
        self.dicom_port = free_port()
        self.http_port = free_port()
        self._plugins = list(plugins)
        self._knows = dict(knows or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Orthanc:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "orthanc.json"
        settings.write_text(json.dumps(self._settings()))
        log = (self.folder / "orthanc.log").open("ab")
        environment = {**os.environ, "TCP_NODELAY": "1"}
        self._process = subprocess.Popen([command("Orthanc"), str(settings)], stdout=log, stderr=log, env=environment)
        log.close()
        self._wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, as a PACS that is down."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def count(self) -> int:
        """How many instances it holds."""
        return int(self._get("/statistics")["CountInstances"])

    def download(self, folder: Path) -> list[Path]:
        """Write every instance that it holds as ``<SOP Instance UID>.dcm``."""
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for key in self._get("/instances"):
            uid = self._get(f"/instances/{key}/tags?short")["0008,0018"]
            file = folder / f"{uid}.dcm"
            file.write_bytes(self._read(f"/instances/{key}/file"))
            files.append(file)
        return sorted(files)

    def ask_commitment(self, title: str, instances: Sequence[tuple[str, str]]) -> str:
        """As a scanner: ask whom it knows to commit to instances (SOP class and instance UIDs); the transaction's UID."""
        words = json.dumps({"DicomInstances": [list(one) for one in instances]}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/modalities/{title}/storage-commitment", data=words)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.loads(answer.read())["ID"])

    def commitment(self, transaction: str) -> dict[str, Any]:
        """What it was told of a transaction of its own: Status, Success, Failures."""
        found = self._get(f"/storage-commitment/{transaction}")
        assert isinstance(found, dict)
        return found

    def _settings(self) -> dict[str, Any]:
        return {
            "Name": self.ae_title,
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "Plugins": self._plugins,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAet": self.ae_title,
            "DicomPort": self.dicom_port,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": {title: [title, "127.0.0.1", port] for title, port in self._knows.items()},
            "UnknownSopClassAccepted": True,
            "OverwriteInstances": True,
            "StableAge": 2,
        }

    def _wait(self) -> None:
        for _ in range(300):
            try:
                self._get("/system")
            except OSError:
                assert self._process is not None
                if self._process.poll() is not None:
                    break
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("Orthanc did not start: " + (self.folder / "orthanc.log").read_text()[-2000:])

    def _read(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=30) as answer:
            return bytes(answer.read())

    def _get(self, path: str) -> Any:
        return json.loads(self._read(path))


def send(files: Sequence[Path], port: int, *, called: str, calling: str = "SCANNER", associations: int = 1, seed: int = 0) -> None:
    """Send files with DCMTK's storescu in shuffled order, over several associations at the same time.

    Files in a compressed transfer syntax are proposed as such; each kind needs an association of its own, one after the other.

    Parameters
    ----------
    files : DICOM files
    port : on this machine
    called, calling : AE titles
    associations : how many at one time
    seed : of the order

    Raises
    ------
    RuntimeError : an association was refused, or a file was not answered with Success; says what storescu printed
    """
    order = list(files)
    random.Random(seed).shuffle(order)
    for proposal, group in _by_proposal(order).items():
        shares = [group[start::associations] for start in range(associations)]
        running = [_storescu(share, port, called, calling, proposal) for share in shares if share]
        outputs = [process.communicate()[0] for process in running]
        for process, output in zip(running, outputs, strict=True):
            if process.returncode:
                raise RuntimeError(f"storescu ended with {process.returncode}: {output[-1500:]}")


def _by_proposal(files: Iterable[Path]) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for file in files:
        syntax = str(pydicom.filereader.read_file_meta_info(file).TransferSyntaxUID)
        groups.setdefault(_PROPOSALS.get(syntax, ""), []).append(file)
    return groups


def _storescu(files: list[Path], port: int, called: str, calling: str, proposal: str) -> subprocess.Popen[str]:
    words = [command("storescu"), "-R", "-aet", calling, "-aec", called, *proposal.split(), "127.0.0.1", str(port)]
    base = Path(os.path.commonpath([file.resolve().parent for file in files]))
    words += [str(file.resolve().relative_to(base)) for file in files]  # short, for the limit of a command line
    environment = {**os.environ, "TCP_NODELAY": "1"}
    return subprocess.Popen(words, cwd=base, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
