"""pynetdicom's own acceptor, to compare ours with: the same contexts, the same title; keeps what it stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification


@dataclass
class Stock:
    """What the library's acceptor has stored: UIDs and bytes."""

    number: int = 0
    stored: list[tuple[str, bytes]] = field(default_factory=list)
    entity: AE = field(default_factory=lambda: AE(ae_title="EMBER"))

    def settle(self) -> None:
        """Wait until every association has ended: it may store what it has aborted."""
        for association in self.entity.active_associations:
            association.join(5)


@contextmanager
def stock_acceptor() -> Iterator[Stock]:
    """The library listens, for the time of the block."""
    stock = Stock()

    def keep(event: evt.Event) -> int:
        dataset = event.request.DataSet
        stock.stored.append((str(event.request.AffectedSOPInstanceUID), dataset.getvalue() if dataset else b""))
        return 0x0000

    entity = stock.entity
    entity.require_called_aet = True
    entity.maximum_pdu_size = 131072
    entity.maximum_associations = 1000
    entity.acse_timeout = 1  # so long it waits for the peer to close what it has turned away
    entity.dimse_timeout = entity.network_timeout = 10
    syntaxes = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    entity.add_supported_context(MRImageStorage, syntaxes)
    entity.add_supported_context(Verification, syntaxes)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, keep)])
    stock.number = server.server_address[1]
    try:
        yield stock
    finally:
        server.shutdown()
        entity.shutdown()
