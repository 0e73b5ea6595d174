"""STOW-RS into the real journal: what was answered 200 is filed, also when the process is killed; a full disk is said so."""

from __future__ import annotations

import os
import signal
import threading
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
import requests
from journals import file_all, journal_in, register_in, rows
from network import dataset_bytes, instance, write
from web_site import HEADERS, multipart, serving_web

SIZES = (16, 96)
"""Of the images: within the journal, and as files of their own beside it."""


def serve(storage: Path, told: int, fatal: int, step: str) -> None:
    """In a process of its own: a web port, killed at a step of the n-th image."""
    calls = count(1)
    journal = journal_in(storage, "web")
    synchronise = os.fdatasync

    def watched(descriptor: int) -> None:
        mine = next(calls)
        if mine == fatal and step == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        synchronise(descriptor)
        if mine == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fdatasync = watched
    with serving_web(storage, inlet=journal) as site:
        os.write(told, f"{site.url}\n".encode())
        threading.Event().wait()


def answered(storage: Path, paths: list[Path], fatal: int, step: str) -> list[str]:
    """The images that a web port had answered 200 before it was killed; two a request."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            serve(storage, writing, fatal, step)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        url = pipe.readline().strip()
    stored: list[str] = []
    try:
        for pair in zip(paths[::2], paths[1::2], strict=True):
            told = post(url, [path.read_bytes() for path in pair]).json()
            stored += [item["00081155"]["Value"][0] for item in told["00081199"]["Value"]]
    except requests.ConnectionError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    return stored


def post(url: str, files: list[bytes]) -> requests.Response:
    return requests.post(f"{url}/studies", data=multipart(files), headers=HEADERS, timeout=10)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", ["before", "after"])
def test_what_was_answered_is_filed_with_its_bytes(tmp_path: Path, size: int, step: str) -> None:
    paths = [write(instance(number, size=size), tmp_path / "scanner") for number in range(12)]
    storage = tmp_path / "storage"
    stored = answered(storage, paths, 9, step)
    store = register_in(storage)
    file_all(storage, store)
    left = {str(row["sop_instance_uid"]) for row in rows(store, "instances")}

    assert 0 < len(stored) < 12
    assert set(stored) <= left
    with serving_web(storage, inlet=(journal := journal_in(storage, "web"))) as site:
        assert post(site.url, [path.read_bytes() for path in paths]).status_code == 200  # the sender tries again
    journal.close()
    file_all(storage, store)
    assert rows(store, "quarantine") == []
    found = {str(row["sop_instance_uid"]): storage / str(row["path"]) for row in rows(store, "instances")}
    assert {uid: dataset_bytes(path) for uid, path in found.items()} == {path.stem: dataset_bytes(path) for path in paths}
    store.close()


def test_a_disk_that_is_too_full_is_answered_507(tmp_path: Path) -> None:
    buffer = BytesIO()
    instance().save_as(buffer, enforce_file_format=True)
    journal = journal_in(tmp_path, "web", min_free_bytes=2**60)
    with serving_web(tmp_path, inlet=journal) as site:
        answer = post(site.url, [buffer.getvalue()])
    journal.close()

    assert answer.status_code == 507
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]
