"""`Gate`: what stands before every request on the web port: who it is, how many at a time, for how long; and what is logged of it.

Plain ASGI, so that a body is never buffered on its way through.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.dimse import is_uid
from node.receive.dicomweb.tokens import Tokens
from node.receive.statuses import Answer

log = structlog.get_logger()

SEND_TIMEOUT_S = 60.0
"""For each piece of an answer: a client that takes nothing for so long is cut off."""

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Answers hold people's images: no cache keeps them, no page shows them by mistake."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def sentence(answer: Answer, why: str = "") -> JSONResponse:
    """An answer that is a status and one sentence."""
    headers = {"WWW-Authenticate": 'Bearer realm="ember"'} if answer is Answer.HTTP_UNAUTHORIZED else {}
    if answer in (Answer.HTTP_BUSY, Answer.HTTP_TOO_MANY, Answer.HTTP_NO_SPACE):
        headers["Retry-After"] = "30"
    return JSONResponse({"status": answer.code, "message": why or answer.when}, answer.code, headers)


class Gate:
    """Fulfils ASGI around an application that does.

    Parameters
    ----------
    max_requests : at one time; one caller has half of them at most
    """

    def __init__(self, inner: ASGIApp, tokens: Tokens, *, max_requests: int) -> None:
        self._inner = inner
        self._tokens = tokens
        self._max_requests = max_requests
        self._max_each = max_requests if tokens.open_to_all else max(1, max_requests // 2)
        self._running: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer why not."""
        if scope["type"] != "http":
            return
        outgoing = _Outgoing(send)
        headers = Headers(scope=scope)
        caller = self._tokens.caller(headers.get("authorization"))
        try:
            turned_away = self._why_not(headers, caller)
            if turned_away is not None:
                await sentence(turned_away)(scope, receive, outgoing)
            else:
                await self._run(str(caller), scope, receive, outgoing)
        finally:
            _report(scope, caller, outgoing)

    def _why_not(self, headers: Headers, caller: str | None) -> Answer | None:
        if caller is None:
            return Answer.HTTP_UNAUTHORIZED
        if self._tokens.open_to_all and _host(headers) not in LOOPBACK_NAMES:
            return Answer.HTTP_OTHER_HOST
        if self._running.total() >= self._max_requests:
            return Answer.HTTP_BUSY
        return Answer.HTTP_TOO_MANY if self._running[caller] >= self._max_each else None

    async def _run(self, caller: str, scope: Scope, receive: Receive, outgoing: _Outgoing) -> None:
        self._running[caller] += 1
        scope["state"] = {**scope.get("state", {}), "caller": caller}
        try:
            await self._inner(scope, receive, outgoing)
        except TimeoutError:
            log.warning("a client does not take its answer, and is cut off", caller=caller)
            raise
        except Exception:
            log.exception("a request failed", caller=caller)
            if outgoing.status:
                raise
            await sentence(Answer.HTTP_FAULT)(scope, receive, outgoing)
        finally:
            self._running[caller] -= 1


class _Outgoing:
    """Adds the headers, waits for no client for ever, and remembers what was answered."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.size = 0
        self.begun = time.monotonic()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).update(SECURITY_HEADERS)
        self.size += len(message.get("body", b""))
        await asyncio.wait_for(self._send(message), SEND_TIMEOUT_S)


def _report(scope: Scope, caller: str | None, outgoing: _Outgoing) -> None:
    """One line a request: no query, which may name a patient, and of the path only what a UID may be."""
    endpoint: Callable[..., Any] | None = scope.get("endpoint")
    uids = {key: value for key, value in scope.get("path_params", {}).items() if is_uid(str(value))}
    log.info(
        "request",
        caller=caller,
        address=(scope.get("client") or ("", 0))[0],
        method=scope["method"],
        what=getattr(endpoint, "__name__", ""),
        status=outgoing.status,
        sent_bytes=outgoing.size,
        seconds=round(time.monotonic() - outgoing.begun, 3),
        **uids,
    )


def _host(headers: Headers) -> str:
    """The host by which we are called: pages of other sites reach a loopback port under names of theirs."""
    name = headers.get("host", "")
    return name if name.endswith("]") else name.rpartition(":")[0] or name
