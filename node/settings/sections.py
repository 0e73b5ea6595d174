"""The shape of ``node.toml``: one frozen model a section. What each key means is said line by line in ``config/node.toml``."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*$")]
Port = Annotated[int, Field(ge=1, le=65535)]

Reference = Literal["cerebellar_gm", "whole_brain", "nawm", "occipital_gm", "frontal_gm", "user_mask"]
"""Reference regions; "user_mask" is the label of that name in the site's atlas."""

DynamicReference = Literal[Reference, "svca"]
"""The same of a dynamic scan, whose curves may be clustered."""

ParametricMethod = Literal["mrtm2", "logan", "srtm", "srtm2", "zhou"]
PartialVolume = Literal["none", "gtm", "rbv", "iterative-yang", "muller-gartner"]


ObjectName = Literal[
    "summary",
    "overlay",
    "overlay_t1",
    "lesions",
    "raised",
    "rims",
    "regions",
    "report",
    "physicist",
    "map",
    "suvr",
    "suv",
    "parametric_maps",
    "registration",
    "key_objects",
    "presentation",
    "pdf",
]
"""Kinds of object that a site may ask for, as `node.encode` names them."""

Profile = Literal["minimal", "standard", "everything"]

PROFILES: dict[Profile, tuple[ObjectName, ...]] = {
    "minimal": ("summary", "overlay"),
    "standard": ("summary", "overlay", "lesions", "raised", "map", "report"),
    "everything": get_args(ObjectName),
}
"""Ready-made choices of objects for a destination."""

ALWAYS_REQUIRED = frozenset({"summary", "refusal", "rejection"})
"""Kinds without which nothing is told, or nothing withdrawn: that a destination cannot take them is a failure whoever chose them."""

PROGRAM_FILES = frozenset({"t1", "flair", "brain", "out", "workdir"})
"""What a word of the site's lesion program may stand for in braces."""


class Section(BaseModel):
    """A part of a settings file: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)  # what is not read costs no start


class NodeSection(Section):
    """[node]: who this node is and where it keeps things."""

    ae_title: AETitle = "EMBER"
    storage: Path = Field(strict=False)
    institution: str = ""


class ReceiverSection(Section):
    """[receiver]: the door through which images come in."""

    host: str = "0.0.0.0"
    port: Port = 11112
    max_associations: Annotated[int, Field(ge=1, le=1000)] = 20
    accept_from: tuple[AETitle, ...] = Field(default=(), strict=False)
    min_free_gib: Annotated[float, Field(ge=0, strict=False)] = 5.0


class Destination(Section):
    """[[destination]]: a PACS to which results go."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    host: str
    port: Port
    ae_title: AETitle
    timeout_s: Annotated[float, Field(gt=0, strict=False)] = 30.0
    profile: Profile | None = None
    objects: tuple[ObjectName, ...] | None = Field(default=None, strict=False)
    compression: Literal["none", "lossless"] = "none"

    @field_validator("objects")
    @classmethod
    def _some_and_each_once(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (not value or len(set(value)) != len(value)):
            raise ValueError("expected at least one, and each once")
        return value

    def requires(self, kind: str) -> bool:
        """Whether it is a failure that this destination does not take objects of a kind: of what the site named here, and of the pages."""
        return kind in ALWAYS_REQUIRED or kind in (self.objects or ())


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
    destination: tuple[Destination, ...] = Field(default=(), strict=False)
    analysis: AnalysisSection = AnalysisSection()
    compute: ComputeSection = ComputeSection()
    log: LogSection = LogSection()

    @field_validator("destination")
    @classmethod
    def _names_differ(cls, value: tuple[Destination, ...]) -> tuple[Destination, ...]:
        names = [destination.name for destination in value]
        if len(set(names)) != len(names):
            raise ValueError(f"each destination needs a name of its own; found {', '.join(names)}")
        return value

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
