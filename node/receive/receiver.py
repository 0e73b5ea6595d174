"""The receiver: a C-ECHO and C-STORE service (SCP) on one port."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import structlog
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_P_ABORT
from pynetdicom.transport import ThreadedAssociationServer

from node.dimse import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, MAX_PDU_BYTES, set_no_delay
from node.domain.ports import Recorded, Register
from node.receive.answer import answer
from node.receive.contexts import supported_contexts
from node.receive.inbox import Arrival, Inbox

log = structlog.get_logger()

_REJECT_BUSY = (0x02, 0x03, 0x02)
"""Rejected transient, presentation provider, local limit exceeded (PS3.8 9.3.4)."""

_UNLIMITED = 1_000_000
"""For the library's own count of connections; ours is in `Receiver._on_requested`."""

AWAITING_REQUEST = "Sta2"
"""Connected, and nothing asked for yet (PS3.8, 9.2)."""

CLOSING_S = 2.0


@dataclass(frozen=True)
class ReceiverSettings:
    """How the receiver listens.

    Parameters
    ----------
    ae_title : by which it must be called
    host, port : where it listens; port 0 takes a free one
    max_associations : more than this at one time are turned away, transiently
    peers : AE titles that may call; empty lets any caller in
    request_timeout_s : a connection that has not asked for an association by then is closed
    idle_timeout_s : an association on which nothing came for so long is aborted
    """

    ae_title: str
    host: str
    port: int
    max_associations: int = 20
    peers: tuple[str, ...] = ()
    max_pdu_bytes: int = MAX_PDU_BYTES
    request_timeout_s: float = 5.0
    idle_timeout_s: float = 60.0


@dataclass(eq=False)
class _Link:
    """One association: its name, whether the register has heard of it, and whether the peer vanished."""

    name: str
    announced: bool = False
    lost: bool = False


class Receiver:
    """Takes images from the network into the inbox.

    The register is called from several threads at a time, and not after `stop` has returned.
    """

    def __init__(self, settings: ReceiverSettings, register: Register, inbox: Inbox) -> None:
        self._settings = settings
        self._register = register
        self._inbox = inbox
        self._entity = _entity(settings)
        self._links: dict[Association, _Link] = {}
        self._links_lock = threading.Lock()
        self._watchers: set[threading.Thread] = set()
        self._server: ThreadedAssociationServer | None = None

    @property
    def port(self) -> int:
        """The port on which it listens.

        Raises
        ------
        RuntimeError : it does not listen
        """
        if self._server is None:
            raise RuntimeError("the receiver has not been started")
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Tidy the inbox, then listen.

        Raises
        ------
        TemporaryError : another process holds the inbox
        OSError : the port is taken
        """
        try:
            self._inbox.open(self._register)
            self._server = self._entity.start_server(
                (self._settings.host, self._settings.port),
                block=False,
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, set_no_delay),
                    (evt.EVT_REQUESTED, self._on_requested),
                    (evt.EVT_REJECTED, _on_rejected),
                    (evt.EVT_ACSE_RECV, self._on_acse),
                    (evt.EVT_C_STORE, self._on_store),
                ],
            )
        except BaseException:
            self._inbox.close()
            raise
        log.info("listening", ae_title=self._settings.ae_title, host=self._settings.host, port=self.port)

    def stop(self) -> None:
        """Stop listening, abort what is open, wait until the last image is kept or refused."""
        if self._server is not None:
            # Nobody gets in from here on; and it wakes the library's server, which else looks up twice a second.
            with suppress(OSError):
                self._server.socket.shutdown(socket.SHUT_RDWR)
            self._server.shutdown()
        self._close_silent()
        self._entity.shutdown()
        for watcher in list(self._watchers):
            watcher.join()
        self._server = None
        self._inbox.close()

    def _close_silent(self) -> None:
        """Close connections on which nobody has asked for an association: there is no association to abort (PS3.8, 9.2, Sta2), and the
        library's thread fails if it is told to."""
        for association in self._entity.active_associations:
            link = association.dul.socket
            if association.dul.state_machine.current_state == AWAITING_REQUEST and link is not None and link.socket is not None:
                with suppress(OSError):
                    link.socket.shutdown(socket.SHUT_RDWR)
                association.join(CLOSING_S)

    def _on_requested(self, event: evt.Event) -> None:
        """Count those that ask for an association, not those that are merely connected.

        The library counts connections: as many silent ones as associations are allowed, and nobody gets in.
        """
        association = event.assoc
        with self._links_lock:
            busy = len(self._links) >= self._settings.max_associations
            if not busy:
                self._links[association] = _Link(uuid4().hex)
        if busy:
            log.warning("turned away: too many associations", limit=self._settings.max_associations)
            association.acse.send_reject(*_REJECT_BUSY)
            association.is_rejected = True
            association.kill()
            return
        watcher = threading.Thread(target=self._see_out, args=(association,), name="watch association", daemon=True)
        self._watchers.add(watcher)
        watcher.start()

    def _on_acse(self, event: evt.Event) -> None:
        link = self._links.get(event.assoc)
        if link is not None and isinstance(event.primitive, A_P_ABORT):
            link.lost = True

    def _on_store(self, event: evt.Event) -> Dataset:
        link = self._links[event.assoc]
        return answer(event, link.name, partial(self._keep, link))

    def _keep(self, link: _Link, arrival: Arrival) -> Recorded:
        """Tell the register of the association with its first image, so that C-ECHO leaves no trace and a failure is answered."""
        if not link.announced:
            self._register.association_opened(
                link.name, calling_ae=arrival.calling_ae, called_ae=arrival.called_ae, address=arrival.address
            )
            link.announced = True
            log.info("association brings images", association=link.name, calling_ae=arrival.calling_ae, address=arrival.address)
        return self._inbox.keep(arrival, self._register)

    def _see_out(self, association: Association) -> None:
        """Wait for the end of the association's thread: after that it brings no more images, however it ended."""
        association.join()
        with self._links_lock:
            link = self._links.pop(association)
        try:
            if link.announced:
                how = _how_it_ended(association, link)
                log.info("association ended", association=link.name, how=how)
                self._register.association_closed(link.name, how)
        except Exception:
            # Nobody is left to tell; the register must close what it finds open when it starts.
            log.exception("the end of an association could not be recorded", association=link.name)
        finally:
            self._watchers.discard(threading.current_thread())


def _on_rejected(event: evt.Event) -> None:
    remote = event.assoc.requestor
    asked = remote.primitive
    log.warning("turned away: AE title", calling_ae=asked.calling_ae_title, called_ae=asked.called_ae_title, address=remote.address)


def _how_it_ended(association: Association, link: _Link) -> str:
    if association.is_released:
        return "released"
    return "lost" if link.lost or not association.is_aborted else "aborted"


def _entity(settings: ReceiverSettings) -> AE:
    entity = AE(ae_title=settings.ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.supported_contexts = supported_contexts()
    entity.require_called_aet = True
    entity.require_calling_aet = list(settings.peers)
    entity.maximum_pdu_size = settings.max_pdu_bytes
    entity.maximum_associations = _UNLIMITED
    entity.acse_timeout = settings.request_timeout_s
    entity.network_timeout = settings.idle_timeout_s
    return entity
