"""The acceptor's side of an association (PS3.8 9.2): one connection from its first byte to its last, in the thread that brings it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from uuid import uuid4

import structlog

from node.dimse import MAX_PDU_BYTES
from node.domain.arrivals import Admission, Caller, Certificate, Inlet, Rejection
from node.receive import pdu
from node.receive.commands import C_CANCEL, C_ECHO, C_STORE, IS_RESPONSE, decode_command, encode_response
from node.receive.contexts import offers
from node.receive.ending import AbortReason, AssociationEnd, How, illegal
from node.receive.messages import Messages
from node.receive.negotiation import Agreement, accept, negotiate
from node.receive.notice_content import NOTICES_BYTES
from node.receive.notifying import KINDS, ProcedureSteps, notify
from node.receive.request import APPLICATION_CONTEXT, AssociateRequest, decode_request
from node.receive.seldom import Seldom
from node.receive.session import Reply, Request, Session
from node.receive.space import Memory
from node.receive.statuses import Answer
from node.receive.storing import store
from node.receive.wire import Wire

log = structlog.get_logger()


@dataclass(frozen=True)
class AssociationSettings:
    """How associations are accepted.

    Parameters
    ----------
    ae_titles : by which we may be called
    handshake_timeout_s : a connection that has not asked for an association by then is closed (ARTIM, PS3.8 9.1.4)
    idle_timeout_s : an association on which nothing came for so long is ended
    commitment : whether peers may ask us for storage commitment
    """

    ae_titles: tuple[str, ...]
    handshake_timeout_s: float = 5.0
    idle_timeout_s: float = 60.0
    max_pdu_bytes: int = MAX_PDU_BYTES
    commitment: bool = False


class AssociationService:
    """Serves associations, each in the thread that calls `serve`.

    Parameters
    ----------
    turned_away : hears of each caller that was rejected
    """

    def __init__(
        self,
        settings: AssociationSettings,
        admission: Admission,
        inlet: Inlet,
        *,
        turned_away: Callable[[Caller, Rejection], None] = lambda caller, why: None,
    ) -> None:
        self._settings = settings
        self._admission = admission
        self._inlet = inlet
        self._offers = offers(commitment=settings.commitment)
        self._steps = ProcedureSteps()
        self._memory = Memory(NOTICES_BYTES)
        self._turned_away = turned_away
        self._seldom = Seldom()
        self._stopping = Event()

    def stop(self) -> None:
        """From now on a connection that ends counts as ended by us: its peer is told so, the register hears "aborted".

        Whoever wants associations to end shuts their sockets down for reading after this; the message that is under way is answered.
        """
        self._stopping.set()

    def serve(self, connection: socket.socket, host: str, port: int, certificate: Certificate | None) -> None:
        """Run one connection to its end. Raises nothing; the caller closes the socket.

        Parameters
        ----------
        connection : blocking; a socket, or an SSLSocket after its handshake
        host, port : of the peer
        certificate : the peer's, verified; none on the plain port
        """
        try:
            wire = Wire(connection, self._settings.handshake_timeout_s)
            wire.finish(self._served(wire, Caller("", "", host, port, certificate=certificate)))
        except AssociationEnd as end:
            log.debug("no association", host=host, why=end.why)
        except Exception:
            # One connection's misfortune, which must not end the listener.
            log.exception("association failed", address=f"{host}:{port}")

    def _served(self, wire: Wire, caller: Caller) -> bytes:
        """The association; returns what is still to be sent."""
        try:
            request = self._request(wire)
        except AssociationEnd as end:
            if times := self._seldom.due(caller.host):
                log.info("no association", host=caller.host, why=end.why, times=times)
            return _farewell(end)
        caller = replace(caller, calling_ae=request.calling_ae, called_ae=request.called_ae)
        admitted = self._admitted(request, caller)
        if isinstance(admitted, Rejection):
            self._turned_away(caller, admitted)
            return pdu.associate_rj(admitted.result, admitted.source, admitted.reason)
        try:
            return self._associated(wire, request, replace(caller, peer=admitted))
        finally:
            self._admission.left(admitted)

    def _request(self, wire: Wire) -> AssociateRequest:
        kind, length = wire.header()
        if kind == pdu.Pdu.ABORT:
            raise AssociationEnd(How.ABORTED, "aborted by the peer")
        if kind != pdu.Pdu.ASSOCIATE_RQ:
            reason = AbortReason.UNEXPECTED_PDU if kind in pdu.KNOWN else AbortReason.UNRECOGNIZED_PDU
            raise illegal(f"PDU of type 0x{kind:02X} where an association was to be asked for", reason)
        if length > pdu.MAX_REQUEST_BYTES:
            raise illegal(f"A-ASSOCIATE-RQ of {length} bytes")
        return decode_request(wire.whole(length))

    def _admitted(self, request: AssociateRequest, caller: Caller) -> str | Rejection:
        if not request.protocol_version & 1:
            return Rejection(1, 2, 2, "protocol version is not supported")
        if request.application_context != APPLICATION_CONTEXT:
            return Rejection(1, 1, 2, "application context is not supported")
        if request.called_ae not in self._settings.ae_titles:
            return Rejection(1, 1, 7, "called AE title is not ours")
        return self._admission.admit(caller)

    def _associated(self, wire: Wire, request: AssociateRequest, caller: Caller) -> bytes:
        session = Session(uuid4().hex, caller, self._inlet)
        how = How.ABORTED
        try:
            agreement = negotiate(request, self._offers)
            wire.set_timeout(self._settings.idle_timeout_s)
            wire.send(accept(request, agreement, self._settings.max_pdu_bytes))
            self._converse(wire, agreement, request.max_length, session)
        except AssociationEnd as end:
            told = self._ended(end, session)
            how = told.how
            return _farewell(told)
        finally:
            session.close(how)
        raise AssertionError("a conversation ends by AssociationEnd alone")

    def _converse(self, wire: Wire, agreement: Agreement, max_length: int, session: Session) -> None:
        """Answer message after message until `AssociationEnd`."""
        contexts = agreement.accepted
        messages = Messages(wire, contexts, self._settings.max_pdu_bytes)
        while True:
            context_id, encoded = messages.command()
            command = decode_command(encoded)
            pieces = messages.dataset(context_id) if command.has_dataset else iter(())
            request = Request(contexts[context_id], command, pieces)
            reply = self._reply(request, session)
            for _ in pieces:
                pass  # what nobody wanted to have
            if reply is not None:
                response = encode_response(command, reply.answer.code, comment=reply.comment, instance_uid=reply.instance_uid)
                wire.send(pdu.command_data(context_id, response, max_length))

    def _reply(self, request: Request, session: Session) -> Reply | None:
        """What is answered; nothing to C-CANCEL, since we have nothing that could be cancelled, and to answers that we never asked for."""
        command = request.command
        if command.field == C_STORE:
            return store(request, session)
        if command.field == C_ECHO:
            return _echo(request)
        if (command.field, request.context.abstract_syntax) in KINDS:
            return notify(request, session, self._steps, self._memory)
        if command.field == C_CANCEL or command.field & IS_RESPONSE:
            return None
        return Reply(Answer.UNRECOGNIZED, f"no service for command field 0x{command.field:04X}")

    def _ended(self, end: AssociationEnd, session: Session) -> AssociationEnd:
        if end.how is How.LOST and self._stopping.is_set():
            return AssociationEnd(How.ABORTED, "the node stops", AbortReason.NOT_SPECIFIED)
        if end.abort is not None:
            log.warning("association ended", association=session.name, how=end.how.value, why=end.why)
        return end


def _echo(request: Request) -> Reply:
    if request.command.sop_class_uid != request.context.abstract_syntax:
        return Reply(Answer.STORE_OTHER_CLASS, "Affected SOP Class UID is not that of the context")
    return Reply(Answer.ECHOED)


def _farewell(end: AssociationEnd) -> bytes:
    if end.how is How.RELEASED:
        return pdu.release_rp()
    return b"" if end.abort is None else pdu.abort(end.abort)
