"""The phantom with what a full result holds: phenotypes with unmixed values, rims, regions by side with their numbers, awkward texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from encode_phantom import Phantom, Plan, ball, make_phantom
from pydicom import Dataset

from node.domain import codes
from node.domain.result import Finding, Lesion, Phenotype, Quantity, Region, Unmixed
from node.domain.volume import Array

KINDS = tuple(Phenotype)
UNMIXED = Unmixed(Quantity.SUVR, 1.1, 1.75, 1.05, 0.08, 0.09, 0.14, 1.21, 1.34, 1.07, 1.26, "median + 2 × 1.4826 MAD – ours", 0.25, 0.75)
BASIS = "60–90 min, relative to cerebellar grey matter"


def rich_phantom(storage: Path, plan: Plan | None = None) -> Phantom:
    """Lesion number n has phenotype n of `Phenotype`, as far as they reach; the others were not called."""
    phantom = make_phantom(storage, plan)
    t1, segmentation, result = phantom.exam.t1.volume, phantom.segmentation, phantom.result
    left = t1.like((t1.affine[:3, :3] @ np.indices(t1.shape).reshape(3, -1) + t1.affine[:3, 3:])[0].reshape(t1.shape) > 0).array
    thalamus, brain = ball(t1, 25), ball(t1, 62)
    regions = (
        Region("brain", codes.BRAIN, t1.like(brain)),
        Region("thalamus", codes.THALAMUS, t1.like(thalamus)),
        Region("thalamus_left", codes.THALAMUS, t1.like(thalamus & left), codes.LEFT),
        Region("thalamus_right", codes.THALAMUS, t1.like(thalamus & ~left), codes.RIGHT),
        Region("nawm", codes.NORMAL_APPEARING_WHITE_MATTER, t1.like(ball(t1, 30))),
        Region("cerebellar_gm", codes.CEREBELLAR_CORTEX, t1.like(ball(t1, 20, (0, 30, -30)))),
        Region("cortex", codes.CEREBRAL_GRAY_MATTER, t1.like(brain)),
        Region("not_measured", codes.PUTAMEN, t1.like(thalamus)),
    )
    lesions = tuple(_called(lesion) for lesion in result.lesions)
    rims = segmentation.lesions.like(_rims(segmentation.lesions.array), unit="1")
    return replace(
        phantom,
        segmentation=replace(segmentation, regions=regions),
        result=replace(result, lesions=lesions, findings=_findings(regions), rims=rims),
    )


def voxels(seg: Dataset, phantom: Phantom, *, on_t1: bool = False) -> dict[int, Array]:
    """Segment number → (S, R, C) values of a SEG that was read back, each frame put where the image that it cites lies."""
    series = phantom.exam.t1 if on_t1 or phantom.exam.flair is None else phantom.exam.flair
    order = {instance.sop_instance_uid: index for index, instance in enumerate(series.source.instances)}
    shape = series.volume.shape
    found = {int(item.SegmentNumber): np.zeros(shape, np.uint8) for item in seg.SegmentSequence}
    shared = seg.SharedFunctionalGroupsSequence[0]
    for frame, groups in zip(seg.pixel_array.reshape(-1, *shape[1:]), seg.PerFrameFunctionalGroupsSequence, strict=True):
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        number = source.get("ReferencedFrameNumber")
        index = order[source.ReferencedSOPInstanceUID] if number is None else shape[0] - number
        if seg.SegmentationType == "LABELMAP":
            for segment in set(np.unique(frame).tolist()) - {0}:
                found[segment][index] = frame == segment
        else:
            named = groups if "SegmentIdentificationSequence" in groups else shared
            found[int(named.SegmentIdentificationSequence[0].ReferencedSegmentNumber)][index] = frame
    return found


def _called(lesion: Lesion) -> Lesion:
    if lesion.number > len(KINDS):
        return lesion
    kind = KINDS[lesion.number - 1]
    confidence = None if kind is Phenotype.NOT_RESOLVABLE else 0.5 + lesion.number / 16
    return replace(lesion, phenotype=kind, confidence=confidence, unmixed=UNMIXED, core_dvr=1.25, rim_dvr=None)


def _rims(labels: Array) -> Array:
    """The voxels of the next slice, where no lesion is."""
    moved = np.roll(labels, 1, axis=0)
    return np.where(labels == 0, moved, 0)


def _findings(regions: tuple[Region, ...]) -> tuple[Finding, ...]:
    found = []
    for number, region in enumerate(r for r in regions if r.name != "not_measured"):
        found.append(Finding(region.name, Quantity.SUVR, 1.0 + number / 7, "1", 0.02 if number % 2 else None, BASIS))
        found.append(Finding(region.name, Quantity.SUV, 1.1 + number / 7, "g/ml{SUVbw}", None, "60–90 min"))
        found.append(Finding(region.name, Quantity.CONTRAST, number - 2.5, "1", None, "against the patient's own NAWM"))
    return (
        *found,
        Finding("thalamus", Quantity.SUVR, 1.62, "1", None, BASIS, "GTM"),
        Finding("reference", Quantity.K2_REF, 0.071, "/min", None, "median of MRTM"),
        Finding("lesions", Quantity.COUNT, 4.0, "1", None, "found by the node on the FLAIR"),
        Finding("lesions", Quantity.VOLUME, 12.9, "ml", None, "found by the node on the FLAIR"),
        Finding("raised", Quantity.VOLUME, 15.8, "ml", None, "white matter that stands out"),
    )
