"""The sections of ``node.toml`` that speak of the network: the doors, who may come in, whom we ask, and where results go."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*$")]
Port = Annotated[int, Field(ge=1, le=65535)]
ShortName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]

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

NEEDED = {"dimse": ("host", "port", "ae_title"), "stow": ("url",), "folder": ("folder",)}
"""What each kind of destination cannot do without."""

ALWAYS_REQUIRED = frozenset({"summary", "refusal", "rejection"})
"""Kinds without which nothing is told, or nothing withdrawn: that a destination cannot take them is a failure whoever chose them."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Section(BaseModel):
    """A part of a settings file: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)  # what is not read costs no start


class TlsSection(Section):
    """[tls]: our certificate, and whom we trust; for the TLS port, and for peers and destinations with ``tls = true``."""

    certificate: Path = Field(strict=False)
    key: Path = Field(strict=False)
    trusted: Path = Field(strict=False)
    revoked: Path | None = Field(default=None, strict=False)
    ocsp: Literal["off", "when-named", "required"] = "off"


class ReceiverSection(Section):
    """[receiver]: the doors through which images come in."""

    host: str = "0.0.0.0"
    port: Port = 11112
    plain: bool = True
    tls_port: Port | None = None
    also_called: tuple[AETitle, ...] = Field(default=(), strict=False)
    max_associations: Annotated[int, Field(ge=1, le=1000)] = 64
    handshake_timeout_s: Annotated[float, Field(gt=0, strict=False)] = 5.0
    idle_timeout_s: Annotated[float, Field(gt=0, strict=False)] = 60.0
    min_free_gib: Annotated[float, Field(ge=0, strict=False)] = 5.0
    commitment: bool = False

    @model_validator(mode="after")
    def _has_a_door(self) -> ReceiverSection:
        if not self.plain and self.tls_port is None:
            raise ValueError("plain = false needs tls_port: nothing could come in")
        return self


class PeerSection(Section):
    """[[peer]]: a scanner, router or archive that may send to us, and how it is asked."""

    name: ShortName
    ae_titles: tuple[AETitle, ...] = Field(min_length=1, strict=False)
    addresses: tuple[str, ...] = Field(default=(), strict=False)
    certificates: tuple[str, ...] = Field(default=(), strict=False)
    max_associations: Annotated[int, Field(ge=1, le=1000)] = 16
    host: str | None = None
    port: Port | None = None
    ae_title: AETitle | None = None
    tls: bool = False
    url: Url | None = None
    token: Path | None = Field(default=None, strict=False)
    archive: bool = False
    ask: Literal["nothing", "counts", "images"] = "nothing"
    fetch_by: Literal["move", "get", "dicomweb"] = "get"
    timeout_s: Annotated[float, Field(gt=0, strict=False)] = 30.0

    @field_validator("addresses")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise ValueError(f"expected IP addresses or networks such as 10.1.2.0/24; found {text}") from None
        return value

    @model_validator(mode="after")
    def _can_be_asked(self) -> PeerSection:
        dimse = all(value is not None for value in (self.host, self.port, self.ae_title))
        if self.ask != "nothing" and not dimse and self.url is None:
            raise ValueError('ask needs host, port and ae_title of its query service, or url for fetch_by = "dicomweb"')
        if self.fetch_by == "dicomweb" and self.ask != "nothing" and self.url is None:
            raise ValueError('fetch_by = "dicomweb" needs url')
        if self.archive and not dimse:
            raise ValueError("archive = true needs host, port and ae_title of its query service")
        return self


class Destination(Section):
    """[[destination]]: a PACS to which results go."""

    name: ShortName
    kind: Literal["dimse", "stow", "folder"] = "dimse"
    host: str | None = Field(default=None, validate_default=True)
    port: Port | None = Field(default=None, validate_default=True)
    ae_title: AETitle | None = Field(default=None, validate_default=True)
    tls: bool = False
    url: Url | None = Field(default=None, validate_default=True)
    token: Path | None = Field(default=None, strict=False)
    folder: Path | None = Field(default=None, strict=False, validate_default=True)
    proof: Literal["auto", "commitment", "query", "none"] = "auto"
    prove_within_s: Annotated[float, Field(gt=0, strict=False)] = 600.0
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

    @field_validator("host", "port", "ae_title", "url", "folder")
    @classmethod
    def _can_be_reached(cls, value: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind", "")
        if value is None and info.field_name in NEEDED.get(kind, ()):
            raise ValueError(f'kind = "{kind}" needs it')
        return value

    def requires(self, kind: str) -> bool:
        """Whether it is a failure that this destination does not take objects of a kind: of what the site named here, and of the pages."""
        return kind in ALWAYS_REQUIRED or kind in (self.objects or ())


class RetrieveSection(Section):
    """[retrieve]: what the node may fetch by itself from peers with ``ask = "images"``."""

    missing_roles: bool = False
    after_quiet_s: Annotated[float, Field(ge=0, strict=False)] = 60.0
    priors: bool = False
    prior_years: Annotated[float, Field(gt=0, strict=False)] = 5.0
    priors_wait_min: Annotated[float, Field(ge=0, strict=False)] = 60.0
    images_an_exam: Annotated[int, Field(ge=1)] = 5000
    studies_a_day: Annotated[int, Field(ge=1)] = 100


class KeepingSection(Section):
    """[keeping]: how long what was received and made stays here."""

    days: Annotated[int, Field(ge=1)] | None = None
    warn_free_gib: Annotated[float, Field(ge=0, strict=False)] = 20.0


class WebSection(Section):
    """[web]: DICOMweb: STOW-RS in, QIDO-RS and WADO-RS of our own results. Off where there is no port."""

    host: str = "127.0.0.1"
    port: Port | None = None
    tls: bool = False
    tokens: Path | None = Field(default=None, strict=False)
    max_request_mib: Annotated[int, Field(ge=1)] = 2048
    max_requests: Annotated[int, Field(ge=1, le=1000)] = 16

    @model_validator(mode="after")
    def _strangers_stay_out(self) -> WebSection:
        if self.port is not None and self.tokens is None and not is_loopback(self.host):
            raise ValueError(f"host {self.host or '(all)'} needs a file of tokens (`ember web-token` makes them); else expected 127.0.0.1")
        return self
