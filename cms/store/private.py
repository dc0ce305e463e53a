"""Keeps a folder of the service's own for its owner alone, whatever the umask says.

It holds tokens' digests, webhooks' secrets and drafts, and locks that anybody who can open them could hold.
"""

from __future__ import annotations

import logging
import os
import stat as mode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("cms.store")

FOLDER, PUBLIC_FOLDER = 0o700, 0o777
FILE = 0o600
_OTHERS = 0o077
_IGNORED = ".gitignore"


def make_private(folder: Path) -> None:
    """Make the folder, which git leaves out; an old one is closed to group and others, with all that it holds."""
    folder.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    # This file is closed last: where it is, all else has been, and what came since was made so.
    ignored = folder / _IGNORED
    if not _is_open(folder) and ignored.exists() and not _is_open(ignored):
        return
    was_open, closed = _is_open(folder), 0
    try:
        closed = sum(_close(path) for path in (folder, *_below(folder)))
        _write_own(ignored, b"*\n")
    except OSError as error:
        log.warning("%s cannot be closed to other users: %s", error.filename, error.strerror)
    if was_open and not _is_open(folder):
        log.warning("%s was open to other users of this machine and is closed to them now (%s changed)", folder, closed)


def _write_own(path: Path, data: bytes) -> None:
    """Write the file, which a link that somebody laid there may not lead elsewhere."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE)
    try:
        os.fchmod(descriptor, FILE)
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _below(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        yield from (Path(path, name) for name in (*folders, *files) if name != _IGNORED)


def _close(path: Path) -> bool:
    """Whether it had to be closed; a symbolic link leads elsewhere, and is left alone."""
    with suppress(FileNotFoundError):
        found = path.lstat().st_mode
        if not mode.S_ISLNK(found) and found & _OTHERS:
            path.chmod(mode.S_IMODE(found) & ~_OTHERS)
            return True
    return False


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & _OTHERS)
