"""Looks at many files of a directory, those of one folder by way of one open folder."""

from __future__ import annotations

import errno
import os
import stat as mode
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import groupby
from typing import TypeVar

from cms.store.base import Key, check_key
from cms.store.swap import FILE

T = TypeVar("T")

Opened = Callable[[Key], AbstractContextManager[tuple[int, str]]]
"""Gives the open folder that a file is in, and the file's name."""


def each(
    opened: Opened, keys: Iterable[Key], act: Callable[[int, str], T | None]
) -> Iterator[tuple[Key, T | OSError | None]]:
    """What `act` makes of each file; None when there is no such file, and the error when there is another."""
    for _, siblings in groupby(map(check_key, keys), lambda key: key.rpartition("/")[0]):
        together = list(siblings)
        found: list[T | OSError | None]
        try:
            with opened(together[0]) as (folder, _):
                found = [_attempt(act, folder, key.rpartition("/")[2]) for key in together]
        except OSError as error:
            found = [None if is_missing(error) else error] * len(together)
        yield from zip(together, found, strict=True)


def stat_in(folder: int, name: str) -> os.stat_result | None:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return found if mode.S_ISREG(found.st_mode) else None


def read_in(folder: int, name: str) -> bytes | None:
    descriptor = os.open(name, FILE, dir_fd=folder)
    try:
        found = os.fstat(descriptor)
        if not mode.S_ISREG(found.st_mode):
            return None
        parts = []
        while part := os.read(descriptor, found.st_size + 1):  # one byte more, for which there is no need to wait
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def is_missing(error: OSError) -> bool:
    # ELOOP is how opening without following says "a symbolic link"; ENXIO is a socket or pipe.
    return isinstance(error, (FileNotFoundError, NotADirectoryError)) or error.errno in (errno.ELOOP, errno.ENXIO)


def _attempt(act: Callable[[int, str], T | None], folder: int, name: str) -> T | OSError | None:
    try:
        return act(folder, name)
    except OSError as error:
        return None if is_missing(error) else error
