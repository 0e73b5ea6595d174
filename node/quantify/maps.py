"""The maps as the result holds them: on the whole PET grid, each with its method, parameters and citation."""

from __future__ import annotations

import numpy as np

from node.domain.result import ParametricMap, Quantity
from node.domain.volume import Array
from node.quantify.contrast import NawmScale
from node.quantify.dynamic import Dynamic, DynamicMap
from node.quantify.late import Late
from node.quantify.suv import UNIT_SUV
from node.quantify.window import minutes


def suvr_map(late: Late) -> ParametricMap:
    """Ratio of the late window's mean to the reference's."""
    values = (late.window.mean.array / np.float32(late.reference.mean)).astype(np.float32)
    parameters = (
        ("window", minutes(late.window.window_s)),
        ("reference", late.choice.basis),
        ("frames resampled for motion", str(late.window.resampled)),
    )
    return ParametricMap(late.window.mean.like(values, unit="1"), Quantity.SUVR, "ratio of late means", parameters, "")


def suv_map(late: Late, g_per_ml: float) -> ParametricMap:
    """SUV by body weight of the late window."""
    values = (late.window.mean.array * np.float32(g_per_ml)).astype(np.float32)
    volume = late.window.mean.like(values, unit=UNIT_SUV)
    return ParametricMap(volume, Quantity.SUV, "body weight", (("basis", late.scale.basis),), "")


def contrast_map(late: Late, scale: NawmScale, values: Array, quantity: Quantity) -> ParametricMap:
    """NAWM contrast score of the primary map."""
    score = late.window.mean.like(late.way.uncut(scale.score(values).astype(np.float32), late.window.mean), unit="1")
    parameters = (("of", quantity.value), ("NAWM voxels", str(scale.voxels)), ("least fraction of NAWM", f"{scale.filled:g}"))
    return ParametricMap(score, Quantity.CONTRAST, "median and MAD of the patient's own NAWM", parameters, "")


def scan_maps(late: Late, dynamic: Dynamic) -> tuple[ParametricMap, ...]:
    """The maps of a dynamic scan, the primary one first."""
    return tuple(_whole(late, made) for made in dynamic.maps)


def _whole(late: Late, made: DynamicMap) -> ParametricMap:
    volume = late.window.mean.like(late.way.uncut(made.values, late.window.mean), unit="1")
    parameters = (*made.parameters, ("reference", late.choice.basis))
    return ParametricMap(volume, made.quantity, made.method, parameters, made.citation)
