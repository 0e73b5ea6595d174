"""Outlines: the border of a mask in one image, along the edges of its pixels, so that what they hold is the mask and nothing else."""

from __future__ import annotations

import numpy as np

from node.domain.volume import Array

Corner = tuple[int, int]
"""Row and column of a corner between pixels: pixel (r, c) has the corners (r, c) to (r + 1, c + 1)."""


def outlines(mask: Array) -> list[Array]:
    """The closed borders of a mask, of its pieces and of its holes.

    A border runs with the mask on its right. Where two pixels touch at a corner alone they get two borders.

    Parameters
    ----------
    mask : (R, C) bool

    Returns
    -------
    list of (n, 2) float32, column and row of each corner from the upper left corner of the first pixel, the first point again at the end
    """
    steps = _steps(mask)
    found = []
    while steps:
        start = min(steps)
        path = [start, _next(steps, start, None)]
        while path[-1] != start:
            path.append(_next(steps, path[-1], path[-2]))
        found.append(np.array(_bends(path), dtype=np.float32)[:, ::-1])
    return found


def _steps(mask: Array) -> dict[Corner, list[Corner]]:
    """From each corner of the border, the corners that follow it: two where pixels touch at a corner, one elsewhere."""
    padded = np.pad(np.asarray(mask, dtype=bool), 1)
    steps: dict[Corner, list[Corner]] = {}
    # The neighbour that is outside, and the edge towards it, clockwise around the pixel.
    for shift, begin, end in (
        ((-1, 0), (0, 0), (0, 1)),
        ((0, 1), (0, 1), (1, 1)),
        ((1, 0), (1, 1), (1, 0)),
        ((0, -1), (1, 0), (0, 0)),
    ):
        rows, columns = np.nonzero(padded & ~np.roll(padded, (-shift[0], -shift[1]), axis=(0, 1)))
        for row, column in zip((rows - 1).tolist(), (columns - 1).tolist(), strict=True):
            steps.setdefault((row + begin[0], column + begin[1]), []).append((row + end[0], column + end[1]))
    return steps


def _next(steps: dict[Corner, list[Corner]], here: Corner, before: Corner | None) -> Corner:
    """The corner that follows, taken out of the steps; where two follow, the one that turns right stays with its own pixel."""
    choices = steps[here]
    chosen = choices[0]
    if before is not None and len(choices) > 1:
        row, column = here[0] - before[0], here[1] - before[1]
        right = (here[0] + column, here[1] - row)
        chosen = right if right in choices else chosen
    choices.remove(chosen)
    if not choices:
        del steps[here]
    return chosen


def _bends(path: list[Corner]) -> list[Corner]:
    """A closed path without the corners that it runs straight through, but its first and last."""
    inner = [
        here
        for before, here, after in zip(path, path[1:], path[2:], strict=False)
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1])
    ]
    return [path[0], *inner, path[-1]]
