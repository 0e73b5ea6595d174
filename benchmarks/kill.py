"""kill -9 at awkward moments: the exam finishes all the same, and each result is accepted once, with one digest.

::

    python benchmarks/kill.py EXAM_FOLDER [MOMENT…] [--json]

For each moment a fresh node and a fresh PACS that counts are started, the exam is sent by storescu, and when the moment has come the
worker (or everything, where its name begins with "node-") is killed. The node's own supervisor must bring the worker back; a whole node is
started again in its folder. Moments are read from what lies on disk, which needs no help from the node:

=============== ===============================================================
received        the last image was answered, nothing is assembled yet
assembled       ``exam.json`` is there: aligning
aligned         ``alignment.json`` is there: segmenting
segmented       ``segmentation.json`` is there: quantifying, encoding
delivering      the PACS has accepted the first object and is 0.1 s slow with each
node-assembled  as assembled; everything is killed
node-delivering as delivering; everything is killed
=============== ===============================================================

Ends with 1 where an exam did not come to DELIVERED, or the PACS complains.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.pacs import CountingPacs
from benchmarks.peers import free_port, send
from benchmarks.running import RunningNode

INTO_THE_STEP_S = 0.7
"""How long after its moment the kill comes, so that it falls into the work."""

MOMENTS = {
    "received": None,
    "assembled": "exam.json",
    "aligned": "alignment.json",
    "segmented": "segmentation.json",
    "delivering": "",
    "node-assembled": "exam.json",
    "node-delivering": "",
}
"""Moment → the artefact that has just appeared; None for the end of the sending, "" for the PACS's first receipt."""


@dataclass(frozen=True)
class Outcome:
    """What became of one exam: `complaints` is empty where all is well."""

    moment: str
    state: str
    reason: str
    killed_in: str
    accepted: dict[str, int]
    seconds: float
    complaints: tuple[str, ...]


def kill_at(moments: Sequence[str], files: list[Path], folder: Path, *, timeout_s: float = 900.0) -> Outcome:
    """Send an exam, kill at each of these moments, one after the other, and wait for the end."""
    with CountingPacs(free_port(), delay_s=0.1) as pacs, RunningNode(folder, destination=(pacs.port, pacs.ae_title)) as node:
        began = time.monotonic()
        send(files, node.port, called=node.ae_title, associations=2)
        killed_in = [_kill_at_one(moment, node, pacs, timeout_s) for moment in moments]
        try:
            exam = node.wait(timeout_s=timeout_s)[0]
        except TimeoutError as error:
            exam = {"state": "UNFINISHED", "reason": str(error)}
        seconds = time.monotonic() - began
        complaints = pacs.complaints()
        if exam["state"] != "DELIVERED":
            complaints.append(f"the exam is {exam['state']}: {exam['reason']}")
        if not pacs.accepted:
            complaints.append("nothing reached the PACS")
        return Outcome("+".join(moments), exam["state"], exam["reason"], "+".join(killed_in), pacs.classes(), seconds, tuple(complaints))


def wait_for(condition: Callable[[], bool], what: str, *, timeout_s: float) -> None:
    """Wait for a condition, looking every 50 ms.

    Raises
    ------
    TimeoutError : it did not come true; names `what`
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(0.05)


def _kill_at_one(moment: str, node: RunningNode, pacs: CountingPacs, timeout_s: float) -> str:
    """Wait for the moment, kill, and say in which state the exam was."""
    wait_for(lambda: _has_come(moment, node, pacs), f"moment {moment!r}", timeout_s=timeout_s)
    time.sleep(INTO_THE_STEP_S)
    if moment.startswith("node-"):
        node.kill()
        node.start()
    elif not node.kill_process("worker"):
        raise RuntimeError("there is no worker to kill: run/worker.pid names no process of this node")
    exams = node.exams()
    return str(exams[0]["state"]) if exams else "no exam yet"


def _has_come(moment: str, node: RunningNode, pacs: CountingPacs) -> bool:
    artefact = MOMENTS[moment]
    if artefact is None:
        return True
    if not artefact:
        return bool(pacs.accepted)
    return any((node.storage / "exams").glob(f"*/v*/{artefact}"))


def main() -> int:
    """Kill at each moment that the command line names, or at all of them."""
    parser = argparse.ArgumentParser(description="kill -9 at awkward moments.")
    parser.add_argument("exam", type=Path, metavar="EXAM_FOLDER")
    parser.add_argument("moments", nargs="*", metavar="MOMENT", help=", ".join(MOMENTS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.moments) - set(MOMENTS):
        parser.error(f"no such moment: {', '.join(sorted(unknown))}; there are {', '.join(MOMENTS)}")
    files = [path for path in sorted((options.exam / "dicom").rglob("*")) if path.is_file()]
    failed = False
    for moment in options.moments or MOMENTS:
        with tempfile.TemporaryDirectory(prefix="ember-kill-") as folder:
            outcome = kill_at([moment], files, Path(folder))
        failed |= bool(outcome.complaints)
        print(json.dumps(asdict(outcome)) if options.json else _line(outcome), flush=True)
    return 1 if failed else 0


def _line(outcome: Outcome) -> str:
    objects = ", ".join(f"{count} × {name}" for name, count in outcome.accepted.items())
    mark = "✗" if outcome.complaints else "✓"
    head = f"{mark} {outcome.moment:<15} killed in {outcome.killed_in}, then {outcome.state} after {outcome.seconds:.0f} s"
    return "\n".join([f"{head}; accepted {objects or 'nothing'}", *(f"    {line}" for line in outcome.complaints)])


if __name__ == "__main__":
    sys.exit(main())
