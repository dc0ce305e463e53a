"""Keeps some room on the disk in hand, so that what is deleted can be written down when there is no other."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cms.context import Context

log = logging.getLogger("cms.reserve")

EVERY_S = 60.0
FEW_BYTES = 1 << 20
"""What a deletion needs for its rows."""

LEAST_BYTES = 8 * FEW_BYTES
"""A smaller reserve would not be worth its name: it is a few deletions' rows, or one photo of 3 MiB."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


def keep(ctx: Context) -> None:
    """Have the reserve: twice the largest photo, or half of what is free where that is less, of 8 MiB at least."""
    file = _file(ctx)
    if file is None:
        return
    # A photo goes by way of a temporary file into the trash.
    size = 2 * ctx.settings.limits.photo_bytes + LEAST_BYTES
    has = _size(file)
    size = min(size, max(LEAST_BYTES, (has + _free(file.parent)) // 2))
    if has >= size:
        return
    try:
        with open(file, "ab", opener=_for_owner) as out:
            os.posix_fallocate(out.fileno(), 0, size)
    except OSError as error:
        if _size(file) < LEAST_BYTES:
            with suppress(OSError):
                file.unlink(missing_ok=True)
        if error.errno not in _FULL:
            log.warning("no room can be kept in hand: %s", error.strerror)


def is_lacking(ctx: Context) -> bool:
    """Return whether nothing is kept in hand, and there is no room for it."""
    file = _file(ctx)
    return file is not None and _size(file) < LEAST_BYTES and _free(file.parent) < LEAST_BYTES


def make_room(ctx: Context, size: int = FEW_BYTES) -> None:
    """Give up the reserve, should there be no room for so many bytes without it."""
    reserve = _file(ctx)
    if reserve is None:
        return
    try:
        with tempfile.TemporaryFile(dir=reserve.parent) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in _FULL:
            with suppress(OSError):
                reserve.unlink()
                log.error("the disk is full; what was kept in hand for deletions is given up")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _free(folder: Path) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _file(ctx: Context) -> Path | None:
    """None where nothing is written to a disk of this machine."""
    folder = ctx.settings.own_folder
    return None if folder is None else folder / "reserve"
