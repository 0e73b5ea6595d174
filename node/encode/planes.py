"""Three planes through one point: the T1, the map in colour inside the brain, lesions and raised signal as outlines.

Drawn at twice the size and averaged, so that outlines are smooth. Axial and coronal are seen as radiologists see them, the patient's
right on the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from node import imaging
from node.domain.result import Lesion
from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.encode.colour import RAISED_RGB, blend, colours, display_limits, dotted, grey, ring
from node.encode.material import Material
from node.encode.phenotypes import lesion_rgb
from node.encode.project import part_of
from node.encode.typeface import font

FINE = 2
"""Pixels of the drawing for one of the page, along each axis."""

OUTLINE = 4
"""Width of outlines, fine pixels."""

OUTSIDE_BRIGHTNESS = 0.65
"""Of the MR outside the brain: the fat of the scalp is brighter than anything that matters."""

ROOM_MM = {"axial": (196.0, 160.0), "coronal": (170.0, 160.0), "sagittal": (170.0, 196.0)}
"""Height and width of each plane's picture: room for a large adult head's brain."""

SMALLEST_TO_CHOOSE_ML = 0.1

HIGHEST = "through lesion {number} (highest TSPO signal)"
LARGEST = "through lesion {number} (the largest)"
PEAK = "through the peak of the raised TSPO signal"
MIDDLE = "through the middle of the brain"
"""Why the planes lie where they do, as phrases of the pages."""

CASING = (0, 0, 0)
NAMES = {"axial": "Axial", "coronal": "Coronal", "sagittal": "Sagittal"}


@dataclass(frozen=True, eq=False)
class Plane:
    """One picture.

    Parameters
    ----------
    name : "axial", "coronal" or "sagittal"
    rgb : (R, C, 3) uint8
    sides : letters at the left and at the right edge
    caption : name and place, LPS mm of the T1
    """

    name: str
    rgb: Array
    sides: tuple[str, str]
    caption: str


@dataclass(frozen=True)
class Point:
    """Where the planes cross: `place_mm` LPS in the T1, and why there, as a phrase of the pages in which `number` stands for `lesion`."""

    place_mm: tuple[float, float, float]
    why: str
    lesion: int = 0


def choose_point(material: Material) -> Point:
    """The lesion with the highest signal, else the largest lesion, else the raised signal's peak, else the middle of the brain."""
    lesion, why = _striking(material.result.lesions)
    if lesion is not None:
        return Point(_inside(material.segmentation.lesions, lesion.number), why, lesion.number)
    raised = material.result.raised
    if raised.array.any():
        values = np.where(raised.array, material.result.primary.volume.array, -np.inf)
        peak = _place(raised, np.array(np.unravel_index(values.argmax(), values.shape)))
        return Point(_three(material.alignment.t1_from_pet.apply(np.array(peak))), PEAK)
    return Point(_place(material.alignment.brain, np.argwhere(material.alignment.brain.array).mean(0)), MIDDLE)


def draw_planes(material: Material, point: Point, *, pixels_per_mm: float) -> tuple[Plane, ...]:
    """Axial, coronal and sagittal plane through a point."""
    brain = material.alignment.brain
    middle = middle_of(brain)
    limits = display_limits(material.alignment.t1.array, brain.array)
    return tuple(_plane(material, name, point, middle, limits, pixels_per_mm) for name in ROOM_MM)


def middle_of(brain: Volume) -> Array:
    """(3,) LPS mm of the middle of the box around a mask."""
    corners = np.array([_place(brain, index) for index in _corners(brain.array)])
    return np.asarray((corners.min(0) + corners.max(0)) / 2.0)


def _striking(lesions: tuple[Lesion, ...]) -> tuple[Lesion | None, str]:
    def signal(lesion: Lesion) -> float:
        return max((v for v in (lesion.core_suvr, lesion.rim_suvr) if v is not None), default=-np.inf)

    measured = [lesion for lesion in lesions if lesion.volume_ml >= SMALLEST_TO_CHOOSE_ML and np.isfinite(signal(lesion))]
    if measured:
        return max(measured, key=signal), HIGHEST
    return (max(lesions, key=lambda lesion: lesion.volume_ml), LARGEST) if lesions else (None, "")


def _inside(labels: Volume, number: int) -> tuple[float, float, float]:
    """The voxel of a lesion that lies nearest to its middle: a curved lesion's middle may lie outside it."""
    where = np.argwhere(labels.array == number)
    return _place(labels, where[np.square(where - where.mean(0)).sum(1).argmin()])


def _place(volume: Volume, index: Array) -> tuple[float, float, float]:
    return _three(volume.affine[:3, :3] @ index + volume.affine[:3, 3])


def _three(values: Array) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _corners(mask: Array) -> Array:
    spans = [np.flatnonzero(mask.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    return np.array([[s, r, c] for s in spans[0] for r in spans[1] for c in spans[2]], dtype=np.float64)


VIEWS = {
    # direction of slices, rows and columns in LPS; letters left and right; axis of the caption
    "axial": (((0, 0, 1), (0, 1, 0), (1, 0, 0)), ("R", "L"), 2),
    "coronal": (((0, 1, 0), (0, 0, -1), (1, 0, 0)), ("R", "L"), 1),
    "sagittal": (((-1, 0, 0), (0, 0, -1), (0, 1, 0)), ("A", "P"), 0),
}


def plane_grid(name: str, point: Point, middle: Array, pixels_per_mm: float, frame_of_reference_uid: str) -> Volume:
    """The pixels of a picture, `FINE` for one of the page, as a grid of one slice in the T1's space.

    Parameters
    ----------
    name : a key of `VIEWS`
    middle : (3,) LPS mm that the picture is centred on, apart from the plane's own axis, where `point` decides
    """
    (across, down, right), _, axis = VIEWS[name]
    step = 1.0 / (pixels_per_mm * FINE)
    height, width = (round(mm * pixels_per_mm) * FINE for mm in ROOM_MM[name])
    centre = middle.copy()
    centre[axis] = point.place_mm[axis]
    affine = np.eye(4)
    affine[:3, :3] = np.array([across, np.array(down) * step, np.array(right) * step]).T
    affine[:3, 3] = centre - affine[:3, :3] @ [0, (height - 1) / 2, (width - 1) / 2]
    return Volume(np.broadcast_to(np.uint8(0), (1, height, width)), affine, "", frame_of_reference_uid)


def _plane(material: Material, name: str, point: Point, middle: Array, limits: tuple[float, float], pixels_per_mm: float) -> Plane:
    alignment, result = material.alignment, material.result
    grid = plane_grid(name, point, middle, pixels_per_mm, alignment.t1.frame_of_reference_uid)
    pet_from_t1 = alignment.t1_from_pet.inverse()
    brain = cut(alignment.brain, grid) >= 0.5
    under = grey(cut(alignment.t1, grid), limits)
    under[~brain] = under[~brain] * OUTSIDE_BRIGHTNESS
    values = cut(result.primary.volume, grid, pet_from_t1, outside=np.nan)
    picture = blend(under, colours(values, material.maker.options.map_range), brain & np.isfinite(values))
    picture[_coarsely_dotted(ring(cut(result.raised, grid, pet_from_t1) >= 0.5, OUTLINE))] = RAISED_RGB
    labels = smooth_labels(material.segmentation.lesions, grid)
    outline(picture, material, labels, OUTLINE)
    small = Image.fromarray(picture).reduce(FINE)
    _number(small, labels)
    _, sides, axis = VIEWS[name]
    return Plane(name, np.asarray(small), sides, f"{material.say(NAMES[name])}, {side_words(axis, point.place_mm[axis])}")


def cut(volume: Volume, grid: Volume, volume_from_grid: Transform | None = None, *, outside: float = 0.0) -> Array:
    """(R, C) a volume on a plane's pixels, linear between voxels."""
    near = _near(volume, grid, volume_from_grid or Transform.identity())
    if near is None:
        return np.full(grid.shape[1:], outside, dtype=np.float32)
    return np.asarray(imaging.resample(near, grid, volume_from_grid, outside=outside).array[0])


def _near(volume: Volume, grid: Volume, volume_from_grid: Transform) -> Volume | None:
    """The part of a volume that a plane can meet, with a voxel around it; None where they do not meet. The rest need not be copied."""
    _, rows, columns = grid.shape
    corners = np.array([[0, r, c, 1] for r in (0, rows - 1) for c in (0, columns - 1)], dtype=np.float64)
    index = (corners @ (volume.index_from_lps @ volume_from_grid.matrix @ grid.affine).T)[:, :3]
    low = np.maximum(np.floor(index.min(axis=0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0)) + 2, volume.shape).astype(int)
    (s0, r0, c0), (s1, r1, c1) = low.tolist(), high.tolist()
    return part_of(volume, (slice(s0, s1), slice(r0, r1), slice(c0, c1))) if (low < high).all() else None


def _coarsely_dotted(line: Array) -> Array:
    """A line with gaps as on the overlay, so that no colour has to tell it from a lesion's; a dot is as long as the line is wide."""
    rows, columns = line.shape
    dots = dotted(np.ones((rows // OUTLINE + 1, columns // OUTLINE + 1), dtype=bool))
    return np.asarray(line & np.kron(dots, np.ones((OUTLINE, OUTLINE), dtype=bool))[:rows, :columns])


def smooth_labels(lesions: Volume, grid: Volume) -> Array:
    """(R, C) the lesions' numbers on a plane, with smooth borders: where lesions fill a point by half, the number nearest to it."""
    near = imaging.resample(lesions, grid, interpolation="nearest").array[0]
    inside = cut(lesions.like(lesions.array > 0), grid) >= 0.5
    if not near.any():
        return np.asarray(near)
    where = ndimage.distance_transform_edt(near == 0, return_distances=False, return_indices=True)
    return np.where(inside, near[tuple(where)], 0)


def outline(picture: Array, material: Material, labels: Array, width: int) -> None:
    """Draw around each lesion in the colour of its phenotype, cased in black so that it stands out from the map.

    Parameters
    ----------
    picture : (R, C, 3) uint8, drawn into
    labels : (R, C) numbers of lesions
    width : pixels of the coloured line
    """
    kinds = {lesion.number: lesion.phenotype for lesion in material.result.lesions}
    for number in np.unique(labels[labels > 0]).tolist():
        around = ring(labels == number, width)
        picture[ring(labels == number, width + width // 2) & (labels == 0)] = CASING
        picture[around & (labels == 0)] = lesion_rgb(kinds[number])


def side_words(axis: int, place_mm: float) -> str:
    """Where a plane lies along an LPS axis: "L 12 mm"."""
    letter = (("R", "L"), ("A", "P"), ("I", "S"))[axis][int(place_mm > 0)]
    return f"{letter} {abs(place_mm):.0f} mm"


def _number(image: Image.Image, labels: Array) -> None:
    """Write each lesion's number beside its outline, largest first, where it covers no other number."""
    draw = ImageDraw.Draw(image)
    taken: list[tuple[float, ...]] = []
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    for value in values[np.argsort(-counts, kind="stable")]:
        rows, columns = np.nonzero(labels == value)
        corner = int((columns - rows).argmax())  # the pixel furthest to the upper right
        x, y = int(columns[corner]) // FINE + 4, int(rows[corner]) // FINE - 2
        box = draw.textbbox((x, y), str(value), font(17, bold=True), anchor="ls", stroke_width=2)
        if box[2] < image.width and box[1] > 0 and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            draw.text((x, y), str(value), (255, 255, 255), font(17, bold=True), anchor="ls", stroke_width=2, stroke_fill=(0, 0, 0))


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
