"""`service`: the DICOMweb application: its routes, with the gate before them."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from node.receive.dicomweb.gate import Gate
from node.receive.dicomweb.qido import Qido
from node.receive.dicomweb.stow import Stow
from node.receive.dicomweb.tokens import Tokens
from node.receive.dicomweb.wado import Wado

BASE = "/dicom-web"
"""Where the services are, as at most other servers."""

_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"
_EACH_LEVEL = ("/studies/{study}", "/studies/{study}/series/{series}", _INSTANCE)


def service(stow: Stow, qido: Qido, wado: Wado, tokens: Tokens, *, max_requests: int) -> ASGIApp:
    """The application for one process."""
    routes = [*_stow(stow), *_qido(qido), *_wado(wado)]
    inner = Starlette(routes=[Mount(BASE, routes=routes)], exception_handlers={HTTPException: _plain})
    return Gate(inner, tokens, max_requests=max_requests)


def _stow(stow: Stow) -> Iterable[Route]:
    yield Route("/studies", stow.store, methods=["POST"])
    yield Route("/studies/{study}", stow.store, methods=["POST"])


def _qido(qido: Qido) -> Iterable[Route]:
    yield Route("/studies", qido.studies)
    for path in ("/series", "/studies/{study}/series"):
        yield Route(path, qido.series)
    for path in ("/instances", "/studies/{study}/instances", "/studies/{study}/series/{series}/instances"):
        yield Route(path, qido.instances)


def _wado(wado: Wado) -> Iterable[Route]:
    for level in _EACH_LEVEL:
        yield Route(level, wado.retrieve)
        yield Route(f"{level}/metadata", wado.metadata)
        yield Route(f"{level}/rendered", wado.rendered)
    yield Route(f"{_INSTANCE}/frames/{{numbers}}", wado.frames)
    yield Route(f"{_INSTANCE}/frames/{{numbers}}/rendered", wado.rendered)
    yield Route(f"{_INSTANCE}/bulkdata/{{tag}}", wado.bulk)


async def _plain(_request: Request, error: Exception) -> Response:
    """A path or a method that is not there, as a sentence and without repeating what was asked."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"status": status, "message": "nothing is here, or not by this method"}, status, headers)
