"""QIDO-RS (PS3.18 10.6): searches among our own results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

import anyio.to_thread
from pydicom import dcmread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from node.dimse import is_uid
from node.errors import DataError
from node.receive.dicomweb import attributes as told
from node.receive.dicomweb.attributes import INSTANCE_KEYWORDS, SERIES_KEYWORDS, STUDY_KEYWORDS, Attributes, tag_of
from node.receive.dicomweb.gate import sentence
from node.receive.dicomweb.index import InstanceEntry, ResultIndex, SeriesEntry
from node.receive.dicomweb.matching import MAX_RESULTS, Key, Search, matches, search_of
from node.receive.dicomweb.media import JSON, accepted
from node.receive.statuses import Answer

STUDY_TAGS = tuple(map(tag_of, STUDY_KEYWORDS))
SERIES_TAGS = tuple(map(tag_of, SERIES_KEYWORDS))
INSTANCE_TAGS = tuple(map(tag_of, INSTANCE_KEYWORDS))
MODALITIES, MODALITY = tag_of("ModalitiesInStudy"), tag_of("Modality")
MATCHED = frozenset((*STUDY_TAGS, *SERIES_TAGS, *INSTANCE_TAGS, MODALITIES))
"""What a search can ask for; other keys of PS3.6 are left out, and the answer says so."""


@dataclass(frozen=True)
class _Found:
    told: Attributes
    entry: InstanceEntry | None = None


@dataclass(frozen=True)
class _Above:
    """The study and series of the path, and the address of the service."""

    study: str | None
    series: str | None
    url: str


_Level = Callable[[_Above, tuple[Key, ...]], Iterator[_Found]]
"""One of the three searches."""


@dataclass(frozen=True)
class Qido:
    """The QIDO-RS service.

    Parameters
    ----------
    base : path under which we are reached, for the URLs in answers
    """

    index: ResultIndex
    base: str

    async def studies(self, request: Request) -> Response:
        """GET /studies."""
        return await self._search(request, self._of_studies)

    async def series(self, request: Request) -> Response:
        """GET /series and /studies/{study}/series."""
        return await self._search(request, self._of_series)

    async def instances(self, request: Request) -> Response:
        """GET /instances, also below a study, or below a study and series."""
        return await self._search(request, self._of_instances)

    async def _search(self, request: Request, level: _Level) -> Response:
        if not any(one.covers(JSON) or one.covers("application/json") for one in accepted(request.headers.get("accept"))):
            return sentence(Answer.HTTP_NOT_ACCEPTABLE, "searches are answered in application/dicom+json")
        above = _Above(request.path_params.get("study"), request.path_params.get("series"), _address(request, self.base))
        if not all(is_uid(uid) for uid in (above.study, above.series) if uid is not None):
            return sentence(Answer.HTTP_BAD_REQUEST, "the path names what is no UID")
        try:
            search = search_of(request.query_params.multi_items())
        except DataError as error:
            return sentence(Answer.HTTP_BAD_REQUEST, str(error))
        found, more = await anyio.to_thread.run_sync(self._answer, level, above, search)
        return JSONResponse(found, headers=_warnings(search, more=more), media_type=JSON)

    def _answer(self, level: _Level, above: _Above, search: Search) -> tuple[list[Attributes], bool]:
        self.index.refresh()
        keys = tuple(key for key in search.keys if key.tags[0] in MATCHED)
        page = list(islice(level(above, keys), search.offset, search.offset + search.limit + 1))
        return [_with_more(one, search) for one in page[: search.limit]], len(page) > search.limit == MAX_RESULTS

    def _of_studies(self, above: _Above, keys: tuple[Key, ...]) -> Iterator[_Found]:
        for study, group in groupby(self.index.series(study=_only(keys, "StudyInstanceUID")), key=lambda entry: entry.study_uid):
            members = list(group)
            whole = _study(members)
            if any(matches(keys, whole | _part(member.attributes, SERIES_TAGS)) for member in members):
                yield _Found(whole | told.place(f"{above.url}/studies/{study}"))

    def _of_series(self, above: _Above, keys: tuple[Key, ...]) -> Iterator[_Found]:
        study = above.study or _only(keys, "StudyInstanceUID")
        for entry in self.index.series(study=study, series=_only(keys, "SeriesInstanceUID")):
            if matches(keys, _with_modality(entry)):
                yield _Found(_series(entry, above))

    def _of_instances(self, above: _Above, keys: tuple[Key, ...]) -> Iterator[_Found]:
        """Series first, so that the instances of those that do not fit are never read."""
        study = above.study or _only(keys, "StudyInstanceUID")
        series = above.series or _only(keys, "SeriesInstanceUID")
        uid = _only(keys, "SOPInstanceUID")
        if uid is not None:
            series = next((one.series_uid for one in self.index.instances(study=study, series=series, uid=uid)), "")
        of_series = tuple(key for key in keys if key.tags[0] not in INSTANCE_TAGS)
        for parent in self.index.series(study=study, series=series):
            whole = _with_modality(parent)
            if matches(of_series, whole):
                for entry in self.index.instances(series=parent.series_uid, uid=uid):
                    if matches(keys, whole | entry.attributes):
                        yield _Found(_instance(entry, parent.attributes, above), entry)


def _with_modality(entry: SeriesEntry) -> Attributes:
    """What a key can match of a series: Modalities in Study, too."""
    return entry.attributes | told.modalities([str(told.value(entry.attributes, MODALITY))])


def _study(members: list[SeriesEntry]) -> Attributes:
    found = sorted({str(told.value(member.attributes, MODALITY)) for member in members})
    counts = told.count("NumberOfStudyRelatedSeries", len(members))
    counts |= told.count("NumberOfStudyRelatedInstances", sum(member.instances for member in members))
    return _part(members[0].attributes, STUDY_TAGS) | told.modalities(found) | counts


def _series(entry: SeriesEntry, above: _Above) -> Attributes:
    parent = _part(entry.attributes, STUDY_TAGS if above.study is None else (tag_of("StudyInstanceUID"),))
    url = f"{above.url}/studies/{entry.study_uid}/series/{entry.series_uid}"
    counts = told.count("NumberOfSeriesRelatedInstances", entry.instances)
    return parent | _part(entry.attributes, SERIES_TAGS) | counts | told.place(url)


def _instance(entry: InstanceEntry, parent: Attributes, above: _Above) -> Attributes:
    wanted = (*(STUDY_TAGS if above.study is None else ()), *(SERIES_TAGS if above.series is None else ()))
    uids = (tag_of("StudyInstanceUID"), tag_of("SeriesInstanceUID"))
    url = f"{above.url}/studies/{entry.study_uid}/series/{entry.series_uid}/instances/{entry.shown.sop_instance_uid}"
    return _part(parent, (*wanted, *uids)) | entry.attributes | told.place(url)


def _part(attributes: Attributes, tags: Iterable[str]) -> Attributes:
    return {tag: attributes[tag] for tag in tags if tag in attributes}


def _only(keys: tuple[Key, ...], keyword: str) -> str | None:
    """The one UID that a key names, so that the index need not look at others; None where it names several, or none."""
    uids = [key.wanted for key in keys if key.tags == (tag_of(keyword),) and is_uid(key.wanted)]
    return uids[0] if len(uids) == 1 else None


def _with_more(found: _Found, search: Search) -> Attributes:
    """With what `includefield` asks for, from the file's own header where the index has it not."""
    if found.entry is None or not (search.include or search.include_all):
        return found.told
    wanted = [int(tag, 16) for tag in search.include]
    header = dcmread(found.entry.shown.path, stop_before_pixels=True, specific_tags=None if search.include_all else wanted)
    keywords = tuple(element.keyword for element in header if element.keyword and element.keyword not in ("PixelData",))
    return told.attributes(header, keywords) | found.told


def _warnings(search: Search, *, more: bool) -> dict[str, str]:
    """PS3.18 8.3.4: what of the search was not done as it was asked."""
    left_out = any(key.tags[0] not in MATCHED for key in search.keys)
    words = ["The fuzzymatching parameter is not supported. Only literal matching has been performed."] if search.fuzzy else []
    words += ["Some keys are not supported, and were not matched."] if left_out else []
    words += [f"There are more results. At most {MAX_RESULTS} are returned at once; use limit and offset."] if more else []
    return {"Warning": ", ".join(f'299 ember "{one}"' for one in words)} if words else {}


def _address(request: Request, base: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{base}"
