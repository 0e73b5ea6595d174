"""C-GET: images come over the association that we opened, and each is durable before it is answered (PS3.4 C.4.3)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace

import structlog
from pydicom.dataset import Dataset
from pynetdicom import build_role, evt
from pynetdicom.association import Association
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as MODEL

from node.dimse import Peer, associate
from node.domain.arrivals import Arriving, Caller, Inlet
from node.errors import NodeError, RefusedError, TemporaryError
from node.retrieve.belonging import stranger
from node.retrieve.found import Fetched, Wanted
from node.retrieve.keys import fetch_identifier
from node.retrieve.suboperations import PATIENCE_S, Tell, failed_of, failure, is_pending, opening

log = structlog.get_logger()

MOST_CONTEXTS = 128
"""Presentation contexts of one association (PS3.8 9.3.2.2: odd numbers up to 255)."""

LARGEST_BYTES = 1 << 30
"""Of one image: the library holds it in memory while it comes."""

_MESSAGE_ID = 1
_OUT_OF_RESOURCES, _NOT_ALLOWED = 0xA700, 0x0124


@dataclass(frozen=True)
class Storage:
    """Images of a class that we take, in one group of transfer syntaxes, of which the peer chooses one."""

    sop_class_uid: str
    transfer_syntax_uids: tuple[str, ...]


def fetch_by_get(
    peer: Peer, wanted: Wanted, inlet: Inlet, *, storage: Sequence[Storage], tell: Tell, stopped: Callable[[], bool] = lambda: False
) -> Fetched:
    """Fetch images; each is in the inlet, durable, before the peer hears Success.

    Parameters
    ----------
    storage : what we take, the dearest first: what does not fit into one association is left out
    tell : called with the number of images that have come
    stopped : asked between images; where it is true, the peer is asked to cancel, and what it sends all the same is not taken

    Raises
    ------
    RefusedError : the peer does not do it, an image is too large for it, or no association, see `associate`
    TemporaryError : it may work later; what came until then is kept
    """
    keeper = _Keeper(peer, wanted, inlet, tell, stopped)
    contexts = [build_context(MODEL), *(_context(one) for one in storage)][:MOST_CONTEXTS]
    roles = [build_role(uid, scp_role=True) for uid in dict.fromkeys(one.abstract_syntax for one in contexts[1:])]
    caller = Caller(peer.called_ae, peer.calling_ae, peer.host, peer.port, peer=peer.name)
    with opening(inlet, caller) as keeper.association:
        patient = replace(peer, answer_timeout_s=max(PATIENCE_S, peer.answer_timeout_s))
        handlers = [(evt.EVT_C_STORE, keeper.store), (evt.EVT_PDU_RECV, keeper.weigh)]
        with associate(patient, contexts, roles=roles, handlers=handlers) as association:
            if MODEL not in {context.abstract_syntax for context in association.accepted_contexts}:
                raise RefusedError(f'{peer} does not offer C-GET: expected it, or another fetch_by for this peer ("move", "dicomweb")')
            answers = association.send_c_get(fetch_identifier(wanted), MODEL, msg_id=_MESSAGE_ID)
            with closing(answers):
                try:
                    failed = _follow(peer, association, answers, lambda: stopped() or keeper.error is not None)
                except TemporaryError:
                    if keeper.error is None:
                        raise
                    raise keeper.error from None
    if keeper.error is not None:
        raise keeper.error
    return Fetched(keeper.kept, keeper.turned_away, max(0, failed - keeper.turned_away))


def _context(one: Storage) -> PresentationContext:
    return build_context(one.sop_class_uid, list(one.transfer_syntax_uids))


def _follow(peer: Peer, association: Association, answers: Iterator[tuple[Dataset, Dataset | None]], stop: Callable[[], bool]) -> int:
    """Until the last answer; returns how many images the peer could not send."""
    cancelled = False
    for answer, _ in answers:
        if not is_pending(answer):
            if error := failure(peer, "C-GET", answer):
                raise error
            return failed_of(answer)
        if stop() and not cancelled:
            association.send_c_cancel(_MESSAGE_ID, query_model=MODEL)
            cancelled = True
    raise TemporaryError(f"{peer} ended the association in the middle of C-GET")


class _Keeper:
    """Takes each image that the peer sends, on the thread of the association."""

    def __init__(self, peer: Peer, wanted: Wanted, inlet: Inlet, tell: Tell, stopped: Callable[[], bool]) -> None:
        self._peer = peer
        self._wanted = wanted
        self._inlet = inlet
        self._tell = tell
        self._stopped = stopped
        self._size = 0
        self.association = ""
        self.kept = self.turned_away = 0
        self.error: NodeError | None = None

    def store(self, event: evt.Event) -> int:
        """The status to answer with."""
        if isinstance(self.error, RefusedError):
            return _OUT_OF_RESOURCES  # it was whole before the line was shut
        if self._stopped():
            self.error = TemporaryError(f"C-GET from {self._peer} was cancelled")
            return _OUT_OF_RESOURCES
        request = event.request
        syntax = str(event.context.transfer_syntax)
        with request.DataSet.getbuffer() as dataset:
            if why := stranger(self._wanted, dataset, syntax):
                self.turned_away += 1
                log.warning("turned away", peer=self._peer.name, series=self._wanted.series_uid, why=why)
                return _NOT_ALLOWED
            arriving = Arriving(self.association, str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID), syntax)
            try:
                self._keep(arriving, dataset)
            except (TemporaryError, OSError) as error:
                self.error = TemporaryError(f"what {self._peer} sends cannot be kept here: {error}")
                return _OUT_OF_RESOURCES
        self.kept += 1
        self._tell(self.kept)
        return 0x0000

    def weigh(self, event: evt.Event) -> None:
        """End the association where an image is larger than what may be held."""
        if not isinstance(event.pdu, P_DATA_TF):
            return
        for item in event.pdu.presentation_data_value_items:
            value = item.presentation_data_value
            is_command = value[0] & 1  # PS3.8 E.2: the next image begins with its command
            self._size = 0 if is_command else self._size + len(value) - 1
        if self._size > LARGEST_BYTES:
            what = f"an image of more than {LARGEST_BYTES >> 20} MiB, which cannot be fetched by C-GET"
            self.error = RefusedError(f'{self._peer} sends {what}: expected another fetch_by for this peer ("move", "dicomweb")')
            with suppress(OSError, AttributeError):
                event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)

    def _keep(self, arriving: Arriving, dataset: memoryview) -> None:
        incoming = self._inlet.begin(arriving)
        try:
            incoming.write(dataset)
            incoming.keep()
        finally:
            incoming.drop()
