"""`Stowing`: the body of one STOW-RS request, taken apart as it comes, each instance of it streamed into the inlet.

Nothing here waits for the network: whoever has the next bytes hands them over. A part is as good as a C-STORE request: the same checks,
the same inlet, and stored only after `keep`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from node.dimse import is_uid
from node.domain.arrivals import Arriving, Caller, Incoming, Inlet
from node.errors import DataError, TemporaryError
from node.multipart import Event, Multipart, PartBegins, PartData
from node.part10 import FileHead, Part10Header
from node.receive.contexts import STORAGE_CLASSES, decodable_syntaxes
from node.receive.dicomweb.media import DICOM, media_type
from node.receive.dicomweb.study import StudyFinder
from node.receive.statuses import Answer

log = structlog.get_logger()

SMALLEST_DATASET_BYTES = 8
"""The header of one element (PS3.5 7.1)."""

MAX_PARTS = 100_000
"""Of one request; its answer names each of them."""


@dataclass(frozen=True)
class Failure:
    """An instance that was not stored; the UIDs are empty where its part did not tell them."""

    sop_class_uid: str
    sop_instance_uid: str
    answer: Answer


@dataclass
class Fates:
    """What became of each part, in their order; SOP Class and Instance UIDs of what was stored."""

    stored: list[tuple[str, str]] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)


@dataclass(eq=False)
class _Part:
    header: Part10Header = field(default_factory=Part10Header)
    incoming: Incoming | None = None
    finder: StudyFinder | None = None
    size: int = 0
    refused: Answer | None = None

    @property
    def head(self) -> FileHead:
        return self.header.head or FileHead("", "", "")


class Stowing:
    """Takes one request's body. Called from one thread at a time.

    Parameters
    ----------
    association : our own name for the request
    boundary : of the multipart body
    study_uid : where the request names one: instances of another study are refused
    """

    def __init__(self, inlet: Inlet, association: str, caller: Caller, *, boundary: str, study_uid: str | None) -> None:
        self.fates = Fates()
        self._inlet = inlet
        self._association = association
        self._caller = caller
        self._study_uid = study_uid
        self._multipart = Multipart(boundary)
        self._part: _Part | None = None
        self._opened = False
        self._syntaxes = frozenset(decodable_syntaxes())

    def feed(self, piece: bytes) -> None:
        """The next bytes of the body.

        Raises
        ------
        DataError : it is no multipart body; what was stored before stays stored
        """
        for event in self._multipart.feed(piece):
            self._on(event)

    def end(self) -> Fates:
        """The body has ended; what became of its parts.

        Raises
        ------
        DataError : it was cut off; the part that it was cut off in is not stored
        """
        self._multipart.close()
        return self.fates

    def close(self, how: str) -> None:
        """The request is over; "released" or "lost". A part that is still coming is forgotten."""
        if self._part is not None and self._part.incoming is not None:
            self._part.incoming.drop()
        self._part = None
        if self._opened:
            self._opened = False
            try:
                self._inlet.closed(self._association, how)
            except (TemporaryError, OSError) as error:  # what was stored is stored; the next start closes what is left open
                log.error("the end of a request could not be recorded", association=self._association, why=str(error))

    def _on(self, event: Event) -> None:
        if isinstance(event, PartBegins):
            if len(self.fates.stored) + len(self.fates.failed) >= MAX_PARTS:
                raise DataError(f"expected at most {MAX_PARTS} parts in a request")
            self._part = _Part(refused=None if _is_dicom(event) else Answer.STOW_NO_INSTANCE)
            return
        part = self._part
        assert part is not None  # the parser begins a part before anything of it
        try:
            if isinstance(event, PartData):
                self._take(part, event.data)
            else:
                self._finish(part)
        except (TemporaryError, OSError) as error:
            self._refuse(part, Answer.STOW_OUT_OF_RESOURCES, (error.strerror if isinstance(error, OSError) else None) or str(error))
        if not isinstance(event, PartData):
            self._note(part)

    def _take(self, part: _Part, data: memoryview) -> None:
        if part.refused is not None:
            return
        rest: memoryview | None = data
        if part.incoming is None:
            rest = self._read_head(part, data)
        if part.incoming is not None and rest:
            part.size += len(rest)
            if part.finder is not None:
                part.finder.feed(rest)
            part.incoming.write(rest)

    def _read_head(self, part: _Part, data: memoryview) -> memoryview | None:
        """What follows the file's head; None where it is not whole yet, or where the part is refused for it."""
        try:
            rest = part.header.feed(data)
        except DataError as error:
            self._refuse(part, Answer.STOW_CANNOT_UNDERSTAND, str(error))
            return None
        if rest is not None:
            self._begin(part)
        return rest

    def _begin(self, part: _Part) -> None:
        head = part.head
        if head.sop_class_uid not in STORAGE_CLASSES:
            self._refuse(part, Answer.STOW_OTHER_CLASS, head.sop_class_uid)
        elif head.transfer_syntax_uid not in self._syntaxes:
            self._refuse(part, Answer.STOW_OTHER_SYNTAX, head.transfer_syntax_uid)
        else:
            self._open()
            part.finder = None if self._study_uid is None else StudyFinder(head.transfer_syntax_uid)
            uids = (head.sop_class_uid, head.sop_instance_uid, head.transfer_syntax_uid)
            part.incoming = self._inlet.begin(Arriving(self._association, *uids))

    def _open(self) -> None:
        """The register hears of the request with its first image, as it does of an association."""
        if not self._opened:
            self._inlet.opened(self._association, self._caller)
            self._opened = True

    def _finish(self, part: _Part) -> None:
        if part.refused is not None:
            return
        if part.incoming is None or part.size < SMALLEST_DATASET_BYTES:
            self._refuse(part, Answer.STOW_CANNOT_UNDERSTAND, "no data set")
        elif part.finder is not None and part.finder.study_uid != self._study_uid:
            found = part.finder.study_uid
            self._refuse(part, Answer.STOW_OTHER_STUDY, f"of study {found}" if is_uid(found) else "no study that is a UID")
        else:
            part.incoming.keep()

    def _refuse(self, part: _Part, answer: Answer, why: str) -> None:
        part.refused = answer
        if part.incoming is not None:
            part.incoming.drop()
        status = f"0x{answer.code:04X}"
        log.warning("not kept", association=self._association, sop_instance_uid=part.head.sop_instance_uid, status=status, why=why)

    def _note(self, part: _Part) -> None:
        head, self._part = part.head, None
        if part.refused is None:
            self.fates.stored.append((head.sop_class_uid, head.sop_instance_uid))
        else:
            self.fates.failed.append(Failure(head.sop_class_uid, head.sop_instance_uid, part.refused))


def _is_dicom(part: PartBegins) -> bool:
    """A part that does not say what it is, is what the whole request is."""
    named = part.get("content-type")
    media = None if named is None else media_type(named)
    return named is None or (media is not None and media.kind == DICOM)
