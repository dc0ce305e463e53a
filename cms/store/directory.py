"""A store in a directory of this machine.

Symbolic links below the root are never followed: each path segment is opened by itself, without following. How a file
comes to its place is in `swap.py`, how it is written in `durable.py`, what a failing disk means in `condition.py`.
"""

from __future__ import annotations

import os
import stat as mode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from cms.clock import age_s
from cms.errors import Stale, Unavailable, of_system
from cms.store import durable, siblings, swap
from cms.store.base import (
    ABSENT,
    Absent,
    Key,
    Leftover,
    Part,
    Stat,
    Trouble,
    Version,
    check_key,
    check_writable,
    is_key,
    trouble_at,
    version_of,
)
from cms.store.condition import PLACE, Condition, flush
from cms.store.displaced import Displaced
from cms.store.siblings import is_missing

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

GIT_LOCK_BELIEVED_S = 600
"""A git lock older than this was left by a git that died."""


class DirectoryStore:
    may_be_late = False

    def __init__(self, root: Path, *, is_private: bool = False) -> None:
        self.root = root
        self._most = durable.FOR_OWNER if is_private else durable.FOR_ALL
        self._condition = Condition(root)
        self._displaced = Displaced(self._settle)

    def read(self, key: Key) -> bytes | None:
        stream = self.open(key)
        if stream is None:
            return None
        with stream, self._translated():
            return stream.read()

    def open(self, key: Key, part: Part | None = None) -> BinaryIO | None:
        check_key(key)
        with self._translated():
            try:
                with self._parent(key) as (folder, name):
                    descriptor = os.open(name, swap.FILE, dir_fd=folder)
            except OSError as error:
                if is_missing(error):
                    return None
                raise
            if not mode.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                return None
            stream = os.fdopen(descriptor, "rb")
            stream.seek(0 if part is None else part.start)
            return stream

    def stat(self, key: Key) -> Stat | None:
        check_key(key)
        with self._translated():
            try:
                with self._parent(key) as (folder, name):
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError as error:
                if is_missing(error):
                    return None
                raise
        return _stat(key, found) if mode.S_ISREG(found.st_mode) else None

    def stats(self, keys: Iterable[Key]) -> Iterator[Stat]:
        for key, found in siblings.each(self._parent, keys, siblings.stat_in):
            if isinstance(found, OSError):
                raise of_system(found, PLACE, self.root) from found
            if found is not None:
                yield _stat(key, found)

    def reads(self, keys: Iterable[Key]) -> Iterator[bytes | Unavailable | None]:
        for _, found in siblings.each(self._parent, keys, siblings.read_in):
            yield of_system(found, PLACE, self.root) if isinstance(found, OSError) else found

    def version(self, key: Key) -> Version | None:
        stream = self.open(key)
        if stream is None:
            return None
        with stream, self._translated():
            return version_of(stream)

    def list(self, prefix: str) -> Iterator[Stat]:
        folders = [check_key(prefix.rstrip("/"))]
        while folders:
            with self._translated():
                files, below = self._look(folders.pop())
            yield from files
            folders += below

    def is_of(self, stat: Stat, data: bytes) -> bool:
        return True

    def was_repeated(self, key: Key) -> bool:
        return False

    def list_in_order(self, prefix: str, after: str) -> Iterator[Stat] | None:
        return None

    def write(self, key: Key, data: bytes | Path, *, expect: Version | Absent) -> Version:
        check_writable(key)
        replaced = self._expect(key, expect)
        version, out = version_of(data), None
        with self._condition.changing(), self._parent(key, create=expect is ABSENT) as (folder, name):
            temporary = swap.temporary(name)
            try:
                durable.write_new(temporary, data, folder, like=replaced, most=self._most)
                if expect is ABSENT:
                    swap.create(folder, temporary, name)
                else:
                    out = swap.put(folder, temporary, name, version, expect)
            except FileExistsError as error:
                self._expect(key, expect)
                raise Stale(f"{key} is there already.") from error
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)
            flush(folder)
        self._watch(key, out)
        return version

    def delete(self, key: Key, *, expect: Version) -> None:
        check_writable(key)
        self._expect(key, expect)
        with self._condition.changing(), self._parent(key) as (folder, name):
            out = swap.take(folder, name, expect)
            flush(folder)
        self._watch(key, out)

    def trouble(self) -> Trouble | None:
        return self._condition.trouble() or trouble_at(self._condition.place)

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        with self._translated(), suppress(FileNotFoundError):
            for path, below, names, folder in os.fwalk(self.root / prefix):
                below[:] = [name for name in below if not name.startswith(".")]
                parent = Path(path).relative_to(self.root).as_posix()
                for name in names:
                    if found := swap.read_name(name):
                        with suppress(FileNotFoundError):
                            changed = os.stat(name, dir_fd=folder, follow_symlinks=False).st_ctime
                            key = None if found.is_cut else Key(f"{parent}/{found.name}")
                            yield Leftover(parent, name, changed, key)

    def settle(self, leftover: Leftover) -> None:
        with self._condition.changing():
            self._settle(leftover.folder, leftover.name)

    def unseen(self, prefix: str) -> Iterator[Key]:
        for stat in self.list(prefix):
            with suppress(OSError), self._parent(stat.key) as (folder, name):  # what cannot be read is told elsewhere
                if swap.is_unseen(folder, name):
                    yield stat.key

    def is_public(self) -> bool:
        return False

    def presign(self, key: Key, *, size: int, content_type: str, expires_s: int) -> str | None:
        return None

    def is_settled(self) -> bool:
        for folder in (self.root.absolute(), *self.root.absolute().parents):
            if (folder / ".git").exists():
                return not _is_fresh(folder / ".git" / "index.lock")
        return True

    def _watch(self, key: Key, out: str | None) -> None:
        """Look after what came out of its place, if others may still be writing it."""
        if out is not None:
            self._displaced.watch(key.rpartition("/")[0], out)

    def _settle(self, folder: str, name: str) -> bool:
        with self._parent(Key(f"{folder}/{name}")) as (descriptor, _):
            return swap.settle(descriptor, name)

    def _look(self, folder: Key) -> tuple[Sequence[Stat], Sequence[Key]]:
        """The files and the folders in a folder, none when it is not there."""
        files, below = [], []
        try:
            with self._parent(Key(f"{folder}/")) as (descriptor, _), os.scandir(descriptor) as entries:
                for entry in entries:
                    name = entry.name
                    key = Key(f"{folder}/{name}")
                    if name[0] == "." or not is_key(key):
                        continue
                    if entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):
                            files.append(_stat(key, entry.stat(follow_symlinks=False)))
                    elif entry.is_dir(follow_symlinks=False):
                        below.append(key)
        except OSError as error:
            if not is_missing(error):
                raise
        return files, below

    def _expect(self, key: Key, expect: Version | Absent) -> os.stat_result | None:
        """The file that is there, if it is the one expected."""
        stream = self.open(key)
        if stream is None:
            if expect is ABSENT:
                return None
            raise Stale(f"{key} is not there any more.")
        with stream, self._translated():
            current = version_of(stream)
            if current != expect:
                raise Stale(f"{key} holds something else by now.", current=current)
            return os.fstat(stream.fileno())

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise of_system(error, PLACE, self.root) from error
        self._condition.note_success()

    @contextmanager
    def _parent(self, key: Key, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder that holds the file, and the file's name in it."""
        *folders, name = key.split("/")
        current = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in folders:
                if create:
                    durable.make_folder(part, current, self._most)
                below = os.open(part, _FOLDER, dir_fd=current)
                os.close(current)
                current = below
            yield current, name
        finally:
            os.close(current)


def _stat(key: Key, found: os.stat_result) -> Stat:
    size = found.st_size
    mark = f"{found.st_mtime_ns}-{found.st_ctime_ns}-{size}-{found.st_ino}"
    return Stat(key, size, mark, found.st_mtime, found.st_ctime)


def _is_fresh(lock: Path) -> bool:
    try:
        return age_s(lock.stat().st_mtime) < GIT_LOCK_BELIEVED_S
    except OSError:
        return False
