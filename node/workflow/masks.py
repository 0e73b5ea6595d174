"""Masks on disk: one bit a voxel, and only of the box that holds what is true.

A segmentation holds dozens of masks on the grid of a T1, most of them small. As bytes they would be 0.9 GB for one exam; as bits of their
boxes they are some 30 MB. Reading back writes into the box alone, so that the memory of the empty rest is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from node.domain.volume import Array, blank_mask

BITS, BOX = ".bits", ".box"
"""What is added to an array's key in the archive."""


def pack(key: str, mask: Array) -> dict[str, Array]:
    """The arrays that stand for a mask (…) bool of any shape: its bits, and (3, D) shape, start and stop of the box that they fill."""
    start, stop = _box(mask)
    inside = mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    return {key + BITS: np.packbits(inside), key + BOX: np.array([mask.shape, start, stop], dtype=np.int64).reshape(3, mask.ndim)}


def is_packed(key: str, arrays: Mapping[str, Array]) -> bool:
    """Whether an archive holds a mask under this key."""
    return key + BITS in arrays


def unpack(key: str, arrays: Mapping[str, Array]) -> Array:
    """(…) bool the mask as it was.

    Raises
    ------
    ValueError, KeyError : the bits do not fill the box, the box does not lie in the shape
    """
    shape, start, stop = arrays[key + BOX]
    if (start < 0).any() or (stop > shape).any() or (stop < start).any():
        raise ValueError(f"the box of mask {key} does not lie in its shape {shape.tolist()}")
    inside = tuple(int(n) for n in stop - start)
    bits = arrays[key + BITS]
    count = int(np.prod(inside))
    if bits.size != -(-count // 8):
        raise ValueError(f"mask {key}: expected bits for {count} voxels; found {bits.size} bytes")
    mask = blank_mask(tuple(int(n) for n in shape))
    mask[tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))] = np.unpackbits(bits, count=count).reshape(inside)
    return mask


def _box(mask: Array) -> tuple[list[int], list[int]]:
    """First true index along each axis, and one after the last; an empty box where nothing is true."""
    start, stop = [], []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        start.append(int(hit[0]) if hit.size else 0)
        stop.append(int(hit[-1]) + 1 if hit.size else 0)
    return start, stop
