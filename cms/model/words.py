"""What is kept of an article to be searched, and how good a hit it is."""

from __future__ import annotations

from typing import NewType

from cms.model.compression import compress, decompress_bytes
from cms.model.diacritics import without_marks
from cms.model.search import BREAK

DATA_WEIGHT = 8
"""A match in the front matter, where titles are, counts as much as so many in the body."""

EXACT_WEIGHT = 1 << 23
"""A match with the same marks counts more than all that an article can have without: each takes two bytes or more."""

_LINE = f" {BREAK}\n"
_LINE_END = _LINE.encode()

Words = NewType("Words", bytes)
"""What is searchable of an article, compressed: front matter and body without marks, a line each, and both again with
their marks where they have any. The end of a line is in no phrase."""


def words_of(data: str, body: str) -> Words:
    """Return the words of an article whose front matter and body `indexed` has made."""
    exact = (data, body)
    plain = tuple(map(without_marks, exact))
    return Words(compress(_LINE.join(plain if plain == exact else (*plain, *exact))))


def without_exact(lines: str) -> str:
    """Return the lines without marks, of those in `Words`."""
    return _LINE.join(lines.split(_LINE, 2)[:2])


def relevance(words: Words, plain: str, exact: str) -> int:
    """Return how good a hit the article is for the phrase without and with its marks; 0 for bytes that are damaged."""
    try:
        lines = decompress_bytes(words)
    except ValueError:
        return 0
    end = len(lines)
    data_end = _end_of_line(lines, 0)
    body_end = _end_of_line(lines, data_end)
    weak = _count(lines, plain, (0, data_end, body_end))
    if body_end == end:
        strong = weak if plain == exact else 0  # there are no marks
    else:
        strong = _count(lines, exact, (body_end, _end_of_line(lines, body_end), end))
    return EXACT_WEIGHT * strong + weak


def _end_of_line(lines: bytes, start: int) -> int:
    """Return where the next line begins."""
    found = lines.find(_LINE_END, start)
    return len(lines) if found < 0 else found + len(_LINE_END)


def _count(lines: bytes, phrase: str, places: tuple[int, int, int]) -> int:
    found, (start, data_end, end) = phrase.encode(), places
    return DATA_WEIGHT * lines.count(found, start, data_end) + lines.count(found, data_end, end)
