"""What the filer would have recorded, for tests that begin with images which are here."""

from __future__ import annotations

from datetime import UTC, datetime

from node.domain.arrivals import Caller
from node.domain.filing import Batch, Closed, Entry, Filed, Opened, Place
from node.domain.ports import Received
from node.workflow.store.database import Store


def record(store: Store, received: Received) -> None:
    """An image that came: the first bytes under its UID, the same again, or others."""
    known = store.filing.known([received.sop_instance_uid]).get(received.sop_instance_uid)
    if known is None:
        _file(store, Filed(received, Place.INBOX))
    elif known.digest != received.digest:
        record_changed(store, received)


def record_changed(store: Store, received: Received) -> None:
    """Other bytes under a UID that is here."""
    _file(store, Filed(received, Place.QUARANTINE))


def association_opened(store: Store, association: str, *, calling_ae: str, called_ae: str = "EMBER") -> None:
    """An association brings something."""
    _file(store, Opened(association, Caller(calling_ae, called_ae, "127.0.0.1", 50000), datetime.now(UTC)))


def association_closed(store: Store, association: str, how: str) -> None:
    """It has ended."""
    _file(store, Closed(association, how, datetime.now(UTC)))


def _file(store: Store, entry: Entry) -> None:
    store.filing.file(Batch("receiver", [entry], None, [], {}))
