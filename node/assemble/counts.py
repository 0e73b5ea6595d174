"""How many images a series should have, by what its own headers say, and whether that can be believed.

A *promise* is a count in the header. One that is smaller than what is here is none: it counts something else. Where two counts are
believable and differ, the one of slice positions speaks, and the series is never *sure* to be whole by it: some GE sequences have four
times their slices as ImagesInAcquisition (rordenlab/dcm2niix#306).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeVar

from node.assemble.header import MULTI_FRAME, Header

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Promise:
    """Images that a series should have.

    Parameters
    ----------
    images : how many; a frame of a multi-frame object counts as one
    sure : no other believable count contradicts
    """

    images: int
    sure: bool


def promise_of(slices: Sequence[Header], *, n_frames: int, n_planes: int) -> Promise | None:
    """What the headers of one series promise; None where they promise nothing that can be believed.

    Parameters
    ----------
    slices : of the series, as `slices_of` has them
    n_frames, n_planes : time frames and distinct slice positions that are here
    """
    if slices[0].modality == "PT":
        return _pet(slices, n_frames)
    if slices[0].modality == "MR":
        return _mr(slices, n_planes)
    return Promise(len(slices), sure=True) if slices[0].modality == "SEG" else None


def numbers_run(headers: Sequence[Header]) -> str:
    """What InstanceNumber hints at, for people: "image numbers run to 176 (6 not here)"; empty where it hints at nothing.

    Vendors and converters number as they like, so that nothing is decided by it.
    """
    numbers = [header.counts.number for header in headers if header.counts.number is not None]
    if len(set(numbers)) < len(headers) or not 1 <= min(numbers) <= 2 * len(headers):
        return ""
    missing = max(numbers) - len(headers)
    return f"image numbers run to {max(numbers)} ({missing} not here)" if 0 < missing <= len(headers) else ""


def _pet(slices: Sequence[Header], n_frames: int) -> Promise | None:
    """NumberOfSlices, times what the kind of series has besides (PS3.3 C.8.9.4.1.9); the largest ImageIndex where nothing else says.

    A static GE series may say six time slices, one a bed, so that number is believed in dynamic series alone.
    """
    pets = [header.pet for header in slices if header.pet]
    factors: tuple[int | None, ...]
    kinds = {value for pet in pets for value in pet.series_type}
    n_slices = _only(pet.slices for pet in pets)
    if "DYNAMIC" in kinds:
        factors = (n_slices, _only(pet.time_slices for pet in pets))
    elif "GATED" in kinds:
        beats, slots = _only(header.counts.heart_beats for header in slices), _only(header.counts.time_slots for header in slices)
        factors = (n_slices, beats, slots)
    else:
        factors = (n_slices, n_frames)
    if None in factors:
        return _by_index(slices)
    images = prod(factor or 0 for factor in factors)
    return Promise(images, sure=n_frames == 1 or bool(kinds & {"DYNAMIC", "GATED"})) if images >= len(slices) else None


def _by_index(slices: Sequence[Header]) -> Promise | None:
    """ImageIndex runs from 1 over the whole series (PS3.3 C.8.9.4.1.9): its largest says how many there are at least."""
    indices = [header.pet.image_index for header in slices if header.pet and header.pet.image_index is not None]
    if len(set(indices)) < len(slices) or not min(indices) >= 1 or not len(slices) < max(indices) <= 2 * len(slices):
        return None
    return Promise(max(indices), sure=False)


def _mr(slices: Sequence[Header], n_planes: int) -> Promise | None:
    if slices[0].sop_class_uid in MULTI_FRAME:
        return _frames(slices)
    here = len(slices)
    positions = _only(header.counts.locations for header in slices)
    images, times = _only(header.counts.images for header in slices), _only(header.counts.temporal_positions for header in slices) or 1
    found = []
    if positions is not None and positions >= n_planes == here:
        found.append(Promise(positions, sure=True))
    if images is not None and images * times >= here:
        found.append(Promise(images * times, sure=True))
    if not found:
        return None
    agreed = len({one.images for one in found}) == 1
    return Promise(found[0].images, sure=agreed)


def _frames(slices: Sequence[Header]) -> Promise | None:
    """Multi-frame: an object that is here is here as a whole. Of a concatenation, only a total that is told says that no part follows."""
    parts = [header.concatenation for header in slices if header.concatenation is not None]
    if parts and not all(part.parts for part in parts):
        return None
    return Promise(len(slices), sure=True)


def _only(values: Iterable[T | None]) -> T | None:
    """The value that all share; None where they do not."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
