"""Contours: the outlines of one image laid on another, so that a reader sees at a glance whether the alignment holds.

Three rows, each in three planes through the middle of the brain: the T1's outlines on the PET, the PET's outline on the T1, and the T1's
outlines on the FLAIR. The planes are the same whatever was found, because alignment is judged where anatomy is known. The PET is black on
white, as readers of PET know it. Outlines are orange and blue, which stay apart in any colour vision, with a dark edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from node.domain.transform import Transform
from node.domain.volume import Array, Volume
from node.encode.canvas import Box, Canvas, Colour, Style, width_of
from node.encode.colour import display_limits, grey, ring
from node.encode.material import Material
from node.encode.planes import FINE, ROOM_MM, VIEWS, Point, cut, middle_of, plane_grid, side_words
from node.imaging import in_reference_pose, resample

BRAIN_RGB: Colour = (255, 176, 46)
INNER_RGB: Colour = (84, 190, 255)
"""Of the brain's outline, and of what lies inside it."""

HALF = 0.5
"""Of a mask, or of the PET's median in the brain: where its outline is drawn."""

LINE, EDGE = 3, 2
"""Width of an outline, and of its dark edge, fine pixels: the one is seen on dark, the other on bright tissue, and both in a grey print."""

INNER = ("ventricles", "white_matter")
"""Regions whose outlines are drawn inside the brain's."""

WHITE_AT = 1.7
"""The PET's greys end so far above the brain's 99th percentile, so that outlines are seen on the brain."""

BETWEEN = 8


@dataclass(frozen=True, eq=False)
class Outline:
    """A border: where `volume` rises through `level`, `volume_from_t1` is None in the T1's space."""

    volume: Volume
    level: float
    colour: Colour
    volume_from_t1: Transform | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """One row of pictures: an image in grey, and outlines on it.

    Parameters
    ----------
    title : in the page's language
    limits : values shown as the first and the last grey
    inverted : whether high values are dark
    """

    title: str
    image: Volume
    limits: tuple[float, float]
    image_from_t1: Transform
    outlines: tuple[Outline, ...]
    legend: tuple[tuple[str, Colour], ...]
    inverted: bool = False


def layers(material: Material) -> tuple[Layer, ...]:
    """The rows that an exam has: PET, T1, and FLAIR where it was aligned."""
    pet = late_pet(material)
    inside = resample(material.alignment.brain, pet, material.alignment.t1_from_pet, interpolation="nearest").array
    return (_pet(material, pet, inside), _t1(material, pet, inside), *_flair(material))


def height_of(count: int, width: int) -> int:
    """Pixels that so many rows take in a width."""
    return count * (_high(_scale(width)) + Style.SMALL.step + BETWEEN)


def draw_layers(page: Canvas, box: Box, material: Material, rows: tuple[Layer, ...]) -> int:
    """Draw the rows below each other, as wide as the box; where they end."""
    brain = material.alignment.brain
    middle = middle_of(brain)
    point = Point((float(middle[0]), float(middle[1]), float(middle[2])), "")
    y = box.top
    for layer in rows:
        _title(page, box.left, y, layer)
        left = box.left
        for name in ROOM_MM:
            picture = draw_layer(layer, plane_grid(name, point, middle, _scale(box.width), brain.frame_of_reference_uid))
            _place(page, picture, name, (left, y + Style.SMALL.step), side_words(VIEWS[name][2], point.place_mm[VIEWS[name][2]]))
            left += picture.shape[1] + BETWEEN
        y += _high(_scale(box.width)) + Style.SMALL.step + BETWEEN
    return y


def draw_layer(layer: Layer, grid: Volume) -> Array:
    """One picture.

    Parameters
    ----------
    grid : one slice in the T1's space, two pixels of it for one of the picture

    Returns
    -------
    (R, C, 3) uint8
    """
    values = cut(layer.image, grid, layer.image_from_t1)
    picture = grey(values, layer.limits)
    picture = 255 - picture if layer.inverted else picture
    inside = [cut(line.volume, grid, line.volume_from_t1) >= line.level for line in layer.outlines]
    for mask in inside:
        picture[ring(mask, LINE + EDGE)] = 0
    for line, mask in zip(layer.outlines, inside, strict=True):
        picture[ring(mask, LINE)] = line.colour
    return np.asarray(Image.fromarray(picture).reduce(FINE))


def late_pet(material: Material) -> Volume:
    """(S, R, C) the frames of the window that was measured, in the reference pose, weighted with their lengths: the whole head.

    The maps themselves end some mm outside the brain, where it cannot be seen whether skull and scalp fit.
    """
    pet, alignment = material.exam.pet, material.alignment
    window = pet.timing.inside(*material.result.tracer.window_s)
    frames = window.tolist() or list(range(len(pet.timing)))
    weights = pet.timing.duration_s[frames] / pet.timing.duration_s[frames].sum()
    posed = (in_reference_pose(pet.volume.frame(frame), alignment.pet_from_frame[frame]).array for frame in frames)
    total = sum(np.float32(weight) * frame for weight, frame in zip(weights, posed, strict=True))
    return pet.volume.like(np.asarray(total))


def _pet(material: Material, pet: Volume, inside: Array) -> Layer:
    limits = (0.0, WHITE_AT * float(np.percentile(pet.array[inside], 99.0)))
    from_t1 = material.alignment.t1_from_pet.inverse()
    outlines, legend = _of_t1(material)
    return Layer(material.say("Outlines of the T1 on the PET"), pet, limits, from_t1, outlines, legend, inverted=True)


def _t1(material: Material, pet: Volume, inside: Array) -> Layer:
    alignment = material.alignment
    line = Outline(pet, HALF * float(np.median(pet.array[inside])), BRAIN_RGB, alignment.t1_from_pet.inverse())
    legend = ((material.say("PET at half the brain's median"), BRAIN_RGB),)
    limits = display_limits(alignment.t1.array, alignment.brain.array)
    return Layer(material.say("Outline of the PET on the T1"), alignment.t1, limits, Transform.identity(), (line,), legend)


def _flair(material: Material) -> tuple[Layer, ...]:
    series, t1_from_flair = material.exam.flair, material.alignment.t1_from_flair
    if series is None or t1_from_flair is None:
        return ()
    inside = resample(material.alignment.brain, series.volume, t1_from_flair, interpolation="nearest").array
    outlines, legend = _of_t1(material)
    title, limits = material.say("Outlines of the T1 on the FLAIR"), display_limits(series.volume.array, inside)
    return (Layer(title, series.volume, limits, t1_from_flair.inverse(), outlines, legend),)


def _of_t1(material: Material) -> tuple[tuple[Outline, ...], tuple[tuple[str, Colour], ...]]:
    """Brain, and ventricles and cerebral white matter, as far as they were found."""
    say, regions = material.say, material.segmentation.regions
    inner = [Outline(region.mask, HALF, INNER_RGB) for region in regions if region.name in INNER and region.mask.array.any()]
    told = ((say("brain"), BRAIN_RGB), *(((say("ventricles and white matter"), INNER_RGB),) if inner else ()))
    return (*inner, Outline(material.alignment.brain, HALF, BRAIN_RGB)), told


def _title(page: Canvas, left: int, top: int, layer: Layer) -> None:
    page.text(left, top, layer.title, Style.SMALL_STRONG)
    x = left + width_of(layer.title, Style.SMALL_STRONG) + 20
    for words, colour in layer.legend:
        page.text(x, top, f"— {words}", Style.SMALL, colour)
        x += width_of(f"— {words}", Style.SMALL) + 20


def _place(page: Canvas, picture: Array, name: str, corner: tuple[int, int], where: str) -> None:
    (left, top), (height, width) = corner, picture.shape[:2]
    page.paste(picture, left, top)
    sides = VIEWS[name][1]
    page.mark(left + 6, top + height // 2, sides[0], anchor="lm")
    page.mark(left + width - 6, top + height // 2, sides[1], anchor="rm")
    page.mark(left + 6, top + 4, where, anchor="la")


def _scale(width: int) -> float:
    """Pixels a mm, so that the three planes fill a width."""
    return (width - (len(ROOM_MM) - 1) * BETWEEN) / sum(wide for _, wide in ROOM_MM.values())


def _high(pixels_per_mm: float) -> int:
    return max(round(high * pixels_per_mm) for high, _ in ROOM_MM.values())
