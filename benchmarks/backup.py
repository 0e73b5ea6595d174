"""Backups of a working node: taken while images come in, while an exam is computed, while results go out; restored, they go on.

::

    python benchmarks/backup.py EXAM_FOLDER [MOMENT…] [--json]

For each moment a fresh node and a PACS that counts are started and the exam is sent. When the moment has come, ``ember backup`` runs
beside all that; then the whole node is killed and its disk is taken for lost. ``ember restore`` makes another node's storage of the backup,
that node starts, and everything is sent to it, what it has as well as what it has not. Ends with 1 where

- an image that was acknowledged before the backup began is not in the restored register with its digest,
- the exam does not come to DELIVERED, or
- the PACS gets two digests of one object.

Objects that the PACS had from the first node after the backup are counted as sent again where it accepted them twice.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.kill import wait_for
from benchmarks.pacs import CountingPacs
from benchmarks.peers import free_port, send
from benchmarks.running import RunningNode

MOMENTS = ("receiving", "computing", "delivering")


@dataclass(frozen=True)
class Outcome:
    """What became of one exam: `complaints` is empty where all is well; `again` objects were accepted twice, with one digest."""

    moment: str
    state: str
    acknowledged: int
    restored: int
    again: int
    backup: dict[str, object]
    complaints: tuple[str, ...]


def back_up_at(moment: str, files: Sequence[Path], folder: Path, *, timeout_s: float = 900.0) -> Outcome:
    """Back up at a moment, lose the node, restore, and wait for the end."""
    with CountingPacs(free_port(), delay_s=0.1) as pacs:
        destination = (pacs.port, pacs.ae_title)
        with RunningNode(folder / "first", destination=destination) as node:
            sent = files[: len(files) // 2] if moment == "receiving" else files
            send(list(sent), node.port, called=node.ae_title)
            wait_for(lambda: _has_come(moment, node, pacs), moment, timeout_s=timeout_s)
            made = json.loads(node.told("backup", str(folder / "target"), "--json"))
            node.kill()
        second = RunningNode(folder / "second", destination=destination)
        second.folder.mkdir()
        node.told("restore", str(folder / "target"), str(second.storage))
        shutil.rmtree(node.storage)
        restored = _images(second.storage)
        missing = {file.stem for file in map(_named, sent)} - restored
        complaints = [f"{len(missing)} acknowledged images are not in the backup"] if missing else []
        with second:
            send(list(files), second.port, called=second.ae_title)
            try:
                exam = second.wait(timeout_s=timeout_s)[0]
            except TimeoutError as error:
                exam = {"state": "UNFINISHED", "reason": str(error)}
        if exam["state"] != "DELIVERED":
            complaints.append(f"the exam is {exam['state']}: {exam['reason']}")
        told = pacs.complaints()
        complaints += [line for line in told if "digests" in line]
        again = sum("accepted" in line for line in told)
        return Outcome(moment, exam["state"], len(sent), len(restored), again, made, tuple(complaints))


def _has_come(moment: str, node: RunningNode, pacs: CountingPacs) -> bool:
    if moment == "receiving":
        return True
    return bool(pacs.accepted) if moment == "delivering" else bool(list(node.storage.glob("exams/*/v1/alignment.json")))


def _named(file: Path) -> Path:
    """A file under the name of its instance."""
    from pydicom import dcmread

    return file.with_name(f"{dcmread(file, specific_tags=['SOPInstanceUID']).SOPInstanceUID}.dcm")


def _images(storage: Path) -> set[str]:
    with closing(sqlite3.connect(storage / "node.db")) as register:
        return {row[0] for row in register.execute("SELECT sop_instance_uid FROM instances")}


def main() -> int:
    """Print one line a moment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exam", type=Path)
    parser.add_argument("moments", nargs="*", metavar="MOMENT", default=list(MOMENTS))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    files = sorted(arguments.exam.rglob("*.dcm"))
    worst = 0
    for moment in arguments.moments:
        with tempfile.TemporaryDirectory(prefix="ember-backup-") as folder:
            began = time.monotonic()
            outcome = back_up_at(moment, files, Path(folder))
        worst |= bool(outcome.complaints)
        if arguments.json:
            print(json.dumps(asdict(outcome)), flush=True)
        else:
            words = "; ".join(outcome.complaints) or "all well"
            counts = f"{outcome.acknowledged} acknowledged, {outcome.restored} restored, {outcome.again} objects sent again"
            print(f"{moment:12} {outcome.state:10} {counts}, {time.monotonic() - began:.0f} s: {words}", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
