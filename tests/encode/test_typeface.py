"""printable_name: a name is printed rightly or not at all."""

from __future__ import annotations

import pytest

from node.encode.typeface import NO_GLYPHS, printable, printable_name
from node.encode.words import number_words, shown


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Doe^Jane^Q^Dr^MD", "Doe, Jane Q Dr MD"),
        ("Müller^Jörg", "Müller, Jörg"),
        ("Mu\u0308ller^Jo\u0308rg", "Müller, Jörg"),
        ("Łukasiewicz^Żaneta", "Łukasiewicz, Żaneta"),
        ("Иванов^Иван", "Иванов, Иван"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou"),
        ("山田^太郎", NO_GLYPHS),
        ("=山田^太郎", NO_GLYPHS),
        ("כהן^דוד", NO_GLYPHS),
        ("محمد^علي", NO_GLYPHS),
        ("", "no name in the header"),
        ("^^^^", "no name in the header"),
        ("Single", "Single"),
    ],
)
def test_a_name_is_printed_rightly_or_not_at_all(name: str, expected: str) -> None:
    assert printable_name(name) == expected
    assert printable(expected)


def test_a_letter_without_a_shape_is_marked() -> None:
    assert shown("頭部 T1") == "?? T1"


def test_numbers_have_a_true_minus_and_a_dash_where_missing() -> None:
    assert (number_words(-1.254), number_words(None), number_words(2.0, 1)) == ("−1.25", "–", "2.0")
