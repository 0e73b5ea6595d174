"""UIDs that follow from what the result was made of: encoding twice gives the same objects.

A UID is ``2.25.`` and the decimal form of a UUID (PS3.5 B.2), whose bits are a SHA-256 of the inputs (UIDs and digests), the
settings, the software version, the seed, the exam and its version, the site's options, and what the UID is for. The date of making
is left out on purpose: it belongs to the version, and a version is made once.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from functools import cached_property

from node.domain.result import Provenance
from node.encode.objects import EncodeOptions, Kind


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
        facts = (p.exam, p.version, p.software, p.settings_digest, p.seed, p.inputs, p.parameters, self.options)
        return hashlib.sha256(repr(facts).encode()).digest()
