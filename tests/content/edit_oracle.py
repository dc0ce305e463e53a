"""Judges an edit by the lines of the file: what does not belong to a changed entry is there byte for byte, in order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.content.commented import Made, Path
from tests.content.random_edits import Edit, at, places, within

WORD = re.compile(r"['\"]?\b[wkc]\d+\b['\"]?")


def check(made: Made, data: dict[str, Any], edits: list[Edit], result: str) -> None:
    """Assert that all words stay that may not go, in their order and quotes, on lines that are as they were."""
    owners = dict(_owners(data))
    edits = [_whole(data, edits, edit) for edit in edits]
    may_go = {word for word in _words(made.text) if _may_go(made, data, owners, edits, word)}
    counts = Counter(word.strip("'\"") for word in WORD.findall(made.text))
    often = {word for word, count in counts.items() if count > 1}  # as in headers `[[k1]]`
    stay = [word for word in WORD.findall(made.text) if word.strip("'\"") not in may_go | often]
    found = iter(dict.fromkeys(WORD.findall(result)))  # a dotted key has words of others before it
    lost = [word for word in stay if word not in found]
    assert not lost, f"words are lost, moved or written anew, from {lost[0]} on"
    lines, rest = made.text.split("\n"), iter(result.split("\n"))
    for line in lines:
        words = _words(line) - often
        if words and not words & may_go and not any(_is_beside(made, owners, edits, word) for word in words):
            assert line in rest, f"the line {line!r} was changed or moved"


def _words(text: str) -> set[str]:
    return {word.strip("'\"") for word in WORD.findall(text)}


def _whole(data: dict[str, Any], edits: list[Edit], edit: Edit) -> Edit:
    """The change, or that of what is around it: a collection with nothing left, or an item of which nothing is left.

    The latter only when items beside it come or go: which of them it was is nobody's to say then.
    """
    holder = edit.place[:-1]
    gone = {other.place for other in edits if other.kind == "delete" and other.place[:-1] == holder}
    is_emptied = len(gone) == len(at(data, holder)) and not any(
        other.kind == "add" and other.place == holder for other in edits
    )
    if edit.kind == "delete" and holder and is_emptied:
        edit = Edit("set", holder)
    for length in range(1, len(edit.place)):
        around = Edit("set", edit.place[:length])
        is_beside_others = isinstance(around.place[-1], int) and not _is_alone_in_list(edits, around)
        below = places(at(data, around.place), around.place)
        if is_beside_others and not any(_is_left(edits, *found) for found in below):
            return around
    return edit


def _is_left(edits: list[Edit], path: Path, value: Any) -> bool:
    """Whether the entry or item stays and has a word, by which it is told from those elsewhere."""
    is_changed = any(edit.kind != "add" and within(path, edit.place) for edit in edits)
    return not is_changed and any(_words(text) for text in (path[-1], value) if isinstance(text, str))


def _owners(value: Any, path: Path = ()) -> Iterator[tuple[str, Path]]:
    """Yield each word of keys and values with the entry that it belongs to."""
    for place, item in places(value, path):
        if isinstance(place[-1], str):
            yield place[-1], place
        if isinstance(item, str):
            for word in _words(item):
                yield word, place


def _place(made: Made, owners: dict[str, Path], word: str) -> tuple[Path, str]:
    """Where a word belongs; what looks like a comment may be in a text."""
    return (owners[word], "value") if word in owners else made.comments[word]


def _may_go(made: Made, data: dict[str, Any], owners: dict[str, Path], edits: list[Edit], word: str) -> bool:
    place, kind = _place(made, owners, word)
    for edit in edits:
        if edit.kind == "delete" and within(place, edit.place):
            return True
        if edit.kind == "set" and within(place, edit.place):
            is_key = place == edit.place and word == edit.place[-1]
            is_comment = kind == "beside" and place == edit.place
            is_headed = place in made.headed  # its header goes, and may not be where a value can stand
            if is_headed or (not is_key and not (is_comment and _is_alone_in_list(edits, edit))):
                return True
    return False


def _is_alone_in_list(edits: list[Edit], edit: Edit) -> bool:
    """Whether no item beside it comes or goes: else which item took which one's place is nobody's to say."""
    holder = edit.place[:-1]
    others = [other for other in edits if other is not edit]
    return not any(other.place == holder if other.kind == "add" else other.place[:-1] == holder for other in others)


def _is_beside(made: Made, owners: dict[str, Path], edits: list[Edit], word: str) -> bool:
    """Whether the word's line may change: it is the changed entry's own, or shares brackets or a dash with it."""
    place, _ = _place(made, owners, word)
    for edit in edits:
        if edit.kind == "set" and within(place, edit.place):
            return True
        if any(within(place, flow) and within(edit.place, flow) for flow in made.flows):
            return True
        holder = edit.place if edit.kind == "add" else edit.place[:-1]
        if edit.kind != "set" and any(within(place, dash) and within(holder, dash) for dash in made.dashed):
            return True
    return False
