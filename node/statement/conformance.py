"""The DICOM conformance statement (PS3.2): the tables that go into ``conformance.md``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from string import Template

from pydicom.datadict import dictionary_description
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyRootFind
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as StudyRootGet
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as StudyRootMove
from pynetdicom.sop_class import Verification

from node import __version__
from node.assemble.tags import PRIVATE, PUBLIC
from node.deliver.compression import COMPRESSED_CLASSES, PREFERRED
from node.deliver.verdict import RANGES, Fate
from node.dimse import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, MAX_PDU_BYTES
from node.domain.codes import PRIVATE_SCHEME
from node.encode.objects import DEFAULT_OBJECTS, FIRST_SERIES_NUMBER, SERIES_OFFSET, SOP_CLASSES, Kind
from node.receive.contexts import AVAILABILITY, COMMITMENT, PROCEDURE_STEP, STORAGE_CLASSES, decodable_syntaxes
from node.receive.statuses import ANSWERS, Answer
from node.settings import ReceiverSection, Settings
from node.settings.network import Section
from node.statement.markdown import table

WRITTEN = tuple(dict.fromkeys(SOP_CLASSES.values()))


def conformance() -> str:
    """The statement, Markdown."""
    template = Template(resources.files(__package__).joinpath("conformance.md").read_text(encoding="utf-8"))
    return template.substitute(
        version=__version__,
        services=_services(),
        entity=_entity(),
        syntaxes=table(("transfer syntax", "UID"), ((uid.name, uid) for uid in decodable_syntaxes())),
        answers=table(("service", "status", "meaning", "when", "what a sender does"), map(_answer, ANSWERS)),
        contexts=table(("SOP class", "transfer syntaxes"), ((uid.name, _syntaxes(uid)) for uid in WRITTEN)),
        verdicts=table(("status", "meaning", "what the node does"), ((_range(a, b), what, _THEN[fate]) for a, b, fate, what in RANGES)),
        read=", ".join(f"{dictionary_description(tag)} {Tag(tag)}" for tag in sorted(set(PUBLIC))),
        private=", ".join(f"{creator} ({group:04X},xx{last:02X})" for creator, group, elements in PRIVATE for last in elements),
        objects=table(("kind", "SOP class", "series number of version 1", "written"), map(_object, SOP_CLASSES)),
        scheme=PRIVATE_SCHEME,
        settings=table(("key", "default"), _keys()),
    )


def _services() -> str:
    rows = [(Verification, "yes", "yes")]
    rows += [(uid, "yes, where the site lets us", "no") for uid in (StudyRootFind, StudyRootGet, StudyRootMove)]
    rows += [(COMMITMENT, "yes", "where the site switches it on"), (PROCEDURE_STEP, "no", "yes"), (AVAILABILITY, "no", "yes")]
    rows += [(uid, "yes", "yes" if uid in STORAGE_CLASSES else "no") for uid in WRITTEN]
    rows += [(uid, "no", "yes") for uid in STORAGE_CLASSES if uid not in WRITTEN]
    return table(
        ("SOP class", "UID", "user (SCU)", "provider (SCP)"), ((UID(uid).name, uid, user, provider) for uid, user, provider in rows)
    )


def _answer(answer: Answer) -> tuple[str, ...]:
    return answer.service, answer.text, answer.meaning, answer.when, answer.sender


def _syntaxes(sop_class: UID) -> str:
    chosen = [uid.name for uid in PREFERRED] if sop_class in COMPRESSED_CLASSES else []
    words = "".join(f"; {name} where the site chose it, or where nothing else is taken" for name in chosen)
    return f"{ExplicitVRLittleEndian.name}; {ImplicitVRLittleEndian.name} where it is not taken{words}"


def _entity() -> str:
    settings = ReceiverSection()
    facts = (
        ("Application context", "1.2.840.10008.3.1.1.1"),
        ("Implementation class UID", IMPLEMENTATION_CLASS_UID),
        ("Implementation version name", IMPLEMENTATION_VERSION_NAME),
        ("Largest PDU that is taken", f"{MAX_PDU_BYTES} bytes"),
        ("Associations at one time, as acceptor", f"{settings.max_associations}, or what the site sets; more are rejected, transient"),
        ("Associations at one time, as initiator", "two to each destination, one to each peer that is asked"),
        ("Asynchronous operations", "not negotiated"),
        ("User identity, extended negotiation", "not used"),
        ("A connection that asks for nothing is closed after", f"{settings.handshake_timeout_s:g} s"),
        ("An association on which nothing comes is aborted after", f"{settings.idle_timeout_s:g} s"),
    )
    return table(("item", "value"), facts)


_THEN = {
    Fate.STORED: "stored",
    Fate.POSTPONED: "tries again later",
    Fate.REFUSED: "gives up on this object; the exam is held and says so",
    Fate.UNKNOWN: "asks by C-FIND",
}


def _range(first: int, last: int) -> str:
    return f"0x{first:04X}" if first == last else f"0x{first:04X}–0x{last:04X}"


def _object(kind: Kind) -> tuple[str, str, int, str]:
    return kind.value, SOP_CLASSES[kind].name, FIRST_SERIES_NUMBER + SERIES_OFFSET[kind], _when(kind)


def _when(kind: Kind) -> str:
    if kind is Kind.REFUSAL:
        return "when an exam cannot be analysed"
    if kind is Kind.REJECTION:
        return "when a person withdraws a result"
    return "by default" if kind.value in DEFAULT_OBJECTS else "by a site's choice"


def _keys() -> Iterator[tuple[str, str]]:
    """Every key of ``node.toml`` and its default."""
    for name, field in Settings.model_fields.items():
        for key, item in _model_of(field.annotation).model_fields.items():
            yield f"{name}.{key}", "must be said" if item.is_required() else _words(item.get_default(call_default_factory=True))


def _model_of(annotation: object) -> type[Section]:
    """The model of a section; of a repeated one, that of one item."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner: Sequence[object] = getattr(annotation, "__args__", ())
    return next(_model_of(item) for item in inner if item is not Ellipsis)


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)
