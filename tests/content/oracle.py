"""Judges an edit by the lines of the file: what does not belong to a changed entry is there byte for byte, in order."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from tests.content.front_matter import Made, Path

WORD = re.compile(r"['\"]?\b[wkc]\d+\b['\"]?")


@dataclass(frozen=True)
class Edit:
    """One change: `place` is the entry that is set or deleted, or the collection that gets one more."""

    kind: Literal["set", "delete", "add"]
    place: Path
    index: int | str = 0
    value: Any = None


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every entry and item at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield (*path, name), item
        yield from places(item, (*path, name))


def new_value(random: Random, number: int) -> Any:
    """Return a value that is nowhere else in the text."""
    word = f"n{number}"
    return random.choice(
        [word, word, f"{word}: #x", f"{word}\nb{number}", f"{word}\nb\n", number + 1000, True, None, [], [word, "z"],
         [word, {"a": 1}], {"a": word}, {"a": f"{word}\nx\n", "b": [1, [2]]}, f"- {word}", {}]
    )  # fmt: skip


def some_edits(random: Random, data: dict[str, Any], *, has_null: bool = True) -> list[Edit]:
    """Return one to three changes, none of which is inside another."""
    known = dict(places(data))
    chosen: list[Edit] = []
    for number in range(random.randint(1, 3)):
        path, value = random.choice(list(known.items()))
        kind = random.choice(["set", "set", "delete", "add"])
        new = new_value(random, number)
        if not has_null and new is None:
            new = number
        if kind == "add":
            path, value = random.choice([((), data), *((p, v) for p, v in known.items() if isinstance(v, dict | list))])
            if not value and path:
                kind = "set"
        if any(_has_doubles(known.get(path[:length], data)) for length in range(len(path) + 1)):
            continue  # which of two equal items is meant is nobody's to say
        if any(_within(path, other.place) or _within(other.place, path) for other in chosen if path or other.place):
            continue
        index = (
            f"n{number}0"
            if isinstance(value, dict)
            else random.randint(0, len(value))
            if isinstance(value, list)
            else 0
        )
        chosen.append(Edit(kind, path, index if kind == "add" else 0, new))  # type: ignore[arg-type]
    return chosen


def _has_doubles(value: Any) -> bool:
    return isinstance(value, list) and len({repr(item) for item in value}) < len(value)


def _within(path: Path, other: Path) -> bool:
    return path[: len(other)] == other


def applied(data: dict[str, Any], edits: list[Edit]) -> dict[str, Any]:
    """Return the data with the changes made; those further behind in a list come first, so that indices hold."""
    result = copy.deepcopy(data)
    for edit in sorted(edits, key=lambda edit: [str(part).zfill(9) for part in edit.place], reverse=True):
        holder: Any = result
        for part in edit.place[:-1] if edit.kind != "add" else edit.place:
            holder = holder[part]
        if edit.kind == "set":
            holder[edit.place[-1]] = edit.value
        elif edit.kind == "delete":
            del holder[edit.place[-1]]
        elif isinstance(holder, list):
            holder.insert(int(edit.index), edit.value)
        else:
            holder[edit.index] = edit.value
    return result


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
    """The change, or that of the collection around it when nothing is left in there."""
    holder = edit.place[:-1]
    value: Any = data
    for part in holder:
        value = value[part]
    gone = {other.place for other in edits if other.kind == "delete" and other.place[:-1] == holder}
    is_emptied = len(gone) == len(value) and not any(other.kind == "add" and other.place == holder for other in edits)
    return Edit("set", holder) if edit.kind == "delete" and holder and is_emptied else edit


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
        if edit.kind == "delete" and _within(place, edit.place):
            return True
        if edit.kind == "set" and _within(place, edit.place):
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
        if edit.kind == "set" and _within(place, edit.place):
            return True
        if any(_within(place, flow) and _within(edit.place, flow) for flow in made.flows):
            return True
        holder = edit.place if edit.kind == "add" else edit.place[:-1]
        if edit.kind != "set" and any(_within(place, dash) and _within(holder, dash) for dash in made.dashed):
            return True
    return False
