"""The ICBM 152 (2009a, symmetric) brain template: T1 without skull, grey and white matter probability.

The average is mirror-symmetric, and it has neither head nor fluid class: what is inside the brain and neither grey nor white is fluid.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from node.domain.volume import Volume
from node.errors import DataError
from node.imaging import from_sitk

_T1 = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
_GM = "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz"
_WM = "mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True, eq=False)
class Template:
    """A brain that stands for all.

    Parameters
    ----------
    t1 : (S, R, C) float32, 0 outside the brain
    gm, wm : (S, R, C) float32 probability 0…1 on the same grid
    source : name and version, for Provenance
    """

    t1: Volume
    gm: Volume
    wm: Volume
    source: str

    def __post_init__(self) -> None:
        for name, volume in (("gm", self.gm), ("wm", self.wm)):
            if not volume.same_grid(self.t1):
                raise ValueError(f"{name} of a template lies on the grid of its t1; found {volume.shape} and {self.t1.shape}")

    @property
    def brain(self) -> Volume:
        """(S, R, C) bool: cerebrum, cerebellum and brain stem with the fluid inside."""
        return self.t1.like(self.t1.array > 0, unit="1")


def load_template(folder: Path | None = None) -> Template:
    """Read the template.

    Parameters
    ----------
    folder : where the three files lie under their ICBM names; those of the installed nilearn where None

    Returns
    -------
    Template, on a 1 mm grid of (189, 233, 197) where the files are the standard ones

    Raises
    ------
    DataError : a file is missing, cannot be read, or does not lie on the grid of the others
    """
    place, source = (folder, f"site template in {folder.name}") if folder else _installed()
    t1, gm, wm = (_read(place / name) for name in (_T1, _GM, _WM))
    try:
        return Template(t1, gm.like(_probability(gm), unit="1"), wm.like(_probability(wm), unit="1"), source)
    except ValueError as error:
        raise DataError(f"template: {error}") from error


def _installed() -> tuple[Path, str]:
    try:
        nilearn = metadata.distribution("nilearn")
    except metadata.PackageNotFoundError as error:
        raise DataError("template: nilearn, in whose wheel the ICBM 152 template lies, is not installed") from error
    return Path(str(nilearn.locate_file("nilearn/datasets/data"))), f"ICBM 152 nonlinear symmetric 2009a, from nilearn {nilearn.version}"


def _read(path: Path) -> Volume:
    if not path.is_file():
        raise DataError(f"template: expected a file {path.name}, found none")
    try:
        image = sitk.ReadImage(str(path), sitk.sitkFloat32)
        return from_sitk(image)
    except (RuntimeError, ValueError) as error:
        raise DataError(f"template: {path.name} cannot be read as a 3-D NIfTI image") from error


def _probability(volume: Volume) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The wheel's maps are 0…255, a site's may be 0…1."""
    array = volume.array.astype(np.float32)
    return array / np.float32(255.0 if array.max() > 1.0 else 1.0)
