"""Voxels: a model over millions of curves, a few thousand at a time.

Curves come frame-first, (F, ...), as a `Volume` holds them. A chunk of n voxels is converted to float64 once and stays in the cache while
the model works on it, so that the sums are of double precision and no second copy of the series is made.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from node.domain.volume import Array
from node.errors import DataError

CHUNK = 2048
"""Voxels at a time: 26 frames of them in float64 take 0.4 MB and stay in a core's cache. 200 000 at a time take twice as long."""


def by_chunks(fit: Callable[[Array], Array], curves: Array, outputs: int) -> Array:
    """Apply a model to every voxel.

    Parameters
    ----------
    fit : takes (F, n) float64 and gives (K, n)
    curves : (F, ...) any real type; ``array.T`` of an (N, F) array serves as well, at half the speed
    outputs : K

    Returns
    -------
    (K, ...) float64; NaN where a curve is zero throughout or has a value that is not finite

    Notes
    -----
    Divisions by zero inside `fit` are meant: they give NaN or infinity, and infinity becomes NaN.
    """
    flat = curves.reshape(curves.shape[0], -1)
    found = np.empty((outputs, flat.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for start in range(0, flat.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            chunk = flat[:, part].astype(np.float64)
            found[:, part] = fit(chunk)
            found[:, part][:, ~chunk.any(axis=0)] = np.nan
    found[~np.isfinite(found)] = np.nan
    return found.reshape(outputs, *curves.shape[1:])


def check_frames(curves: Array, frames: int) -> None:
    """Refuse curves whose first axis is not the frames.

    Raises
    ------
    DataError : the first axis has another length
    """
    if curves.ndim < 1 or curves.shape[0] != frames:
        raise DataError(f"expected curves with {frames} frames along the first axis; found shape {curves.shape}")
