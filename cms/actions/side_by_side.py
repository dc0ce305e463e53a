"""Goes through a bucket and through what the database believes of it side by side, so that a larger site takes no more
memory: only differences are kept. One that is broken off goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import chain

from sqlalchemy import Connection

from cms.actions.seen import Seen, is_content, is_photo
from cms.database import articles, images
from cms.database.engine import read
from cms.model import ids
from cms.store.base import Stat

_Marks = Callable[[Connection, str], Generator[tuple[str, str], None, None]]
"""What the database believes of the keys after one of them: keys and marks."""

_PARTS: tuple[tuple[str, _Marks], ...] = (
    (ids.CONTENT, articles.marks_in_order),
    (ids.ASSETS, images.marks_in_order),
)
_END = chr(0x10FFFF)
"""After all keys."""


class NotInOrder(Exception):
    """The store has a list that is not by its keys."""


def look_in_order(seen: Seen) -> bool:
    """By both lists, side by side; False where the store's is in no order."""
    for folder, beliefs in _PARTS:
        after = seen.reached.get(folder, "")
        if after == _END:
            continue
        found = seen.ctx.site.list_in_order(folder, after)
        if found is None:
            return False
        files = (stat for stat in found if is_content(seen, stat) or is_photo(stat))
        try:
            with read(seen.ctx.database) as tx, closing(beliefs(tx, after)) as marks:
                for key, stat, mark in side_by_side(files, marks):
                    _compare(seen, key, stat, mark)
                    seen.reached[folder] = key
        except NotInOrder:
            return False
        seen.reached[folder] = _END
    return True


def _compare(seen: Seen, key: str, stat: Stat | None, mark: str | None) -> None:
    if stat is None:
        seen.gone.append(key)
    elif stat.mark != mark:
        seen.changed[key] = stat
        if mark is None:
            seen.new.add(key)


def side_by_side(
    stats: Iterator[Stat], marks: Iterator[tuple[str, str]]
) -> Iterator[tuple[str, Stat | None, str | None]]:
    """Each key of either, once: with what is there and what is believed of it. `NotInOrder` when it is not so."""
    last, belief = "", next(marks, None)
    for stat in stats:
        if stat.key <= last:
            raise NotInOrder
        last = stat.key
        while belief is not None and belief[0] < stat.key:
            yield belief[0], None, belief[1]
            belief = next(marks, None)
        if belief is not None and belief[0] == stat.key:
            yield stat.key, stat, belief[1]
            belief = next(marks, None)
        else:
            yield stat.key, stat, None
    for key, mark in chain([] if belief is None else [belief], marks):
        yield key, None, mark
