"""The tracers that are shipped: nine, each told by its own names alone, each number with its source."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from node.domain.result import Quantity
from node.domain.tracer import COEFFICIENT_OF, Repeatability, Spread
from node.errors import SettingsError
from node.settings import shipped_folder, tracers

FOLDER = shipped_folder() / "tracers"
TRACERS = tracers(FOLDER)

NAMES = {
    "pk11195": ("[11C](R)-PK11195", "C-11 PK-11195", "PK 11195", "PK11195 ^11^C"),
    "pbr28": ("[11C]PBR28", "C11PBR28", "PBR-28", "pbr 28"),
    "dpa714": ("[18F]DPA-714", "F18 DPA714", "DPA-714 ^18^F", "dpa 714"),
    "dpa713": ("[11C]DPA-713", "DPA713", "DPA-713 ^11^C"),
    "pbr06": ("[18F]PBR06", "18F-PBR-06", "PBR06"),
    "feppa": ("[18F]-FEPPA", "18FFEPPA", "F-18 FEPPA"),
    "pbr111": ("[18F]PBR111", "PBR-111"),
    "ge180": ("[18F]GE-180", "F-18 GE180", "S-GE-180", "Flutriciclamide", "[18F]Flutriciclamide (18F)"),
    "er176": ("[11C]ER176", "C-11 ER-176", "ER 176"),
}
NOT_TSPO = (
    "Fluorodeoxyglucose",
    "FDG -- fluorodeoxyglucose",
    "IMAGE 180",
    "Florbetaben",
    "PIB",
    "PBR2800",
    "LAYER 176",
    "Flortaucipir",
    "PE2I",
)


def test_all_nine_are_shipped() -> None:
    assert set(TRACERS) == set(NAMES)


@pytest.mark.parametrize(("key", "name"), [(key, name) for key, names in NAMES.items() for name in names])
def test_a_name_met_on_a_console_tells_one_tracer(key: str, name: str) -> None:
    assert [other for other, profile in TRACERS.items() if re.search(profile.pattern, name, re.IGNORECASE)] == [key]


@pytest.mark.parametrize("name", NOT_TSPO)
def test_what_is_no_tspo_tracer_tells_none(name: str) -> None:
    assert [key for key, profile in TRACERS.items() if re.search(profile.pattern, name, re.IGNORECASE)] == []


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda file: str(file.stem))
def test_every_number_has_a_source(file: Path) -> None:
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    assert set(table) - {"name", "sources", "repeatability"} == set(table["sources"])
    assert all(entry["source"] for entry in table.get("repeatability", []))
    for fact, source in table["sources"].items():
        cited = re.search(r"\d{4}|CID|DICOM", source)
        ours = re.search(r"our default|by the tracer's definition|genotype_sensitive", source)
        assert cited or ours, f"{fact}: {source}"


def test_what_is_from_memory_is_called_our_default() -> None:
    for profile in TRACERS.values():
        for fact, source in profile.sources:
            if "from memory" in source:
                assert "unverified" in source, f"{profile.key} {fact}"


def test_low_affinity_binders_are_not_interpretable_with_four_tracers() -> None:
    assert {key for key, profile in TRACERS.items() if not profile.lab_interpretable} == {"pbr28", "pbr06", "feppa", "ge180"}


def test_the_numbers_are_those_of_the_sources() -> None:
    ratios = {key: profile.affinity_ratio for key, profile in TRACERS.items() if profile.affinity_ratio}
    assert ratios == {"pbr28": 50.0, "pbr06": 17.0, "dpa713": 4.0, "pbr111": 4.0}  # Owen et al. 2011, abstract
    assert TRACERS["pk11195"].t_star_s == 1200.0  # Rissanen et al. 2018: Logan 20 to 60 min
    assert {profile.t_star_s for key, profile in TRACERS.items() if key != "pk11195"} == {1800.0}
    assert [key for key, profile in TRACERS.items() if not profile.genotype_sensitive] == ["pk11195"]
    half_lives = {profile.radionuclide: profile.half_life_s for profile in TRACERS.values()}
    assert half_lives == {"C-11": 1223.4, "F-18": 6586.2}


def test_the_window_fits_the_tracers_usual_scan() -> None:
    usual_min = {"pk11195": 60, "pbr06": 120, "feppa": 120, "pbr111": 120}
    for key, profile in TRACERS.items():
        start, end = profile.window_s
        assert end <= 60 * usual_min.get(key, 90)
        assert end - start >= profile.shortest_window_s
        assert profile.t_star_s < end


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r"^t_star_min = .*\n(?=#)", "", "t_star_min: Field required"),
        (r'^t_star_min = ".*\n', "", "missing, or too many: t_star_min"),
        (r"^affinity_ratio = 50", "affinity_ratio = 0.5", "affinity_ratio"),
        (r'^reference = "cer', 'reference = "svca" # ', "reference"),
        (r"^genotype_sensitive = true", "genotype_sensitive = false", "needs genotype_sensitive"),
        (r"^radionuclide = .C-11.", 'radionuclide = "C-11"\nhue = 1', "hue: this key is unknown"),
    ],
)
def test_a_tracer_that_says_too_little_or_too_much_is_a_mistake(tmp_path: Path, pattern: str, replacement: str, words: str) -> None:
    shutil.copy(FOLDER / "pbr28.toml", tmp_path)
    text = (tmp_path / "pbr28.toml").read_text(encoding="utf-8")
    changed = re.sub(pattern, replacement, text, count=1, flags=re.MULTILINE)
    assert changed != text
    (tmp_path / "pbr28.toml").write_text(changed, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        tracers(tmp_path)
    assert words in str(caught.value)


def test_repeatability_is_what_was_published_and_nothing_where_nothing_was() -> None:
    told = {key: [(entry.quantity, entry.percent, entry.people) for entry in profile.repeatability] for key, profile in TRACERS.items()}
    assert told["dpa713"] == [(Quantity.DVR, 5.0, None)]
    assert told["pbr28"] == [(Quantity.SUVR, 11.0, None), (Quantity.SUVR, 4.0, None)]
    assert told["pk11195"] == [(Quantity.DVR, None, 6)]  # 55 to 76 % of BP_ND: no limit for one person
    assert told["feppa"] == told["ge180"] == told["er176"] == []


@pytest.mark.parametrize(("spread", "factor"), [(Spread.COEFFICIENT, 1.0), (Spread.WITHIN_SUBJECT, 2.77), (Spread.DIFFERENCE, 2.46)])
def test_a_measure_of_test_and_retest_becomes_a_coefficient(spread: Spread, factor: float) -> None:
    entry = Repeatability(Quantity.DVR, (), ("svca",), None, spread, 5.0, None, "somebody")
    assert entry.coefficient_percent == pytest.approx(5.0 * factor, rel=2e-3)


def test_the_factors_are_those_of_gaussian_pairs() -> None:
    pairs = np.random.default_rng(1).normal(100.0, 3.0, size=(2, 200_000))
    differences = pairs[0] - pairs[1]
    limit = np.percentile(np.abs(differences), 95.0)
    assert COEFFICIENT_OF[Spread.WITHIN_SUBJECT] * np.sqrt((differences**2).mean() / 2.0) == pytest.approx(limit, rel=0.01)
    assert COEFFICIENT_OF[Spread.DIFFERENCE] * np.abs(differences).mean() == pytest.approx(limit, rel=0.01)


def test_two_measures_of_one_repeatability_are_refused(tmp_path: Path) -> None:
    text = (FOLDER / "dpa713.toml").read_text(encoding="utf-8")
    (tmp_path / "dpa713.toml").write_text(text.replace("difference_percent = 5", "difference_percent = 5\ncoefficient_percent = 12"))
    with pytest.raises(SettingsError, match="expected one of"):
        tracers(tmp_path)
