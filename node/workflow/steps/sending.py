"""`Worker`: what the engine runs: verbs in the compute process, and frozen objects handed to the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import structlog

from node.deliver import Compression, retry_delay_s, send
from node.dimse import Peer
from node.domain.ports import DeliveryState
from node.settings import Destination, Settings
from node.workflow.child import ComputeProcess
from node.workflow.states import State, Verb
from node.workflow.store.database import Store
from node.workflow.store.deliveries import parcel
from node.workflow.store.rows import REJECTION, DeliveryRow, ExamRow

log = structlog.get_logger()


class Worker:
    """Fulfils `node.workflow.engine.Work`."""

    def __init__(self, compute_command: Sequence[str], settings: Settings, store: Store) -> None:
        self._command = compute_command
        self._settings = settings
        self._store = store
        self._processes: dict[tuple[int, int], ComputeProcess] = {}

    def compute(self, exam: int, version: int, verb: Verb) -> str:
        """Do one verb in the version's compute process; see `ComputeProcess.run` for the errors."""
        self._tell(exam, version, f"{verb.value} …")
        process = self._processes.get((exam, version))
        if process is None:
            process = ComputeProcess(self._command, self._settings.compute.timeout_s, lambda text: self._tell(exam, version, text))
            self._processes[exam, version] = process
        log.info("step", exam=f"E{exam:05d}", version=version, verb=verb.value)
        return process.run(verb, exam, version)

    def release(self, exam: int, version: int) -> None:
        """The version needs its compute process no more."""
        process = self._processes.pop((exam, version), None)
        if process is not None:
            process.close()

    def close(self) -> None:
        """End all compute processes."""
        for exam, version in list(self._processes):
            self.release(exam, version)

    def deliver(self, exam: int, version: int) -> float | None:
        """Send what is not sent to each destination; seconds until the next try, None when nothing is left to try."""
        delays = [self._send(exam, version, destination) for destination in self._settings.destination]
        self._tell(exam, version, _told(self._store.deliveries.of_exam(exam, version)))
        if any(delay is not None for delay in delays):
            return min(delay for delay in delays if delay is not None)
        self._close(exam, version)
        return None

    def _tell(self, exam: int, version: int, text: str) -> None:
        self._store.exams.progress(exam, text, of_version=version)

    def _send(self, exam: int, version: int, destination: Destination) -> float | None:
        rows = [row for row in self._store.deliveries.of_exam(exam, version) if row.destination == destination.name]
        waiting = [row for row in rows if row.state in (DeliveryState.QUEUED, DeliveryState.SENDING)]
        if not waiting:
            return None
        parcels = [parcel(row, self._settings.node.storage, required=destination.requires(row.kind)) for row in waiting]
        receipts = self._store.deliveries.receipts(destination.name)
        attempt = receipts.tried(exam, version)
        outcome = send(parcels, peer(destination, self._settings), receipts, compression=Compression(destination.compression))
        if not outcome.retry:
            return None
        uid, why = outcome.postponed[0]
        delay = retry_delay_s(attempt, uid)
        self._store.exams.note(
            exam, f"{len(outcome.postponed)} objects could not be sent to {destination.name}: {why}; again in {delay:.0f} s"
        )
        return delay

    def _close(self, exam: int, version: int) -> None:
        """Everything was answered: the state says how, unless a person has begun another version meanwhile."""
        rows = self._store.deliveries.of_exam(exam, version)
        trouble = _trouble(rows)
        now = self._store.exams.get(exam)
        if now.version != version:
            self._store.exams.note(exam, f"of version {version}: {_told(rows)}")
        elif now.state is State.REJECTED:
            self._store.exams.move(exam, State.REJECTED, now.reason, of_version=version, progress=None)
            self._store.exams.note(exam, f"the page that says why: {_told(rows)}")
        elif now.state is State.WITHDRAWN:
            self._withdrawn(now, tuple(row for row in rows if row.kind == REJECTION))
        elif trouble:
            self._store.exams.move(exam, State.HELD, f"{_told(rows)}; {trouble}", of_version=version, progress=None)
        else:
            self._store.exams.reached(exam, State.DELIVERED, _told(rows), of_version=version)

    def _withdrawn(self, exam: ExamRow, notes: tuple[DeliveryRow, ...]) -> None:
        """The notes were answered; what an archive did not take, a person must do by hand."""
        missing = dict.fromkeys(row.destination for row in notes if row.state is not DeliveryState.STORED)
        by_hand = "".join(f"; {name} did not take the rejection note: take the objects out there by hand" for name in missing)
        reason = exam.reason if exam.reason.endswith(by_hand) else f"{exam.reason}{by_hand}"  # told once, however often this is done
        self._store.exams.move(exam.number, State.WITHDRAWN, reason, of_version=exam.version, progress=None)
        self._store.exams.note(exam.number, f"the rejection note: {_told(notes)}")


def peer(destination: Destination, settings: Settings) -> Peer:
    """A destination as the network code wants it."""
    assert destination.host is not None
    assert destination.port is not None
    assert destination.ae_title is not None
    return Peer(
        name=destination.name,
        host=destination.host,
        port=destination.port,
        called_ae=destination.ae_title,
        calling_ae=settings.node.ae_title,
        connect_timeout_s=destination.timeout_s,
        answer_timeout_s=destination.timeout_s,
    )


def _trouble(rows: tuple[DeliveryRow, ...]) -> str:
    """What a person must look at, one sentence; empty where there is nothing."""
    refused = next((row for row in rows if row.state is DeliveryState.REFUSED), None)
    held = next((row for row in rows if row.state is DeliveryState.HELD), None)
    left = next((row for row in rows if row.state in (DeliveryState.QUEUED, DeliveryState.SENDING)), None)
    words = [f"the settings no longer name {left.destination}: run the exam again to send it where they say"] if left else []
    words += [f"first refusal: {refused.kind} by {refused.destination}: {refused.detail}"] if refused else []
    words += [f"first held: {held.kind} {held.sop_instance_uid}: {held.detail}"] if held else []
    return "; ".join(words)


def _told(rows: tuple[DeliveryRow, ...]) -> str:
    by_destination = {name: [row for row in rows if row.destination == name] for name in dict.fromkeys(row.destination for row in rows)}
    return "; ".join(_told_of(name, mine) for name, mine in by_destination.items()) or "no object was made"


def _told_of(name: str, rows: list[DeliveryRow]) -> str:
    count = Counter(row.state for row in rows)
    words = [f"{count[DeliveryState.STORED]} of {len(rows)} objects stored by {name}"]
    words += [f"{count[DeliveryState.REFUSED]} refused"] if count[DeliveryState.REFUSED] else []
    words += [f"{count[DeliveryState.HELD]} held by the gate"] if count[DeliveryState.HELD] else []
    not_taken = dict.fromkeys(f"{row.detail} ({row.kind})" for row in rows if row.state is DeliveryState.NOT_TAKEN)
    return ", ".join([*words, *not_taken])
