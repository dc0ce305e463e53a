"""How text is cut into what is searched for, and how a match is shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms.model.search import MOST_BYTES, indexed, phrase, snippets, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World_42!", ["hello", "world", "42"]),
        ("don't", ["don", "t"]),
        ("Cafe\u0301 CAFÉ", ["café", "café"]),
        ("co\u00adoperate hello\u200bworld", ["cooperate", "helloworld"]),
        ("ក្រសួង", ["ក្រ", "សួ", "ង"]),
        ("ក្រ\u200bសួង", ["ក្រ", "សួ", "ង"]),
        ("ស្ត្រី ២០២៥ ផ្សេងៗ។", ["ស្ត្រី", "២០២៥", "ផ្សេ", "ង", "ៗ"]),
        ("ไทย ๒๕๖๘", ["ไ", "ท", "ย", "๒๕๖๘"]),
        ("東京 tower", ["東", "京", "tower"]),
        ("ﬁne ⑴ ½", ["fine", "1", "1", "2"]),
        ("x" * 100, ["x" * 64, "x" * 36]),
        (" \u17d2 \u0301 🎉 -- _", []),
    ],
)
def test_text_is_cut_into_words_and_clusters(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(st.text())
def test_form_and_case_do_not_matter(text: str) -> None:
    assert tokens(unicodedata.normalize("NFD", text)) == tokens(unicodedata.normalize("NFC", text))
    assert tokens(" ".join(tokens(text))) == tokens(text)


@given(st.text())
def test_ascii_in_a_token_is_a_letter_or_digit(text: str) -> None:
    """The databases' own syntax (quotes, stars, operators) is never in a token."""
    assert all(char.isalnum() for token in tokens(text) for char in token if char.isascii())


@given(st.text(st.characters(max_codepoint=0x2FF)) | st.text())
def test_what_else_stands_there_does_not_matter(text: str) -> None:
    """Plain text is cut by a quicker rule, which a Khmer letter in it rules out."""
    assert tokens(f"{text} ក") == [*tokens(text), "ក"]


def test_a_phrase_does_not_run_from_one_text_into_the_next() -> None:
    assert phrase(["day", "at"]) in indexed(["A day at", "the river"])
    assert phrase(["at", "the"]) not in indexed(["A day at", "the river"])


def test_what_is_indexed_of_one_article_is_limited() -> None:
    whole = indexed(["ក្រសួង " * 200_000])
    assert MOST_BYTES - 4 < len(whole.encode()) <= MOST_BYTES


def test_a_snippet_is_the_original_text_with_the_match_marked() -> None:
    text = f"{'before ' * 40}<b>The ក្រ\u200bសួង & Co</b>{' after' * 40}"
    (found,) = snippets(tokens("ក្រសួង"), [("/body", text)])
    assert found.pointer == "/body"
    assert "&lt;b&gt;The <mark>ក្រ\u200bសួង</mark> &amp; Co&lt;/b&gt;" in found.html
    assert (found.html[:7], found.html[-6:]) == ("…before", "after…")
    assert len(found.html) < 300


def test_a_short_text_is_shown_whole_with_every_match() -> None:
    texts = [("/data/title", "(Boat) and boats"), ("/data/tags/0", "none"), ("/body", "A boat.")]
    assert [(found.pointer, found.html) for found in snippets(["boat"], texts)] == [
        ("/data/title", "(<mark>Boat</mark>) and <mark>boats</mark>"),
        ("/body", "A <mark>boat</mark>."),
    ]


@given(st.text(), st.text(min_size=1))
def test_whatever_is_indexed_as_a_match_has_a_snippet(text: str, query: str) -> None:
    words = tokens(query)
    if words and text.isascii():
        assert bool(snippets(words, [("/body", text)])) == (phrase(words) in indexed([text]))
