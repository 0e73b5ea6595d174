"""The measurement groups of the structured report: every number of the result, by lesion and by region (PS3.16 TID 1410, 1411, 1501).

What is measured has two groups with one tracking UID. The first holds the numbers, and cites the segment where there is one; the second,
planar, holds a point and no number, because viewers draw coordinates and not segments that a report cites. Each has its point, whatever
a reader thinks of a point for the thalamus: OHIF 3.13 draws nothing of a report in which a single group has no coordinates.

A point is the voxel of what was measured that lies nearest to its centroid: a curved lesion's centroid may lie outside it. It lies on the
series that is scrolled, at the middle of a voxel, because a point between two slices may be drawn on neither. What has no place of its
own (a sum over lesions where there are none, a clustered reference) has the brain's.

Where earlier exams are known, the groups with numbers say which time point this is (TID 1502), what has changed since the latest that is
alike, and what has become of each lesion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from highdicom import sr

from node.domain import codes
from node.domain.codes import Code
from node.domain.result import Finding, Lesion, Phenotype, Quantity, Region
from node.encode.headers import MANUFACTURER, MODEL, instance_uid
from node.encode.material import Material
from node.encode.objects import Kind
from node.encode.phenotypes import phenotype_code
from node.encode.quantities import dicom, plain
from node.encode.region_layers import DrawnRegion
from node.encode.region_segments import drawn_regions, region_category, region_tracking
from node.encode.seg_object import sop_class
from node.encode.segmentation import lesion_segments, lesion_tracking, lesion_words, raised_tracking
from node.encode.segments import Tracking
from node.encode.sr_codes import COMMENT, FATE, FATES, PHENOTYPE, PLACES, REFERENCE, REPRESENTATIVE_POINT, ROLE, finding_concept
from node.encode.sr_evidence import cited_segs
from node.encode.sr_numbers import Number, counts, finding_number, lesion_numbers, of_lesion, of_region
from node.encode.sr_points import Point, Points
from node.encode.words import region_words

UNCERTAINTY = "uncertainty: one standard error"
CONTAINS = sr.RelationshipTypeValues.CONTAINS


def lesion_groups(material: Material) -> Iterator[sr.ContentSequence]:
    """Each lesion's groups, in the order of their numbers."""
    alone, _ = lesion_segments(material)
    segment = {lesion.number: number for number, lesion in enumerate(alone, start=1)}
    points = Points(material)
    for lesion in sorted(material.result.lesions, key=lambda item: item.number):
        yield _lesion_numbers(lesion, segment.get(lesion.number), material)
        tracking = lesion_tracking(lesion, material)
        yield _point(tracking, points.of_lesion(lesion.number), _lesion_label(lesion, material), material, _phenotype(lesion))


def region_groups(material: Material) -> Iterator[sr.ContentSequence]:
    """Each region's groups, in the order of the findings."""
    drawn = {one.region.name: one for one in drawn_regions(material)} if Kind.REGIONS in cited_segs(material) else {}
    regions = {region.name: region for region in material.segmentation.regions}
    points = Points(material)
    for name in dict.fromkeys((*(finding.region for finding in material.result.findings), *_changed(material))):
        found = [finding for finding in material.result.findings if finding.region == name]
        yield _region(name, found, regions.get(name), drawn.get(name), material)
        yield _point(_tracking(name, material), points.of_region(name), _region_label(name, found, material), material)


def _lesion_numbers(lesion: Lesion, segment: int | None, material: Material) -> sr.ContentSequence:
    """The group with the numbers: volumetric where a segment is the lesion's own."""
    words = [f"active level: {lesion.unmixed.active_basis}"] if lesion.unmixed else []
    common = _Common(
        tracking=lesion_tracking(lesion, material),
        kind=codes.LESION_OF_BRAIN,
        category=codes.ABNORMAL_STRUCTURE,
        site=sr.FindingSite(dicom(codes.BRAIN), topographical_modifier=dicom(PLACES[lesion.place])),
        numbers=(*lesion_numbers(lesion), *of_lesion(material.history.changes, lesion.number)),
        evaluations=(*_phenotype(lesion), *_fate(lesion, material)),
        parameters=("core: the lesion as it is drawn", "rim: 2 mm of white matter around it", *words, UNCERTAINTY),
    )
    cites = None if segment is None else _cite(Kind.LESIONS, segment, material.reading.source.series_uid, material)
    return _with_comment(common.group(cites, material), lesion.note)


def _point(tracking: Tracking, point: Point, label: str, material: Material, told: Iterable[tuple[Code, Code]] = ()) -> sr.ContentSequence:
    """The group with the point, and no number, so that none is counted twice; with a comment, which viewers draw beside it."""
    group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(tracking.uid, plain(tracking.identifier)),
        sr.ImageRegion3D(sr.GraphicTypeValues3D.POINT, np.array([point]), material.reading.volume.frame_of_reference_uid),
        qualitative_evaluations=[sr.QualitativeEvaluation(dicom(name), dicom(value)) for name, value in told],
        geometric_purpose=dicom(REPRESENTATIVE_POINT),
    )
    return _with_comment(group, label)


def _lesion_label(lesion: Lesion, material: Material) -> str:
    quantity = material.result.primary.quantity
    core, rim = (lesion.core_dvr, lesion.rim_dvr) if quantity is Quantity.DVR else (lesion.core_suvr, lesion.rim_suvr)
    values = (f"{part} {value:.2f}" for part, value in (("core", core), ("rim", rim)) if value is not None)
    told = ", ".join(values)
    return f"{lesion_words(lesion)}{f': {quantity.value} {told}' if told else ''}"


def _changed(material: Material) -> Iterator[str]:
    """The regions of which a change is known; counts by phenotype are told with the lesions."""
    kinds = {f"{kind.value} lesions" for kind in Phenotype}
    yield from ("lesions" if change.region in kinds else change.region for change in material.history.changes if change.lesion is None)


def _region_label(name: str, found: Sequence[Finding], material: Material) -> str:
    if not found:
        return region_words(name)
    quantity = material.result.primary.quantity
    first = next((finding for finding in found if finding.quantity is quantity and not finding.partial_volume), found[0])
    unit = "" if first.unit == "1" else f" {first.unit}"
    return f"{region_words(name)}: {first.quantity.value} {first.value:.2f}{unit}"


def _phenotype(lesion: Lesion) -> Iterator[tuple[Code, Code]]:
    code = phenotype_code(lesion.phenotype)
    if code is not None:
        yield PHENOTYPE, code


def _fate(lesion: Lesion, material: Material) -> Iterator[tuple[Code, Code]]:
    yield from ((FATE, FATES[change.fate]) for change in material.history.lesions if change.number == lesion.number)


def _region(
    name: str, found: Sequence[Finding], region: Region | None, drawn: DrawnRegion | None, material: Material
) -> sr.ContentSequence:
    about_lesions = name.startswith("lesions")
    code = region.code if region else codes.LESION_OF_BRAIN if about_lesions else codes.RAISED_TSPO_SIGNAL if name == "raised" else None
    bases = dict.fromkeys(f"{finding_concept(f).value}: {_basis(f)}" for f in found)
    common = _Common(
        tracking=_tracking(name, material),
        kind=code,
        category=region_category(region.code) if region else codes.ABNORMAL_STRUCTURE if about_lesions else None,
        site=sr.FindingSite(dicom(region.code if region else codes.BRAIN), dicom(region.side) if region and region.side else None),
        numbers=(*(finding_number(finding) for finding in found), *_of_history(name, material)),
        evaluations=((ROLE, REFERENCE),) if name == material.result.tracer.reference else (),
        parameters=(f"region: {name}", *bases, UNCERTAINTY),
    )
    return common.group(_region_cite(name, drawn, material), material)


def _of_history(name: str, material: Material) -> tuple[Number, ...]:
    """How many lesions there are of each phenotype, and what has changed."""
    counted = counts(material.result.lesions) if name == "lesions" else ()
    return (*counted, *of_region(material.history.changes, name))


def _tracking(name: str, material: Material) -> Tracking:
    return raised_tracking(material) if name == "raised" else region_tracking(name, material)


def _region_cite(name: str, drawn: DrawnRegion | None, material: Material) -> sr.ReferencedSegment | None:
    if name == "raised" and material.raised.array.any():
        return _cite(Kind.RAISED, 1, material.reading.source.series_uid, material)
    return None if drawn is None else _cite(Kind.REGIONS, drawn.segment, material.exam.t1.source.series_uid, material, drawn.layer)


def _basis(finding: Finding) -> str:
    return f"{finding.basis}; corrected for partial volume by {finding.partial_volume}" if finding.partial_volume else finding.basis


@dataclass(frozen=True)
class _Common:
    """What a group says whether or not it cites a segment."""

    tracking: Tracking
    kind: Code | None
    category: Code | None
    site: sr.FindingSite
    numbers: Sequence[Number]
    evaluations: Sequence[tuple[Code, Code]]
    parameters: Sequence[str]

    def group(self, cites: sr.ReferencedSegment | None, material: Material) -> sr.ContentSequence:
        """Volumetric (TID 1411) where a segment is cited, of no region in space otherwise (TID 1501)."""
        tracking = sr.TrackingIdentifier(self.tracking.uid, plain(self.tracking.identifier))
        kind, category = (dicom(code) if code else None for code in (self.kind, self.category))
        algorithm = algorithm_of(material, [plain(text) for text in self.parameters])
        numbers = [number.measurement() for number in self.numbers]
        evaluations = [sr.QualitativeEvaluation(dicom(name), dicom(value)) for name, value in self.evaluations]
        when = time_point(material)
        if cites is None:
            return sr.MeasurementsAndQualitativeEvaluations(
                tracking,
                time_point_context=when,
                finding_type=kind,
                finding_category=category,
                finding_sites=[self.site],
                algorithm_id=algorithm,
                measurements=numbers,
                qualitative_evaluations=evaluations,
            )
        return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            tracking,
            referenced_segment=cites,
            time_point_context=when,
            finding_type=kind,
            finding_category=category,
            finding_sites=[self.site],
            algorithm_id=algorithm,
            measurements=numbers,
            qualitative_evaluations=evaluations,
        )


def time_point(material: Material) -> sr.TimePointContext | None:
    """Which of the patient's exams this is, counted from the first that the node knows (TID 1502); None where it knows no other."""
    visits, exam = material.history.visits, material.result.provenance.exam
    order = len(visits) + 1
    return sr.TimePointContext(f"Exam {order}", time_point_order=order, subject_time_point_identifier=plain(exam)) if visits else None


def algorithm_of(material: Material, parameters: Sequence[str] = ()) -> sr.AlgorithmIdentification:
    """Who made the numbers, and with what (TID 4019)."""
    software = plain(material.result.provenance.software)
    return sr.AlgorithmIdentification(MODEL, software, list(parameters) or None, manufacturer=MANUFACTURER)


def _cite(kind: Kind, segment: int, source_uid: str, material: Material, series: int = 0) -> sr.ReferencedSegment | None:
    if kind not in cited_segs(material):
        return None
    maker, source = material.maker, sr.SourceSeriesForSegmentation(source_uid)
    return sr.ReferencedSegment(sop_class(maker.options), instance_uid(maker, kind, 1, series), segment, source_series=source)


def _with_comment(group: sr.ContentSequence, text: str) -> sr.ContentSequence:
    if text:
        group[0].ContentSequence.append(sr.TextContentItem(dicom(COMMENT), plain(text), CONTAINS))
    return group
