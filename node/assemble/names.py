"""Names, made comparable and readable: the same person is written Müller, Mueller, MULLER or in two alphabets, by two consoles."""

from __future__ import annotations

import re
import unicodedata

_DIGRAPHS = (("ae", "a"), ("oe", "o"), ("ue", "u"))
_OWN_LETTERS = str.maketrans({"ø": "o", "œ": "oe", "æ": "ae", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def readable(name: str) -> str:
    """A person name (VR PN) as people write it: given name first; the first of its groups that is filled (PS3.5 6.2)."""
    group = next((group for group in name.split("=") if group.strip("^ ")), "")
    family, given, middle, *_ = [*group.split("^"), "", "", ""]
    return " ".join(part.strip() for part in (given, middle, family) if part.strip())


def name_key(name: str) -> str:
    """A person name (VR PN) without case, accents, order of its parts, prefix and suffix, for comparison only.

    The alphabetic group is taken where there is one, the others where it is empty (PS3.5 6.2). German digraphs are folded too
    (ue → u), for every name alike, since a Check is what hangs on it and not an identity. Empty for an anonymised or absent name.
    """
    groups = [group for group in name.split("=") if group.strip("^ ")]
    if not groups:
        return ""
    components = groups[0].split("^")[:3]
    folded = unicodedata.normalize("NFKD", " ".join(components).casefold().translate(_OWN_LETTERS))
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    for pair, letter in _DIGRAPHS:
        plain = plain.replace(pair, letter)
    return " ".join(sorted(part for part in re.split(r"[\W_]+", plain) if part))
