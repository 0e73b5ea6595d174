"""The receiver with programs that nobody here wrote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from network import dataset_bytes, instance, write
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from benchmarks.peers import command, send


@pytest.mark.peer("echoscu")
def test_dcmtk_echo_is_answered(site) -> None:
    words = [command("echoscu"), "-aet", "MR3T", "-aec", "EMBER", "127.0.0.1", str(site.receiver.port)]

    assert subprocess.run(words, env={**os.environ, "TCP_NODELAY": "1"}, timeout=30, check=False).returncode == 0


@pytest.mark.peer("storescu")
def test_dcmtk_sends_every_kind_over_two_associations_in_shuffled_order(site, tmp_path: Path) -> None:
    paths = [write(instance(number), tmp_path / "sent") for number in range(20)]
    for number, syntax in enumerate((JPEG2000Lossless, JPEGLSLossless, RLELossless), start=20):
        packed = instance(number, size=64)
        packed.compress(syntax, generate_instance_uid=False)
        paths.append(write(packed, tmp_path / "sent"))

    send(paths, site.receiver.port, called="EMBER", associations=2)
    send(paths, site.receiver.port, called="EMBER", associations=2, seed=1)

    kept = {received.sop_instance_uid: site.storage / received.path for received in site.register.new}
    assert set(kept) == {path.stem for path in paths}
    assert site.register.changed == []
    for path in paths[20:]:
        assert dataset_bytes(kept[path.stem]) == dataset_bytes(path)


@pytest.mark.peer("storescu")
def test_dcmtk_keeps_what_was_not_kept_here(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("node.receive.inbox.os.fsync", full)
    with pytest.raises(RuntimeError, match="storescu ended with"):
        send([write(instance(), tmp_path / "sent")], site.receiver.port, called="EMBER")
