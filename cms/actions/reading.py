"""Reads files of the stores as articles and photos, before anybody holds a lock; knows no database."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

from cms.errors import Problem, Unavailable
from cms.model import article as article_file
from cms.model import ids
from cms.model.article import Article
from cms.model.image import Image
from cms.model.limits import Limits
from cms.store.base import Stat, Store, version_of

Found = Image | tuple[Article, bytes | None]
"""What is in a file: a photo, or an article and the file's bytes, None when they are too many."""

AT_ONCE = 500


def read_all(
    limits: Limits, stats: Sequence[Stat], store_of: Callable[[str], Store]
) -> Iterator[list[tuple[Stat, Found]]]:
    """The files in their order, many at a time."""
    for start in range(0, len(stats), AT_ONCE):
        yield [(stat, _read(limits, store_of(stat.key), stat)) for stat in stats[start : start + AT_ONCE]]


def _read(limits: Limits, store: Store, stat: Stat) -> Found:
    if stat.key.startswith(ids.ASSETS):
        return _read_image(store, stat)
    return read_article(limits, store, stat)


def read_article(limits: Limits, store: Store, stat: Stat) -> tuple[Article, bytes | None]:
    """The article in a file, and the file's bytes; broken when it cannot be read or is too large."""
    if stat.size > limits.article_bytes:
        too_large = article_file.too_large(limits)
        return article_file.broken(stat.key, "", too_large.problems), None
    try:
        data = store.read(stat.key)
    except Unavailable as error:
        problem = Problem("", f"the file cannot be read: {error.detail}", "unreadable")
        return article_file.broken(stat.key, "", (problem,)), None
    data = b"" if data is None else data
    return article_file.read(stat.key, data, version_of(data), limits), data


def _read_image(store: Store, stat: Stat) -> Image:
    from cms.actions.photo_files import image_in

    with store.open(stat.key) or io.BytesIO() as stream:
        return image_in(stream, stat.key.removeprefix(ids.ASSETS), stat.size)
