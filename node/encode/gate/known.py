"""What the gate holds the objects of an exam against: the headers of their studies, the sources, and what earlier exams left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from node.domain.exam import Exam, SeriesSource
from node.domain.history import History
from node.encode.former import Former
from node.encode.gate.sheet import Finding
from node.encode.headers import read_header
from node.encode.material import Material


@dataclass(frozen=True, eq=False)
class Known:
    """What is known besides the objects themselves.

    Parameters
    ----------
    headers : one of each study that objects go into, and of each source series
    sources : every series that the exam was made from
    earlier : (SOP Class UID, SOP Instance UID) of what objects may name of earlier versions and earlier exams
    """

    headers: tuple[Dataset, ...]
    sources: tuple[SeriesSource, ...]
    earlier: tuple[tuple[str, str], ...] = ()

    @cached_property
    def instances(self) -> dict[str, str]:
        """SOP Instance UID → SOP Class UID of all that objects may name without being sent with it."""
        ours = ((i.sop_class_uid, i.sop_instance_uid) for source in self.sources for i in source.instances)
        return {uid: sop_class for sop_class, uid in (*self.earlier, *ours)}

    def study(self, study_uid: str) -> tuple[Dataset, ...]:
        """The headers of a study; none where it is none of the exam's. Series of one study may differ in what they say of the patient."""
        return tuple(header for header in self.headers if header.StudyInstanceUID == study_uid)

    def is_copied(self, dataset: Dataset, finding: Finding) -> bool:
        """Whether what a finding is about, or what holds it, stands the same in a source: then it is not ours to judge."""
        return any(value == found.value for element in _chain(dataset, finding) for value, found in self._same(element))

    def _same(self, element: DataElement) -> Iterator[tuple[object, DataElement]]:
        return ((element.value, found) for header in self.headers for found in _named(header, element.tag))


def known_of(material: Material) -> Known:
    """What is known of an exam that was analysed.

    Raises
    ------
    DataError : a source file cannot be read
    """
    sources = _sources(material.exam)
    headers = (material.pet_header, material.slices.header, read_header(material.storage, material.exam.t1.source))
    return Known(headers, sources, (*instances_of(material.maker.formers), *_of_history(material.history)))


def instances_of(formers: tuple[Former, ...]) -> tuple[tuple[str, str], ...]:
    """(SOP Class UID, SOP Instance UID) of what earlier versions left."""
    return tuple(instance for former in formers for instance in former.instances)


def _sources(exam: Exam) -> tuple[SeriesSource, ...]:
    return tuple(series.source for series in (exam.pet, exam.t1, exam.flair, exam.lesions) if series is not None)


def _of_history(history: History) -> Iterator[tuple[str, str]]:
    for visit in history.visits:
        if visit.t1 is not None:
            yield from ((i.sop_class_uid, i.sop_instance_uid) for i in visit.t1.instances)
        if visit.report is not None:
            yield visit.report


def _chain(dataset: Dataset, finding: Finding) -> Iterator[DataElement]:
    """The elements that hold what a finding is about, from the outermost, and that itself where it is there."""
    item = dataset
    for keyword, number in finding.path:
        yield item[keyword]
        item = item[keyword].value[number - 1]
    if (tag_for_keyword(finding.keyword) or 0) in item:
        yield item[finding.keyword]


def _named(item: Dataset, tag: BaseTag) -> Iterator[DataElement]:
    """The elements of a tag, at any depth. No other is decoded: a scanner's header may hold values that cannot be."""
    for key in item.keys():  # noqa: SIM118 - a data set iterates over decoded elements
        if key == tag:
            yield item[key]
        if _is_sequence(item.get_item(key)):
            for inner in item[key].value:
                yield from _named(inner, tag)


def _is_sequence(element: DataElement | RawDataElement) -> bool:
    """Whether an element holds items; one of implicit representation does where PS3.6 says so."""
    if element.VR is not None:
        return element.VR == "SQ"
    return not element.tag.is_private and bool(keyword_for_tag(element.tag)) and dictionary_VR(element.tag) == "SQ"
