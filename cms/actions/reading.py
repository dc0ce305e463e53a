"""Reads files of the stores as articles and photos, before anybody holds a lock; knows no database.

Where there are many, processes apart do it, one for each processor. The parent gives each a list of files and gets what
is in them, as pickles; a child ends when its parent does.
"""

from __future__ import annotations

import errno
import gc
import io
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import BinaryIO

from cms.errors import Problem, Unavailable
from cms.model import article as article_file
from cms.model import ids
from cms.model.article import Article
from cms.model.image import Image
from cms.model.limits import Limits
from cms.store.base import Stat, Store, version_of
from cms.store.directory import DirectoryStore

log = logging.getLogger("cms.reading")

Found = Image | tuple[Article, bytes | None]
"""What is in a file: a photo, or an article and the file's bytes, None when they are too many."""

AT_ONCE = 1000
MANY = 1000
"""For fewer files it takes longer to start processes than to read."""

MOST_CHILDREN = 4
"""One process alone writes what they have read."""

ANSWER_S = 120.0
"""A process that reads `AT_ONCE` files and has not answered after so long hangs."""

_OF_ONE_FILE = (errno.EIO, errno.EPERM, errno.EACCES, errno.ELOOP)
"""The numbers of errors that one photo of a folder may have while the others can be read."""


def read_all(
    limits: Limits, site: Store, stats: Sequence[Stat], store_of: Callable[[str], Store]
) -> Iterator[list[tuple[Stat, Found]]]:
    """Yield the files, many at a time, in their order except that what is not in the site comes first.

    A photo whose file cannot be opened or read is left out, and logged.
    """
    own = [stat for stat in stats if store_of(stat.key) is site]
    for step in _steps([stat for stat in stats if store_of(stat.key) is not site]):
        yield _paired(step, _read(limits, store_of(step[0].key), step))
    steps = list(_steps(own))
    with ExitStack() as stack:
        children: list[_Child] = []
        if isinstance(site, DirectoryStore) and len(own) >= MANY:
            children = [stack.enter_context(_Child(limits, site)) for _ in range(_processors())]
        for child, step in zip(children, steps, strict=False):
            child.ask(step)
        for number, step in enumerate(steps):
            if not children:
                yield _paired(step, _read(limits, site, step))
                continue
            child = children[number % len(children)]
            found = child.answer(step)
            if number + len(children) < len(steps):
                child.ask(steps[number + len(children)])  # before anybody looks at this answer
            yield _paired(step, found)


def _paired(stats: Sequence[Stat], found: Sequence[Found | None]) -> list[tuple[Stat, Found]]:
    return [(stat, one) for stat, one in zip(stats, found, strict=True) if one is not None]


def _processors() -> int:
    count = len(os.sched_getaffinity(0))
    return min(count, MOST_CHILDREN) if count > 1 else 0


def _steps(stats: Sequence[Stat]) -> Iterator[Sequence[Stat]]:
    return (stats[start : start + AT_ONCE] for start in range(0, len(stats), AT_ONCE))


def _read(limits: Limits, store: Store, stats: Sequence[Stat]) -> list[Found | None]:
    wanted = [stat.key for stat in stats if _is_article(stat) and stat.size <= limits.article_bytes]
    texts = dict(zip(wanted, store.reads(wanted), strict=True))
    return [_article(limits, stat, texts.get(stat.key)) if _is_article(stat) else _image(store, stat) for stat in stats]


def _is_article(stat: Stat) -> bool:
    return not stat.key.startswith(ids.ASSETS)


def _article(limits: Limits, stat: Stat, data: bytes | Unavailable | None) -> tuple[Article, bytes | None]:
    """Broken when it cannot be read or is too large."""
    if stat.size > limits.article_bytes:
        too_large = article_file.too_large(limits)
        return article_file.broken(stat.key, "", too_large.problems), None
    if isinstance(data, Unavailable):
        problem = Problem("", f"the file cannot be read: {data.detail}", article_file.UNREADABLE)
        return article_file.broken(stat.key, "", (problem,)), None
    data = data or b""
    return article_file.read(stat.key, data, version_of(data), limits), data


def _image(store: Store, stat: Stat) -> Image | None:
    """Return what the photo's file holds; None when this file alone cannot be opened or read."""
    try:
        with store.open(stat.key) or io.BytesIO() as stream:
            return image_in(stream, stat.key.removeprefix(ids.ASSETS), stat.size)
    except (Unavailable, OSError) as error:
        cause = error.__cause__ if isinstance(error, Unavailable) else error
        is_of_file = isinstance(cause, OSError) and cause.errno in _OF_ONE_FILE
        if not is_of_file or not isinstance(store, DirectoryStore):
            raise  # the store is away: without its photos the site must not be taken for whole
        log.warning("%s is left out: %s", stat.key, cause)
        return None


def image_in(stream: BinaryIO, path: str, size: int) -> Image:
    """What the bytes are, as the photo at `path`."""
    # Pillow takes longer to import than many articles to read.
    from cms.model import photo

    version = version_of(stream)
    stream.seek(0)
    found = photo.look_at(stream, path)
    return Image(path, version, size, found.width, found.height, found.format, found.has_gps)


class _Child(AbstractContextManager["_Child"]):
    def __init__(self, limits: Limits, site: DirectoryStore) -> None:
        self._limits, self._site = limits, site
        # In a group of its own, the terminal's Ctrl-C does not reach it; the parent ends it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cms.actions.reading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self._send((limits, site.root))

    def ask(self, stats: Sequence[Stat]) -> None:
        self._send(stats)

    def answer(self, stats: Sequence[Stat]) -> list[Found | None]:
        """Return what is in the files that it was asked for last; they are read here when it has died, hangs, or is of
        another version."""
        assert self._process.stdout is not None
        timer = threading.Timer(ANSWER_S, self._end, [stats])
        timer.start()
        try:
            found: list[Found | None] = pickle.load(self._process.stdout)  # noqa: S301  # our own child
        except Exception:
            log.warning("a process that reads files gives no answer", exc_info=True)
            return _read(self._limits, self._site, stats)
        finally:
            timer.cancel()
        return found

    def _end(self, stats: Sequence[Stat]) -> None:
        first, last = stats[0].key, stats[-1].key
        log.error("a process that reads %d files, from %s to %s, hangs and is ended", len(stats), first, last)
        self._process.kill()

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _send(self, job: object) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            pickle.dump(job, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()


def _serve() -> None:
    """In the child: answer until the parent asks for no more."""
    with suppress(EOFError, BrokenPipeError):
        gc.disable()  # it would look again and again at what has no cycles
        limits, root = pickle.load(sys.stdin.buffer)  # noqa: S301  # our own parent
        site = DirectoryStore(root)
        while True:
            found = _read(limits, site, pickle.load(sys.stdin.buffer))  # noqa: S301
            pickle.dump(found, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
