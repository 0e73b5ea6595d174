"""The site's choices reach the verbs: nothing that a site may say is passed over in silence."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from node.encode.objects import DEFAULT_OBJECTS, OBJECT_NAMES
from node.errors import SettingsError
from node.settings import Settings, load, shipped_folder
from node.workflow.steps.choices import encode_options, lesion_program, quantify_options, site_atlas


def settings(folder: Path, analysis: str = "") -> Settings:
    shipped = shipped_folder()
    places = "\n".join(f'{name} = "{shipped / place}"' for name, place in (("rules", "rules.toml"), ("tracers", "tracers")))
    path = folder / "node.toml"
    path.write_text(f'[node]\nae_title = "EMBER"\nstorage = "storage"\n[analysis]\n{places}\n{analysis}\n')
    return load(path, {})


def test_a_site_that_says_nothing_gets_neither_program_nor_atlas_nor_a_point_spread(tmp_path: Path) -> None:
    said = settings(tmp_path)

    assert lesion_program(said) is None
    assert site_atlas(said) is None
    assert quantify_options(said).scanners == ()
    assert quantify_options(said).partial_volume == "none"
    assert encode_options(said).physicist_page == "dynamic"


def test_what_a_site_says_reaches_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "scanners").mkdir()
    entry = '[[scanner]]\nmanufacturer = "X"\nmodel = "Y"\nreconstruction = ""\nfwhm_mm = 5.5\nsource = "a phantom"\n'
    (tmp_path / "scanners" / "ours.toml").write_text(entry)
    said = settings(
        tmp_path, 'scanners = "scanners"\nreference = "nawm"\nmaps = ["logan"]\npartial_volume = "gtm"\nphysicist_page = "always"'
    )

    options = quantify_options(said)

    assert [scanner.fwhm_mm for scanner in options.scanners] == [5.5]
    assert (options.reference, options.maps, options.partial_volume) == ("nawm", ("logan",), "gtm")
    assert encode_options(said).physicist_page == "always"


def test_every_kind_of_object_can_be_asked_for_and_the_default_is_that_of_encode(tmp_path: Path) -> None:
    everything = ", ".join(f'"{name}"' for name in OBJECT_NAMES)

    assert encode_options(settings(tmp_path)).objects == DEFAULT_OBJECTS
    assert encode_options(settings(tmp_path, f'objects = [{everything}]\nseg_form = "LABELMAP"')).objects == OBJECT_NAMES


def test_the_sites_lesion_program_reaches_segment_with_its_limits(tmp_path: Path) -> None:
    words = f'lesion_program = ["{sys.executable}", "draw.py", "{{flair}}", "{{out}}"]\nlesion_program_name = "Drawer"'
    said = settings(tmp_path, f"{words}\nlesion_program_timeout_s = 60\nlesion_program_memory_mib = 512")

    program = lesion_program(said)

    assert program is not None
    assert program.words[1:] == ("draw.py", "{flair}", "{out}")
    assert (program.timeout_s, program.memory_mib, program.name) == (60.0, 512, "Drawer")


def test_the_sites_atlas_reaches_segment(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.pad(np.ones((2, 2, 2), np.int16), 2))
    path = tmp_path / "tpl-MNI152NLin2009aSym_atlas-Ours_dseg.nii.gz"
    sitk.WriteImage(image, str(path))
    (tmp_path / "tpl-MNI152NLin2009aSym_atlas-Ours_dseg.tsv").write_text("index\tname\n1\tuser_mask\n")

    atlas = site_atlas(settings(tmp_path, f'atlas = "{path.name}"\nreference = "user_mask"'))

    assert atlas is not None
    assert [label.name for label in atlas.labels] == ["user_mask"]


def test_an_atlas_that_cannot_be_read_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "tpl-MNI152NLin2009aSym_atlas-Ours_dseg.nii.gz"
    path.write_bytes(gzip.compress(b"no image"))

    with pytest.raises(SettingsError):
        site_atlas(settings(tmp_path, f'atlas = "{path.name}"'))
