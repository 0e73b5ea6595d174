"""`Source`: a peer as it is asked and fetched from: its query service, its DICOMweb service, and how images come."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ssl import SSLContext

from node.dimse import Peer


class By(Enum):
    """How images are fetched."""

    GET = "get"  #: C-GET: on the association that we opened
    MOVE = "move"  #: C-MOVE: the peer opens an association to our receiver
    DICOMWEB = "dicomweb"  #: WADO-RS


@dataclass(frozen=True)
class WebPeer:
    """A DICOMweb service.

    Parameters
    ----------
    url : without a slash at the end: https://pacs.example/dicom-web
    token : bearer token; empty where none is needed
    timeout_s : for connecting and for each piece of an answer
    tls : how to speak TLS with it; none for what the machine trusts
    """

    name: str
    url: str
    token: str = field(default="", repr=False)
    timeout_s: float = 30.0
    tls: SSLContext | None = None

    def __str__(self) -> str:
        return f"peer {self.name} ({self.url})"


@dataclass(frozen=True)
class Source:
    """A peer of the site; one of `peer` and `web` is there at least.

    Parameters
    ----------
    name : the site's short name for it
    by : how images are fetched
    peer : its query service
    web : its DICOMweb service
    """

    name: str
    by: By
    peer: Peer | None = None
    web: WebPeer | None = None

    @property
    def asked(self) -> Peer | WebPeer:
        """The service that answers questions: DICOMweb where images are fetched by it, or where there is nothing else."""
        if self.web is not None and (self.by is By.DICOMWEB or self.peer is None):
            return self.web
        assert self.peer is not None
        return self.peer
