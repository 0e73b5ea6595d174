"""Languages: that each table knows what the code says, keeps every value, and holds nothing that nothing says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import pytest
from said_words import NODE, filled, literals, phrases, placeholders, sentences

from node.domain.history import Fate
from node.domain.result import Phenotype
from node.encode import page, physicist, planes, refusal
from node.encode.languages import ENGLISH, Speech, languages, speech
from node.encode.languages.pattern import Pattern
from node.encode.pages.light import Light
from node.encode.typeface import NO_GLYPHS, NO_NAME
from node.encode.words import REGIONS, region_words

OTHERS = tuple(code for code in languages() if code != ENGLISH)
VERBS = ("assemble", "align", "segment", "quantify")

NOT_ON_PAGES = {
    *("assemble/choice.py", "assemble/corrections.py", "assemble/exam_rules.py", "assemble/rules.py", "assemble/tables.py"),
    *("segment/atlas_file.py", "quantify/training.py", "quantify/kinetics/voxels.py"),
}
"""What only the site's administrator meets: its own rules and files, and the list of exams."""

NOT_SENTENCES = re.compile(
    r".*\bet al\., |Wu and Carson|Lammertsma and Hume"  # citations
    r"|([A-Za-z]+ \([0-9a-fx,]+\)(, )?)+$|Units \{\}"  # attributes
    r"|Philips (PET Private Group|Imaging DD 001)|expected a DICOM file|enhanced multi-frame colour"  # private creators, quarantine
    r"|expected digits and dots|.*deflated data set"  # quarantine
    r"|SVCA (training|classes)|Müller-Gärtner: |partial volume: the fractions"  # said while classes are learnt, or by a bug
    r"|Study Instance UID$|accession number$|study \{\}$"  # what makes an exam HELD, and a key
    r"|lesion \{\} \{\}$|SEG series \{\} holds|expected a genotype"  # seeds of UIDs, the story of an exam, a site's list
)

REGION_KEYS = (
    *REGIONS,
    *("amygdala", "caudate", "cerebellum", "corpus_callosum", "deep_wm", "frontal_gm", "hippocampus", "infratentorial", "insular_gm"),
    *("juxtacortical_wm", "occipital_gm", "pallidum", "parietal_gm", "periventricular_wm", "putamen", "striatum", "temporal_gm"),
    *("ventricles", "lateral_ventricle", "third_ventricle", "fourth_ventricle", "whole_brain"),
)

WORDS = (
    *(kind.value for kind in (*Phenotype, *Fate)),
    *(f"{kind.value} lesions" for kind in Phenotype),
    "periventricular",
    "juxtacortical",
    "infratentorial",
    "deep white matter",
)

HEADLINE = (
    "TSPO signal ([18F]DPA-714, SUVR to cerebellar grey matter): thalamus 1.26, cortex 0.91, normal-appearing white matter 1.14; "
    "20 lesions (2 rim-active, 5 inactive), core up to 1.40; raised signal in 18.2 mL of white matter."
)


EXAMPLES = (
    HEADLINE,
    HEADLINE.replace("2 rim-active", "2 overall-active"),
    "60–90 min, relative to cerebellar grey matter",
    "Cerebellar grey matter, reference",
    "0.0027 to 0.13",
    "6, 300 s long",
    "25, 15 to 300 s long",
    "With t* = 20 min moved later by 5 and 10 min the DVR of normal-appearing white matter changes by up to 0.1 %; 3 % is the limit.",
    "The values in the reference region, cerebellar grey matter, vary by 10 %; up to 35 % is usual.",
    "each frame was decay-corrected to its own start only: the rest was added (up to × 1.52)",
    "weight corrected from 20 to 70 kg by A. Smith: typed wrongly",
    "sex corrected from M to F by A. Smith: typed wrongly",
    "Lesions 3, 7 lie outside the FLAIR's field of view and are not in the segmentation.",
    "it was killed after 600 s; it wrote last: out of memory",
    "it wrote no mask",
    "the PET is not whole: frame 3 has 40 of 47 slices by the site's deadline",
    "the T1 is not whole: 3 images missing by the site's deadline",
    "no MR: no T1-weighted series of the head has arrived by the site's deadline; MR series 1.2.3 is not taken: unknown sequence",
    "no MR: no T1-weighted series of the head has arrived by the site's deadline; MR series 1.2.3 is not taken: another series is the T1",
    "the PET is not whole: 600 of 654 images (the scanner's count), 6 frames of 109 slices",
    "the T1 is not whole: 170 of 176 images (mr3t's answer), 170 slices, image numbers run to 176 (6 not here)",
    "the FLAIR is not whole: 170 of 176 images (MR3T's procedure step), 170 slices",
    "the FLAIR is not whole: 170 of 176 images (PACS's notice of availability), 170 slices",
    "the T1 is not whole: 170 of 176 images (MR3T's request for storage commitment), 170 slices",
    "a better series for T1 is not whole: 112 of 176 images (the scanner's count), 112 slices (series 1.2.3)",
    "MR3T's request for storage commitment names 1 MR object not here",
    "MR3T's request for storage commitment names 56 MR objects not here",
    "MR3T's procedure step has not ended",
    "MR3T's procedure step: MR series 'flair' of 176 images is there and not here",
    "PACS's notice of availability: MR series 1.2.3 of 176 images is there and not here",
    "mr3t's answer: MR series 'flair' of 176 images is there and not here",
    "Not compared: the tracer was [11C](R)-PK11195, is [18F]DPA-714; the camera was not told, is Ring 3.",
    "PET series 1.2.3 is not taken: it is of another patient ID than the PET",
    "MR series 1.2.3 is not taken: it lies in the frame of reference of none of the chosen MR series, or a later one does",
    "PET series 1.2.3 is not taken: more than 40 days lie between it and the PET",
    "SEG series 1.2.3: it was made by this node",
    "MR series 1.2.3",
    "instance 1.2.3: images missing",
    "MR series 1.2.3, which differs in patient ID, birth date, was said to be of the PET's patient by A. Smith: two cards",
    "MR series 1.2.3 is not taken: split off by A. Smith: another day",
    "Correct what is said above and send the images again, or ask the administrator of the node: `ember correct E00001` puts a wrong value "
    "of the header right, `ember rerun E00001` analyses it again.",
)
"""Sentences that meet only when their parts are put together, or that come from the workflow."""


@cache
def said() -> tuple[str, ...]:
    """Every sentence of the other verbs that a page may print."""
    paths = (path for verb in VERBS for path in sorted((NODE / verb).rglob("*.py")))
    steps = (NODE / "workflow" / "steps" / name for name in ("priors.py", "visits.py"))
    read = (*(path for path in paths if path.relative_to(NODE).as_posix() not in NOT_ON_PAGES), *steps)
    return tuple(sorted({text for path in read for text in sentences(path) if not NOT_SENTENCES.match(text)}))


@cache
def said_by_pages() -> frozenset[str]:
    """Every phrase of the pages; some are told by an attribute or an argument, which the syntax does not follow."""
    titles = (page.ANSWER, page.LESIONS, page.REGIONS, page.CHANGE, page.QUALITY, page.NO_FREE_REGION, physicist.TITLE, refusal.TITLE)
    whys = (planes.HIGHEST, planes.LARGEST, planes.PEAK, planes.MIDDLE)
    return frozenset((*phrases(NODE / "encode"), *titles, NO_GLYPHS, NO_NAME, *whys, *(lamp.word for lamp in Light)))


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_of_the_other_verbs_is_known_and_keeps_its_values(code: str) -> None:
    say, faults = speech(code), []
    for template in said():
        text, values = filled(template)
        own = say.sentence(text)
        if own == text or any(value not in own for value in values.values()):
            faults.append(f"{template!r} → {own!r}")

    assert faults == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_phrase_of_the_pages_is_known_and_every_known_one_is_said(code: str) -> None:
    say, written = speech(code), said_by_pages()

    assert sorted(text for text in written if text not in say.phrases and say.word(text) == text) == []
    assert sorted(set(say.phrases) - written) == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_region_phenotype_fate_and_place_has_a_name(code: str) -> None:
    say = speech(code)

    assert [name for name in _names() if not say.knows(name)] == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_translation_has_the_places_of_its_english(code: str) -> None:
    say = speech(code)
    assert [english for english, own in say.phrases.items() if placeholders(english) != placeholders(own)] == []

    for pattern in say.patterns:
        values = [f"<{n}>" for n in range(pattern.meets.groups)]
        own = pattern.own.format(*values)
        assert all(value in own for value in values), pattern.english


def test_a_headline_is_translated_in_all_its_parts() -> None:
    assert speech("de").sentence(HEADLINE) == (
        "TSPO-Signal ([18F]DPA-714, SUVR bezogen auf Kleinhirnrinde): Thalamus 1.26, Kortex 0.91, normal erscheinende weiße Substanz 1.14; "
        "20 Läsionen (2 mit aktivem Randsaum, 5 inaktiv), Kern bis 1.40; erhöhtes Signal in 18.2 mL der weißen Substanz."
    )


def test_english_gives_everything_back_as_it_is() -> None:
    assert speech("en").sentence(HEADLINE) == HEADLINE
    assert speech("en")("page {number} of {count}", number=1, count=4) == "page 1 of 4"


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_loses_no_number(code: str, example: str) -> None:
    own = speech(code).sentence(example)

    assert own != example
    assert sorted(re.findall(r"\d[\d.]*", own)) == sorted(re.findall(r"\d[\d.]*", example))


def test_what_is_not_known_stays_english() -> None:
    say = speech("de")

    assert say.sentence("Nobody has said this before.") == "Nobody has said this before."
    assert say.sentence("thalamus, and something else") == "thalamus, and something else"
    assert say.sentence("no lesion found; nobody has said this") == "keine Läsion gefunden; nobody has said this"


def test_a_sentence_between_others_may_hold_a_semicolon() -> None:
    joined = "images missing; PET series 1.2 is not taken: its Units are CNTS; expected one of BQML, GML; no lesion found"

    assert speech("de").sentence(joined) == (
        "Bilder fehlen; PET-Serie 1.2 wird nicht verwendet: ihre Units sind CNTS; erwartet eine von BQML, GML; keine Läsion gefunden"
    )


def made(table: Mapping[str, str]) -> Speech:
    """The speech of a small table."""
    patterns = sorted((Pattern.of(english, own) for english, own in table.items()), key=lambda pattern: -pattern.letters)
    return Speech("xx", {}, {"cat": "Katze", "grey cat": "Grautier"}, tuple(patterns))


def test_of_several_patterns_the_one_with_most_letters_wins() -> None:
    say = made({"{} of {}": "{0} VON {1}", "{} of the {}": "{1}S {0}"})

    assert say.sentence("tail of the cat") == "KatzeS tail"
    assert say.sentence("tail of cat") == "tail VON Katze"


def test_a_place_for_a_number_takes_a_number_alone() -> None:
    say = made({"{=} {#}": "{} = {}"})

    assert say.sentence("grey cat 0.83") == "Grautier = 0.83"
    assert say.sentence("grey cat −0.5") == "Grautier = −0.5"
    assert say.sentence("grey dog") == "grey dog"


def test_a_place_for_a_name_takes_what_the_table_knows() -> None:
    assert made({"{=} {#}": "{} = {}"}).sentence("grey dog 0.83") == "grey dog 0.83"


def test_a_language_without_a_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        speech("xx")


def _names() -> tuple[str, ...]:
    return (*(region_words(f"{key}{side}") for key in REGION_KEYS for side in ("", "_left", "_right")), *WORDS)


class _Watched(dict[str, str]):
    """A table that keeps which of its entries were asked for."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        super().__init__(entries)
        self.used: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.used.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        self.used.add(key)
        return super().get(key, default)


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_of_a_table_is_said(code: str) -> None:
    say = speech(code)
    whole, patterns = _Watched(say.whole), say.patterns
    met: set[str] = set()

    class Spy(Pattern):
        def values(self, text: str) -> tuple[str, ...] | None:
            found = super().values(text)
            if found is not None:
                met.add(self.english)
            return found

    watched = replace(say, whole=whole, patterns=tuple(Spy(p.english, p.own, p.meets, p.pieces, p.names) for p in patterns))
    for text in (*(filled(template)[0] for template in said()), *EXAMPLES, *_names()):
        watched.sentence(text)
    written = literals(NODE)
    words = [english for english in say.whole if english not in whole.used and not {english, english.capitalize()} & written]
    unused = [*words, *(pattern.english for pattern in patterns if pattern.english not in met)]

    assert unused == []
