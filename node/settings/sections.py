"""The shape of ``node.toml``: one frozen model a section. What each key means is said line by line in ``config/node.toml``."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from node.settings.network import (
    PROFILES,
    AETitle,
    Destination,
    KeepingSection,
    ObjectName,
    PeerSection,
    ReceiverSection,
    RetrieveSection,
    Section,
    TlsSection,
    WebSection,
)

Reference = Literal["cerebellar_gm", "whole_brain", "nawm", "occipital_gm", "frontal_gm", "user_mask"]
"""Reference regions; "user_mask" is the label of that name in the site's atlas."""

DynamicReference = Literal[Reference, "svca"]
"""The same of a dynamic scan, whose curves may be clustered."""

ParametricMethod = Literal["mrtm2", "logan", "srtm", "srtm2", "zhou"]
PartialVolume = Literal["none", "gtm", "rbv", "iterative-yang", "muller-gartner"]


PROGRAM_FILES = frozenset({"t1", "flair", "brain", "out", "workdir"})
"""What a word of the site's lesion program may stand for in braces."""


class NodeSection(Section):
    """[node]: who this node is and where it keeps things."""

    ae_title: AETitle = "EMBER"
    storage: Path = Field(strict=False)
    institution: str = ""


class AnalysisSection(Section):
    """[analysis]: what is analysed, by which methods, and how it is shown."""

    rules: Path = Field(default=Path("rules.toml"), strict=False)
    tracers: Path = Field(default=Path("tracers"), strict=False)
    scanners: Path = Field(default=Path("scanners"), strict=False)
    template: Path | None = Field(default=None, strict=False)
    reading: Literal["FLAIR", "T1"] = "FLAIR"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20260101
    genotypes: Path | None = Field(default=None, strict=False)
    reference: Literal["tracer", DynamicReference] = "tracer"
    svca_classes: Path | None = Field(default=None, strict=False)
    atlas: Path | None = Field(default=None, strict=False)
    maps: tuple[ParametricMethod, ...] = Field(default=("mrtm2", "logan", "srtm2"), strict=False)
    partial_volume: PartialVolume = "none"
    physicist_page: Literal["always", "dynamic", "never"] = "dynamic"
    objects: tuple[ObjectName, ...] = Field(default=PROFILES["standard"], strict=False)
    seg_form: Literal["BINARY", "FRACTIONAL", "LABELMAP"] = "BINARY"
    language: Literal["en", "de"] = "en"
    lesion_program: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False)
    lesion_program_name: str = ""
    lesion_program_version: str = ""
    lesion_program_timeout_s: Annotated[float, Field(gt=0, strict=False)] = 900.0
    lesion_program_memory_mib: Annotated[int, Field(ge=256)] = 4096

    @field_validator("maps", "objects")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("expected each once")
        return value

    @field_validator("atlas")
    @classmethod
    def _is_a_dseg(cls, value: Path | None) -> Path | None:
        if value is not None and not value.name.endswith(("_dseg.nii.gz", "_dseg.nii")):
            raise ValueError("expected a label atlas as BIDS names it, …_dseg.nii.gz with …_dseg.tsv beside it")
        return value

    @field_validator("lesion_program")
    @classmethod
    def _writes_a_mask(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        used = {name for word in value for _, name, _, _ in Formatter().parse(word) if name is not None}
        if value and "out" not in used:
            raise ValueError("expected {out} among the words: where the program writes its mask")
        if unknown := sorted(used - PROGRAM_FILES):
            raise ValueError(f"expected no other placeholders than {', '.join(sorted(PROGRAM_FILES))}; found {', '.join(unknown)}")
        return value

    @model_validator(mode="after")
    def _program_has_a_name(self) -> AnalysisSection:
        if self.lesion_program and not self.lesion_program_name.strip():
            raise ValueError("lesion_program needs lesion_program_name, which is printed beside its lesions")
        return self

    @model_validator(mode="after")
    def _reference_can_be_had(self) -> AnalysisSection:
        if self.reference == "svca" and self.svca_classes is None:
            raise ValueError('reference = "svca" needs svca_classes, the folder of the classes that you have trained')
        if self.reference == "user_mask" and self.atlas is None:
            raise ValueError('reference = "user_mask" needs an atlas with a label of that name')
        return self


class ComputeSection(Section):
    """[compute]: the limits of the process that does the sums."""

    timeout_s: Annotated[float, Field(gt=0, strict=False)] = 1800.0
    memory_mib: Annotated[int, Field(ge=512)] = 6144
    attempts: Annotated[int, Field(ge=1, le=10)] = 3


class LogSection(Section):
    """[log]: what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    form: Literal["text", "json"] = "text"


class Settings(Section):
    """Everything that the site says, checked as a whole."""

    node: NodeSection
    receiver: ReceiverSection = ReceiverSection()
    tls: TlsSection | None = None
    web: WebSection = WebSection()
    peer: tuple[PeerSection, ...] = Field(default=(), strict=False)
    destination: tuple[Destination, ...] = Field(default=(), strict=False)
    retrieve: RetrieveSection = RetrieveSection()
    keeping: KeepingSection = KeepingSection()
    analysis: AnalysisSection = AnalysisSection()
    compute: ComputeSection = ComputeSection()
    log: LogSection = LogSection()

    @field_validator("destination", "peer")
    @classmethod
    def _names_differ(cls, value: tuple[Destination | PeerSection, ...]) -> tuple[Destination | PeerSection, ...]:
        names = [one.name for one in value]
        if len(set(names)) != len(names):
            raise ValueError(f"each needs a name of its own; found {', '.join(names)}")
        return value

    @model_validator(mode="after")
    def _tls_has_a_certificate(self) -> Settings:
        wanting = [
            *(["receiver.tls_port"] if self.receiver.tls_port else []),
            *(["web.tls"] if self.web.tls else []),
            *(f"peer {one.name}" for one in self.peer if one.tls),
            *(f"destination {one.name}" for one in self.destination if one.tls),
        ]
        if wanting and self.tls is None:
            raise ValueError(f"{', '.join(wanting)}: TLS needs the section [tls] with our certificate and whom we trust")
        return self

    @model_validator(mode="after")
    def _commitment_can_be_had(self) -> Settings:
        if self.receiver.commitment and not any(one.archive for one in self.peer):
            raise ValueError("receiver.commitment: a scanner deletes on our word, which needs a [[peer]] with archive = true that we ask")
        known = {(title, None) for one in self.peer for title in (one.ae_title, *one.ae_titles)} | {(None, one.host) for one in self.peer}
        for one in self.destination:
            if one.proof == "commitment" and one.kind != "dimse":
                raise ValueError(f'destination {one.name}: proof = "commitment" is a service of kind = "dimse"; expected "auto" or "query"')
            if one.proof == "commitment" and not {(one.ae_title, None), (None, one.host)} & known:
                raise ValueError(f'destination {one.name}: proof = "commitment": its report is turned away without a [[peer]] of its title')
        return self

    def wanted_by(self, destination: Destination) -> tuple[ObjectName, ...]:
        """The kinds of object that go to a destination: its own list, its profile, or the node's default."""
        if destination.objects is not None:
            return destination.objects
        return self.analysis.objects if destination.profile is None else PROFILES[destination.profile]

    @property
    def wanted(self) -> tuple[ObjectName, ...]:
        """The kinds of object that are made: all that any destination wants; the node's default where there is no destination."""
        sets = [self.wanted_by(destination) for destination in self.destination] or [self.analysis.objects]
        return tuple(dict.fromkeys(kind for kinds in sets for kind in kinds))
