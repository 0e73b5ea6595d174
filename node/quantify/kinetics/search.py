"""Search: for each voxel the one regressor of a smooth family that explains most, between the members too.

The family is (J, F): one curve a step of a parameter that is equally spaced. What a regressor v explains of a curve y is
``(v·y)²/(v·v)``, weighted; a matrix product gives it for all members and voxels. Around the best member the family is drawn by the
parabola through three members, and the parameter found by parabolic steps on what is explained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from node.domain.volume import Array

LADDER = (1.0, 0.1, 0.01)
"""Steps of the parabolas, one after the other, in steps of the family."""


@dataclass(frozen=True, eq=False)
class Found:
    """Where the search ended.

    Parameters
    ----------
    middle : (n,) member around which was refined, 1 … J−2
    offset : (n,) from it, −1 … 1 steps
    coefficient : (n,) of the regressor there
    """

    middle: Array
    offset: Array
    coefficient: Array

    @property
    def position(self) -> Array:
        """(n,) in steps from the first member."""
        return np.asarray(self.middle + self.offset)

    def between(self, of_members: Array) -> Array:
        """(n,) a quantity of the members (J,) at the place found, by the same parabola."""
        near = [of_members[self.middle + k] for k in (-1, 0, 1)]
        return np.asarray(sum(share * value for share, value in zip(_shares(self.offset), near, strict=True)))


class Search:
    """A family made ready.

    Parameters
    ----------
    members : (J, F) smooth in the first axis
    weights : (F,)
    """

    def __init__(self, members: Array, weights: Array) -> None:
        self._weighted = members * weights
        gram = self._weighted @ members.T
        self._inverse_norms = 1.0 / np.sqrt(np.diag(gram))
        # Inner products among each member and its two neighbours: what a parabola through three members needs.
        self._near = [[np.array([gram[j + a, j + b] for j in range(1, len(gram) - 1)]) for b in (-1, 0, 1)] for a in (-1, 0, 1)]

    def __call__(self, curves: Array) -> Found:
        """Find the best regressor of each curve (F, n)."""
        products = self._weighted @ curves
        explained = np.abs(products * self._inverse_norms[:, None])
        middle = np.clip(explained.argmax(axis=0), 1, len(products) - 2)
        voxels = np.arange(curves.shape[1])
        here = [products[middle + k, voxels] for k in (-1, 0, 1)]
        near = [[pair[middle - 1] for pair in row] for row in self._near]
        offset = np.zeros(len(voxels))
        for step in LADDER:
            offset = _vertex(here, near, offset, step)
        product, square = _at(here, near, offset)
        return Found(middle, offset, product / square)


def _shares(offset: Array) -> tuple[Array, Array, Array]:
    """Lagrange's weights of the members at −1, 0, 1."""
    return offset * (offset - 1.0) / 2.0, 1.0 - offset * offset, offset * (offset + 1.0) / 2.0


def _at(here: list[Array], near: list[list[Array]], offset: Array) -> tuple[Array, Array]:
    """(n,) v·y and v·v at an offset."""
    shares = _shares(offset)
    product = sum(share * value for share, value in zip(shares, here, strict=True))
    square = sum(shares[a] * shares[b] * near[a][b] for a in range(3) for b in range(3))
    return np.asarray(product), np.asarray(square)


def _vertex(here: list[Array], near: list[list[Array]], offset: Array, step: float) -> Array:
    """(n,) offset where the parabola through what is explained at offset − step, offset, offset + step is highest, −1 … 1."""
    below, at, above = (product * product / square for product, square in (_at(here, near, offset + k * step) for k in (-1, 0, 1)))
    bend = below - 2.0 * at + above
    move = np.where(bend < 0, 0.5 * step * (below - above) / np.where(bend < 0, bend, 1.0), 0.0)
    return np.asarray(np.clip(offset + np.clip(move, -step, step), -1.0, 1.0))
