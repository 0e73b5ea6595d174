"""WADO-RS (PS3.18 10.4): our own results as they were frozen: files, metadata, frames and bulk data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio.to_thread
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from node.dimse import is_uid
from node.errors import DataError
from node.receive.dicomweb.frames import frames
from node.receive.dicomweb.gate import sentence
from node.receive.dicomweb.index import InstanceEntry, ResultIndex
from node.receive.dicomweb.media import DICOM, JSON, OCTETS, RELATED, Media, accepted, accepts_part, takes_syntax
from node.receive.statuses import Answer

PIECE_BYTES = 2**18
BULK_BYTES = 4096
"""Values of more than this are bulk data: the metadata tell where each is."""

PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


@dataclass(frozen=True)
class Wado:
    """The WADO-RS service.

    Parameters
    ----------
    base : path under which we are reached, for the URLs in answers
    """

    index: ResultIndex
    base: str

    async def retrieve(self, request: Request) -> Response:
        """GET of a study, a series or an instance."""
        entries = await self._entries(request)
        if not entries:
            return sentence(Answer.HTTP_NOT_FOUND)
        single = "instance" in request.path_params
        for media in accepted(request.query_params.get("accept") or request.headers.get("accept")):
            if all(takes_syntax(media, one.shown.transfer_syntax_uid, default=ExplicitVRLittleEndian) for one in entries):
                if accepts_part(media, DICOM):
                    return _multipart([one.shown.path for one in entries])
                if single and media.covers(DICOM):
                    return FileResponse(entries[0].shown.path, media_type=DICOM)
        return sentence(Answer.HTTP_NOT_ACCEPTABLE, "results are given as they are stored, in application/dicom")

    async def metadata(self, request: Request) -> Response:
        """GET of the metadata of a study, a series or an instance."""
        entries = await self._entries(request)
        if not entries:
            return sentence(Answer.HTTP_NOT_FOUND)
        if not any(one.covers(JSON) or one.covers("application/json") for one in accepted(request.headers.get("accept"))):
            return sentence(Answer.HTTP_NOT_ACCEPTABLE, "metadata are given in application/dicom+json")
        address = f"{request.url.scheme}://{request.url.netloc}{self.base}"
        told = await anyio.to_thread.run_sync(lambda: [_metadata(entry, address) for entry in entries])
        return JSONResponse(told, media_type=JSON)

    async def frames(self, request: Request) -> Response:
        """GET of some frames of an instance, numbered from 1."""
        entries = await self._entries(request)
        if not entries:
            return sentence(Answer.HTTP_NOT_FOUND)
        shown = entries[0].shown
        wanted = accepted(request.headers.get("accept"))
        if UID(shown.transfer_syntax_uid).is_encapsulated or not _takes_octets(wanted, shown.transfer_syntax_uid):
            return sentence(Answer.HTTP_NOT_ACCEPTABLE, "frames are given uncompressed, in application/octet-stream")
        try:
            numbers = [int(text) for text in request.path_params["numbers"].split(",")]
            found = await anyio.to_thread.run_sync(frames, shown.path, numbers)
        except ValueError:
            return sentence(Answer.HTTP_BAD_REQUEST, "expected numbers of frames, separated by commas")
        except DataError as error:
            return sentence(Answer.HTTP_NOT_FOUND, str(error))
        return _octets(found)

    async def bulk(self, request: Request) -> Response:
        """GET of one value that the metadata left out."""
        entries = await self._entries(request)
        found = await anyio.to_thread.run_sync(_value, entries[0].shown.path, request.path_params["tag"]) if entries else None
        if found is None:
            return sentence(Answer.HTTP_NOT_FOUND)
        wanted = accepted(request.headers.get("accept"))
        if any(accepts_part(media, OCTETS) for media in wanted):
            return _octets([found])
        if any(media.covers(OCTETS) for media in wanted):
            return Response(found, media_type=OCTETS)
        return sentence(Answer.HTTP_NOT_ACCEPTABLE, "bulk data are given in application/octet-stream")

    async def rendered(self, request: Request) -> Response:
        """GET of a picture: told that there is none."""
        return sentence(Answer.HTTP_NOT_ACCEPTABLE, "pictures are not made here; ask for the instance or its frames")

    async def _entries(self, request: Request) -> list[InstanceEntry]:
        """The instances that the path names, as far as they are results of ours and their files are here."""
        names = {key: request.path_params.get(key) for key in ("study", "series", "instance")}
        if not all(is_uid(uid) for uid in names.values() if uid is not None):
            return []
        return await anyio.to_thread.run_sync(lambda: self._found(names["study"], names["series"], names["instance"]))

    def _found(self, study: str | None, series: str | None, uid: str | None) -> list[InstanceEntry]:
        self.index.refresh()
        return [entry for entry in self.index.instances(study=study, series=series, uid=uid) if entry.shown.path.is_file()]


def _multipart(paths: Sequence[Path]) -> Response:
    boundary, heads = uuid4().hex, [f"Content-Type: {DICOM}\r\n\r\n".encode()] * len(paths)
    size = _size(boundary, heads, [path.stat().st_size for path in paths])
    return _related(boundary, DICOM, size, _body(boundary, heads, map(_pieces, paths)))


def _octets(values: Sequence[bytes]) -> Response:
    boundary, heads = uuid4().hex, [f"Content-Type: {OCTETS}\r\n\r\n".encode()] * len(values)
    size = _size(boundary, heads, list(map(len, values)))
    return _related(boundary, OCTETS, size, _body(boundary, heads, ((value,) for value in values)))


def _related(boundary: str, kind: str, size: int, body: Iterator[bytes]) -> Response:
    headers = {"Content-Type": f'{RELATED}; type="{kind}"; boundary={boundary}', "Content-Length": str(size)}
    return StreamingResponse(body, headers=headers)


def _body(boundary: str, heads: Sequence[bytes], parts: Iterator[Any]) -> Iterator[bytes]:
    for head, pieces in zip(heads, parts, strict=True):
        yield f"--{boundary}\r\n".encode() + head
        yield from pieces
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _size(boundary: str, heads: Sequence[bytes], sizes: Sequence[int]) -> int:
    around = len(boundary) + 4
    return sum(around + len(head) + size + 2 for head, size in zip(heads, sizes, strict=True)) + around + 2


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _metadata(entry: InstanceEntry, address: str) -> dict[str, Any]:
    shown = entry.shown
    here = f"{address}/studies/{entry.study_uid}/series/{entry.series_uid}/instances/{shown.sop_instance_uid}"
    dataset = dcmread(shown.path)
    dataset.pop("SpecificCharacterSet", None)  # JSON is UTF-8

    def where(element: DataElement) -> str:
        return f"{here}/bulkdata/{element.tag:08X}"

    told: dict[str, Any] = dataset.to_json_dict(BULK_BYTES, where, suppress_invalid_tags=True)
    for tag in PIXELS:
        if tag in dataset:
            told[f"{tag:08X}"] = {"vr": str(dataset[tag].VR), "BulkDataURI": f"{here}/bulkdata/{tag:08X}"}
    return told


def _value(path: Path, tag: str) -> bytes | None:
    """An element at the top of a data set, as it is stored, little-endian."""
    dataset: Dataset = dcmread(path)
    try:
        number = int(tag, 16)
        found = dataset[number].value if number in dataset else None
    except ValueError:
        return None
    return bytes(found) if isinstance(found, bytes) else None


def _takes_octets(wanted: Sequence[Media], syntax: str) -> bool:
    return any(accepts_part(media, OCTETS) and takes_syntax(media, syntax, default=ExplicitVRLittleEndian) for media in wanted)
