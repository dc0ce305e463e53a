"""Words as readers type them who leave the marks out: `eleve` for Élève, `елка` for Ёлка, `محمد` for مُحَمَّد.

Only marks of scripts whose readers take them for an addition to a letter: accents of Latin, Greek and Cyrillic, harakat
of Arabic, niqqud of Hebrew. Vowel signs, tones and subscripts of Indic, Khmer, Thai and other scripts are letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_MARKS = (
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f"  # of Latin, Greek and Cyrillic
    "\u0483-\u0487\ua66f\ua674-\ua67d\ua69e\ua69f"  # of Cyrillic
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\ufb1e"  # of Hebrew
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"  # of Arabic
    "\u0898-\u089f\u08ca-\u08e1\u08e3-\u08ff"  # of Arabic
)
_TATWEEL = "\u0640"
"""Draws an Arabic word out; it is left where it is all there is of a word."""

_CHANGING = "\u00c0-\u06ff\u0898-\u08ff\u1ab0-\u1aff\u1dc0-\u1fff\u2c60-\u2c7f\ua660-\ua69f\ufb1d-\ufb4f\ufe20-\ufe2f"
"""What changes of a word in NFKC is among these characters."""

_LETTERS = ((0x00C0, 0x0530), (0x1E00, 0x2000), (0x2C60, 0x2C80))
_SCRIPTS = ("LATIN ", "GREEK ", "CYRILLIC ")
_ALONE = {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "ȷ": "j"}
"""Letters that are typed as others, of which their names do not tell."""


def without_marks(text: str) -> str:
    """Return the words without marks, in NFC: what is the same for two words that differ in marks alone. It keeps every
    letter, and the same text without marks stays as it is."""
    if text.isascii():
        return text
    if not _MAY_CHANGE.search(text):
        return unicodedata.normalize("NFC", text)
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", _CHANGES.sub(lambda found: _PLAIN.get(found[0], ""), decomposed))


def _barred() -> Iterator[tuple[str, str]]:
    """Yield letters that have no canonical decomposition with what their names say that they are without marks: `ø`,
    LATIN SMALL LETTER O WITH STROKE, is an o."""
    for letter in (chr(point) for start, stop in _LETTERS for point in range(start, stop)):
        name, marked, _ = unicodedata.name(letter, "").partition(" WITH ")
        if marked and name.startswith(_SCRIPTS) and not unicodedata.decomposition(letter):
            try:
                plain = unicodedata.lookup(name)
            except KeyError:
                continue  # no letter of its own
            yield letter, unicodedata.normalize("NFKD", plain)[0]


_PLAIN = {**{letter: _ALONE.get(plain, plain) for letter, plain in _barred()}, **_ALONE}
_CHANGES = re.compile(rf"[{_MARKS}{''.join(_PLAIN)}]|(?<=\S){_TATWEEL}")
_MAY_CHANGE = re.compile(f"[{_CHANGING}]")
