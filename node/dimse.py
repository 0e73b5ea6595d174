"""One way to speak DIMSE to a peer: an association with our names, our time-outs, and no waiting for Nagle.

Decisions
---------
TCP_NODELAY is set on every socket here, because pynetdicom leaves it unset and each C-STORE then waits 40 ms for a delayed
acknowledgement (20 images/s instead of 180).

Some settings of pynetdicom are changed for the process when this file is imported, because it has no narrower place for them. A file is
sent as the bytes that lie on disk, instead of being decoded and encoded again: a result must reach the PACS with the bytes that were
frozen. Its own logs of events and queries are off, since they name patients. And three mistakes of its are repaired there: it closes a
socket only when it could shut it down first, which fails when the peer was quicker or never reached, and leaves the socket to the
garbage collector; an association that it gives up waits for ever for a peer that takes or gives a byte a second, where here its
socket is shut; and its thread that looks for requests of the peer takes an answer away, once in some thousand, from the thread that
waits for it, which then waits until its time-out: here it takes requests alone.

A peer that rejects an association for good raises `RefusedError`; whatever may pass (no answer, busy, aborted) raises `TemporaryError`.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ssl import SSLContext
from time import monotonic

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification
from pynetdicom.transport import AssociationSocket

from node.errors import RefusedError, TemporaryError
from node.tls import why_no_tls

_config.STORE_SEND_CHUNKED_DATASET = True
_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False


def _close(connection: AssociationSocket | None) -> None:
    if connection is not None and connection.socket is not None:
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)
        connection.socket.close()


AssociationSocket._shutdown_socket = _close

PATIENCE_WITH_THE_END_S = 2.0
"""How long an association may take to end once it has been given up."""

_kill = Association.kill


def _kill_for_sure(association: Association) -> None:
    timer = threading.Timer(PATIENCE_WITH_THE_END_S, _close, [association.dul.socket])
    timer.daemon = True
    timer.start()
    try:
        _kill(association)
    finally:
        timer.cancel()


Association.kill = _kill_for_sure

_get_msg = DIMSEServiceProvider.get_msg


def _leave_answers(provider: DIMSEServiceProvider, block: bool = False) -> tuple[int, object] | tuple[None, None]:  # noqa: FBT001, FBT002
    _, message = provider.peek_msg()
    is_request = message is not None and (message.MessageIDBeingRespondedTo is None or isinstance(message, C_CANCEL))
    return _get_msg(provider, block) if block or is_request else (None, None)


DIMSEServiceProvider.get_msg = _leave_answers

IMPLEMENTATION_CLASS_UID = UID("2.25.262569185279787856321899357490645351346")
"""Who wrote a file or proposed an association (PS3.7 D.3.3.2). Never changed: it is part of each received file's digest."""

IMPLEMENTATION_VERSION_NAME = "EMBER"
"""Without a version number, for the same reason."""

MAX_PDU_BYTES = 131072
"""Largest PDU that we take. 16 KiB, the library's default, costs one more turn of its state machine for each 16 KiB of image."""

_PERMANENT = 0x01
_PENDING = (0xFF00, 0xFF01)
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True)
class Peer:
    """A DICOM application to which we open associations.

    Parameters
    ----------
    name : the site's short name for it, used in messages
    host, port : where it listens
    called_ae, calling_ae : its AE title and ours
    connect_timeout_s : for the TCP connection and for the answer to the association request, each
    answer_timeout_s : for each DIMSE answer
    tls : how to speak TLS with it (`node.tls`); none for plain TCP
    """

    name: str
    host: str
    port: int
    called_ae: str
    calling_ae: str
    connect_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0
    tls: SSLContext | None = None

    def __str__(self) -> str:
        return f"peer {self.name} ({self.called_ae} at {self.host}:{self.port})"


@dataclass(frozen=True)
class EchoResult:
    """What a C-ECHO brought: the DIMSE status (0x0000 is Success) and how long association and answer took together."""

    status: int
    seconds: float


def is_uid(text: str) -> bool:
    """Whether a text is a UID that may name a file: digits and single dots, up to 64 characters (PS3.5 9.1).

    Leading zeros in a component are forbidden by the standard, yet are sent, and are let through: they name a file as well.
    """
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def set_no_delay(event: evt.Event) -> None:
    """Set TCP_NODELAY on a connection that has just opened: to be bound to EVT_CONN_OPEN, as requestor and as acceptor."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextmanager
def associate(
    peer: Peer,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[evt.EventHandlerType] = (),
) -> Iterator[Association]:
    """An established association with a peer, released at the end, aborted when the block raises.

    Parameters
    ----------
    contexts : presentation contexts to propose, at least one of which the peer must accept
    roles : SCP/SCU role selection (PS3.7 D.3.3.4), of classes for which we want to be the SCP
    handlers : of what the peer asks of us on this association, in those roles

    Raises
    ------
    RefusedError : the peer rejected the association permanently, or accepted none of the contexts
    TemporaryError : unreachable, busy, no answer within the time-out, aborted, or gone before a request of the block
    """
    association = _request(peer, contexts, roles, handlers)
    if not association.is_established:
        raise _why_not(peer, association)
    try:
        yield association
        if association.is_established:
            association.release()
    except RuntimeError as error:
        if association.is_established or type(error) is not RuntimeError:
            raise
        raise TemporaryError(f"{peer} ended the association before it was asked") from error  # the library's word for it
    finally:
        if association.is_established:
            association.abort()


def echo(peer: Peer) -> EchoResult:
    """C-ECHO (PS3.7 9.1.5).

    Raises
    ------
    RefusedError, TemporaryError : no association, see `associate`
    TemporaryError : no answer
    """
    begun = monotonic()
    with associate(peer, [build_context(Verification)]) as association:
        answer = association.send_c_echo()
    if "Status" not in answer:
        raise TemporaryError(f"{peer} did not answer C-ECHO within {peer.answer_timeout_s:g} s")
    return EchoResult(int(answer.Status), monotonic() - begun)


def find_instance(peer: Peer, sop_instance_uid: str, study_uid: str, series_uid: str) -> bool | None:
    """Whether a peer knows an instance, by C-FIND at the IMAGE level of the Study Root model (PS3.4 C.6.2).

    Returns
    -------
    None where the peer does not support the query, answers it with a failure, or does not answer it in time: then nothing is known.

    Raises
    ------
    RefusedError, TemporaryError : no association, see `associate`
    """
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = study_uid
    query.SeriesInstanceUID = series_uid
    query.SOPInstanceUID = sop_instance_uid
    model = StudyRootQueryRetrieveInformationModelFind
    # Verification is proposed beside it, so that a peer without C-FIND still accepts the association and is told from a stranger.
    with associate(peer, [build_context(model), build_context(Verification)]) as association:
        if model not in [context.abstract_syntax for context in association.accepted_contexts]:
            return None
        return _matched(association.send_c_find(query, model), sop_instance_uid)


def _matched(answers: Iterator[tuple[Dataset, Dataset | None]], sop_instance_uid: str) -> bool | None:
    found = False
    for answer, identifier in answers:
        status = answer.get("Status")
        if status in _PENDING:
            found |= identifier is not None and identifier.get("SOPInstanceUID") == sop_instance_uid
        elif status != 0x0000:
            return None
    return found


def _request(
    peer: Peer,
    contexts: Sequence[PresentationContext],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    handlers: Sequence[evt.EventHandlerType],
) -> Association:
    """An association, established or not.

    Raises
    ------
    TemporaryError : the host's name has no address
    """
    entity = AE(ae_title=peer.calling_ae)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.connection_timeout = entity.acse_timeout = peer.connect_timeout_s
    entity.dimse_timeout = entity.network_timeout = peer.answer_timeout_s
    try:
        return entity.associate(
            peer.host,
            peer.port,
            contexts=list(contexts),
            ae_title=peer.called_ae,
            max_pdu=MAX_PDU_BYTES,
            tls_args=None if peer.tls is None else (peer.tls, peer.host),
            ext_neg=list(roles),
            evt_handlers=[(evt.EVT_CONN_OPEN, set_no_delay), *handlers],
        )
    except OSError as error:
        raise TemporaryError(f"{peer} unreachable: {error.strerror}") from error


def _why_not(peer: Peer, association: Association) -> RefusedError | TemporaryError:
    answer = association.acceptor.primitive
    if association.is_rejected:
        reason = f"{peer} rejected the association: {answer.reason_str}"
        return RefusedError(reason) if answer.result == _PERMANENT else TemporaryError(reason)
    if answer is not None:
        proposed = sorted({context.abstract_syntax.name for context in association.rejected_contexts})
        return RefusedError(f"{peer} accepts none of what was proposed: {', '.join(proposed)}")
    why = "" if peer.tls is None else why_no_tls(peer.tls, peer.host, peer.port, timeout_s=peer.connect_timeout_s)
    return TemporaryError(f"{peer} unreachable: {why or f'no association within {peer.connect_timeout_s:g} s'}")
