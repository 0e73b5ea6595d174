"""The SEG of the regions that were measured, on the T1, on which they were drawn.

Regions overlap on purpose, and the segments do as well: what is drawn is what was measured. Of a paired region both sides are drawn, each
coded with its side; a region that is made of others is not, because its outline would only cover theirs.
"""

from __future__ import annotations

from itertools import cycle

from pydicom.sr.coding import Code as DicomCode

from node.domain import codes
from node.domain.codes import Code
from node.domain.result import Quantity, Region
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.phenotypes import Rgb
from node.encode.seg_object import Drawn, write_segments
from node.encode.segments import MOST_SEGMENTS, Method, Segment, Tracking, patch_of
from node.encode.uids import lasting_uid
from node.encode.words import region_words

METHOD = Method("Tissue classes and template regions", DicomCode("123108", "DCM", "Multispectral Processing"))

COLOURS: tuple[Rgb, ...] = (
    *((136, 204, 238), (204, 102, 119), (221, 204, 119), (17, 119, 51), (51, 34, 136)),
    *((170, 68, 153), (68, 170, 153), (153, 153, 51), (136, 34, 85)),
)
"""Paul Tol's *muted* qualitative scheme (2021), made for colour-blind readers; both sides of a region have one colour."""

WHOLES = frozenset(("brain", "whole_brain", "white_matter", "cerebral_gm", "cortex", "deep_gm", "striatum", "cerebellum", "infratentorial"))
"""Regions that others are parts of."""

TISSUES = frozenset(
    (
        *(codes.WHITE_MATTER, codes.GRAY_MATTER, codes.CEREBRAL_WHITE_MATTER, codes.CEREBRAL_GRAY_MATTER),
        *(codes.NORMAL_APPEARING_WHITE_MATTER, codes.CEREBELLAR_WHITE_MATTER),
        *(codes.PERIVENTRICULAR_WHITE_MATTER, codes.JUXTACORTICAL_WHITE_MATTER, codes.DEEP_WHITE_MATTER),
    )
)


def encode_regions(material: Material) -> tuple[Encoded, ...]:
    """The regions, one segment each; nothing where none was measured."""
    regions = region_segments(material)
    if not regions:
        return ()
    t1 = material.exam.t1
    slices = material.on(t1).slices
    colours = dict(zip(dict.fromkeys(whole_name(region) for region in regions), cycle(COLOURS), strict=False))
    segments = [_segment(region, colours[whole_name(region)], material) for region in regions]
    return (write_segments(segments, Kind.REGIONS, Drawn(t1, slices), material, text="RESEARCH Regions measured", label="REGIONS"),)


def region_segments(material: Material) -> tuple[Region, ...]:
    """The regions that are drawn, in the order of their segments from 1: measured, no wholes, and no more than `MOST_SEGMENTS`."""
    measured = {finding.region for finding in material.result.findings if finding.quantity is Quantity.SUVR}
    drawn = [region for region in material.segmentation.regions if region.name in measured and region.mask.array.any()]
    halved = {whole_name(region) for region in drawn if region.side is not None}
    parts = [r for r in drawn if r.name not in halved and whole_name(r) not in WHOLES]
    return tuple(parts[:MOST_SEGMENTS])


def region_tracking(region: str, material: Material) -> Tracking:
    """What follows a region: from version to version, and from the first exam of the patient that the node knows to the next."""
    visits, own = material.history.visits, material.exam.pet.source.study_uid
    first = visits[0].study_uid if visits else own
    return Tracking(f"{material.result.provenance.exam} {region}", lasting_uid(f"{first} {region}"))


def whole_name(region: Region) -> str:
    """The name of both sides together."""
    return region.name.removesuffix("_left").removesuffix("_right") if region.side is not None else region.name


def side_words(region: Region) -> str:
    """A region's name for a reader, with its side."""
    words = region_words(whole_name(region))
    return words if region.side is None else f"{words}, {region.side.meaning.lower()}"


def region_category(code: Code) -> Code:
    """Tissue, or anatomical structure."""
    return codes.TISSUE if code in TISSUES else codes.ANATOMICAL_STRUCTURE


def _segment(region: Region, rgb: Rgb, material: Material) -> Segment:
    patch = patch_of(region.mask.array)
    if patch is None:
        raise ValueError(f"expected a region with voxels; {region.name} has none")
    tracking = region_tracking(region.name, material)
    return Segment(side_words(region), region_category(region.code), region.code, patch, METHOD, rgb, tracking, region.side)
