"""Whether a SEG draws what was segmented: each segment's voxels, read back frame by frame, are those of the analysis.

Lesions and raised signal are held against their masks on the reading series, regions against those on the T1; every frame must name the
image that shows its slice. Shares of voxels (FRACTIONAL) and rims are held by their checksum alone, since working them out again would cost
as much as making them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset

from node.domain.volume import Array
from node.encode.gate.geometry import planes, series_of, slice_of, stack_of
from node.encode.gate.sheet import Finding, Sheet
from node.encode.material import Material
from node.encode.objects import Kind
from node.encode.region_segments import region_tracking


def drawn_as_meant(sheet: Sheet, material: Material) -> Iterator[Finding]:
    """Where a SEG differs from the masks that it was made from."""
    kind, dataset = sheet.encoded.kind, sheet.dataset
    if kind not in (Kind.LESIONS, Kind.RAISED, Kind.REGIONS, Kind.RIMS) or "PerFrameFunctionalGroupsSequence" not in dataset:
        return
    stack = stack_of(kind, material)
    where = [slice_of(plane, stack) for plane in planes(dataset)]
    yield from _cited(dataset, where, sheet, material)
    if kind is Kind.RIMS or dataset.SegmentationType == "FRACTIONAL" or None in where:
        return
    found, meant = _found(dataset, [number or 0 for number in where]), _meant(dataset, kind, material)
    for number, frames in found.items():
        mask = meant.get(number)
        if mask is None:
            yield Finding((), f"segment {number}", "what was segmented", "a segment of nothing that is known")
        elif wrong := _differ(frames, mask):
            yield Finding((), f"segment {number}", f"{int(mask.sum())} voxels, as segmented", f"{wrong} voxels of them otherwise")
    for number in sorted(set(meant) - set(found)):
        yield Finding((), f"segment {number}", "frames that draw it", "none")


def _differ(frames: list[tuple[int, Array]], mask: Array) -> int:
    """How many voxels differ: those of the frames, and those of slices that have none."""
    wrong = sum(int((frame != mask[index]).sum()) for index, frame in frames)
    left_out = sorted(set(range(mask.shape[0])) - {index for index, _ in frames})
    return wrong + int(mask[left_out].sum())


def _found(dataset: Dataset, where: list[int]) -> dict[int, list[tuple[int, Array]]]:
    """Segment number → its frames (R, C) bool, each with its slice; number 0, a label map's background, is left out."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    found: dict[int, list[tuple[int, Array]]] = {int(item.SegmentNumber): [] for item in dataset.SegmentSequence if item.SegmentNumber}
    for frame, groups, index in zip(_frames(dataset), dataset.PerFrameFunctionalGroupsSequence, where, strict=True):
        if dataset.SegmentationType == "LABELMAP":
            for number, frames in found.items():
                frames.append((index, frame == number))
        else:
            named = groups if "SegmentIdentificationSequence" in groups else shared
            found.setdefault(int(named.SegmentIdentificationSequence[0].ReferencedSegmentNumber), []).append((index, frame > 0))
    return found


def _frames(dataset: Dataset) -> Iterator[Array]:
    """(R, C) uint8 of each frame; one at a time, since a SEG of many frames is large when its bits are spread."""
    size = dataset.Rows * dataset.Columns
    pixels = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    for number in range(int(dataset.NumberOfFrames)):
        if dataset.BitsAllocated == 1:
            first, last = number * size, (number + 1) * size
            bits = np.unpackbits(pixels[first // 8 : (last + 7) // 8], bitorder="little")[first % 8 : first % 8 + size]
            yield bits.reshape(dataset.Rows, dataset.Columns)
        else:
            yield pixels[number * size : (number + 1) * size].reshape(dataset.Rows, dataset.Columns)


def _meant(dataset: Dataset, kind: Kind, material: Material) -> dict[int, Array]:
    """Segment number → (S, R, C) bool, as segmented; found by what a segment tracks."""
    tracked = {int(item.SegmentNumber): str(item.get("TrackingUID", "")) for item in dataset.SegmentSequence if item.SegmentNumber}
    if kind is Kind.RAISED:
        return dict.fromkeys(tracked, material.raised.array)
    if kind is Kind.REGIONS:
        masks = {region_tracking(region.name, material).uid: region.mask.array for region in material.segmentation.regions}
        return {number: masks[uid] for number, uid in tracked.items() if uid in masks}
    labels = material.lesions.labels.array
    lesions = {lesion.tracking_uid: lesion.number for lesion in material.result.lesions}
    alone = {number: lesions[uid] for number, uid in tracked.items() if uid in lesions}
    rest = (labels > 0) & ~np.isin(labels, list(alone.values()))
    meant = {number: labels == lesion for number, lesion in alone.items()}
    return meant | {number: rest for number, uid in tracked.items() if not uid}


def _cited(dataset: Dataset, where: list[int | None], sheet: Sheet, material: Material) -> Iterator[Finding]:
    """Whether each frame names the image that shows its slice: viewers that place a SEG by what it names would shift it otherwise."""
    instances = series_of(sheet.encoded.kind, material).source.instances
    if len(instances) == 1 and len(where) > 1:
        return  # an enhanced object: all frames name it
    for number, (groups, index) in enumerate(zip(dataset.PerFrameFunctionalGroupsSequence, where, strict=True), start=1):
        derived = groups.get("DerivationImageSequence") or [Dataset()]
        sources = derived[0].get("SourceImageSequence") or [Dataset()]
        uid = sources[0].get("ReferencedSOPInstanceUID")
        if index is not None and uid != instances[index].sop_instance_uid:
            yield Finding((), f"source image of frame {number}", instances[index].sop_instance_uid, str(uid))
