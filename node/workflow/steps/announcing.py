"""`Announcing`: what peers tell by N-services of images that they have made or sent, as evidence.

A request for storage commitment (PS3.4 J.3.2) lists what its sender believes that it has sent to us; a modality performed procedure step
(PS3.4 F.7) says that a scan goes on, and at its end which series it made; an Instance Availability Notification (PS3.4 R) lists what an
archive holds. Data sets are read here as they came. One that cannot be read is told and marked, and stops nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO

import structlog
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from node.assemble.attributes import encodings_of, items, text
from node.assemble.header import ENHANCED_MR, LEGACY_MR
from node.domain.arrivals import NoticeKind
from node.domain.ports import Clock
from node.workflow.store.database import Store
from node.workflow.store.evidence import EvidenceKind, EvidenceRow, Said
from node.workflow.store.notices import NoticeRow

log = structlog.get_logger()

OURS = (NoticeKind.PROCEDURE_CREATED, NoticeKind.PROCEDURE_SET, NoticeKind.AVAILABILITY)
"""Notices that nobody else acts on."""

PATIENCE = timedelta(days=1)
"""A list of which nothing has come by then is of nothing that will."""

KEPT = timedelta(days=90)
"""How long evidence is of use: longer than any deadline, and than late images are likely."""

LARGEST = 64 * 2**20
"""Bytes of an inflated data set; a list of a hundred thousand images has a tenth of them."""

MODALITIES = {
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    ENHANCED_MR: "MR",
    LEGACY_MR: "MR",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.130": "PT",
    "1.2.840.10008.5.1.4.1.1.128.1": "PT",
}
"""SOP classes of which a series may fill a role."""

_BROKEN = (struct.error, zlib.error)
_UNREADABLE = (BytesLengthException, OSError, ValueError, EOFError, NotImplementedError, RecursionError, LookupError, *_BROKEN)
"""What pydicom raises on bytes that are no data set, as found by damaging some thousand."""

Reference = tuple[str, str]
"""SOP class and instance UID."""


class Announcing:
    """Reads notices once each."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._cleared: date | None = None

    def take(self) -> None:
        """Read what nobody has read. A list of which nothing is here yet is looked at again, for a day."""
        self._clear()
        for notice in self._store.notices.unweighed((*OURS, NoticeKind.COMMITMENT_REQUEST)):
            try:
                self._read(notice)
            except _UNREADABLE as error:
                log.warning("a notice cannot be read", kind=notice.kind.value, calling_ae=notice.calling_ae, error=type(error).__name__)
                self._mark(notice, f"notice {notice.id}", (), f"cannot be read: {type(error).__name__}")

    def _clear(self) -> None:
        """Once a day: lists of thousands of UIDs are not kept for ever."""
        now = self._clock.now()
        if self._cleared != now.date():
            self._cleared = now.date()
            self._store.evidence.forget(now - KEPT)

    def _read(self, notice: NoticeRow) -> None:
        dataset = decoded(notice.dataset, notice.transfer_syntax_uid)
        if notice.kind is NoticeKind.COMMITMENT_REQUEST:
            subject = f"commitment {text(dataset, 'TransactionUID') or notice.id} of {notice.calling_ae}"
            said = self._sent(dataset, notice.calling_ae, subject)
            if said or self._clock.now() - notice.received_at > PATIENCE:
                self._mark(notice, subject, said, "")
        elif notice.kind is NoticeKind.AVAILABILITY:
            said = available(dataset, notice.calling_ae, notice.sop_instance_uid)
            self._mark(notice, notice.sop_instance_uid, said, f"{len(said)} series are available")
        else:
            before = self._store.evidence.of_subject(notice.sop_instance_uid)
            said = performed(dataset, notice.calling_ae, notice.sop_instance_uid, before)
            self._mark(notice, notice.sop_instance_uid, said, f"{len([one for one in said if one.series_uid])} series were performed")

    def _mark(self, notice: NoticeRow, subject: str, said: Sequence[Said], told: str) -> None:
        self._store.evidence.weigh(notice.id, subject, said, handled=told if notice.kind in OURS else None)

    def _sent(self, dataset: Dataset, source: str, subject: str) -> tuple[Said, ...]:
        """One word a study and modality of a list. Where those that are not here lie is not told: they stand in every study of the list."""
        references = _references(dataset, "ReferencedSOPSequence")
        here = self._store.evidence.here([uid for _, uid in references])
        said = []
        for study in sorted({study for study, _ in here.values()}):
            mine = [(kind, uid) for kind, uid in references if uid not in here or here[uid][0] == study]
            for modality in sorted({_modality(kind) for kind, _ in mine}):
                uids = tuple(dict.fromkeys(uid for kind, uid in mine if _modality(kind) == modality))
                said.append(Said(EvidenceKind.SENT, source, subject, study, modality=modality, instances=uids))
        return tuple(said)


def performed(dataset: Dataset, source: str, subject: str, before: Sequence[EvidenceRow]) -> tuple[Said, ...]:
    """What a procedure step says after an N-CREATE or an N-SET, which names only what has changed: a word on each of its studies, with the
    state that it is in, and on each series."""
    known = [_plain(row) for row in before]
    heads = [row for row in known if not row.series_uid] or _heads(dataset, source, subject)
    state = text(dataset, "PerformedProcedureStepStatus").upper() or heads[0].state
    heads = [replace(head, state=state) for head in heads]
    listed = items(dataset, "PerformedSeriesSequence")
    series = [_performed_series(item, heads[0]) for item in listed] if listed else [row for row in known if row.series_uid]
    return (*heads, *(replace(one, state=state) for one in series if one.series_uid))


def available(dataset: Dataset, source: str, subject: str) -> tuple[Said, ...]:
    """What a notice of availability says of each series; what it calls UNAVAILABLE is left out."""
    study = text(dataset, "StudyInstanceUID")
    said = []
    for item in items(dataset, "ReferencedSeriesSequence"):
        there = [one for one in items(item, "ReferencedSOPSequence") if text(one, "InstanceAvailability") != "UNAVAILABLE"]
        references = [(text(one, "ReferencedSOPClassUID"), text(one, "ReferencedSOPInstanceUID")) for one in there]
        one = Said(EvidenceKind.AVAILABLE, source, subject, study, text(item, "SeriesInstanceUID"))
        said.append(replace(one, modality=_modality_of(references), instances=_uids(references)))
    return tuple(one for one in said if one.series_uid and one.instances)


def decoded(encoded: bytes, transfer_syntax_uid: str) -> Dataset:
    """A data set as it came over the network; raises what pydicom raises where it is none."""
    syntax = UID(transfer_syntax_uid)
    if syntax.is_deflated:
        encoded = zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded, LARGEST)
    return read_dataset(BytesIO(encoded), syntax.is_implicit_VR, syntax.is_little_endian)


def _heads(dataset: Dataset, source: str, subject: str) -> list[Said]:
    """One word a study of a step that has just been created; one of no study where it names none."""
    steps = items(dataset, "ScheduledStepAttributesSequence")
    studies = dict.fromkeys(text(step, "StudyInstanceUID") for step in steps) or {"": None}
    patient, modality = text(dataset, "PatientID", encodings=encodings_of(dataset)), text(dataset, "Modality")
    return [Said(EvidenceKind.PERFORMED, source, subject, study, patient_key=patient, modality=modality) for study in studies]


def _performed_series(item: Dataset, head: Said) -> Said:
    images = _references(item, "ReferencedImageSequence")
    references = images + _references(item, "ReferencedNonImageCompositeSOPInstanceSequence")
    return replace(
        head,
        series_uid=text(item, "SeriesInstanceUID"),
        description=text(item, "SeriesDescription", encodings=encodings_of(item)),
        modality=_modality_of(images) or head.modality,
        instances=_uids(references),
    )


def _plain(row: EvidenceRow) -> Said:
    return Said(**{name: getattr(row, name) for name in Said.__dataclass_fields__})


def _references(dataset: Dataset, keyword: str) -> list[Reference]:
    found = [(text(item, "ReferencedSOPClassUID"), text(item, "ReferencedSOPInstanceUID")) for item in items(dataset, keyword)]
    return [(kind, uid) for kind, uid in found if uid]


def _uids(references: Iterable[Reference]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(uid for _, uid in references if uid))


def _modality(sop_class_uid: str) -> str:
    return MODALITIES.get(sop_class_uid, "")


def _modality_of(references: Sequence[Reference]) -> str:
    return next((_modality(kind) for kind, _ in references if _modality(kind)), "")
