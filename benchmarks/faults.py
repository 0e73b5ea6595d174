"""Fault matrix: kill -9, a full disk and a jumping clock at every call that matters, and a PACS that misbehaves in every way we know.

::

    python benchmarks/faults.py [receive] [deliver] [pacs] [--injections 1000] [--seed 1] [--json]

*receive*: a scanner sends ten images (one of them large) over two associations and sends again what was not acknowledged; receiver or
filer is hit, and started again as the node's supervisor would. *deliver*: an exam with frozen objects is on its way to a PACS that commits;
the worker is hit. *pacs*: nothing is hit, the PACS is: down, one byte a second, refusing, full half-way, forgetful, and so on; a second,
healthy PACS must have everything meanwhile. Each case has a storage folder of its own and is judged from the register, the files and the
PACS's own records: an acknowledged image that is not there byte for byte is *lost*; an object that a PACS accepted twice, or with two
digests, is *duplicated*; a case that does not come to its end is *stuck*.

A run without faults counts the calls first; the injections are then spread over all of them. Ends with 1 where anything was lost,
duplicated or stuck.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from benchmarks.fault_site import ROOT_UID, SMALL, Scanner, Site, image, migrated, written
from benchmarks.faulty_pacs import BEHAVIOURS, Behaviour, FaultyPacs
from benchmarks.injection import Act, Fault
from benchmarks.peers import free_port

ACTS = (Act.KILL_BEFORE, Act.KILL_AFTER, Act.FULL)
DEADLINE_S = 60.0


@dataclass(frozen=True)
class Outcome:
    """What became of one case: how many images or objects, whether its fault came about, and what is wrong, one sentence each."""

    case: str
    count: int
    hit: bool
    seconds: float
    lost: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()

    @property
    def survived(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.duplicated or self.stuck)


def receive_case(template: Path, files: Sequence[Path], folder: Path, fault: Fault, trace: Path | None = None) -> Outcome:
    """A scanner sends; receiver or filer meets the fault."""
    began = time.monotonic()
    shutil.copytree(template, folder / "storage")
    with Site(folder) as site:
        site.run("receiver", "filer", fault=fault, trace=trace)
        scanner = Scanner(files, site.port)
        deadline = began + DEADLINE_S
        while (scanner.left or _filed(site) < len(files)) and time.monotonic() < deadline:
            site.look_after()
            if left := scanner.left:
                scanner.send(left[: 1 + len(left) // 2])
            else:
                time.sleep(0.02)
        stuck = [f"{len(scanner.left)} images were never acknowledged"] if scanner.left else []
        stuck += [] if _filed(site) >= len(files) else [f"{_filed(site)} of {len(files)} images were recorded"]
        aside = site.rows("SELECT count(*) FROM quarantine")[0][0]
        twice = [f"{aside} images were taken for changed ones"] if aside else []
        whole = site.rows("PRAGMA integrity_check")[0][0]
        stuck += [] if whole == "ok" else [f"the register is damaged: {whole}"]
        return Outcome(
            str(fault),
            len(files),
            site.hit,
            time.monotonic() - began,
            tuple(scanner.missing(site)),
            tuple(twice),
            _told(site, stuck),
        )


def _filed(site: Site) -> int:
    return int(site.rows("SELECT count(*) FROM instances")[0][0])


def _told(site: Site, stuck: Sequence[str]) -> tuple[str, ...]:
    """What is stuck, with the ends of the logs."""
    logs = [f"{log.name}: …{log.read_text(errors='replace')[-600:]}" for log in sorted(site.folder.glob("*.log"))]
    return (*stuck, *logs) if stuck else ()


def prepared_exam(template: Path, folder: Path, destinations: Sequence[str], *, objects: int = 5) -> Path:
    """A storage folder with one exam whose objects are frozen, to be copied."""
    from datetime import UTC, datetime

    from node.app import SystemClock
    from node.workflow.states import State
    from node.workflow.store.database import Store
    from node.workflow.store.rows import Posting

    shutil.copytree(template, folder)
    store = Store(folder, SystemClock())
    exam = store.exams.create(anchor=f"{ROOT_UID}.1", patient_key="PHANTOM", text="prepared")
    made = {"plan": {"series": {}}, "made_at": datetime.now(UTC).isoformat()}
    store.exams.move(exam.number, State.ENCODED, "prepared", of_version=1, **made)
    postings = []
    for number in range(objects):
        dataset = image(number, SMALL, sop_class=SecondaryCaptureImageStorage)
        path = folder / "exams" / exam.name / "v1" / "outbox" / f"{number:03d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        uid, where = str(dataset.SOPInstanceUID), str(path.relative_to(folder))
        postings += [
            Posting(uid, name, exam.number, 1, "summary", SecondaryCaptureImageStorage, ExplicitVRLittleEndian, where, digest)
            for name in destinations
        ]
    store.deliveries.post(postings)
    store.close()
    return folder


def deliver_case(
    prepared: Path, folder: Path, fault: Fault | None, behaviour: Behaviour, *, healthy: bool = False, trace: Path | None = None
) -> Outcome:
    """Frozen objects are on their way to a PACS; the worker, or the PACS, meets the fault.

    Parameters
    ----------
    healthy : whether a second PACS, which behaves, must have everything although the first does not
    """
    began = time.monotonic()
    shutil.copytree(prepared, folder / "storage")
    ports = {"pacs": free_port()} | ({"healthy": free_port()} if healthy else {})
    with ExitStack() as stack:
        site = stack.enter_context(Site(folder, ports))
        pacs = {
            name: stack.enter_context(FaultyPacs(port, behaviour if name == "pacs" else BEHAVIOURS["commits"], answer_to=site.port))
            for name, port in ports.items()
        }
        site.run("receiver", "filer", "worker", fault=fault, trace=trace)
        state, reason = _end(site, behaviour, pacs, began)
        objects = int(site.rows("SELECT count(DISTINCT sop_instance_uid) FROM deliveries")[0][0])
        wrong = [f"{name}: {told}" for name, one in pacs.items() for told in one.complaints(taken_twice=behaviour.may_take_twice)]
        lost = [
            f"{name} holds {len(one.held)} of {objects}"
            for name, one in pacs.items()
            if one.behaviour.ends_well and len(one.held) < objects
        ]
        expected = behaviour.ends_well in (None, state == "DELIVERED")
        stuck = [] if expected else [f"the exam is {state}: {reason}"]
        case = f"PACS {behaviour.name}" + (f", {fault}" if fault is not None and fault.act is not Act.COUNT else "")
        return Outcome(case, objects, fault is None or site.hit, time.monotonic() - began, tuple(lost), tuple(wrong), _told(site, stuck))


def _end(site: Site, behaviour: Behaviour, pacs: dict[str, FaultyPacs], began: float) -> tuple[str, str]:
    """State and reason at the end: DELIVERED or HELD, or where the time is over."""
    while True:
        site.look_after()
        state, reason = site.rows("SELECT state, reason FROM exams")[0]
        over = time.monotonic() - began > behaviour.patience_s
        if state in ("DELIVERED", "HELD", "FAILED") or over:
            return str(state), str(reason)
        for one in pacs.values():
            one.tick(time.monotonic() - began)
        time.sleep(0.05)


def main() -> int:
    """Run the matrix that the command line asks for."""
    parser = argparse.ArgumentParser(description="The fault matrix.")
    parser.add_argument("parts", nargs="*", metavar="PART", help="receive, deliver, pacs; all of them where none is named")
    parser.add_argument("--injections", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    parts = options.parts or ["receive", "deliver", "pacs"]
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="ember-faults-") as folder:
        for outcome in matrix(Path(folder), parts, options.injections, options.seed):
            outcomes.append(outcome)
            if not options.json and not outcome.survived:
                print(_line(outcome), flush=True)
    print(json.dumps(summary(outcomes)) if options.json else "\n".join(f"{key}: {value}" for key, value in summary(outcomes).items()))
    return 0 if all(outcome.survived for outcome in outcomes) else 1


def matrix(folder: Path, parts: Sequence[str], injections: int, seed: int) -> Iterator[Outcome]:
    """The cases, one after the other: two thirds of the injections for receiving, one third for delivering, and each behaviour once."""
    template = migrated(folder / "template")
    chance = random.Random(seed)
    both = "receive" in parts and "deliver" in parts
    if "receive" in parts:
        yield from _receiving(folder, template, injections * 2 // 3 if both else injections, chance)
    if "deliver" in parts:
        yield from _delivering(folder, template, injections - injections * 2 // 3 if both else injections, chance)
    if "pacs" in parts:
        prepared = prepared_exam(template, folder / "prepared-two", ["pacs", "healthy"])
        for behaviour in BEHAVIOURS.values():
            yield _in_folder(folder, partial(_with_a_healthy_one, prepared, behaviour=behaviour))


def _with_a_healthy_one(prepared: Path, folder: Path, *, behaviour: Behaviour) -> Outcome:
    return deliver_case(prepared, folder, None, behaviour, healthy=True)


def _receiving(folder: Path, template: Path, injections: int, chance: random.Random) -> Iterator[Outcome]:
    files = written(folder / "images")

    def run(one: Path, fault: Fault, trace: Path | None = None) -> Outcome:
        return receive_case(template, files, one, fault, trace)

    faults = [fault for process in ("receiver", "filer") for fault in _spread(process, _calls(folder, run, process), chance)]
    for fault in _as_many(faults, injections, chance):
        yield _in_folder(folder, partial(run, fault=fault))


def _delivering(folder: Path, template: Path, injections: int, chance: random.Random) -> Iterator[Outcome]:
    prepared = prepared_exam(template, folder / "prepared", ["pacs"])
    good = BEHAVIOURS["commits"]

    def run(one: Path, fault: Fault, trace: Path | None = None) -> Outcome:
        return deliver_case(prepared, one, fault, good, trace=trace)

    calls = _calls(folder, run, "worker")
    for fault in _as_many(list(_spread("worker", calls, chance)), injections, chance):
        yield _in_folder(folder, partial(run, fault=fault))


def _calls(folder: Path, run: Any, process: str) -> Counter[str]:
    """How many calls of each name a process makes in a run without fault."""
    trace = folder / f"{process}.trace"
    outcome = _in_folder(folder, partial(run, fault=Fault(process, Act.COUNT), trace=trace))
    if not outcome.survived:
        raise RuntimeError(f"the run without fault did not survive: {_line(outcome)}")
    return Counter(trace.read_text().split("\n")[:-1])


def _spread(process: str, calls: Counter[str], chance: random.Random) -> Iterator[Fault]:
    print(f"{process}: {calls.total()} calls: {', '.join(f'{name} {n}' for name, n in calls.most_common())}", file=sys.stderr)
    for number in range(1, calls.total() + 1):
        for act in ACTS:
            yield Fault(process, act, number)
    for act in (Act.FORWARD, Act.BACK):
        yield Fault(process, act, chance.randint(1, calls.total()))


def _as_many(faults: list[Fault], injections: int, chance: random.Random) -> list[Fault]:
    """That many of them by chance, each once before any twice."""
    chance.shuffle(faults)
    return [faults[k % len(faults)] for k in range(injections)]


def _in_folder(folder: Path, run: Any) -> Outcome:
    one = Path(tempfile.mkdtemp(dir=folder))
    try:
        outcome: Outcome = run(one)
        return outcome
    finally:
        shutil.rmtree(one, ignore_errors=True)


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The numbers of a run."""
    return {
        "injections": sum(outcome.hit for outcome in outcomes),
        "not_met": sum(not outcome.hit for outcome in outcomes),
        "survived": sum(outcome.survived for outcome in outcomes),
        "lost": sum(len(outcome.lost) for outcome in outcomes),
        "duplicated": sum(len(outcome.duplicated) for outcome in outcomes),
        "stuck": sum(bool(outcome.stuck) for outcome in outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes)),
    }


def _line(outcome: Outcome) -> str:
    wrong = [*(f"LOST {x}" for x in outcome.lost), *(f"TWICE {x}" for x in outcome.duplicated), *(f"STUCK {x}" for x in outcome.stuck)]
    return "\n    ".join([f"{'✓' if outcome.survived else '✗'} {outcome.case} ({outcome.seconds:.1f} s)", *wrong])


if __name__ == "__main__":
    sys.exit(main())
