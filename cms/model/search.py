"""Text as it is searched, in every script, the same for both databases.

Scripts that write no spaces between words (Khmer first of all) are cut into orthographic clusters, all else into whole
words. A search is for these one after the other; the last may go on, so that a word is found while it is typed. Words
are found without their marks, too; those with the same marks come first.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from operator import itemgetter

from cms.model.diacritics import without_marks
from cms.model.ids import IGNORABLE, fold
from cms.model.pointer import leaves, pointer
from cms.model.refs import is_image_path

MOST_BYTES = 1_000_000
"""What is searchable of one article: PostgreSQL's tsvector holds no more."""

MOST_SNIPPETS = 3
_AROUND = 80
_LONGEST_WORD = 64
"""Characters of a word and marks of a cluster, at most: PostgreSQL indexes no longer ones."""
BREAK = "\ue000"
"""Stands between two texts, so that no phrase runs over; a private character, which is in no token."""

# Thai, Lao, Burmese, Khmer, kana, Chinese characters.
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17b3\u17d7\u17dc\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_LAST_MARK = 0x1FFFF
_FAR = "\U00010000"


def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What a piece is, and what does not occur in text of which `_WORD` finds the same pieces, and sooner."""
    marks = [char for char in map(chr, range(_LAST_MARK)) if unicodedata.category(char)[0] == "M"]
    near = re.escape("".join(mark for mark in marks if mark < _FAR)) + IGNORABLE
    far = "".join(mark for mark in marks if mark >= _FAR)
    # A class with characters on either side of U+10000 is searched one by one.
    follows = f"(?:[{near}]|(?=[{_FAR}-{chr(sys.maxunicode)}])[{far}])"
    # U+17D2, the Khmer coeng, binds the consonant after it.
    cluster = f"(?=[^\\W\\d])[{_SPACELESS}](?:\u17d2[{IGNORABLE}]*[\u1780-\u17b3]|{follows}){{0,{_LONGEST_WORD - 1}}}"
    letter = f"[^\\W_{_SPACELESS}]|\\d"
    word = f"(?:{letter})(?:{letter}|{follows}){{0,{_LONGEST_WORD - 1}}}"
    return re.compile(f"{cluster}|{word}"), re.compile(f"[{_SPACELESS}{near}{_FAR}-{chr(sys.maxunicode)}]")


_PIECE, _INTRICATE = _patterns()
_SEPARATED = "".join(chr(c).lower() if chr(c).isalnum() else " " for c in range(128))
_WORD = re.compile(f"[^\\W_]{{1,{_LONGEST_WORD}}}")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Where a match stands (a JSON Pointer), and the text around it as HTML, the match in `<mark>`."""

    pointer: str
    html: str


def tokens(text: str) -> list[str]:
    """The words and clusters of a text, without case, Unicode form and invisible characters."""
    if text.isascii():
        plain = text.translate(_SEPARATED).split()
        return plain if max(map(len, plain), default=0) <= _LONGEST_WORD else _WORD.findall(text.lower())
    folded = fold(text)
    return (_PIECE if _INTRICATE.search(folded) else _WORD).findall(folded)


def phrase(words: Sequence[str]) -> str:
    """Stands in `indexed` text wherever the words stand one after the other, the last perhaps only beginning."""
    return " " + " ".join(words)


def searchable(data: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the texts and numbers of front matter after their pointers; paths of photos are left out."""
    for where, value in leaves(data):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number or (isinstance(value, str) and not is_image_path(value)):
            yield pointer(*where), str(value)


def indexed(texts: Iterable[str], most_bytes: int = MOST_BYTES) -> str:
    """The tokens of the texts, a space before each, as far as they go in so many bytes."""
    whole = f" {BREAK}".join(phrase(found) for text in texts if (found := tokens(text)))
    return whole.encode()[:most_bytes].decode(errors="ignore")


def snippets(words: Sequence[str], texts: Iterable[tuple[str, str]]) -> list[Snippet]:
    """The places where the words are found in the texts, given with their pointers."""
    found: list[Snippet] = []
    plain = [without_marks(word) for word in words]
    for where, text in texts:
        folded = text.lower() if text.isascii() else without_marks(fold(text))
        if not all(word in folded for word in plain):
            continue  # which saves cutting most texts
        pieces = _pieces(text)
        hits = list(_hits(plain, pieces))
        if hits:
            found.append(Snippet(where, _cut(text, pieces, hits)))
        if len(found) == MOST_SNIPPETS:
            break
    return found


Piece = tuple[int, int, str]


def _pieces(text: str) -> list[Piece]:
    """The tokens without marks, each with where it begins and ends in the text as it is shown."""
    if text.isascii():
        return [(match.start(), match.end(), match[0]) for match in _WORD.finditer(text.lower())]
    return [(match.start(), match.end(), token) for match in _PIECE.finditer(text) for token in _in_piece(match[0])]


@lru_cache(maxsize=8192)
def _in_piece(piece: str) -> tuple[str, ...]:
    return tuple(map(without_marks, tokens(piece)))  # clusters and words come again and again


def _hits(words: Sequence[str], pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """Start and end of each match in the text, none beginning before the last has ended."""
    first, whole, last = words[0], list(words[:-1]), words[-1]
    more, free = len(whole), 0
    for number, (start, _, token) in enumerate(pieces[: len(pieces) - more]):
        if not token.startswith(first) or start < free:
            continue
        here = [token for _, _, token in pieces[number : number + len(words)]]
        if here[:-1] == whole and here[-1].startswith(last):
            yield start, (free := pieces[number + more][1])


def _cut(text: str, pieces: Sequence[Piece], hits: Sequence[tuple[int, int]]) -> str:
    """The text around the first match, between whole pieces, with every match in it marked."""
    first = pieces[bisect_left(pieces, hits[0][0] - _AROUND, key=itemgetter(0))][0]
    last = pieces[bisect_right(pieces, hits[0][1] + _AROUND, key=itemgetter(1)) - 1][1]
    start = 0 if first <= pieces[0][0] else first
    end = len(text) if last >= pieces[-1][1] else last
    shown, position = "…" if start else "", start
    for hit_start, hit_end in hits:
        if hit_end <= end:
            shown += f"{escape(text[position:hit_start])}<mark>{escape(text[hit_start:hit_end])}</mark>"
            position = hit_end
    shown += escape(text[position:end]) + ("…" if end < len(text) else "")
    return re.sub(r"\s+", " ", shown).strip()
