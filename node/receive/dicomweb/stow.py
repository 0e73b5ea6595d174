"""STOW-RS in (PS3.18 10.5): the request's headers, its body piece by piece to `Stowing`, and the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import anyio.to_thread
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from node.dimse import is_uid
from node.domain.arrivals import Caller, Inlet
from node.errors import DataError
from node.receive.dicomweb.gate import sentence
from node.receive.dicomweb.media import DICOM, JSON, RELATED, accepted, media_type
from node.receive.dicomweb.stowing import Failure, Fates, Stowing
from node.receive.statuses import Answer

log = structlog.get_logger()

IDLE_TIMEOUT_S = 30.0
PIECE_BYTES = 2**18
"""What is handed to a thread at once: large enough that the hand-over costs nothing."""


class _TooLargeError(Exception):
    """The body is longer than the site lets in."""


@dataclass(frozen=True)
class Stow:
    """The STOW-RS service.

    Parameters
    ----------
    called : our own AE title, for the register
    max_bytes : of one request
    """

    inlet: Inlet
    called: str
    max_bytes: int
    idle_timeout_s: float = IDLE_TIMEOUT_S

    async def store(self, request: Request) -> Response:
        """POST /studies and /studies/{study}."""
        study = request.path_params.get("study")
        refused = self._refusal(request, study)
        if refused is not None:
            return refused
        media = media_type(request.headers.get("content-type", ""))
        assert media is not None  # `_refusal` has read it
        try:
            stowing = Stowing(self.inlet, uuid4().hex, self._caller(request), boundary=media.parameters["boundary"], study_uid=study)
        except DataError as error:
            return sentence(Answer.HTTP_BAD_REQUEST, str(error))
        return await self._streamed(request, stowing)

    def _refusal(self, request: Request, study: str | None) -> Response | None:
        """Why a request is refused by its headers, before its body is asked for."""
        media = media_type(request.headers.get("content-type", ""))
        if media is None or media.kind != RELATED or media.part not in (DICOM, "*/*"):
            return sentence(Answer.HTTP_OTHER_MEDIA)
        if "boundary" not in media.parameters:
            return sentence(Answer.HTTP_BAD_REQUEST, "multipart/related without a boundary")
        if study is not None and not is_uid(study):
            return sentence(Answer.HTTP_BAD_REQUEST, "what follows /studies is no UID")
        if not any(one.covers(JSON) or one.covers("application/json") for one in accepted(request.headers.get("accept"))):
            return sentence(Answer.HTTP_NOT_ACCEPTABLE, "STOW-RS is answered in application/dicom+json")
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self.max_bytes:
            return sentence(Answer.HTTP_TOO_LARGE)
        return None

    async def _streamed(self, request: Request, stowing: Stowing) -> Response:
        how = "lost"
        try:
            async for piece in self._pieces(request):
                await _in_thread(stowing.feed, piece)
            fates, trouble = await _in_thread(stowing.end), None
            how = "released"
        except DataError as error:
            fates, trouble = stowing.fates, sentence(Answer.HTTP_BAD_REQUEST, str(error))
        except _TooLargeError:
            fates, trouble = stowing.fates, sentence(Answer.HTTP_TOO_LARGE)
        except TimeoutError:
            fates, trouble = stowing.fates, sentence(Answer.HTTP_TOO_SLOW)
        except ClientDisconnect:
            fates, trouble = stowing.fates, sentence(Answer.HTTP_BAD_REQUEST)  # nobody is left to read it
        finally:
            with anyio.CancelScope(shield=True):
                await _in_thread(stowing.close, how)
        return trouble if trouble is not None and not fates.stored else _answer(fates, trouble)

    async def _pieces(self, request: Request) -> AsyncIterator[bytes]:
        """The body in pieces of some size; what came before a client fell silent or went away is handed over first."""
        held, length = bytearray(), 0
        stream = request.stream()
        try:
            while chunk := await self._next(stream):
                length += len(chunk)
                if length > self.max_bytes:
                    raise _TooLargeError
                held += chunk
                if len(held) >= PIECE_BYTES:
                    yield bytes(held)
                    held.clear()
        except (TimeoutError, ClientDisconnect, _TooLargeError):
            yield bytes(held)
            raise
        yield bytes(held)

    async def _next(self, stream: AsyncIterator[bytes]) -> bytes:
        """The next bytes of the body; none at its end."""
        try:
            while not (chunk := await asyncio.wait_for(anext(stream), self.idle_timeout_s)):
                pass
        except StopAsyncIteration:
            return b""
        return chunk

    def _caller(self, request: Request) -> Caller:
        host, port = request.client or ("", 0)
        name = request.state.caller
        return Caller(calling_ae=name, called_ae=self.called, host=host, port=port, peer=name)


async def _in_thread(work: Callable[..., Any], *arguments: object) -> Any:
    return await anyio.to_thread.run_sync(work, *arguments)


def _answer(fates: Fates, trouble: Response | None) -> Response:
    """The Store Instances Response (PS3.18 10.5.3, Annex I.2): what was stored, what was not, and why.

    A request that went wrong half-way keeps the status of a failure, and tells what was stored before: to send that again does no harm.
    """
    body: dict[str, Any] = {"00081190": {"vr": "UR"}}
    if fates.stored:
        body["00081199"] = {"vr": "SQ", "Value": [_named(*uids) for uids in fates.stored]}
    named = [failure for failure in fates.failed if failure.sop_instance_uid]
    if named:
        body["00081198"] = {"vr": "SQ", "Value": [_failure(failure) for failure in named]}
    others = [_reason(failure) for failure in fates.failed if not failure.sop_instance_uid]
    if others:
        body["0008119A"] = {"vr": "SQ", "Value": others}
    if trouble is not None:
        return JSONResponse(body, trouble.status_code, media_type=JSON)
    status = _status(fates)
    headers = {"Retry-After": "30"} if status is Answer.HTTP_NO_SPACE else None
    return JSONResponse(body, status.code, headers, media_type=JSON)


def _status(fates: Fates) -> Answer:
    if fates.stored:
        return Answer.HTTP_SOME_STORED if fates.failed else Answer.HTTP_STORED
    if not fates.failed:
        return Answer.HTTP_BAD_REQUEST
    full = all(failure.answer is Answer.STOW_OUT_OF_RESOURCES for failure in fates.failed)
    return Answer.HTTP_NO_SPACE if full else Answer.HTTP_CONFLICT


def _named(sop_class_uid: str, sop_instance_uid: str) -> dict[str, Any]:
    return {"00081150": {"vr": "UI", "Value": [sop_class_uid]}, "00081155": {"vr": "UI", "Value": [sop_instance_uid]}}


def _failure(failure: Failure) -> dict[str, Any]:
    return _named(failure.sop_class_uid, failure.sop_instance_uid) | _reason(failure)


def _reason(failure: Failure) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [failure.answer.code]}}
