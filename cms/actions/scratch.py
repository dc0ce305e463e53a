"""Folders for files that a request or a piece of background work needs while it lasts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "cms-scratch-"


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder of this machine, gone after the block."""
    # What cannot be removed is cleared away later; what was done meanwhile is done.
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as path:
        yield Path(path)


def clear(before: float) -> None:
    """Remove what processes that were killed have left from before that moment, in seconds since the epoch: photos as
    they arrived may lie there."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Others may have such names too, and links, in a folder that is everybody's.
        with suppress(OSError):
            if path.lstat().st_mtime < before:
                shutil.rmtree(path)
