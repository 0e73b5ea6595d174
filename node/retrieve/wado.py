"""WADO-RS: images come as parts of one answer, and go piece by piece into the inlet (PS3.18 10.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import structlog

from node.domain.arrivals import Arriving, Caller, Inlet
from node.errors import DataError, TemporaryError
from node.part10 import file_head
from node.retrieve.belonging import HEAD_BYTES, stranger
from node.retrieve.found import Fetched, Wanted
from node.retrieve.parts import boundary_of, parts
from node.retrieve.source import WebPeer
from node.retrieve.suboperations import Tell, opening
from node.retrieve.web import get

log = structlog.get_logger()

_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""As it is stored: nothing is decoded and encoded again on its way."""


def fetch_by_wado(
    peer: WebPeer, wanted: Wanted, inlet: Inlet, *, calling_ae: str, tell: Tell, stopped: Callable[[], bool] = lambda: False
) -> Fetched:
    """Fetch images; each is durable in the inlet before the next is read.

    Parameters
    ----------
    calling_ae : our AE title, for the register

    Raises
    ------
    RefusedError : the peer does not give them
    TemporaryError : it may work later; what came until then is kept
    """
    path = f"studies/{wanted.study_uid}/series/{wanted.series_uid}"
    paths = [f"{path}/instances/{uid}" for uid in wanted.images] or [path]
    kept = turned_away = 0
    with opening(inlet, _caller(peer, calling_ae)) as association:
        for one in paths:
            with get(peer, one, accept=_ACCEPT) as answer:
                for body in parts(answer, boundary_of(answer.content_type)):
                    taken = _take(peer, wanted, inlet, association, body)
                    kept, turned_away = kept + taken, turned_away + (not taken)
                    tell(kept)
                    if stopped():
                        raise TemporaryError(f"WADO-RS from {peer} was cancelled")
    return Fetched(kept, turned_away)


def _caller(peer: WebPeer, calling_ae: str) -> Caller:
    """Who brings it, for the register: the site's name stands for the AE title that DICOMweb has none of."""
    parts_of = urlsplit(peer.url)
    port = parts_of.port or (443 if parts_of.scheme == "https" else 80)
    return Caller(peer.name[:16].upper(), calling_ae, parts_of.hostname or "", port, peer=peer.name)


def _take(peer: WebPeer, wanted: Wanted, inlet: Inlet, association: str, body: Iterator[memoryview]) -> bool:
    """One part into the inlet; whether it is one that was wanted."""
    head = _head(body)
    try:
        told, rest = file_head(head)
        why = stranger(wanted, rest, told.transfer_syntax_uid)
    except DataError as error:
        why = str(error)
    if why:
        log.warning("turned away", peer=peer.name, series=wanted.series_uid, why=why)
        for _ in body:
            pass
        return False
    incoming = inlet.begin(Arriving(association, told.sop_class_uid, told.sop_instance_uid, told.transfer_syntax_uid))
    try:
        incoming.write(rest)
        for piece in body:
            incoming.write(piece)
        incoming.keep()
    except OSError as error:
        raise TemporaryError(f"what {peer} sends cannot be kept here: {error}") from error
    finally:
        incoming.drop()
    return True


def _head(body: Iterator[memoryview]) -> bytes:
    """Enough of a part to know what it is."""
    head = bytearray()
    for piece in body:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return bytes(head)
