"""Files and folders written so that they outlast a loss of power; their names do once the folder is flushed too.

A flush that failed is not tried again, see `condition.py`.
"""

from __future__ import annotations

import os
import stat as mode
from collections.abc import Iterator
from pathlib import Path

from cms.store.condition import flush

FOR_ALL, FOR_OWNER = 0o777, 0o700
"""The most that a mode allows, before the umask; files are not made executable."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PART_BYTES = 1 << 20


def write_new(name: str, data: bytes | Path, folder: int, *, like: os.stat_result | None, most: int) -> None:
    """Write a file of this name, which is not there yet, with the permissions of the one that it is like, as far as
    `most` allows."""
    descriptor = os.open(name, _NEW, 0o666 & most, dir_fd=folder)
    try:
        for part in _parts(data):
            _write_all(descriptor, part)
        if like is not None:
            os.fchmod(descriptor, mode.S_IMODE(like.st_mode) & most)
        flush(descriptor)
    finally:
        os.close(descriptor)


def make_folder(name: str, parent: int, most: int) -> None:
    """Make it if it is not there, with the permissions that `most` allows."""
    try:
        os.mkdir(name, most, dir_fd=parent)
    except FileExistsError:
        return
    flush(parent)


def _parts(data: bytes | Path) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb") as stream:
        while part := stream.read(_PART_BYTES):
            yield part


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
