"""Where a lesion lies, by what it comes close to."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from node.domain.result import Segmentation
from node.domain.volume import Array
from node.quantify.rims import RIM_MM

PERIVENTRICULAR_MM = 3.0
JUXTACORTICAL_MM = 1.5
"""A lesion that comes this close to the lateral ventricles, or to the whole cortical mantle, is called so; our defaults, a voxel above
touching."""


class Places:
    """Looks up places in one segmentation."""

    def __init__(self, segmentation: Segmentation) -> None:
        self._labels = segmentation.lesions
        self._region = {region.name: region.mask.array for region in segmentation.regions}

    def of(self, number: int, box: tuple[slice, ...]) -> str:
        """ "periventricular", "juxtacortical", "infratentorial" or "deep white matter"."""
        wide = tuple(
            slice(max(0, part.start - reach), part.stop + reach)
            for part, reach in zip(box, np.ceil(PERIVENTRICULAR_MM / self._labels.spacing_mm).astype(int) + 1, strict=True)
        )
        inside = self._labels.array[wide] == number
        near = ndimage.distance_transform_edt(~inside, sampling=self._labels.spacing_mm)
        if self._reaches("cerebellar_wm", wide, near, 0.0) or self._reaches("brainstem", wide, near, 0.0) or self._below(wide, near):
            return "infratentorial"
        if self._reaches("lateral_ventricle", wide, near, PERIVENTRICULAR_MM):
            return "periventricular"
        return "juxtacortical" if self._reaches("cerebral_gm", wide, near, JUXTACORTICAL_MM) else "deep white matter"

    def _reaches(self, name: str, box: tuple[slice, ...], near: Array, within_mm: float) -> bool:
        region = self._region.get(name)
        return region is not None and bool((region[box] & (near <= within_mm)).any())

    def _below(self, box: tuple[slice, ...], near: Array) -> bool:
        """Within cerebellum or brain stem: most of what surrounds it belongs to them."""
        shell = (near > 0) & (near <= RIM_MM)
        lower = np.zeros(near.shape, dtype=bool)
        for name in ("cerebellar_gm", "cerebellar_wm", "brainstem"):
            if name in self._region:
                lower |= self._region[name][box]
        return bool(shell.any() and (lower & shell).sum() > 0.5 * shell.sum())
