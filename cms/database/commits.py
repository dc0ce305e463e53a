"""Counts the commits of all processes of this machine in memory that they share, so that each knows at once of all.

A writer announces its commit before others can see it, and ends it afterwards. In between nobody answers from memory:
some may have read the new rows already. This is a sequence lock (as in Linux's `seqlock.h`); the database's own write
lock, which a writer has held since before it announced, keeps announcements in order.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import mmap
import os
import tempfile
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, event, make_url

from cms.database.file import COUNTER, OWNER_ONLY, Identity

log = logging.getLogger("cms.database")

_COMMITS = "cms_commits"
_ANNOUNCED, _ENDED = 0, 1
_BYTES: Final = 16
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Commits:
    """The counter in the file `path`, which is made when missing.

    Where no file can be shared it counts for this process alone, and other processes' commits are found out later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # CPython copies an item as one aligned 8-byte load or store, which x86-64 and arm64 never tear
        # (Intel SDM 3A, 9.1.1; Arm ARM, B2.2.1). Both values are kept in one attribute, to be replaced together.
        self._shared: tuple[Identity | None, memoryview[int]]
        self._has_warned = False
        self.close()

    def announce(self) -> int:
        """Say that a commit is about to become visible; returns the number that `end` takes once it is.

        The caller holds the database's write lock. A commit that fails, or whose process dies, is not ended; the next
        one ends it too.
        """
        self.refresh()
        _, numbers = self._shared
        number = max(numbers) + 1
        numbers[_ANNOUNCED] = number
        return number

    def end(self, number: int) -> None:
        """Say that this commit, and all that were announced before it, are visible to everybody or never will be."""
        _, numbers = self._shared
        numbers[_ENDED] = max(numbers[_ENDED], number)

    def announced(self) -> int:
        """The number of the last commit that was announced.

        A process that reads this number, and gets the database's write lock afterwards, may end that commit: its
        writer is not at work any more.
        """
        return self._shared[1][_ANNOUNCED]

    def quiet(self) -> int | None:
        """Another value than before when anything may have been committed since; None while a commit is under way."""
        identity, numbers = self._shared
        announced = numbers[_ANNOUNCED]
        return hash((identity, announced)) if numbers[_ENDED] >= announced else None

    def ended(self) -> int:
        """Return a value that changes when a commit ends; commits that are under way do not count."""
        identity, numbers = self._shared
        return hash((identity, numbers[_ENDED]))

    def close(self) -> None:
        """Let go of the file, which is opened again when it is needed."""
        self._shared = None, memoryview(bytearray(_BYTES)).cast("Q")

    def refresh(self) -> None:
        """Go over to the file that is there by now, should another one have taken the place of the first."""
        try:
            found = os.stat(self._path, follow_symlinks=False)  # noqa: PTH116  before each commit: it is quicker
            if self._shared[0] == (found.st_dev, found.st_ino):
                return
        except OSError:
            pass
        try:
            self._open()
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        """Log once that other processes cannot know of the commits of this one at once."""
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "the counter of commits %s cannot be used (%s): other processes learn of changes later, and may"
                " answer with what was before",
                self._path,
                error.strerror,
            )

    def _open(self) -> None:
        """Share the counter's file with other processes; raise `OSError` when that cannot be."""
        descriptor = os.open(self._path, _OPEN, OWNER_ONLY)
        try:
            found, folder = os.fstat(descriptor), self._path.parent.stat()
            if found.st_uid not in (os.geteuid(), folder.st_uid):
                raise PermissionError(errno.EPERM, "it belongs to another user")  # in a folder for everybody
            if os.geteuid() == 0:
                os.fchown(descriptor, folder.st_uid, folder.st_gid)  # the service itself may be another user
            os.posix_fallocate(descriptor, 0, _BYTES)  # on a full disk, a store would end the process
            self._shared = (found.st_dev, found.st_ino), memoryview(mmap.mmap(descriptor, _BYTES)).cast("Q")
            self._has_warned = False
        finally:
            os.close(descriptor)


def file_of(url: str, folder: Path | None) -> Path:
    """The counter's place: beside SQLite's file; for a server's database in the folder, or else, where this machine has
    none for the site, among the user's temporary files."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        return Path(os.path.realpath(str(parts.database)) + COUNTER)
    where = parts.set(username=None, password=None).render_as_string()
    name = f"commits-{hashlib.sha256(where.encode()).hexdigest()[:16]}"
    return Path(tempfile.gettempdir()) / f"cms-{os.geteuid()}-{name}" if folder is None else folder / name


def keep(engine: Engine, path: Path) -> None:
    """From now on the commits of this engine are counted in the file, which is let go of when the engine is disposed
    of."""
    counter = Commits(path)
    engine.update_execution_options(**{_COMMITS: counter})
    event.listen(engine, "engine_disposed", lambda _engine: counter.close())


def of(engine: Engine) -> Commits:
    """The counter of the engine's database."""
    found: Commits = engine.get_execution_options()[_COMMITS]
    return found
