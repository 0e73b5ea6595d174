"""The presentation state: that its outlines hold the masks, on the images that it names, in the window that it tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encode_phantom import Phantom, Plan, make_phantom
from PIL import Image, ImageDraw
from pydicom import Dataset, dcmread
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from benchmarks.conformance import complaints
from node.domain.result import Phenotype
from node.domain.volume import Array
from node.encode.material import Material
from node.encode.outline import outlines
from node.encode.presentation import LAYERS, encode_presentation

SCALE = 8


def filled(borders: list[Array], shape: tuple[int, int]) -> Array:
    """(R, C) bool: pixels whose centre lies inside an odd number of borders."""
    inside = np.zeros(shape, dtype=bool)
    for border in borders:
        image = Image.new("1", (shape[1] * SCALE, shape[0] * SCALE))
        ImageDraw.Draw(image).polygon([(float(x) * SCALE - 0.5, float(y) * SCALE - 0.5) for x, y in border], fill=1)
        inside ^= np.asarray(image)[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE]
    return inside


@pytest.mark.parametrize("seed", range(6))
def test_outlines_hold_the_mask_and_nothing_else(seed: int) -> None:
    mask = np.random.default_rng(seed).random((17, 23)) < 0.15 * (seed + 1)

    found = outlines(mask)

    assert all((border[0] == border[-1]).all() for border in found)
    assert (filled(found, mask.shape) == mask).all()


def test_pixels_that_touch_at_a_corner_have_borders_of_their_own() -> None:
    assert len(outlines(np.eye(3, dtype=bool))) == 3


def test_a_pixel_has_the_border_of_a_pixel() -> None:
    (border,) = outlines(np.array([[False, False], [False, True]]))

    assert border.tolist() == [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]


def state(phantom: Phantom, folder: Path) -> tuple[Material, Dataset]:
    """The one presentation state of a phantom, read back."""
    folder.mkdir(exist_ok=True)
    material = phantom.material(folder=folder)
    (encoded,) = encode_presentation(material)
    return material, dcmread(encoded.path)


def drawn(dataset: Dataset, source: tuple[str, int | None], layers: set[str]) -> list[Array]:
    """The borders on one image, or frame of one, on some layers."""
    found = []
    for item in dataset.GraphicAnnotationSequence:
        (image,) = item.ReferencedImageSequence
        if (image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")) == source and item.GraphicLayer in layers:
            found += [np.array(graphic.GraphicData).reshape(-1, 2) for graphic in item.GraphicObjectSequence]
    return found


@pytest.mark.parametrize("plan", [Plan(), Plan(enhanced=True), Plan(flair=False)], ids=["classic", "enhanced", "on the T1"])
def test_each_image_has_its_lesions_and_its_raised_signal(tmp_path: Path, plan: Plan) -> None:
    material, dataset = state(make_phantom(tmp_path, plan), tmp_path / "out")

    lesion_layers = {layer.name for layer in LAYERS.values()}
    for index, source in enumerate(material.slices.sources):
        named = (source.sop_instance_uid, source.frame)
        labels, raised = material.lesions.labels.array[index], material.raised.array[index]
        assert (filled(drawn(dataset, named, lesion_layers), labels.shape) == (labels > 0)).all()
        assert (filled(drawn(dataset, named, {"RAISED_SIGNAL"}), raised.shape) == raised).all()
    assert dataset.SOPClassUID == GrayscaleSoftcopyPresentationStateStorage
    assert dataset.StudyInstanceUID == material.slices.header.StudyInstanceUID
    (series,) = dataset.ReferencedSeriesSequence
    assert {i.ReferencedSOPInstanceUID for i in series.ReferencedImageSequence} == {s.sop_instance_uid for s in material.slices.sources}


def test_each_phenotype_has_a_layer_and_each_lesion_its_number(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(lesions=3))
    kinds = (Phenotype.RIM_ACTIVE, Phenotype.INACTIVE, None)
    lesions = tuple(replace(lesion, phenotype=kind) for lesion, kind in zip(phantom.result.lesions, kinds, strict=True))
    _, dataset = state(phantom.with_result(lesions=lesions), tmp_path / "out")

    told: dict[str, set[str]] = {}
    for item in dataset.GraphicAnnotationSequence:
        told.setdefault(item.GraphicLayer, set()).update(text.UnformattedTextValue for text in item.get("TextObjectSequence", ()))
    assert told == {"RAISED_SIGNAL": set(), "RIM_ACTIVE": {"1"}, "INACTIVE": {"2"}, "LESIONS": {"3"}}
    assert {layer.GraphicLayer for layer in dataset.GraphicLayerSequence} == set(told)
    assert sorted(layer.GraphicLayerOrder for layer in dataset.GraphicLayerSequence) == [1, 2, 3, 4]


def test_the_window_is_told_in_stored_values_of_each_image(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(flair=False))
    _, alike = state(phantom, tmp_path / "alike")
    first = phantom.exam.t1.source.instances[0]
    header = dcmread(tmp_path / first.path)
    header.RescaleSlope, header.RescaleIntercept, header.RescaleType = "2", "-10", "US"
    header.save_as(tmp_path / first.path)

    _, mixed = state(phantom, tmp_path / "mixed")

    (window,) = alike.SoftcopyVOILUTSequence
    assert "ReferencedImageSequence" not in window
    scaled, other = sorted(mixed.SoftcopyVOILUTSequence, key=lambda item: len(item.ReferencedImageSequence))
    assert [image.ReferencedSOPInstanceUID for image in scaled.ReferencedImageSequence] == [first.sop_instance_uid]
    assert (float(other.WindowCenter), float(other.WindowWidth)) == (float(window.WindowCenter), float(window.WindowWidth))
    assert float(scaled.WindowWidth) == pytest.approx(float(window.WindowWidth) / 2)
    assert float(scaled.WindowCenter) == pytest.approx((float(window.WindowCenter) + 10) / 2)


def test_nothing_to_outline_gives_no_presentation_state(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path, Plan(flair=False, lesions=0))
    raised = phantom.result.raised
    bare = phantom.with_result(raised=raised.like(np.zeros(raised.shape, dtype=bool), unit="1"))

    assert encode_presentation(bare.material(folder=tmp_path)) == ()


def test_the_same_exam_gives_the_same_bytes(tmp_path: Path) -> None:
    phantom = make_phantom(tmp_path)
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written += [encoded.path.read_bytes() for encoded in encode_presentation(phantom.material(folder=tmp_path / name))]

    assert written[0] == written[1]


@pytest.mark.peer("dciodvfy", "dcentvfy")
@pytest.mark.parametrize("plan", [Plan(), Plan(enhanced=True)], ids=["classic", "enhanced"])
def test_judges_find_no_fault_in_a_presentation_state(tmp_path: Path, plan: Plan) -> None:
    phantom = make_phantom(tmp_path, plan)
    (tmp_path / "out").mkdir()
    encoded = encode_presentation(phantom.material(folder=tmp_path / "out"))

    assert complaints([item.path for item in encoded], sorted(tmp_path.glob("*.dcm"))) == []
