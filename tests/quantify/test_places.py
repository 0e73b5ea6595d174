"""Where a lesion lies: what it comes close to, in the order in which it counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from node.domain import codes
from node.domain.result import LesionOrigin, Region, Segmentation
from node.domain.volume import Array, Volume
from node.quantify.places import Places

GRID = Volume(np.zeros((30, 30, 30), np.int32), np.eye(4))
SLABS = {
    "cerebral_gm": np.s_[:, :, :3],
    "lateral_ventricle": np.s_[:, :, 15:18],
    "third_ventricle": np.s_[:, :, 24:],
    "brainstem": np.s_[:4],
}


def place_of(lesion: tuple[slice, ...]) -> str:
    labels = GRID.array.copy()
    labels[lesion] = 1
    regions = tuple(Region(name, codes.BRAIN, GRID.like(_mask(slab))) for name, slab in SLABS.items())
    made = Segmentation(GRID, regions, GRID.like(labels), LesionOrigin.FOUND, ())
    return Places(made).of(1, ndimage.find_objects(labels)[0])


def _mask(slab: object) -> Array:
    mask = np.zeros(GRID.shape, bool)
    mask[slab] = True
    return mask


@pytest.mark.parametrize(
    ("lesion", "expected"),
    [
        (np.s_[20:23, 10:13, 3:5], "juxtacortical"),
        (np.s_[20:23, 10:13, 5:7], "deep white matter"),
        (np.s_[20:23, 10:13, 10:13], "periventricular"),
        (np.s_[20:23, 10:13, 9:11], "deep white matter"),
        (np.s_[20:23, 10:13, 21:24], "deep white matter"),
        (np.s_[3:6, 10:13, 3:5], "infratentorial"),
    ],
    ids=["at the mantle", "off the mantle", "near a lateral ventricle", "off it", "at the third ventricle", "in the brain stem"],
)
def test_a_lesion_is_placed_by_mantle_lateral_ventricle_and_brain_stem(lesion: tuple[slice, ...], expected: str) -> None:
    assert place_of(lesion) == expected
