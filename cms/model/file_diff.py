"""What differs between two files, as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cms.model.bounded_matcher import BoundedMatcher

MOST_LINES: Final = 50_000
"""Of both files together; in longer ones, all between their equal beginnings and ends is one change."""


def unified_diff(before: bytes | None, after: bytes | None, name: str, new_name: str | None = None) -> str:
    """From one file's bytes to another's; text that is not UTF-8 is shown as well as can be."""
    old, new = ("" if data is None else data.decode(errors="replace") for data in (before, after))
    is_long = old.count("\n") + new.count("\n") > MOST_LINES
    hunks = list(_one_hunk(old, new) if is_long else _hunks(_lines(old), _lines(new)))
    lines = [f"--- a/{name}\n", f"+++ b/{new_name or name}\n", *hunks] if hunks else []
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    """Yield the lines of all hunks, as `difflib.unified_diff` does."""
    for group in BoundedMatcher(old, new).get_grouped_opcodes():
        _, old_start, _, new_start, _ = group[0]
        _, _, old_end, _, new_end = group[-1]
        yield f"@@ -{_span(old_start, old_end)} +{_span(new_start, new_end)} @@\n"
        for tag, first, last, other_first, other_last in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[first:last])
                continue
            yield from (f"-{line}" for line in old[first:last])
            yield from (f"+{line}" for line in new[other_first:other_last])


def _one_hunk(old: str, new: str) -> Iterator[str]:
    """Yield the lines of one hunk without context."""
    if old == new:
        return
    head = old.rfind("\n", 0, _alike(old, new)) + 1
    first, second = old[head:], new[head:]
    tail = _alike(first[::-1], second[::-1])
    same = first[len(first) - tail :]
    tail = len(same) - same.find("\n") - 1 if "\n" in same else 0
    first, second = first[: len(first) - tail], second[: len(second) - tail]
    start = old.count("\n", 0, head)
    removed, added = _lines(first), _lines(second)
    yield f"@@ -{_span(start, start + len(removed))} +{_span(start, start + len(added))} @@\n"
    yield from (f"-{line}" for line in removed)
    yield from (f"+{line}" for line in added)


def _alike(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    shorter = min(len(one), len(other))
    return next((number for number in range(shorter) if one[number] != other[number]), shorter)


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _span(start: int, end: int) -> str:
    """The range as `diff -u` writes it: lines count from 1, an empty range names the line before it."""
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
