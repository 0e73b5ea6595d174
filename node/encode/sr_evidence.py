"""What the structured report rests on and names: images, its own segmentations and maps, earlier reports (evidence, PS3.3 C.17.2.3).

Of its own objects it names those that are written, so that nothing named is missing from the PACS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import ParametricMapStorage, PositronEmissionTomographyImageStorage

from node.domain.history import Visit
from node.domain.result import ParametricMap, Quantity, Result
from node.encode.headers import instance_uid
from node.encode.material import Material, once
from node.encode.objects import Kind
from node.encode.parametric_map import maps_in_order
from node.encode.region_segments import drawn_regions
from node.encode.seg_object import sop_class
from node.encode.segmentation import lesion_segments


@dataclass(frozen=True, eq=False)
class CitedMap:
    """A map series that is written: `kind`, the place of the series within it, and what it holds."""

    kind: Kind
    series: int
    made: ParametricMap


@once
def cited_segs(material: Material) -> dict[Kind, int]:
    """The kinds of SEG that are written, and how many series of each; one object a series."""
    wanted = {kind: count for kind, count in _SEGS.items() if material.maker.options.wants(kind)}
    return {kind: series for kind, count in wanted.items() if (series := count(material))}


def cited_maps(material: Material) -> tuple[CitedMap, ...]:
    """The map series that are written."""
    return tuple(one for one in _maps(material.result) if material.maker.options.wants(one.kind))


def cited_reports(material: Material) -> tuple[Visit, ...]:
    """The visits whose report can be named: its series must be known."""
    return tuple(visit for visit in material.history.visits if visit.report is not None and visit.report_series_uid)


def map_uid(one: CitedMap, material: Material) -> tuple[str, str]:
    """SOP Class and SOP Instance UID of the first object of a map's series, which stands for it."""
    cls = ParametricMapStorage if one.kind is Kind.PARAMETRIC_MAPS else PositronEmissionTomographyImageStorage
    return str(cls), instance_uid(material.maker, one.kind, 1, one.series)


def evidence(material: Material) -> list[Dataset]:
    """Identities of all that is named, and every image of the reading series; the PET first: highdicom takes the study from it."""
    pet = material.exam.pet.source
    sources = sorted(material.cited_for_grid(), key=lambda source: source.series_uid != pet.series_uid)
    named = [_identity(s.study_uid, s.series_uid, i.sop_instance_uid, i.sop_class_uid) for s in sources for i in s.instances]
    return [*named, *_segmentations(material), *_map_identities(material), *_earlier(material)]


_SEGS: dict[Kind, Callable[[Material], int]] = {
    Kind.LESIONS: lambda material: int(bool(lesion_segments(material)[0])),
    Kind.RAISED: lambda material: int(material.raised.array.any()),
    Kind.REGIONS: lambda material: len({one.layer for one in drawn_regions(material)}),
}


def _maps(result: Result) -> Iterator[CitedMap]:
    yield CitedMap(Kind.MAP, 0, result.primary)
    if result.primary is not result.suvr:
        yield CitedMap(Kind.MAP_SUVR, 0, result.suvr)
    yield from (CitedMap(Kind.MAP_SUV, 0, made) for made in result.maps if made.quantity is Quantity.SUV)
    yield from (CitedMap(Kind.PARAMETRIC_MAPS, series, made) for series, made in enumerate(maps_in_order(result)))


def _segmentations(material: Material) -> Iterator[Dataset]:
    maker, study = material.maker, str(material.slices.header.StudyInstanceUID)
    for kind, count in cited_segs(material).items():
        for series in range(count):
            uid = instance_uid(maker, kind, 1, series)
            yield _identity(study, maker.uid(kind, "series", series), uid, sop_class(maker.options))


def _map_identities(material: Material) -> Iterator[Dataset]:
    for one in cited_maps(material):
        cls, instance = map_uid(one, material)
        header = material.pet_header if one.kind is Kind.PARAMETRIC_MAPS else material.slices.header
        yield _identity(str(header.StudyInstanceUID), material.maker.uid(one.kind, "series", one.series), instance, cls)


def _earlier(material: Material) -> Iterator[Dataset]:
    for visit in cited_reports(material):
        assert visit.report is not None
        cls, instance = visit.report
        yield _identity(visit.study_uid, visit.report_series_uid, instance, cls)


def _identity(study: str, series: str, instance: str, sop_class_uid: str) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID, item.SeriesInstanceUID = study, series
    item.SOPInstanceUID, item.SOPClassUID = instance, sop_class_uid
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(item, keyword, "")
    return item
