"""UIDs that follow from what the result was made of: encoding twice gives the same objects.

A UID is ``2.25.`` and the decimal form of a UUID (PS3.5 B.2), whose bits are a SHA-256 of the inputs (UIDs and digests), the
settings, the software version, the seed, the exam and its version, the site's options, and what the UID is for. The date of making
is left out on purpose: it belongs to the version, and a version is made once. So is the choice of objects: an object is the same
whichever others are written beside it, or sent to another destination.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from functools import cached_property

from node.domain.result import Provenance
from node.encode.objects import EncodeOptions, Kind

_DEVICES = uuid.UUID("5dc2a3a0-6c0b-4b6e-9a55-2f7d5a4f1c37")
"""A random UUID, made once: the name space of the nodes' serial numbers."""


@dataclass(frozen=True)
class UidMaker:
    """Makes the UIDs of one version of one exam."""

    provenance: Provenance
    options: EncodeOptions

    def __call__(self, kind: Kind, part: str, index: int = 0) -> str:
        """The UID of one part ("series", "instance", "dimensions" …) of one kind of object."""
        digest = hashlib.sha256(self._origin + repr((kind.value, part, index)).encode()).digest()
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"

    @cached_property
    def _origin(self) -> bytes:
        p = self.provenance
        facts = (p.exam, p.version, p.software, p.settings_digest, p.seed, p.inputs, p.parameters, _making(self.options))
        return hashlib.sha256(repr(facts).encode()).digest()


def lasting_uid(what: str) -> str:
    """A UID that follows from what it is for alone: the same in every version, and in every exam that says the same."""
    return f"2.25.{uuid.UUID(bytes=hashlib.sha256(what.encode()).digest()[:16], version=5).int}"


def device_uid(options: EncodeOptions) -> str:
    """The UID of the node itself, as one of its objects' observer: the same in all exams of one serial number."""
    return f"2.25.{uuid.uuid5(_DEVICES, options.device_serial_number).int}"


def _making(options: EncodeOptions) -> EncodeOptions:
    return replace(options, objects=())
