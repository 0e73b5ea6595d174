"""Colours: of the map, of outlines, of the pages. None of them tells two things apart by red against green alone.

The map is drawn in *inferno*: its lightness rises evenly, so that it reads the same to a colour-blind reader and in a grey print.
Outlines are cyan and white, hues that inferno does not hold.
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from scipy import ndimage

from node.domain.volume import Array

MAP_NAME = "inferno"
OPACITY = 0.62
LESION_RGB = (64, 224, 255)
RAISED_RGB = (255, 255, 255)


def colours(values: Array, limits: tuple[float, float]) -> Array:
    """Colours of a map.

    Parameters
    ----------
    values : (...); what is not finite takes the first colour, and is not to be shown
    limits : value of the first and of the last colour; values beyond take these

    Returns
    -------
    (..., 3) uint8
    """
    low, high = limits
    # Rounding down into 256 steps, as the colour bar is drawn.
    steps = np.clip((np.nan_to_num(values, nan=low) - low) / (high - low) * 256.0, 0, 255).astype(np.uint8)
    return np.asarray(_table()[steps])


def grey(values: Array, limits: tuple[float, float]) -> Array:
    """Grey levels of an MR.

    Returns
    -------
    (..., 3) uint8
    """
    low, high = limits
    level = np.clip((values - low) / max(high - low, 1e-6) * 255.0, 0, 255).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=-1)


def blend(under: Array, over: Array, where: Array) -> Array:
    """`over` on `under` with `OPACITY` where asked, `under` elsewhere.

    Parameters
    ----------
    under, over : (..., 3) uint8
    where : (...) bool

    Returns
    -------
    (..., 3) uint8
    """
    share = np.float32(OPACITY) * where[..., None].astype(np.float32)
    return np.asarray((under * (1 - share) + over * share + 0.5).astype(np.uint8))


def ticks(limits: tuple[float, float]) -> tuple[tuple[float, str], ...]:
    """Values to be marked on a colour bar, with their words; the ends say that they stand for what lies beyond as well."""
    low, high = limits
    step = next(s for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, (high - low) / 4) if (high - low) / s <= 6)
    inner = np.arange(np.ceil(low / step + 0.5), np.floor(high / step - 0.5) + 1) * step
    return ((low, f"≤ {low:.1f}"), *((float(value), f"{value:.1f}") for value in inner), (high, f"≥ {high:.1f}"))


def display_limits(values: Array, brain: Array) -> tuple[float, float]:
    """Window of an MR from the brain itself: scalp fat and vessels may saturate.

    Parameters
    ----------
    values, brain : the MR, and the mask of the brain on the same grid
    """
    inside = values[brain]
    sample = inside if inside.size else values
    low, high = np.percentile(sample, (0.5, 99.5))
    return min(0.0, float(low)), float(high) * 1.1


def ring(mask: Array, width: int = 1) -> Array:
    """The line around a mask, in the plane: the pixels just outside it, so that what lies inside stays visible.

    Parameters
    ----------
    mask : (R, C) bool
    width : pixels
    """
    return np.asarray(ndimage.binary_dilation(mask, iterations=width) & ~mask)


def rings(labels: Array) -> Array:
    """The lines around labels, in the plane.

    Parameters
    ----------
    labels : (R, C) integers, 0 background

    Returns
    -------
    (R, C) the label that a pixel of the background touches by a side, the greatest where it touches several; 0 elsewhere
    """
    wide = np.pad(labels, 1)
    near = np.maximum.reduce([wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]])
    return np.where(labels == 0, near, 0)


def dotted(line: Array) -> Array:
    """A line (R, C) bool with gaps, two pixels on and two off along rows, columns and diagonals."""
    rows, columns = np.indices(line.shape)
    return np.asarray(line & ((rows + 2 * columns) % 4 < 2))


def _table() -> Array:
    return np.asarray(mpl.colormaps[MAP_NAME](np.arange(256), bytes=True))[:, :3]
