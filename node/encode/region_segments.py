"""The SEGs of the regions that were measured, on the T1, on which they were drawn.

What is drawn is what was measured, and regions overlap on purpose: several objects hold them, in none of which segments overlap
(`region_layers`). Each is a series of its own, because OHIF 3.13 shows one object of a series of segmentations, the last, and takes the
others for its earlier states. Of a paired region both sides are drawn, each coded with its side; a region that is made of others is
not, because its outline would only cover theirs.
"""

from __future__ import annotations

from itertools import cycle, groupby

from pydicom.sr.coding import Code as DicomCode

from node.domain import codes
from node.domain.codes import Code
from node.domain.result import Region
from node.encode.material import Material, once
from node.encode.objects import Encoded, Kind
from node.encode.phenotypes import Rgb
from node.encode.region_layers import DrawnRegion, placed_regions, whole_name
from node.encode.seg_object import Drawn, write_segments
from node.encode.segments import Method, Segment, Tracking
from node.encode.uids import lasting_uid
from node.encode.words import region_words

METHOD = Method("Tissue classes and template regions", DicomCode("123108", "DCM", "Multispectral Processing"))

COLOURS: tuple[Rgb, ...] = (
    *((136, 204, 238), (204, 102, 119), (221, 204, 119), (17, 119, 51), (51, 34, 136)),
    *((170, 68, 153), (68, 170, 153), (153, 153, 51), (136, 34, 85)),
)
"""Paul Tol's *muted* qualitative scheme (2021), made for colour-blind readers; both sides of a region have one colour."""

TISSUES = frozenset(
    (
        *(codes.WHITE_MATTER, codes.GRAY_MATTER, codes.CEREBRAL_WHITE_MATTER, codes.CEREBRAL_GRAY_MATTER),
        *(codes.NORMAL_APPEARING_WHITE_MATTER, codes.CEREBELLAR_WHITE_MATTER),
        *(codes.PERIVENTRICULAR_WHITE_MATTER, codes.JUXTACORTICAL_WHITE_MATTER, codes.DEEP_WHITE_MATTER),
    )
)


def encode_regions(material: Material) -> tuple[Encoded, ...]:
    """The regions, one segment each, a SEG for each layer; nothing where none was measured."""
    regions = drawn_regions(material)
    if not regions:
        return ()
    t1 = material.exam.t1
    drawn = Drawn(t1, material.on(t1).slices)
    colours = dict(zip(dict.fromkeys(whole_name(one.region) for one in regions), cycle(COLOURS), strict=False))
    written = []
    for layer, placed in groupby(regions, key=lambda one: one.layer):
        segments = [_segment(one, colours[whole_name(one.region)], material) for one in placed]
        text = f"RESEARCH Regions measured, layer {layer + 1}"
        written.append(write_segments(segments, Kind.REGIONS, drawn, material, text=text, label="REGIONS", series=layer))
    return tuple(written)


@once
def drawn_regions(material: Material) -> tuple[DrawnRegion, ...]:
    """The regions that are drawn as segments, by layer and segment."""
    return placed_regions(material.segmentation, material.result)


def region_tracking(region: str, material: Material) -> Tracking:
    """What follows a region: from version to version, and from the first exam of the patient that the node knows to the next."""
    visits, own = material.history.visits, material.exam.pet.source.study_uid
    first = visits[0].study_uid if visits else own
    return Tracking(f"{material.result.provenance.exam} {region}", lasting_uid(f"{first} {region}"))


def side_words(region: Region) -> str:
    """A region's name for a reader, with its side."""
    words = region_words(whole_name(region))
    return words if region.side is None else f"{words}, {region.side.meaning.lower()}"


def region_category(code: Code) -> Code:
    """Tissue, or anatomical structure."""
    return codes.TISSUE if code in TISSUES else codes.ANATOMICAL_STRUCTURE


def _segment(drawn: DrawnRegion, rgb: Rgb, material: Material) -> Segment:
    region, tracking = drawn.region, region_tracking(drawn.region.name, material)
    return Segment(side_words(region), region_category(region.code), region.code, drawn.patch, METHOD, rgb, tracking, region.side)
