"""Whether each frame of a multi-frame object has its functional groups, shared or its own (PS3.3 C.7.6.16, A.51.5, A.75.5)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from node.encode.gate.sheet import Finding, Sheet

_PLACE = ("PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence", "FrameContentSequence")
_OF_MODALITY = {"SEG": _PLACE, "OT": (*_PLACE, "RealWorldValueMappingSequence", "ParametricMapFrameTypeSequence")}
_FRAMES = "PerFrameFunctionalGroupsSequence"


def groups_in_each(sheet: Sheet) -> Iterator[Finding]:
    """Frames without a group that they need, or another number of them than of pictures."""
    dataset = sheet.dataset
    if _FRAMES not in dataset:
        return
    frames, told = dataset[_FRAMES].value, int(dataset.get("NumberOfFrames") or 0)
    if len(frames) != told:
        yield Finding((), _FRAMES, f"{told} items, one a frame", str(len(frames)))
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    for keyword in _needed(dataset):
        lacking = [] if keyword in shared else [number for number, frame in enumerate(frames, start=1) if not frame.get(keyword)]
        if lacking:
            yield Finding(((_FRAMES, lacking[0]),), keyword, "the group, shared or in each frame", f"none in {len(lacking)} frames")


def _needed(dataset: Dataset) -> tuple[str, ...]:
    own = ("SegmentIdentificationSequence",) if dataset.get("SegmentationType") in ("BINARY", "FRACTIONAL") else ()
    return (*_OF_MODALITY.get(str(dataset.get("Modality")), ()), *own)
