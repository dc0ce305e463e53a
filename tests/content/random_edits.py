"""Changes made by chance to the data of front matter."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from cms.model.document import Document
from tests.content.commented import Made, Path
from tests.model.reading import read


@dataclass(frozen=True)
class Edit:
    """One change: `place` is the entry that is set or deleted, or the collection that gets one more."""

    kind: Literal["set", "delete", "add"]
    place: Path
    index: int | str = 0
    value: Any = None

    @property
    def whole_place(self) -> Path:
        """The place of the entry or item itself, also of one that is added."""
        return (*self.place, self.index) if self.kind == "add" else self.place


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every entry and item at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield (*path, name), item
        yield from places(item, (*path, name))


def at(data: dict[str, Any], path: Path) -> Any:
    """Return what is at the path."""
    value: Any = data
    for part in path:
        value = value[part]
    return value


def new_value(random: Random, number: int) -> Any:
    """Return a value whose words are nowhere else in the text."""
    word = f"n{number}"
    return random.choice(
        [word, word, f"{word}: #x", f"it's \"ថ្មី\" {word}", "", f"{word}\nb{number}", f"{word}\nb\n", f"- {word}",
         number + 1000, 1.5, True, None, [], {}, [word, "z"], [word, {"a": 1}], {"a": word},
         {"a": f"{word}\nx\n", "b": [1, [2]]}]
    )  # fmt: skip


def some_edits(random: Random, data: dict[str, Any], *, has_null: bool = True) -> list[Edit]:
    """Return up to three changes, none of which is inside another; `has_null` when the format has a null."""
    known = dict(places(data)) or {(): data}
    chosen: list[Edit] = []
    for number in range(random.randint(1, 3)):
        path, value = random.choice(list(known.items()))
        kind = random.choice(["set", "set", "delete", "add"])
        new = new_value(random, number)
        if not has_null and new is None:
            new = number
        if kind == "add" or not data:
            kind = "add"
            path, value = random.choice([((), data), *((p, v) for p, v in known.items() if isinstance(v, dict | list))])
            if not value and path:
                kind = "set"
        if any(_has_doubles(known.get(path[:length], data)) for length in range(len(path) + 1)):
            continue  # which of two equal items is meant is nobody's to say
        if any(within(path, other.place) or within(other.place, path) for other in chosen if path or other.place):
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


def within(path: Path, other: Path) -> bool:
    return path[: len(other)] == other


def applied(data: dict[str, Any], edits: list[Edit]) -> dict[str, Any]:
    """Return the data with the changes made; those further behind in a list come first, so that indices hold."""
    result = copy.deepcopy(data)
    for edit in sorted(edits, key=lambda edit: [str(part).zfill(9) for part in edit.place], reverse=True):
        holder = at(result, edit.place if edit.kind == "add" else edit.place[:-1])
        if edit.kind == "set":
            holder[edit.place[-1]] = edit.value
        elif edit.kind == "delete":
            del holder[edit.place[-1]]
        elif isinstance(holder, list):
            holder.insert(int(edit.index), edit.value)
        else:
            holder[edit.index] = edit.value
    return result


@dataclass(frozen=True)
class Trial:
    """A front matter, changes of it, and the data that these make."""

    made: Made
    document: Document
    edits: list[Edit]
    wanted: dict[str, Any]


def trial(make: Callable[[Random], Made], seed: int) -> Trial:
    """Return the trial of that number; raises `Invalid` when what was made is no front matter."""
    random = Random(seed)  # nothing secret is made
    made = make(random)
    document = read(made.text.encode())
    edits = some_edits(random, document.data, has_null=document.format == "yaml")
    return Trial(made, document, edits, applied(document.data, edits))
