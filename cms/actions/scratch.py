"""Folders for files that a request or a piece of background work needs while it lasts."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "cms-scratch-"


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder of this machine, gone after the block; `clear` of no process removes it meanwhile."""
    # What cannot be removed is cleared away later; what was done meanwhile is done.
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as path, _locked(path, fcntl.LOCK_SH):
        yield Path(path)


def clear(before: float) -> None:
    """Remove what processes that were killed have left from before that moment, in seconds since the epoch: photos as
    they arrived may lie there."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Others may have such names too, and links, in a folder that is everybody's.
        with suppress(OSError):
            if path.lstat().st_mtime < before:
                with _locked(path, fcntl.LOCK_EX):
                    shutil.rmtree(path)


@contextmanager
def _locked(path: str | Path, kind: int) -> Iterator[None]:
    """Hold the folder's lock, `LOCK_SH` or `LOCK_EX`, which ends with the process; raises `BlockingIOError` where
    another process has it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
