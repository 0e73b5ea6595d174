"""Names, numbers and dates in the words of the pages."""

from __future__ import annotations

from datetime import datetime

from node.domain.result import Quantity, Result, Tracer
from node.encode.languages import ENGLISH, Speech, speech
from node.encode.typeface import printable

REGIONS = {
    "lesions": "Lesions",
    "nawm": "Normal-appearing WM",
    "white_matter": "White matter",
    "thalamus": "Thalamus",
    "cortex": "Cortex, inner",
    "cerebral_gm": "Cerebral grey matter",
    "deep_gm": "Deep grey matter",
    "brainstem": "Brain stem",
    "cerebellar_gm": "Cerebellar grey matter",
    "cerebellar_wm": "Cerebellar white matter",
    "svca": "Clustered reference (SVCA4)",
    "brain": "Brain",
    "raised": "Raised TSPO signal",
    "whole_brain": "Brain parenchyma",
    "gray_matter": "Grey matter, all",
    "all_white_matter": "White matter, all",
    "csf": "CSF in the brain mask",
    "lesions_periventricular": "Lesions, periventricular",
    "lesions_juxtacortical": "Lesions, juxtacortical",
    "lesions_deep": "Lesions, deep white matter",
    "lesions_infratentorial": "Lesions, infratentorial",
    "lesions_t1_dark": "Lesions, dark on the T1",
}
"""How a region's key is printed, in the order of the table; a key that is not here comes last and is printed without underscores."""

MISSING = "–"

CONTRAST_SENTENCES = (
    "The contrast score cannot see diffuse activation of the NAWM, rises where the NAWM is homogeneous, and is blind to a shift of the "
    "whole brain."
)
"""To be printed wherever the score is."""


def region_words(key: str, say: Speech | None = None) -> str:
    """A region's name for a reader; in English where no speech is given."""
    say = say or speech(ENGLISH)
    if key in REGIONS:
        return say(REGIONS[key])
    side = next((side for side in ("left", "right") if key.endswith(f"_{side}")), "")
    name = key.removeprefix("atlas:").removesuffix(f"_{side}")
    for short, long in (("_gm", " grey matter"), ("_wm", " white matter")):
        name = name.removesuffix(short) + long if name.endswith(short) else name
    name = name.replace("_", " ")
    # A site's own region may hold braces: only what the table knows is a phrase.
    name = say.word(f"{name[:1].upper()}{name[1:]}")
    return f"{name}, {say(side)}" if side else name


def sided(key: str) -> bool:
    """Whether a region is the left or right one of a pair, which the page leaves to the tables of other objects."""
    return key.endswith(("_left", "_right"))


def window_words(tracer: Tracer) -> str:
    """The window of the scan, "60–90 min": minutes after the injection."""
    start, end = (f"{second / 60:.4g}" for second in tracer.window_s)
    return f"{start}–{end} min"


def map_words(result: Result) -> str:
    """The primary map in words: "SUVR 60–90 min", or "DVR" with its model."""
    primary = result.primary
    return f"SUVR {window_words(result.tracer)}" if primary.quantity is Quantity.SUVR else f"{primary.quantity.value}, {primary.method}"


def number_words(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals; a dash where there is none."""
    return MISSING if value is None else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no "−0.0"


def signed_words(value: float | None, digits: int = 2) -> str:
    """The same with its sign, none where it rounds to zero; a dash where there is no number."""
    return ("+" if value is not None and round(value, digits) > 0 else "") + number_words(value, digits)


def moment_words(moment: datetime | None) -> str:
    """Date and time to the minute, ISO 8601: the one form that no country reads the wrong way round."""
    return MISSING if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def dicom_moment_words(day: str, time: str) -> str:
    """DICOM DA and TM in the words of the pages."""
    words = f"{day[:4]}-{day[4:6]}-{day[6:8]}" if len(day) == 8 else MISSING
    return f"{words} {time[:2]}:{time[2:4]}" if len(time) >= 4 else words


def shown(text: str) -> str:
    """A header's text as it can be printed; letters that the typeface lacks become question marks."""
    return "".join(letter if printable(letter) else "?" for letter in text.strip())


def stated(say: Speech, message: str, more: str = "") -> str:
    """The same of a check, as a sentence: other verbs write some of theirs as a clause, as a log line has it.

    Parameters
    ----------
    more : what stands behind it, before the full stop
    """
    text = " ".join(filter(None, (told(say, message).removesuffix("."), more)))
    first = text.partition(" ")[0]
    begun = f"{text[:1].upper()}{text[1:]}" if first.isalpha() else text  # not k2′ or t*
    return begun if begun.endswith(("?", "!")) else f"{begun}."


def told(say: Speech, sentence: str) -> str:
    """A sentence that another verb made, in the page's language, as it can be printed."""
    return shown(say.sentence(sentence))
