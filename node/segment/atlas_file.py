"""A site's own label atlas, as BIDS has it: ``…_dseg.nii.gz``, and ``…_dseg.tsv`` with a line a label.

The image says in its file name which space it is drawn in (``space-`` or, in a template's own folder, ``tpl-``), the table gives each
`index` its `name`. The subject's labels are those of the nearest voxel of the atlas, by the alignment that carries the node's own regions.

Decisions
---------
We chose to accept the ICBM 152 nonlinear spaces of 2009 alone, the node's own template being one of them, and to refuse MNI152NLin6
(that of FSL and SPM), because it differs by some millimetres, as much as a nucleus is wide; instead of calling everything "MNI".
What the asymmetric versions differ by from ours, which is symmetric, stays in the regions: a millimetre or two in places.

We chose to report all mistakes of an atlas at once, as a mistake of the site's settings; instead of leaving unnamed labels out, which
would take a region away without a word.

References: Brain Imaging Data Structure 1.10, "Segmentations" and "Common image-derived labels"; Fonov et al., NeuroImage 54:313 (2011).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from node.domain.codes import PRIVATE_SCHEME, Code
from node.domain.result import Alignment, Region
from node.domain.volume import Array, Volume, blank_mask
from node.errors import SettingsError
from node.imaging import from_sitk
from node.segment.place import template_points

KEY = "analysis.atlas"
"""The setting that names the file; mistakes begin with it."""

SPACES = tuple(f"MNI152NLin2009{version}{shape}" for version in "abc" for shape in ("Sym", "Asym"))
"""Spaces whose coordinates are taken as those of the node's template."""

LARGEST_INDEX = 2**31 - 1


@dataclass(frozen=True)
class Label:
    """One line of the table."""

    index: int
    name: str


@dataclass(frozen=True, eq=False)
class SiteAtlas:
    """An atlas in template space.

    Parameters
    ----------
    name : of the file, without its ending
    space : as the file's name says it, one of `SPACES`
    image : (S, R, C) int32 indices, 0 background
    labels : what the indices mean; each index of the image is among them
    """

    name: str
    space: str
    image: Volume
    labels: tuple[Label, ...]


def read_atlas(path: Path) -> SiteAtlas:
    """Read an atlas and its table.

    Parameters
    ----------
    path : the image, ``…_dseg.nii.gz`` or ``…_dseg.nii``; the table of the same name, ``…_dseg.tsv``, lies beside it

    Raises
    ------
    SettingsError : name, space, image or table are not as BIDS has them, or an index of the image has no name; all mistakes are listed
    """
    ending = re.search(r"_dseg\.nii(\.gz)?$", path.name)
    if ending is None:
        raise SettingsError((f"{KEY}: expected a file …_dseg.nii.gz; found {path.name}",))
    stem = path.name[: ending.start()]
    mistakes: list[str] = []
    space = _space(stem, mistakes)
    image = _image(path, mistakes)
    labels = _table(path.with_name(f"{stem}_dseg.tsv"), mistakes)
    if image is not None and labels:
        mistakes += _nameless(image, labels)
    if mistakes or image is None:
        raise SettingsError(tuple(mistakes))
    return SiteAtlas(stem, space, image, labels)


def atlas_regions(atlas: SiteAtlas, alignment: Alignment, grid: Volume) -> tuple[Region, ...]:
    """The labels of an atlas in the subject, in the order of the table.

    Parameters
    ----------
    alignment : its brain mask and `template_from_t1` are used; the brain mask lies on `grid`
    grid : the T1 grid

    Returns
    -------
    a region "atlas:<name>" with a private code for each line of the table; its mask is empty where the label lies outside the brain

    Raises
    ------
    ValueError : the brain mask does not lie on `grid`
    """
    if not alignment.brain.same_grid(grid):
        raise ValueError(f"expected a brain mask on the grid of the T1, {grid.shape}; found one of {alignment.brain.shape}")
    found = _labels_at(template_points(alignment.brain, alignment.template_from_t1), atlas.image)
    voxels = np.argwhere(alignment.brain.array)
    return tuple(
        Region(f"atlas:{label.name}", code(label), _paste(voxels[found == label.index], alignment.brain, grid)) for label in atlas.labels
    )


def code(label: Label) -> Code:
    """A code of our own: the index tells labels apart (PS3.5 6.2: a value has at most 16 characters, a meaning 64)."""
    return Code(f"ATLAS-{label.index}", PRIVATE_SCHEME, label.name[:64])


def _labels_at(points: Array, image: Volume) -> Array:
    """(N,) index of the voxel in which each point (N, 3) LPS mm lies; 0 outside the image."""
    index = points @ image.index_from_lps[:3, :3].T + image.index_from_lps[:3, 3]
    return np.asarray(ndimage.map_coordinates(image.array, index.T, order=0, mode="constant", cval=0, output=np.int32))


def _paste(voxels: Array, brain: Volume, grid: Volume) -> Volume:
    mask = blank_mask(brain.shape)
    mask[tuple(voxels.T)] = True
    return grid.like(mask, unit="1")


def _space(stem: str, mistakes: list[str]) -> str:
    entity = re.search(r"(?:^|_)(?:space|tpl)-([A-Za-z0-9]+)", stem)
    space = entity.group(1) if entity else ""
    if space not in SPACES:
        found = f"found {space}" if space else "the file's name has neither"
        mistakes.append(f"{KEY}: expected space- or tpl- with one of {', '.join(SPACES)}; {found}")
    return space


def _image(path: Path, mistakes: list[str]) -> Volume | None:
    """The labels as int32, or None with the mistake noted."""
    try:
        image = sitk.ReadImage(str(path))
        if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
            raise ValueError(f"it has {image.GetDimension()} axes and {image.GetNumberOfComponentsPerPixel()} values a voxel")
        volume = from_sitk(image, unit="1")
    except (RuntimeError, ValueError) as error:
        reason = "there is no such file" if not path.is_file() else str(error).strip().splitlines()[-1]
        mistakes.append(f"{KEY}: {path.name} cannot be read as a 3-D NIfTI image: {reason}")
        return None
    array = volume.array
    if (array != np.rint(array)).any() or array.min() < 0 or array.max() > LARGEST_INDEX:
        mistakes.append(f"{KEY}: expected whole numbers from 0 in {path.name}; found values between {array.min():g} and {array.max():g}")
        return None
    if not array.any():
        mistakes.append(f"{KEY}: expected labels in {path.name}; found none")
        return None
    return volume.like(array.astype(np.int32))


def _table(path: Path, mistakes: list[str]) -> tuple[Label, ...]:
    """The lines of the table without the background, or what could be read of them with the mistakes noted."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(f"{KEY}: expected a table {path.name} beside the image; {type(error).__name__}")
        return ()
    if not lines or not {"index", "name"} <= set(lines[0]):
        mistakes.append(f"{KEY}: expected lines with the columns index and name, separated by tabs, in {path.name}")
        return ()
    labels = [label for number, line in enumerate(lines, start=2) if (label := _label(line, number, path, mistakes)) is not None]
    for what, values in (("index", [str(label.index) for label in labels]), ("name", [label.name for label in labels])):
        twice = sorted({value for value in values if values.count(value) > 1})
        mistakes += [f"{KEY}: {what} {value} stands in more than one line of {path.name}" for value in twice]
    return tuple(label for label in labels if label.index != 0)


def _label(line: dict[str, str | None], number: int, path: Path, mistakes: list[str]) -> Label | None:
    index, name = ((line.get(column) or "").strip() for column in ("index", "name"))
    if not re.fullmatch(r"\d{1,10}", index) or int(index) > LARGEST_INDEX:
        mistakes.append(f"{KEY}: line {number} of {path.name}: expected a whole number from 0 as index; found {index or 'nothing'}")
        return None
    if name in ("", "n/a"):
        mistakes.append(f"{KEY}: line {number} of {path.name}: index {index} has no name")
        return None
    return Label(int(index), name)


def _nameless(image: Volume, labels: tuple[Label, ...]) -> list[str]:
    known = {0, *(label.index for label in labels)}
    unknown = [index for index in np.unique(image.array).tolist() if index not in known]
    return [f"{KEY}: label {index} of the image has no line in the table" for index in unknown]
