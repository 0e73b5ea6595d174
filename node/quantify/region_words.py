"""How sentences name regions and references, in full; the tables of the pages have shorter names of their own."""

from __future__ import annotations

WORDS = {
    "svca": "clustered grey matter (SVCA4)",
    "cerebellar_gm": "cerebellar grey matter",
    "cerebellar_wm": "cerebellar white matter",
    "cerebral_gm": "cerebral grey matter",
    "deep_gm": "deep grey matter",
    "whole_brain": "whole brain",
    "nawm": "normal-appearing white matter",
    "occipital_gm": "occipital grey matter",
    "frontal_gm": "frontal grey matter",
    "brainstem": "brain stem",
    "user_mask": "the site's own mask",
}


def region_words(name: str) -> str:
    """A region's name within a sentence; one that is not known here is told without underscores."""
    return WORDS.get(name, name.replace("_", " "))
