"""`WebServer`: an ASGI application on a port, with an end to every wait: for TLS, for a request's head, for a body, for an answer taken.

uvicorn waits without end for the head of a first request, and for as long as a trickle lasts; `_Guarded` does not.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

log = structlog.get_logger()

HEAD_TIMEOUT_S = 10.0
HANDSHAKE_TIMEOUT_S = 5.0
UNREAD_TIMEOUT_S = 60.0
"""For a client that takes nothing of its answer: told to the kernel, which alone sees to a connection that we have closed already."""
MAX_HEAD_BYTES = 32768
MAX_CONNECTIONS = 256
"""Those that are only open included: who has been silent longest makes room for who comes."""


@dataclass(frozen=True)
class WebAddress:
    """Where it listens; port 0 takes a free one."""

    host: str
    port: int


class WebServer:
    """Serves until told to stop.

    Parameters
    ----------
    tls : gives the context for each new connection; none for plain HTTP
    """

    def __init__(self, application: ASGIApp, address: WebAddress, *, tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        context = tls() if tls is not None else None
        self._config = uvicorn.Config(
            application,
            host=address.host,
            port=address.port,
            http=_Guarded,
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_keep_alive=int(HEAD_TIMEOUT_S),
            timeout_graceful_shutdown=5,
            ssl_context_factory=None if context is None else (lambda *_: _following(context, tls)),
        )
        self._server = _Quiet(self._config)

    @property
    def port(self) -> int:
        """The port on which it listens, once it does; 0 before."""
        listening = [one for server in getattr(self._server, "servers", ()) for one in server.sockets]
        return int(listening[0].getsockname()[1]) if listening else 0

    def run(self) -> None:
        """Serve until `stop`; SystemExit where the port is taken, after a line in the log."""
        asyncio.run(self._run())

    def stop(self) -> None:
        """Take no more, let what runs end within some seconds. May be called from another thread."""
        self._server.should_exit = True

    def stop_after(self, told: threading.Event) -> None:
        """Stop once the event is set: for a thread of its own."""
        told.wait()
        self.stop()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        if self._config.ssl_context_factory is not None:
            # uvicorn has no setting for it: a client that is silent in the handshake would be kept for a minute.
            loop.create_server = partial(loop.create_server, ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S)  # type: ignore[method-assign]
        await self._server.serve()


class _Quiet(uvicorn.Server):
    """Signals are the process's own business."""

    def capture_signals(self) -> Any:
        return nullcontext()


class _Guarded(H11Protocol):
    """Closes what waits too long for the head of a request, and what there is too much of."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        line = transport.get_extra_info("socket")
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * UNREAD_TIMEOUT_S))
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()
        self._wait_for_head()

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        self._wait_for_head()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _make_room(self) -> None:
        """Close the connection that has waited longest for a head, or this one where every other has a request."""
        waiting = [(one._deadline.when(), id(one), one) for one in self.connections if isinstance(one, _Guarded) and one._deadline]
        longest = min(waiting)[2] if waiting else self
        longest.transport.abort()

    def _give_up(self) -> None:
        log.debug("a connection without a request is closed")
        self.transport.abort()


def _following(context: ssl.SSLContext, tls: Callable[[], ssl.SSLContext] | None) -> ssl.SSLContext:
    """A context that hands each handshake to the one that holds now, so that a renewed certificate needs no restart."""

    def take_current(line: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        assert tls is not None
        line.context = tls()

    context.sni_callback = take_current
    return context
