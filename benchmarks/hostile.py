"""Hostile clients at the doors of a running receiver, and what the others notice of them.

::

    python -m benchmarks.hostile [--connects 10000] [--only SILENT] [--stock] [--json]

A receiver process listens on a plain and on a TLS port. For each kind of attack, clients of another process do what they do, again and
again for some seconds, while well-behaved peers call by C-ECHO on both ports, one call after the other. The table tells how many calls were
answered, how long the slowest took, and the receiver's threads, open files and MiB of memory before, at most, and afterwards. Exit status 1
where a call failed or took longer than a second, or something was left behind. With `--stock` the same is done to a receiver on pynetdicom
as it comes, for comparison, and nothing is judged. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.attacks import Doors, attacks
from benchmarks.certificates import issue
from benchmarks.peers import free_port
from node.dimse import Peer, echo
from node.errors import NodeError
from node.tls import client_context

LIMIT_S = 1.0
"""Within which C-ECHO is answered, whatever others do."""

LEAST_S = 3.0
"""An attack that is over sooner is made again."""

MOST_S = 60.0
"""One that takes longer is broken off: the receiver takes nobody any more."""

SETTLE_S = 8.0
"""Longer than handshake_timeout_s: after that, nothing of an attack may be left."""

SLACK_THREADS, SLACK_FILES, SLACK_MIB = 2, 4, 24
"""What a receiver may have more after an attack than before: a thread of its own at work, the allocator's pools."""


@dataclass
class Watch:
    """What a process has at most while it is looked at."""

    process: psutil.Process
    threads: int = 0
    files: int = 0
    mib: float = 0.0

    def look(self) -> tuple[int, int, float]:
        """Threads, open files and MiB now; remembered where they are the most."""
        now = self.process.num_threads(), self.process.num_fds(), self.process.memory_info().rss / 2**20
        self.threads, self.files, self.mib = max(self.threads, now[0]), max(self.files, now[1]), max(self.mib, now[2])
        return now


@dataclass
class Calls:
    """C-ECHO calls, one after the other, until told to stop."""

    peer: Peer
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def call(self, stop: threading.Event) -> None:
        """The work of a thread."""
        while not stop.wait(0.05):
            try:
                self.seconds.append(echo(self.peer).seconds)
            except NodeError as error:
                self.failures.append(str(error))


@dataclass(frozen=True)
class Found:
    """What one attack did."""

    attack: str
    connections: int
    calls: int
    failed: int
    slowest_ms: float
    before: tuple[int, int, float]
    most: tuple[int, int, float]
    after: tuple[int, int, float]

    @property
    def survived(self) -> bool:
        """All calls answered in time, and nothing left behind."""
        left = [now - then for now, then in zip(self.after, self.before, strict=True)]
        clean = left[0] <= SLACK_THREADS and left[1] <= SLACK_FILES and left[2] <= SLACK_MIB
        return self.calls > self.failed == 0 and self.slowest_ms < 1000 * LIMIT_S and clean


def attack(name: str, number: int, work: Callable[[], None], peers: Sequence[Peer], process: psutil.Process) -> Found:
    """Let it happen, and look."""
    watch, stop = Watch(process), threading.Event()
    before = watch.look()
    calls = [Calls(peer) for peer in peers]
    callers = [threading.Thread(target=one.call, args=(stop,)) for one in calls]
    for caller in callers:
        caller.start()
    forking = multiprocessing.get_context("fork")
    rounds = forking.Value("i", 0)
    attacker = forking.Process(target=_again, args=(work, rounds))
    attacker.start()
    end = time.monotonic() + MOST_S
    while attacker.is_alive():
        watch.look()
        time.sleep(0.02)
        if time.monotonic() > end:
            attacker.terminate()
    stop.set()
    for caller in callers:
        caller.join()
    after = _settled(process, before)
    seconds = [second for one in calls for second in one.seconds]
    failed = [failure for one in calls for failure in one.failures]
    for failure in sorted(set(failed)):
        print(f"  {name}: {failure}", file=sys.stderr)
    slowest = max(seconds, default=0.0)
    most = (watch.threads, watch.files, watch.mib)
    return Found(name, number * rounds.value, len(seconds) + len(failed), len(failed), 1000 * slowest, before, most, after)


def _again(work: Callable[[], None], rounds: Any) -> None:
    end = time.monotonic() + LEAST_S
    while time.monotonic() < end:
        work()
        rounds.value += 1


def _settled(process: psutil.Process, before: tuple[int, int, float]) -> tuple[int, int, float]:
    """What the receiver has when no more is left of an attack, or after the time in which that should be so."""
    end = time.monotonic() + SETTLE_S
    while True:
        now = Watch(process).look()
        if time.monotonic() > end or (now[0] <= before[0] and now[1] <= before[1]):
            return now
        time.sleep(0.2)


STOCK = """
import ssl, sys, threading
from pynetdicom import AE, evt
from pynetdicom.sop_class import MRImageStorage, Verification
plain, tls, certificate, key, trusted = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.load_verify_locations(trusted)
context.verify_mode = ssl.CERT_REQUIRED
entity = AE("EMBER")
entity.maximum_associations = 64
for uid in (Verification, MRImageStorage):
    entity.add_supported_context(uid)
handlers = [(evt.EVT_C_STORE, lambda event: 0x0000)]
entity.start_server(("127.0.0.1", int(plain)), block=False, evt_handlers=handlers)
entity.start_server(("127.0.0.1", int(tls)), block=False, evt_handlers=handlers, ssl_context=context)
threading.Event().wait()
"""
"""A receiver on pynetdicom as it comes; it keeps nothing."""


def started_stock(folder: Path) -> tuple[subprocess.Popen[bytes], Doors]:
    """The same on pynetdicom as it comes."""
    certificate, key, trusted = issue(folder, "node")
    doors = Doors(free_port(), free_port(), certificate, key, trusted)
    words = [sys.executable, "-c", STOCK, *map(str, (doors.plain, doors.tls, certificate, key, trusted))]
    with (folder / "receiver.log").open("wb") as log:
        return subprocess.Popen(words, stdout=log, stderr=log), doors


def started(folder: Path) -> tuple[subprocess.Popen[bytes], Doors]:
    """A receiver process with both ports, and a log file."""
    certificate, key, trusted = issue(folder, "node")
    doors = Doors(free_port(), free_port(), certificate, key, trusted)
    peer = '[[peer]]\nname = "{0}"\nae_titles = ["{1}"]\naddresses = ["127.0.0.1"]\nmax_associations = {2}\n'
    config = folder / "node.toml"
    config.write_text(
        f'[node]\nstorage = "storage"\n[receiver]\nhost = "127.0.0.1"\nport = {doors.plain}\ntls_port = {doors.tls}\nmin_free_gib = 0\n'
        f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\ntrusted = "{trusted}"\n'
        + peer.format("scanner", "SCANNER", 16)
        + peer.format("crowd", "CROWD", 4)
        + peer.format("clumsy", "CLUMSY", 16),
        encoding="utf-8",
    )
    from node.app import prepare_store
    from node.settings import load

    prepare_store(load(config)).close()
    with (folder / "receiver.log").open("wb") as log:
        words = [sys.executable, "-m", "node.cli", "--config", str(config), "receiver"]
        return subprocess.Popen(words, stdout=log, stderr=log), doors


def main() -> None:
    """Run every attack, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connects", type=int, default=10000)
    parser.add_argument("--only", default="", help="part of an attack's name")
    parser.add_argument("--stock", action="store_true", help="a receiver on pynetdicom as it comes, instead of ours")
    parser.add_argument("--json", action="store_true", help="print nothing but the last line")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = []
    with tempfile.TemporaryDirectory() as name:
        receiver, doors = (started_stock if options.stock else started)(Path(name))
        try:
            peers = _peers(doors)
            _wait_for(peers[0])
            for each in attacks(doors, options.connects):
                if options.only in each[0]:
                    found.append(attack(*each, peers, psutil.Process(receiver.pid)))
                    if not options.json:
                        print(_line(found[-1]), flush=True)
            log_kib = (Path(name) / "receiver.log").stat().st_size / 1024
            alive = receiver.poll() is None
        finally:
            receiver.terminate()
            receiver.wait(20)
    survived = alive and all(one.survived for one in found)
    whole = {"survived": survived, "log_kib": round(log_kib), "slowest_ms": round(max(one.slowest_ms for one in found))}
    print(json.dumps(whole | {"attacks": [asdict(one) | {"survived": one.survived} for one in found]}))
    sys.exit(not (survived or options.stock))


def _peers(doors: Doors) -> tuple[Peer, Peer]:
    common = {"called_ae": "EMBER", "calling_ae": "SCANNER", "connect_timeout_s": 5.0, "answer_timeout_s": 5.0}
    return (Peer("plain", "127.0.0.1", doors.plain, **common), Peer("tls", "127.0.0.1", doors.tls, **common, tls=client_context(doors)))


def _wait_for(peer: Peer) -> None:
    for _ in range(100):
        try:
            echo(peer)
        except NodeError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("the receiver did not start")


def _line(one: Found) -> str:
    sizes = "  ".join(f"{a:>4.0f} → {b:>4.0f} → {c:>4.0f}" for a, b, c in zip(one.before, one.most, one.after, strict=True))
    mark = "ok  " if one.survived else "FAIL"
    echoes = f"C-ECHO {one.calls:>4}, {one.failed} failed, slowest {one.slowest_ms:>5.0f} ms"
    return f"{mark} {one.attack:<22}{one.connections:>6}  {echoes}   {sizes}"


if __name__ == "__main__":
    main()
