"""The SEGs on the series that is scrolled: the lesions, their rims, and the region of raised TSPO signal.

One object and one series each, so that a reader switches them on and off one by one.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.sr.coding import Code as DicomCode

from node.domain import codes
from node.domain.codes import Code
from node.domain.result import Lesion
from node.domain.transform import Transform
from node.domain.volume import Volume
from node.encode.lesion_methods import lesion_method
from node.encode.material import Material
from node.encode.objects import Encoded, Kind
from node.encode.phenotypes import lesion_rgb, phenotype_code
from node.encode.project import label_shares, project_labels
from node.encode.seg_object import FRACTIONAL, Drawn, write_segments
from node.encode.segments import MOST_SEGMENTS, Method, Patch, Segment, Tracking, joined, patch_of, patches
from node.encode.uids import lasting_uid

RAISED_COLOUR = (255, 176, 0)
RIM = Code("LESION-RIM", codes.PRIVATE_SCHEME, "Rim of a lesion: 2 mm of white matter around it")

RIM_METHOD = Method("Distance from a lesion", DicomCode("123104", "DCM", "Morphological Operations"))
RAISED_METHOD = Method("Threshold on TSPO PET", DicomCode("123105", "DCM", "Histogram Analysis"))


def encode_lesions(material: Material) -> tuple[Encoded, ...]:
    """The lesions, one segment each (see `MOST_SEGMENTS`), in the colour of their phenotype; nothing where none is in view."""
    alone, rest = lesion_segments(material)
    if not alone:
        return ()
    drawn = _drawn(material, material.lesions.labels, material.segmentation.lesions, material.t1_from_reading)
    how = lesion_method(material)
    segments = [_lesion(lesion, drawn[lesion.number], how, material) for lesion in alone]
    if rest:
        segments.append(_rest(rest, drawn, how))
    return (write_segments(segments, Kind.LESIONS, _reading(material), material, text="RESEARCH Lesions of brain", label="LESIONS"),)


def encode_rims(material: Material) -> tuple[Encoded, ...]:
    """The rims of the lesions that have a segment of their own; nothing where the result holds no rims, or none that lies on the grid."""
    rims = material.result.rims
    if rims is None:
        return ()
    shown = project_labels(rims, material.reading.volume, material.t1_from_reading).labels
    drawn = _drawn(material, shown, rims, material.t1_from_reading)
    segments = [_rim(lesion, drawn[lesion.number], material) for lesion in lesion_segments(material)[0] if lesion.number in drawn]
    if not segments:
        return ()
    return (write_segments(segments, Kind.RIMS, _reading(material), material, text="RESEARCH Rims of lesions", label="RIMS"),)


def encode_raised(material: Material) -> tuple[Encoded, ...]:
    """The region of raised TSPO signal as one segment; nothing where there is none."""
    shown = patch_of(material.raised.array)
    if shown is None:
        return ()
    original = material.result.raised
    drawn = _drawn(
        material, material.raised.like(material.raised.array * 1), original.like(original.array * 1), material.pet_from_reading
    ).get(1, shown)
    segment = Segment(
        "Raised TSPO signal",
        codes.FUNCTION,
        codes.RAISED_TSPO_SIGNAL,
        drawn,
        RAISED_METHOD,
        RAISED_COLOUR,
        raised_tracking(material),
        part_of=codes.BRAIN,
    )
    return (write_segments([segment], Kind.RAISED, _reading(material), material, text="RESEARCH Raised TSPO signal", label="RAISED_TSPO"),)


def lesion_segments(material: Material) -> tuple[tuple[Lesion, ...], tuple[Lesion, ...]]:
    """The lesions with a segment of their own, in the order of their segments from 1, and those that share the segment after.

    Both by number; the smallest share one. A lesion of an earlier exam has kept its number, whatever its size now.
    """
    outside = material.lesions.outside
    lesions = sorted((x for x in material.result.lesions if x.number not in outside), key=lambda lesion: lesion.number)
    most = len(lesions) if len(lesions) <= MOST_SEGMENTS else MOST_SEGMENTS - 1
    large = {lesion.number for lesion in sorted(lesions, key=lambda lesion: (-lesion.volume_ml, lesion.number))[:most]}
    return tuple(x for x in lesions if x.number in large), tuple(x for x in lesions if x.number not in large)


def lesion_words(lesion: Lesion) -> str:
    """A lesion in a few words: its number, its place, and its phenotype where one was called."""
    words = f"Lesion {lesion.number}, {lesion.place}"
    return words if lesion.phenotype is None else f"{words}, {lesion.phenotype.value}"


def lesion_tracking(lesion: Lesion, material: Material) -> Tracking:
    """What follows a lesion."""
    return Tracking(f"{material.result.provenance.exam} lesion {lesion.number}", lesion.tracking_uid)


def raised_tracking(material: Material) -> Tracking:
    """What follows the region of raised signal; of this exam alone, since it is drawn anew each time."""
    return Tracking(f"{material.result.provenance.exam} raised TSPO signal", material.maker.uid(Kind.RAISED, "tracking"))


def rim_tracking(lesion: Lesion, material: Material) -> Tracking:
    """What follows a lesion's rim: as persistent as what follows the lesion, from which it is made."""
    return Tracking(f"{material.result.provenance.exam} rim of lesion {lesion.number}", lasting_uid(f"{lesion.tracking_uid} rim"))


def _reading(material: Material) -> Drawn:
    return Drawn(material.reading, material.slices)


def _drawn(material: Material, shown: Volume, original: Volume, original_from_reading: Transform) -> Mapping[int, Patch]:
    """The patch of each label: as it is shown, or with the shares of voxels that the original fills where the form holds them."""
    if material.maker.options.seg_form != FRACTIONAL:
        return patches(shown.array)
    found = label_shares(original, material.reading.volume, original_from_reading)
    return {label: Patch((where[0].start, where[1].start, where[2].start), share) for label, where, share in found}


def _lesion(lesion: Lesion, patch: Patch, how: Method, material: Material) -> Segment:
    return Segment(
        lesion_words(lesion),
        codes.ABNORMAL_STRUCTURE,
        codes.LESION_OF_BRAIN,
        patch,
        how,
        lesion_rgb(lesion.phenotype),
        lesion_tracking(lesion, material),
        phenotype_code(lesion.phenotype),
        part_of=codes.BRAIN,
    )


def _rest(rest: tuple[Lesion, ...], drawn: Mapping[int, Patch], how: Method) -> Segment:
    label = f"{len(rest)} smaller lesions, of numbers {rest[0].number} to {rest[-1].number}"
    patch = joined([drawn[lesion.number] for lesion in rest])
    return Segment(label, codes.ABNORMAL_STRUCTURE, codes.LESION_OF_BRAIN, patch, how, lesion_rgb(None), part_of=codes.BRAIN)


def _rim(lesion: Lesion, patch: Patch, material: Material) -> Segment:
    label, tracking = f"Rim of lesion {lesion.number}", rim_tracking(lesion, material)
    rgb, modifier = lesion_rgb(lesion.phenotype), phenotype_code(lesion.phenotype)
    return Segment(label, codes.TISSUE, RIM, patch, RIM_METHOD, rgb, tracking, modifier, part_of=codes.BRAIN)
