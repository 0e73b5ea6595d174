"""`Worker`: what the engine runs: verbs in the compute process, and frozen objects handed to the network."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from node.settings import Settings
from node.workflow.child import ComputeProcess
from node.workflow.states import Verb
from node.workflow.steps.delivering import Deliverer
from node.workflow.steps.promising import Promiser
from node.workflow.store.database import Store

log = structlog.get_logger()


class Worker:
    """Fulfils `node.workflow.engine.Work`."""

    def __init__(self, compute_command: Sequence[str], settings: Settings, store: Store) -> None:
        self._command = compute_command
        self._settings = settings
        self._store = store
        self._deliverer = Deliverer(settings, store)
        self._promiser = Promiser(settings, store)
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

    def is_made(self, verb: Verb, exam: int, version: int) -> bool:
        """See `Deliverer.is_made`."""
        return self._deliverer.is_made(verb, exam, version)

    def due(self, exam: int, version: int) -> tuple[str, ...]:
        """See `Deliverer.due`."""
        return self._deliverer.due(exam, version)

    def deliver(self, exam: int, version: int, destination: str) -> None:
        """See `Deliverer.deliver`."""
        self._deliverer.deliver(exam, version, destination)

    def promise(self, number: int) -> None:
        """See `Promiser.go_on`."""
        self._promiser.go_on(number)

    def put_off(self, exam: int, version: int, destination: str, delay_s: float | None) -> None:
        """See `Deliverer.put_off`."""
        self._deliverer.put_off(exam, version, destination, delay_s)

    def _tell(self, exam: int, version: int, text: str) -> None:
        self._store.exams.progress(exam, text, of_version=version)
