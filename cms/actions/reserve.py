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

_FULL = (errno.ENOSPC, errno.EDQUOT)


def keep(ctx: Context) -> None:
    """Have the reserve, if there is room for it."""
    file = _file(ctx)
    if file is None:
        return
    # A photo goes by way of a temporary file into the trash.
    size = 2 * ctx.settings.limits.photo_bytes + 8 * FEW_BYTES
    with suppress(OSError):
        if file.stat().st_size >= size:
            return
    try:
        with open(file, "wb", opener=_for_owner) as out:
            os.posix_fallocate(out.fileno(), 0, size)
    except OSError as error:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        if error.errno not in _FULL:
            log.warning("no room can be kept in hand: %s", error.strerror)


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


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _file(ctx: Context) -> Path | None:
    """None where nothing is written to a disk of this machine."""
    folder = ctx.settings.own_folder
    return None if folder is None else folder / "reserve"
