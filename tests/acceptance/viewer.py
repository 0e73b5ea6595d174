"""A reader at a viewer: a SEG of ours, changed as a viewer changes it, under another maker and new UIDs."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.pixels.utils import pack_bits


def corrected(segmentation: Path, target: Path, *, without: int, at: datetime, creator: str = "Reader^Rhea") -> Path:
    """A reader deletes one lesion of a BINARY SEG and stores it; every other segment keeps its words, codes and tracking UID.

    Parameters
    ----------
    without : Segment Number of the lesion
    at : when, written as the content's date and time; the new UIDs follow from it
    """
    dataset = pydicom.dcmread(segmentation)
    frames = np.asarray(dataset.pixel_array)
    numbers = [_segment_of(item) for item in dataset.PerFrameFunctionalGroupsSequence]
    kept = [n for n, number in enumerate(numbers) if number != without]
    assert 0 < len(kept) < len(numbers), f"no frame of segment {without}, or of nothing else"
    dataset.PerFrameFunctionalGroupsSequence = [dataset.PerFrameFunctionalGroupsSequence[n] for n in kept]
    dataset.SegmentSequence = [item for item in dataset.SegmentSequence if item.SegmentNumber != without]
    dataset.NumberOfFrames = len(kept)
    dataset.PixelData = pack_bits(frames[kept].astype(np.uint8).ravel())
    return _stored(dataset, target, at, creator)


def emptied(segmentation: Path, target: Path, *, at: datetime, creator: str = "Reader^Rhea") -> Path:
    """A reader deletes every lesion: one segment and one frame are left, without a voxel."""
    dataset = pydicom.dcmread(segmentation)
    dataset.SegmentSequence = [dataset.SegmentSequence[0]]
    dataset.PerFrameFunctionalGroupsSequence = [dataset.PerFrameFunctionalGroupsSequence[0]]
    dataset.NumberOfFrames = 1
    dataset.PixelData = pack_bits(np.zeros(int(dataset.Rows) * int(dataset.Columns), dtype=np.uint8))
    return _stored(dataset, target, at, creator)


def _segment_of(frame: Dataset) -> int:
    return int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)


def _stored(dataset: Dataset, target: Path, at: datetime, creator: str) -> Path:
    dataset.Manufacturer, dataset.ManufacturerModelName = "Somebody else", "Viewer"
    dataset.ContentCreatorName = creator
    dataset.ContentDate, dataset.ContentTime = f"{at:%Y%m%d}", f"{at:%H%M%S}"
    dataset.SeriesDescription = "Corrected lesions"
    for keyword in ("SeriesInstanceUID", "SOPInstanceUID"):
        digest = hashlib.sha256(f"{dataset[keyword].value} {at.isoformat()}".encode()).digest()
        dataset[keyword].value = f"2.25.{int.from_bytes(digest[:16], 'big')}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(target, enforce_file_format=True)
    return target
