"""Which lobe of the cerebrum a point of template space belongs to: that of the nearest of some ninety seeds, set by hand on the gyri.

The border between two lobes lies half way between their seeds, so that pairs of seeds on both banks draw the sulci that divide the lobes
(central, lateral, parieto-occipital). Anterior and middle cingulate cortex count as frontal, posterior cingulate and isthmus as parietal;
the medial temporal lobe, hippocampus included, as temporal.

Seeds are read off the coordinates that the literature gives for gyri in MNI space and lie in ``regions.json``. How far the lobes agree with
the Allen Human Reference Atlas was looked at afterwards, and some ten seeds were added where part of a gyrus had fallen to the wrong lobe.
"""

from __future__ import annotations

import json
from enum import IntEnum
from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from node.domain.volume import Array


class Lobe(IntEnum):
    """A lobe, by the number that `nearest_lobe` gives it; the name in lower case is the one in ``regions.json``."""

    FRONTAL = 1
    PARIETAL = 2
    TEMPORAL = 3
    OCCIPITAL = 4
    INSULAR = 5


def nearest_lobe(points: Array) -> Array:
    """(N,) uint8 values of `Lobe` of points (N, 3) in LPS mm of template space, wherever they lie; left and right are alike."""
    tree, lobes = _seeds()
    folded = points.astype(np.float32)
    folded[:, 0] = np.abs(folded[:, 0])
    _, nearest = tree.query(folded)
    return np.asarray(lobes[nearest])


@cache
def _seeds() -> tuple[KDTree, Array]:
    content = json.loads(Path(__file__).with_name("regions.json").read_text(encoding="utf-8"))
    places = [(seed, Lobe[entry["name"].upper()]) for entry in content["lobes"] for seed in entry["seeds_mm"]]
    return KDTree(np.array([seed for seed, _ in places])), np.array([lobe for _, lobe in places], dtype=np.uint8)
