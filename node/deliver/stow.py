"""`StowDestination`: results go to a DICOMweb server by STOW-RS (PS3.18 10.5), and are looked for there by QIDO-RS or WADO-RS.

Each answer names the instances that were stored and those that were not; a request carries a handful, and is taken apart where the server
answers for it as a whole, so that one refusal does not cost the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import structlog
from pydicom import dcmread
from pydicom.dataset import Dataset

from node.deliver.destination import Held, Proof
from node.deliver.exchange import Answer, Body, HttpServer, LostAnswerError
from node.deliver.ledger import Ledger, Outcome
from node.deliver.stow_answer import SPLIT, fates
from node.deliver.verdict import Fate, Verdict
from node.domain.ports import DeliveryState, Parcel, Receipts
from node.errors import RefusedError, TemporaryError

log = structlog.get_logger()

BATCH_OBJECTS = 16
BATCH_BYTES = 32 * 2**20
"""A request ends with the object that passes either."""

PIECE_BYTES = 2**18
_OUT_OF_SERVICE = frozenset({401, 403, 404, 405, 408, 421, 429, 501, 502, 503, 504, 507, *range(300, 400)})
"""The server, or our access to it, and not the objects: nothing more is tried in this run."""


class StowDestination:
    """Fulfils `node.deliver.Destination` with a DICOMweb server.

    Parameters
    ----------
    name : the site's short name for it
    server : how it is spoken with
    """

    def __init__(self, name: str, server: HttpServer) -> None:
        self._name = name
        self._server = server

    def send(self, parcels: Sequence[Parcel], receipts: Receipts) -> Outcome:
        """POST the frozen bytes; see `node.deliver.Destination.send`. There is no negotiation in STOW-RS, hence no compression either."""
        ledger = Ledger(receipts)
        waiting = [parcel for parcel in parcels if parcel.state in (DeliveryState.QUEUED, DeliveryState.SENDING)]
        away = ""
        try:
            for proof in self._asked([parcel for parcel in waiting if parcel.state is DeliveryState.SENDING]):
                if proof.held is Held.YES:
                    parcel = next(one for one in waiting if one.sop_instance_uid == proof.sop_instance_uid)
                    ledger.note(parcel, Verdict(Fate.STORED, proof.how))
            for batch in _batches(ledger.open(waiting)):
                self._store(batch, ledger)
        except TemporaryError as error:
            away = str(error)
        for parcel in ledger.open(waiting):
            ledger.note(parcel, Verdict(Fate.UNKNOWN if parcel.state is DeliveryState.SENDING else Fate.POSTPONED, away))
        return ledger.outcome(away=away)

    def prove(self, parcels: Sequence[Parcel]) -> tuple[Proof, ...]:
        """Ask by QIDO-RS, a series at a time, and by WADO-RS metadata where it has no QIDO-RS."""
        try:
            return self._asked(parcels)
        except TemporaryError as error:
            return tuple(Proof(parcel.sop_instance_uid, Held.UNKNOWN, str(error)) for parcel in parcels)

    def check(self) -> str:
        """Ask for one study; a sentence of how it went.

        Raises
        ------
        TemporaryError : unreachable
        RefusedError : it answers, and not as a DICOMweb service that lets us in
        """
        answer = self._server.get("/studies?limit=1")
        if answer.status not in (200, 204):
            raise RefusedError(f"{self._server} answered a search for studies with {answer.status}; expected 200 or 204")
        return f"{self._server} answers QIDO-RS"

    def _store(self, batch: Sequence[Parcel], ledger: Ledger) -> None:
        """One request, and one for each object where the answer was for all of them.

        Raises
        ------
        TemporaryError : the server is away
        """
        for parcel in batch:
            ledger.sending(parcel)
        try:
            answer = self._server.post("/studies", _body(batch))
        except LostAnswerError as error:
            for parcel in batch:
                ledger.note(parcel, Verdict(Fate.UNKNOWN, str(error)))
            raise
        log.debug("answered", destination=self._name, status=answer.status, objects=len(batch))
        if answer.status in _OUT_OF_SERVICE:
            self._gone(batch, ledger, answer)
        if len(batch) > 1 and answer.status in SPLIT:
            for parcel in batch:
                self._store([parcel], ledger)
            return
        for parcel, verdict in zip(batch, fates(batch, answer), strict=True):
            ledger.note(parcel, verdict)

    def _gone(self, batch: Sequence[Parcel], ledger: Ledger, answer: Answer) -> None:
        """The server speaks and takes nothing now; what it stored of the batch all the same, it names (a disk that became full)."""
        for parcel, verdict in zip(batch, fates(batch, answer), strict=True):
            ledger.note(parcel, verdict)
        raise TemporaryError(f"{self._server} answered {answer.status}")

    def _asked(self, parcels: Sequence[Parcel]) -> tuple[Proof, ...]:
        headers = {parcel.sop_instance_uid: _place(parcel.path) for parcel in parcels}
        found: dict[str, Proof] = {}
        by_series = sorted(parcels, key=lambda parcel: headers[parcel.sop_instance_uid])
        for place, group in groupby(by_series, key=lambda parcel: headers[parcel.sop_instance_uid]):
            members = [parcel.sop_instance_uid for parcel in group]
            listed = self._listed(place) if len(members) > 1 else frozenset()
            for uid in members:
                found[uid] = Proof(uid, Held.YES, "found by QIDO-RS") if uid in listed else self._ask(place, uid)
        return tuple(found[parcel.sop_instance_uid] for parcel in parcels)

    def _listed(self, series: str) -> frozenset[str]:
        """The instances of a series, as many as it tells of in one answer."""
        return _uids(self._server.get(f"{series}/instances"))

    def _ask(self, series: str, uid: str) -> Proof:
        answer = self._server.get(f"{series}/instances?SOPInstanceUID={uid}")
        if answer.status in (200, 204):
            there = uid in _uids(answer)
            return Proof(uid, Held.YES if there else Held.NO, "found by QIDO-RS" if there else "not found by QIDO-RS")
        if answer.status in (400, 404, 405, 501):
            return self._ask_for_metadata(series, uid)
        return Proof(uid, Held.UNKNOWN, f"a search was answered {answer.status}")

    def _ask_for_metadata(self, series: str, uid: str) -> Proof:
        answer = self._server.get(f"{series}/instances/{uid}/metadata")
        if answer.status == 200 and uid in _uids(answer):
            return Proof(uid, Held.YES, "found by WADO-RS")
        if answer.status in (404, 410):
            return Proof(uid, Held.NO, "not found by WADO-RS")
        if answer.status in (405, 501):
            return Proof(uid, Held.UNASKABLE, "offers neither QIDO-RS nor WADO-RS")
        return Proof(uid, Held.UNKNOWN, f"a request for metadata was answered {answer.status}")


def _batches(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    batch: list[Parcel] = []
    size = 0
    for parcel in parcels:
        batch.append(parcel)
        size += parcel.path.stat().st_size
        if len(batch) >= BATCH_OBJECTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _body(batch: Sequence[Parcel]) -> Body:
    """The files as a multipart body; the boundary is made from their UIDs, so that a second request is the first one again."""
    names = "\n".join(parcel.sop_instance_uid for parcel in batch)
    boundary = f"ember-{hashlib.sha256(names.encode()).hexdigest()}"
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    tail = f"--{boundary}--\r\n".encode()
    size = sum(len(head) + parcel.path.stat().st_size + 2 for parcel in batch) + len(tail)
    pieces = _pieces([parcel.path for parcel in batch], head, tail)
    return Body(f'multipart/related; type="application/dicom"; boundary={boundary}', size, pieces)


def _pieces(paths: Sequence[Path], head: bytes, tail: bytes) -> Iterator[bytes]:
    for path in paths:
        yield head
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
        yield b"\r\n"
    yield tail


def _place(path: Path) -> str:
    keys: Dataset = dcmread(path, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
    return f"/studies/{keys.StudyInstanceUID}/series/{keys.SeriesInstanceUID}"


def _uids(answer: Answer) -> frozenset[str]:
    """The SOP Instance UIDs of an answer in the DICOM JSON model; none where it is none."""
    try:
        items = json.loads(answer.body) if answer.body else []
        return frozenset(str(item["00080018"]["Value"][0]) for item in items if "00080018" in item)
    except (ValueError, TypeError, KeyError, IndexError):
        return frozenset()
