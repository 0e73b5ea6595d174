"""What an earlier version of an exam left in the PACS, and how the object that takes its place names it.

*Former* means a series of an earlier version that some destination has. Documents (report, PDF) name their former by Predecessor Documents
Sequence (PS3.3 C.17.2); everything that has the General Series module by Related Series Sequence (C.7.3.1), which lists the series and not
its images. A key object selection has neither attribute.

The codes that the standard proposes for related series (CID 7210) say that two series show the same anatomy or were taken together; none
says that one takes the other's place, so that the purpose carries a code of our own. For documents there is DCM 121360 "Replaced report".

What was sent and accepted has no part in any UID: the same version is the same object, whatever became of the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highdicom as hd
from pydicom import Dataset

from node.domain.codes import PRIVATE_SCHEME
from node.encode.objects import Kind

DOCUMENTS = frozenset((Kind.REPORT, Kind.PDF))
"""Kinds that have Predecessor Documents Sequence."""

SELECTIONS = frozenset((Kind.KEY_OBJECTS, Kind.REJECTION))
"""Kinds that have no attribute for what went before."""

_SAME_PLACE = {Kind.REFUSAL: Kind.SUMMARY}
"""The page to read first takes the place of the page that said why there was none, and the other way round."""

REPLACED_SERIES = ("REPLACED-SERIES", PRIVATE_SCHEME, "Series of an earlier version, which this series replaces")
REPLACED_REPORT = ("121360", "DCM", "Replaced report")


@dataclass(frozen=True)
class Former:
    """One series of an earlier version.

    Parameters
    ----------
    description : SeriesDescription as written, which tells apart the series of one kind
    instances : (SOP Class UID, SOP Instance UID) of what a destination has of it; at least one
    """

    kind: Kind
    version: int
    study_uid: str
    series_uid: str
    description: str
    instances: tuple[tuple[str, str], ...]


def replaced_version(formers: Sequence[Former]) -> int | None:
    """The latest version of which a destination has something; None where none has."""
    return max((former.version for former in formers), default=None)


def name_formers(dataset: Dataset, kind: Kind, description: str, formers: Sequence[Former]) -> None:
    """Name the series whose place an object's series takes, where there is one.

    Parameters
    ----------
    description : of the object's series, without its version
    """
    if kind in SELECTIONS:
        return
    mine = _of_series(kind, description, formers)
    if mine and kind in DOCUMENTS:
        dataset.PredecessorDocumentsSequence = [_document(former) for former in mine]
    elif mine:
        dataset.RelatedSeriesSequence = [_related(former) for former in mine]


def _of_series(kind: Kind, description: str, formers: Sequence[Former]) -> list[Former]:
    """The former of a series: the latest of its kind; where that kind had several, the one of the same description."""
    place = _SAME_PLACE.get(kind, kind)
    there = [former for former in formers if _SAME_PLACE.get(former.kind, former.kind) is place]
    mine = [former for former in there if former.version == replaced_version(there)]
    return mine if len(mine) < 2 else [former for former in mine if _alike(former.description.partition(" (version ")[0], description)][:1]


def _alike(one: str, other: str) -> bool:
    """Whether two descriptions are the same as far as the shorter goes: a version takes room from a long one."""
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _related(former: Former) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID, item.SeriesInstanceUID = former.study_uid, former.series_uid
    item.PurposeOfReferenceCodeSequence = [hd.sr.CodedConcept(*REPLACED_SERIES)]
    return item


def _document(former: Former) -> Dataset:
    study, series = Dataset(), Dataset()
    series.SeriesInstanceUID = former.series_uid
    series.ReferencedSOPSequence = [_instance(*instance) for instance in former.instances]
    study.StudyInstanceUID = former.study_uid
    study.ReferencedSeriesSequence = [series]
    return study


def _instance(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    item.PurposeOfReferenceCodeSequence = [hd.sr.CodedConcept(*REPLACED_REPORT)]
    return item
