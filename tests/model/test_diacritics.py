"""Words without their marks, over all of Unicode."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms.model.diacritics import without_marks
from cms.model.search import tokens

SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW")
"""Those whose marks are left out; compatibility forms are Latin letters and others by the time that words are cut."""


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("élève", "eleve"),
        ("e\u0301le\u0300ve", "eleve"),
        ("nguyễn", "nguyen"),
        ("đà", "da"),
        ("ơ", "o"),
        ("cœur", "coeur"),
        ("łódź", "lodz"),
        ("ærø", "aero"),
        ("ɗan", "dan"),
        ("i\u0307stanbul", "istanbul"),
        ("ışık", "isik"),
        ("ελλάδα", "ελλαδα"),
        ("ёлка", "елка"),
        ("қазақ", "казак"),
        ("مُحَمَّدٌ", "محمد"),
        ("مـحـمـد", "محمد"),
        ("ـ", "ـ"),
        ("أحمد", "احمد"),
        ("שָׁלוֹם", "שלום"),
        ("plain", "plain"),
        ("ក្រសួង", "ក្រសួង"),
        ("ស្ត្រី", "ស្ត្រី"),
        ("ពាក្យ៎", "ពាក្យ៎"),
        ("น้ำ", "น้ำ"),
        ("ນ້ຳ", "ນ້ຳ"),
        ("မြန်မာ", "မြန်မာ"),
        ("बॊडि", "बॊडि"),
        ("हिन्दी", "हिन्दी"),
        ("ज़", "ज\u093c"),
        ("தமிழ்", "தமிழ்"),
        ("བོད", "བོད"),
        ("が", "が"),
        ("한국", "한국"),
    ],
)
def test_only_marks_that_are_no_letters_go(word: str, expected: str) -> None:
    assert without_marks(word) == expected


def test_every_word_of_one_letter_keeps_it_and_is_stable() -> None:
    changed = set()
    for char in map(chr, range(sys.maxunicode + 1)):
        for word in tokens(char):
            plain = without_marks(word)
            assert plain
            assert without_marks(plain) == plain
            assert tokens(plain) == [plain]
            if plain != word:
                changed |= {unicodedata.name(each).split()[0] for each in word}
    assert changed - {"COMBINING"} == set(SCRIPTS)


def test_every_mark_that_goes_is_one_of_these_scripts() -> None:
    """What follows a letter of any script goes, or stays, by what the mark is."""
    for mark in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.category(mark)[0] == "M" and without_marks(f"x{mark}é") != unicodedata.normalize(
            "NFC", f"x{mark}e"
        ):
            assert unicodedata.name(mark).startswith(("COMBINING ", "ARABIC ", "HEBREW "))
            assert "KATAKANA" not in unicodedata.name(mark)


@given(st.text())
def test_a_text_and_its_words_lose_the_same(text: str) -> None:
    words = tokens(text)
    plain = [without_marks(word) for word in words]
    assert without_marks(" ".join(words)) == " ".join(plain)
    assert all(plain)
    assert [without_marks(word) for word in plain] == plain
    assert without_marks(unicodedata.normalize("NFD", " ".join(words))) == " ".join(plain)
