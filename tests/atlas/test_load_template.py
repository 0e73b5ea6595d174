"""The template as it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from node.atlas.template import Template, load_template
from node.domain.volume import Volume
from node.errors import DataError

NAMES = tuple(f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz" for kind in ("t1", "gm", "wm"))


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template()


def test_the_installed_template_is_the_one_that_is_meant(template: Template) -> None:
    assert template.t1.shape == (189, 233, 197)
    assert template.t1.spacing_mm == pytest.approx([1.0, 1.0, 1.0])
    assert template.brain.array.sum() * template.brain.voxel_ml == pytest.approx(1886.5, abs=0.1)
    assert "2009a" in template.source


def test_probabilities_lie_between_0_and_1_and_white_matter_is_brightest(template: Template) -> None:
    for map_ in (template.gm, template.wm):
        assert (map_.array.min(), map_.array.max()) == (0.0, 1.0)
    assert template.t1.array[template.wm.array > 0.9].mean() > 1.2 * template.t1.array[template.gm.array > 0.9].mean()


def test_space_is_lps(template: Template) -> None:
    """The cerebellum, low in the head, lies behind (+y); the brain's middle plane is x = 0."""
    index = np.argwhere(template.brain.array[:20])
    low = index @ template.t1.affine[:3, :3].T + template.t1.affine[:3, 3]
    assert low[:, 1].mean() > 30.0
    assert low[:, 2].max() < -40.0
    assert abs(low[:, 0].mean()) < 1.0


def write(folder: Path, kind: int, shape: tuple[int, int, int]) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.full(shape, 1.0, dtype=np.float32)), str(folder / NAMES[kind]))


def test_a_site_may_name_its_own_folder(tmp_path: Path) -> None:
    for kind in range(3):
        write(tmp_path, kind, (4, 5, 6))
    own = load_template(tmp_path)
    assert own.t1.shape == (4, 5, 6)
    assert own.gm.array.max() == 1.0
    assert tmp_path.name in own.source


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, 0, (4, 5, 6))
    with pytest.raises(DataError, match=NAMES[1]):
        load_template(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / NAMES[0]).write_bytes(b"not an image")
    with pytest.raises(DataError, match=NAMES[0]):
        load_template(tmp_path)


def test_maps_on_another_grid_are_refused(tmp_path: Path) -> None:
    for kind, shape in enumerate([(4, 5, 6), (4, 5, 6), (4, 5, 7)]):
        write(tmp_path, kind, shape)
    with pytest.raises(DataError, match="grid"):
        load_template(tmp_path)


def test_a_template_keeps_its_parts_on_one_grid(template: Template) -> None:
    shifted = Volume(template.gm.array, template.gm.affine + _shift(), "1")
    with pytest.raises(ValueError, match="gm"):
        Template(template.t1, shifted, template.wm, "test")


def _shift() -> np.ndarray:
    shift = np.zeros((4, 4))
    shift[0, 3] = 5.0
    return shift
