"""The presentation state: lesions as outlines and numbers over the reading series, which the viewer itself draws and can switch off.

A Grayscale Softcopy Presentation State (PS3.3 A.33.1) names the images of the reading series, the window to show them in, and for each
image the outlines on it: of each lesion on the layer of its phenotype, with its number, and of the region of raised signal. The pixels
stay the scanner's own. Written here attribute by attribute instead of by highdicom, which refuses an enhanced MR among what is shown.

Outlines run along the edges of pixels, so that they hold what the segmentation holds and nothing else. The window is told in stored
values, image by image where they are scaled differently (Philips): a presentation state has one Modality LUT for all of its images, and
one that has none leaves the images' own rescale out (PS3.4 N.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from node.domain.result import Phenotype
from node.domain.volume import Array
from node.encode.colour import RAISED_RGB, display_limits
from node.encode.headers import describe, write
from node.encode.material import Material, brain_on_reading
from node.encode.objects import Encoded, Kind
from node.encode.outline import outlines
from node.encode.phenotypes import Rgb, lesion_rgb
from node.encode.rescale import Rescale, read_rescales

RAISED_LAYER = "RAISED_SIGNAL"
UNCALLED_LAYER = "LESIONS"
DIGIT_SHARE = 1 / 32
"""Height of a number, as a share of the image's shorter side."""


@dataclass(frozen=True)
class Layer:
    """A layer: its name (CS), what it holds, and the colour that it is drawn in."""

    name: str
    told: str
    rgb: Rgb


LAYERS: dict[Phenotype | None, Layer] = {
    **{kind: Layer(kind.name, f"Lesions: {kind.value}", lesion_rgb(kind)) for kind in Phenotype},
    None: Layer(UNCALLED_LAYER, "Lesions without a phenotype", lesion_rgb(None)),
}
"""The layer of each phenotype."""

RAISED = Layer(RAISED_LAYER, "Region of raised TSPO signal", RAISED_RGB)


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn on one slice on one layer: closed borders (n, 2) of columns and rows, and the numbers beside them."""

    slice: int
    layer: Layer
    borders: tuple[Array, ...]
    numbers: tuple[tuple[str, Array], ...] = ()


def encode_presentation(material: Material) -> tuple[Encoded, ...]:
    """One presentation state in the MR's study; none where there is nothing to outline.

    Raises
    ------
    DataError : a source file cannot be read
    """
    drawn = [*_raised(material), *_lesions(material)]
    if not drawn:
        return ()
    dataset = Dataset()
    dataset.SOPClassUID = GrayscaleSoftcopyPresentationStateStorage
    dataset.Modality = "PR"
    description = f"RESEARCH TSPO lesions outlined on {material.reading.contrast.value}"
    # It names the images that it is shown on, in a form of its own; Common Instance Reference is no part of this IOD.
    describe(dataset, Kind.PRESENTATION, material.slices.header, material.maker, cited=(), description=description)
    _identify(dataset)
    dataset.ReferencedSeriesSequence = [_series(material)]
    dataset.DisplayedAreaSelectionSequence = [_area(material)]
    layers = dict.fromkeys(item.layer for item in drawn)
    dataset.GraphicLayerSequence = [_layer(layer, order) for order, layer in enumerate(layers, start=1)]
    dataset.GraphicAnnotationSequence = [_annotation(material, item) for item in drawn]
    dataset.SoftcopyVOILUTSequence = _windows(material)
    dataset.PresentationLUTShape = "IDENTITY"
    return (write(dataset, Kind.PRESENTATION, material.maker),)


def _raised(material: Material) -> Iterator[Drawn]:
    for index, mask in enumerate(material.raised.array):
        if mask.any():
            yield Drawn(index, RAISED, tuple(outlines(mask)))


def _lesions(material: Material) -> Iterator[Drawn]:
    """Slice by slice, the lesions of one phenotype together."""
    kinds = {lesion.number: lesion.phenotype for lesion in material.result.lesions}
    for index, labels in enumerate(material.lesions.labels.array):
        here = [int(number) for number in np.unique(labels) if number]
        order = list(LAYERS)
        here.sort(key=lambda number: (order.index(kinds[number]), number))
        for kind, numbers in groupby(here, key=lambda number: kinds[number]):
            borders = [(number, outlines(labels == number)) for number in numbers]
            told = tuple((str(number), np.concatenate(found)) for number, found in borders)
            yield Drawn(index, LAYERS[kind], tuple(border for _, found in borders for border in found), told)


def _identify(dataset: Dataset) -> None:
    dataset.ContentLabel = "LESIONS"
    dataset.ContentDescription = "Lesions by phenotype, with their numbers. Research use only."
    dataset.ContentCreatorName = ""
    dataset.PresentationCreationDate, dataset.PresentationCreationTime = dataset.ContentDate, dataset.ContentTime
    # No part of this IOD.
    del dataset.ContentDate, dataset.ContentTime


def _series(material: Material) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = material.reading.source.series_uid
    named = dict.fromkeys((source.sop_class_uid, source.sop_instance_uid) for source in material.slices.sources)
    item.ReferencedImageSequence = [_image(*names) for names in named]
    return item


def _image(sop_class_uid: str, sop_instance_uid: str, frames: tuple[int, ...] = ()) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    if frames:
        item.ReferencedFrameNumber = list(frames) if len(frames) > 1 else frames[0]
    return item


def _images(material: Material, slices: list[int]) -> list[Dataset]:
    """The images that show some slices; of an enhanced object its frames."""
    named: dict[tuple[str, str], tuple[int, ...]] = {}
    for index in slices:
        source = material.slices.sources[index]
        names = (source.sop_class_uid, source.sop_instance_uid)
        named[names] = named.get(names, ()) + (() if source.frame is None else (source.frame,))
    return [_image(*names, frames) for names, frames in named.items()]


def _area(material: Material) -> Dataset:
    """The whole image, as large as the viewer has room for."""
    _, rows, columns = material.reading.volume.shape
    item = Dataset()
    item.DisplayedAreaTopLeftHandCorner, item.DisplayedAreaBottomRightHandCorner = [1, 1], [columns, rows]
    item.PresentationSizeMode = "SCALE TO FIT"
    item.PresentationPixelSpacing = list(material.slices.pixel_spacing)
    return item


def _layer(layer: Layer, order: int) -> Dataset:
    item = Dataset()
    item.GraphicLayer, item.GraphicLayerOrder = layer.name, order
    item.GraphicLayerRecommendedDisplayGrayscaleValue = 0xFFFF
    item.GraphicLayerRecommendedDisplayCIELabValue = list(hd.color.CIELabColor.from_rgb(*layer.rgb).value)
    item.GraphicLayerDescription = layer.told
    return item


def _annotation(material: Material, drawn: Drawn) -> Dataset:
    item = Dataset()
    item.ReferencedImageSequence = _images(material, [drawn.slice])
    item.GraphicLayer = drawn.layer.name
    if drawn.numbers:
        item.TextObjectSequence = [_number(material, text, border) for text, border in drawn.numbers]
    item.GraphicObjectSequence = [_polyline(border) for border in drawn.borders]
    return item


def _polyline(border: Array) -> Dataset:
    # PIXEL: from the upper left corner of the first pixel, which is 0\0 (PS3.3 C.10.5.1.2).
    item = Dataset()
    item.GraphicAnnotationUnits, item.GraphicDimensions = "PIXEL", 2
    item.NumberOfGraphicPoints = len(border)
    item.GraphicData = border.ravel().tolist()
    item.GraphicType, item.GraphicFilled = "POLYLINE", "N"
    return item


def _number(material: Material, text: str, border: Array) -> Dataset:
    """A lesion's number, to the upper right of it, or to the upper left where the image ends."""
    _, rows, columns = material.reading.volume.shape
    height = max(6.0, min(rows, columns) * DIGIT_SHARE)
    width = 0.75 * height * len(text)
    (left, top), right = border.min(axis=0), border[:, 0].max()
    start = float(right) + 1 if right + 1 + width <= columns else max(0.0, float(left) - 1 - width)
    lower = max(height, float(top))
    item = Dataset()
    item.BoundingBoxAnnotationUnits, item.UnformattedTextValue = "PIXEL", text
    item.BoundingBoxTopLeftHandCorner, item.BoundingBoxBottomRightHandCorner = [start, lower - height], [start + width, lower]
    item.BoundingBoxTextHorizontalJustification = "LEFT"
    return item


def _windows(material: Material) -> list[Dataset]:
    """The window of the MR in stored values: one for all images, or one for those that are scaled alike."""
    low, high = display_limits(material.reading.volume.array, brain_on_reading(material).array)
    alike: dict[Rescale, list[int]] = {}
    for index, rescale in enumerate(read_rescales(material)):
        alike.setdefault(rescale, []).append(index)
    items = []
    for rescale, slices in alike.items():
        bottom, top = rescale.stored(low), rescale.stored(high)
        item = Dataset()
        if len(alike) > 1:
            item.ReferencedImageSequence = _images(material, slices)
        item.WindowCenter, item.WindowWidth = f"{(bottom + top) / 2:.10g}", f"{max(top - bottom, 1.0):.10g}"
        items.append(item)
    return items
