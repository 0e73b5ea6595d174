"""`ShownResults`: which of our results may be asked for over DICOMweb, from the register and the frozen files."""

from __future__ import annotations

from pathlib import Path

from node.domain.shown import Shown
from node.workflow import artefacts
from node.workflow.states import State
from node.workflow.steps.outbox import Outbox
from node.workflow.store.snapshot import Snapshot


class ShownResults:
    """Fulfils `node.domain.shown.Results`: the present version of each exam that is DELIVERED, and the page of each that is REJECTED.

    Parameters
    ----------
    delivers : whether the site has destinations; without any, an exam is at its end when it is ENCODED
    """

    def __init__(self, storage: Path, *, delivers: bool) -> None:
        self._storage = storage
        self._register = Snapshot(storage)
        last = State.DELIVERED if delivers else State.ENCODED
        self._artefacts = {last: "objects", State.DELIVERED: "objects", State.REJECTED: "refusal"}

    def versions(self) -> frozenset[str]:
        """Exam, version, and which of its artefacts names the objects: "E00012/v1/objects"; where it is on the disk still."""
        found = (
            (f"E{number:05d}/v{version}", self._artefacts[state])
            for number, version, state in self._register.states()
            if state in self._artefacts
        )
        return frozenset(f"{folder}/{name}" for folder, name in found if artefacts.exists(self._storage / "exams" / folder, name))

    def objects(self, version: str) -> tuple[Shown, ...]:
        """What passed the gate.

        Raises
        ------
        DataError : the artefact has gone meanwhile, or is damaged
        """
        folder, _, name = version.rpartition("/")
        place = self._storage / "exams" / folder
        found = (one for one in artefacts.load(place, name, Outbox).objects if not one.held)
        return tuple(Shown(one.sop_instance_uid, one.sop_class_uid, one.transfer_syntax_uid, place / one.path) for one in found)
