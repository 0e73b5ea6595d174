"""`fetch`: images from a peer by whichever way the site says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.domain.arrivals import Inlet
from node.errors import RefusedError
from node.retrieve.found import Fetched, Wanted
from node.retrieve.get import Storage, fetch_by_get
from node.retrieve.move import fetch_by_move
from node.retrieve.source import By, Source
from node.retrieve.suboperations import Tell
from node.retrieve.wado import fetch_by_wado

LIST_LENGTH = 200
"""Images named in one request: a list of UIDs is one attribute of at most 64 KiB, and some archives take fewer."""


def fetch(
    source: Source,
    wanted: Wanted,
    inlet: Inlet,
    *,
    calling_ae: str,
    storage: Sequence[Storage],
    tell: Tell,
    stopped: Callable[[], bool] = lambda: False,
) -> Fetched:
    """Fetch a series, or some of its images.

    Parameters
    ----------
    inlet : where images go that come over our own connection; by C-MOVE the receiver has its own
    calling_ae : our AE title
    storage : what we take by C-GET
    tell : called with the number of images that have come
    stopped : asked between images

    Raises
    ------
    RefusedError : the peer does not do it
    TemporaryError : it may work later; what came until then is kept
    """
    done = Fetched(0)
    for one in _portions(wanted):
        before = done.kept
        more = _fetch(source, one, inlet, calling_ae, storage, lambda kept, before=before: tell(before + kept), stopped)  # type: ignore[misc]
        done = Fetched(done.kept + more.kept, done.turned_away + more.turned_away, done.failed + more.failed)
    return done


def _portions(wanted: Wanted) -> list[Wanted]:
    starts = range(0, max(1, len(wanted.images)), LIST_LENGTH)
    return [Wanted(wanted.study_uid, wanted.series_uid, wanted.patient_id, wanted.images[at : at + LIST_LENGTH]) for at in starts]


def _fetch(
    source: Source,
    wanted: Wanted,
    inlet: Inlet,
    calling_ae: str,
    storage: Sequence[Storage],
    tell: Tell,
    stopped: Callable[[], bool],
) -> Fetched:
    if source.by is By.DICOMWEB and source.web is not None:
        return fetch_by_wado(source.web, wanted, inlet, calling_ae=calling_ae, tell=tell, stopped=stopped)
    if source.peer is None:
        raise RefusedError(f"peer {source.name} cannot be fetched from by {source.by.value}: expected its host, port and AE title")
    if source.by is By.MOVE:
        return fetch_by_move(source.peer, wanted, tell=tell, stopped=stopped)
    return fetch_by_get(source.peer, wanted, inlet, storage=storage, tell=tell, stopped=stopped)
