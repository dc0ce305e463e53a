"""Puts files in place, and takes them away, by compare-and-swap that holds against every other program too.

Editors, `git pull` and `sed -i` know nothing of our locks. So the new file and the one in its place are exchanged in
one step, and what came out is looked at afterwards: only then is it certain what was replaced. Bytes that nobody
expected there go back. Whatever else comes between stays in the folder under a name that everybody sees; nothing is
ever removed but what was written here, and what the caller has named. A file that came out while nobody can tell
whether a program is still writing it stays under a temporary name for `UNSEEN_S`; what is written to it is kept.

The name of a temporary file says what it is, so that whoever finds one after a kill knows what to do (`settle`). Each
function works in the open folder `folder`.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import logging
import os
import re
import secrets
import signal
import stat as mode
import time
from contextlib import suppress
from typing import Final, NamedTuple

from cms.clock import age_s
from cms.errors import Stale, Unavailable
from cms.store.base import Version, version_of

log = logging.getLogger("cms.store")

# Without O_NONBLOCK, opening a named pipe would wait for a writer.
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

HELD_S = 0.25
"""So long a program that has the file open may take to write it and let go."""

UNSEEN_S = 10.0
"""So long a file stays that nobody can tell the writers of, after it came out of its place."""

_GONE: Final = Version("0" * 64)
"""Takes the place of the new version where there is to be none."""
_OUT: Final = Version("f" * 64)
"""Takes the place of the new version in the name of a file that has come out, and that may still be written."""
_DIGITS = 24
_NAME_BYTES = 190
_TEMPORARY = re.compile(r"\.tmp-[0-9a-f]{8}(?:-([0-9a-f]{24})-([0-9a-f]{24}))?\.(.+)", re.DOTALL)
_RENAME_EXCHANGE = 2
_LACKING = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
# Opening without following calls a symbolic link ELOOP, a socket or pipe ENXIO.
_NOT_OURS = (errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM)

_libc = ctypes.CDLL(None, use_errno=True)


class Left(NamedTuple):
    """What the name of a temporary file says: it is for the file called `name`, or one whose name begins so. `new` and
    `old` are the beginnings of the versions to be there afterwards and before, "" while it is still being written."""

    name: str
    new: str
    old: str

    @property
    def is_cut(self) -> bool:
        return _cut(self.name + ".") == self.name


def temporary(name: str) -> str:
    """A name for a file that is still being written, and that is to be called `name`."""
    return f".tmp-{secrets.token_hex(4)}.{_cut(name)}"


def read_name(name: str) -> Left | None:
    """What a temporary file is; None for other names."""
    found = _TEMPORARY.fullmatch(name)
    return None if found is None else Left(found[3], found[1] or "", found[2] or "")


def create(folder: int, written: str, name: str) -> None:
    """Give the file its name; `FileExistsError` when anything has it."""
    # Unlike a rename, a link never takes the place of a file that somebody made meanwhile.
    os.link(written, name, src_dir_fd=folder, dst_dir_fd=folder)


def put(folder: int, written: str, name: str, new: Version, old: Version) -> str | None:
    """Put the file `written`, whose version is `new`, in place of `old`; `Stale` when something else is there.

    Returns the temporary name of what came out if others may still be writing it: `settle` has to be called for it
    until it is done. Else None.
    """
    swapped = _rename(folder, written, name, new, old)
    try:
        exchange(swapped, name, folder)
    except OSError as error:
        if error.errno in _LACKING:
            _replace(folder, swapped, name, old)
            return None
        with suppress(OSError):  # whoever clears up after the dead tries again
            settle(folder, swapped)
        if isinstance(error, FileNotFoundError):
            raise Stale(f"{name} is not there any more.") from error
        raise
    return _settle(folder, swapped, Left(name, _short(new), _short(old)))


def take(folder: int, name: str, old: Version) -> str | None:
    """Take the file away, which is to be `old`; `Stale` when it is something else. Returns what `put` does."""
    try:
        taken = _rename(folder, name, name, _GONE, old)
    except FileNotFoundError as error:
        raise Stale(f"{name} is not there any more.") from error
    return _settle(folder, taken, Left(name, _short(_GONE), _short(old)))


def settle(folder: int, found: str) -> bool:
    """Finish or undo what somebody who was killed has left in the temporary file `found`, or look again at a file that
    may still be written; False while that has to stay."""
    left = read_name(found)
    if left is None:
        raise ValueError(found)
    if left.new == _short(_OUT):
        return _look_again(folder, found, left)
    now = _look(folder, found)
    if left.new in ("", now.short):
        os.unlink(found, dir_fd=folder)
    elif now.short == left.old:
        _let_go(folder, found, left, now)
    elif left.new == _short(_GONE) or _look(folder, left.name).short == left.new:
        with suppress(Stale, Unavailable):
            _settle(folder, found, left)
    else:
        _keep_beside(folder, found, left.name)
    os.fsync(folder)
    return True


def is_unseen(folder: int, name: str) -> bool:
    """Whether nobody can tell if a program has the file open for writing; `OSError` when it cannot be opened."""
    with os.fdopen(os.open(name, FILE, dir_fd=folder), "rb") as stream:
        is_held = _is_being_written(stream.fileno())
        return is_held is None or (is_held and not _has_leases(folder))


def exchange(one: str, other: str, folder: int) -> None:
    """Swap the two names in one step, whatever they are of; an `OSError` where the system cannot."""
    swap = getattr(_libc, "renameat2", None)
    if swap is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if swap(folder, os.fsencode(one), folder, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one, None, other)


class _Found(NamedTuple):
    """The version of a file, None when it is none. `is_held` says that somebody is writing it, `is_unseen` that nobody
    can tell."""

    version: Version | None
    is_held: bool = False
    is_unseen: bool = False

    @property
    def short(self) -> str:
        return "" if self.version is None or self.is_held else _short(self.version)


def _settle(folder: int, out: str, left: Left) -> str | None:
    """Remove what came out of its place, if it is what was expected there; else bring it back, which is `Stale`.
    Returns what `put` does."""
    found = _look(folder, out)
    if found.short == left.old:
        return _let_go(folder, out, left, found)
    if left.new == _short(_GONE):
        _bring_back(folder, out, left.name)
    else:
        _swap_back(folder, out, left)
    if found.is_held:
        raise Unavailable("Another program is writing this file just now; try again.", code="busy", retry_after_s=1)
    raise Stale(f"{left.name} holds something else by now.", current=found.version)


def _let_go(folder: int, out: str, left: Left, found: _Found) -> str | None:
    """Remove what came out, which is what was expected; or give it the name of a file that may still be written."""
    if found.is_unseen:
        return _rename(folder, out, left.name, _OUT, Version(left.old))
    os.unlink(out, dir_fd=folder)
    return None


def _look_again(folder: int, out: str, left: Left) -> bool:
    """Keep what was written to a file after it came out; remove it when nothing was for `UNSEEN_S`. False before."""
    try:
        for_s = age_s(os.stat(out, dir_fd=folder, follow_symlinks=False).st_ctime)
        found = _look(folder, out)
        if found.version is None or _short(found.version) != left.old:
            _keep_beside(folder, out, left.name)
        elif found.is_held or for_s < UNSEEN_S:
            return False
        else:
            os.unlink(out, dir_fd=folder)
    except FileNotFoundError:  # another process was faster
        return True
    os.fsync(folder)
    return True


def _swap_back(folder: int, out: str, left: Left) -> None:
    try:
        exchange(out, left.name, folder)
    except FileNotFoundError:
        _bring_back(folder, out, left.name)  # ours was there for a moment, and somebody has removed it
        return
    if _look(folder, out).short == left.new:
        os.unlink(out, dir_fd=folder)
        return
    # Somebody has written over ours in that moment: theirs is the newest. What it would hide is kept beside it.
    with suppress(FileNotFoundError):
        exchange(out, left.name, folder)
    _keep_beside(folder, out, left.name)


def _bring_back(folder: int, out: str, name: str) -> None:
    try:
        os.link(out, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        _keep_beside(folder, out, name)
    else:
        os.unlink(out, dir_fd=folder)


def _keep_beside(folder: int, out: str, name: str) -> None:
    kept = f"{_cut(name)}.kept-{secrets.token_hex(4)}"
    os.rename(out, kept, src_dir_fd=folder, dst_dir_fd=folder)
    log.error("several programs wrote %s at once; what one of them wrote is kept as %s", name, kept)


def _replace(folder: int, written: str, name: str, old: Version) -> None:
    """Where names cannot be exchanged: what is written between the look and the rename is lost."""
    found = _look(folder, name)
    if found.short != _short(old):
        os.unlink(written, dir_fd=folder)
        raise Stale(f"{name} holds something else by now.", current=found.version)
    os.rename(written, name, src_dir_fd=folder, dst_dir_fd=folder)


def _rename(folder: int, current: str, name: str, new: Version, old: Version) -> str:
    renamed = f".tmp-{secrets.token_hex(4)}-{_short(new)}-{_short(old)}.{_cut(name)}"
    os.rename(current, renamed, src_dir_fd=folder, dst_dir_fd=folder)
    return renamed


def _look(folder: int, name: str) -> _Found:
    """What the file holds, once nobody is writing it any more."""
    try:
        descriptor = os.open(name, FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in _NOT_OURS:
            return _Found(None)
        raise
    if not mode.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return _Found(None)
    with os.fdopen(descriptor, "rb") as stream:
        deadline = time.monotonic() + HELD_S
        is_held = _is_being_written(descriptor)
        if is_held and not _has_leases(folder):
            is_held = None
        while is_held and time.monotonic() < deadline:
            time.sleep(0.005)
            is_held = _is_being_written(descriptor)
        return _Found(version_of(stream), is_held=bool(is_held), is_unseen=is_held is None)


def _has_leases(folder: int) -> bool:
    """Whether the file system gives leases at all; some say of every file that others write it."""
    name = temporary("probe")
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
        os.unlink(name, dir_fd=folder)
    except OSError:
        return True
    with os.fdopen(descriptor, "rb"):
        return not _is_being_written(descriptor)


def _is_being_written(descriptor: int) -> bool | None:
    """Whether any program has the file open for writing, as an editor has that opened it before it lost its name.

    None when nobody can tell: of another user's file without CAP_LEASE, and on a file system without leases.
    """
    try:
        # Who opens the file while we have the lease makes the kernel send a signal; this one is ignored by default.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    return False


def _short(version: Version) -> str:
    return version[:_DIGITS]


def _cut(name: str) -> str:
    """So much of the name that something may be put before and after it."""
    return os.fsencode(name)[:_NAME_BYTES].decode(errors="ignore")
