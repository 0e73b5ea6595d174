"""The phantom with its FLAIR on other grids: every way in which a scanner may cut a head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from encode_phantom import AXIAL, SAGITTAL, T1_FROM_FLAIR, Phantom, Plan, _mr, grid, make_phantom, rotation

from node.domain.exam import Role
from node.domain.volume import Array, Volume

CORONAL = rotation(-6, 0) @ np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]], dtype=float).T
OBLIQUE = rotation(28, 2) @ rotation(-19, 0) @ AXIAL
MIRRORED = AXIAL * np.array([-1, 1, 1])

CUTS: dict[str, tuple[tuple[int, int, int], Array, tuple[float, float, float]]] = {
    "axial": ((10, 84, 78), AXIAL, (14, 2, 2)),
    "axial, from the crown down": ((10, 84, 78), MIRRORED, (14, 2, 2)),
    "sagittal": ((11, 80, 90), SAGITTAL, (12, 2.2, 2)),
    "coronal": ((11, 82, 80), CORONAL, (13, 2, 2.1)),
    "oblique": ((10, 86, 84), OBLIQUE, (14, 2, 2)),
    "thick, with gaps": ((5, 84, 80), AXIAL, (30, 2, 2)),
    "one slice": ((1, 84, 84), AXIAL, (6, 2, 2)),
    "coarse": ((12, 26, 24), AXIAL, (14, 7, 7)),
}
"""(S, R, C), directions of slices, rows and columns in LPS, and their steps (mm)."""


def cut(storage: Path, name: str, plan: Plan | None = None) -> Phantom:
    """The phantom with a FLAIR that is cut in one of these ways."""
    plan = plan or Plan()
    phantom = make_phantom(storage, plan)
    shape, axes, spacing_mm = CUTS[name]
    files: dict[str, bytes] = {}
    centre = 20.0 if shape[0] == 1 else 0.0
    flair = _mr(files, plan, Role.FLAIR, grid(shape, axes, spacing_mm, "1.2.9.1", centre=centre), T1_FROM_FLAIR)
    for file, content in files.items():
        (storage / file).write_bytes(content)
    return replace(phantom, exam=replace(phantom.exam, flair=flair))


def grid_points(volume: Volume) -> Array:
    """(S, R, C, 3) LPS mm of every voxel."""
    index = np.moveaxis(np.indices(volume.shape), 0, -1)
    return np.asarray(index @ volume.affine[:3, :3].T + volume.affine[:3, 3])
