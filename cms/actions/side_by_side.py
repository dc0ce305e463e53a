"""Goes through a bucket and through what the database believes of it side by side, so that a larger site takes no more
memory: only differences are kept. One that is broken off goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import chain

from sqlalchemy import Connection

from cms.database import articles, images
from cms.model import ids
from cms.store.base import Stat

Marks = Callable[[Connection, str], Generator[tuple[str, str], None, None]]
"""What the database believes of the keys after one of them: keys and marks."""

PARTS: tuple[tuple[str, Marks], ...] = (
    (ids.CONTENT, articles.marks_in_order),
    (ids.ASSETS, images.marks_in_order),
)
END = chr(0x10FFFF)
"""After all keys."""


class NotInOrder(Exception):
    """The store has a list that is not by its keys."""


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
