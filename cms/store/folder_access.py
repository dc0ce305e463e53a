"""Tries, with files of its own, what can be done in a folder of this machine."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cms.store.swap import exchange

PREFIX = ".cms-check-"
"""The names of the files begin so; lists leave them out, and the next trial removes what one that was killed left."""

_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone")
_OCTAL_SPACE = "\\040"


@dataclass(frozen=True, slots=True)
class FolderAccess:
    """`refused` is why nothing can be written there, None when it can; `file_system` is "" when it is not known.
    `can_exchange` says that two files can swap their names in one step."""

    file_system: str
    free_bytes: int
    refused: str | None
    can_exchange: bool

    @property
    def is_network(self) -> bool:
        return self.file_system in _NETWORK


def try_folder(folder: Path) -> FolderAccess:
    """Raises an `OSError` when there is no such folder."""
    free = shutil.disk_usage(folder).free
    refused, can_exchange = None, True
    try:
        for left in folder.glob(f"{PREFIX}*"):
            left.unlink()
        _write(folder)
    except OSError as error:
        refused = error.strerror or type(error).__name__
    else:
        can_exchange = _can_exchange(folder)
    return FolderAccess(_file_system(folder), free, refused, can_exchange)


def _write(folder: Path) -> None:
    """Write a file so that it outlives a loss of power, and remove it."""
    path = folder / f"{PREFIX}{secrets.token_hex(8)}"
    try:
        with path.open("xb") as file:
            file.write(b"written by `cms check --storage`\n")
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)


def _can_exchange(folder: Path) -> bool:
    names = [f"{PREFIX}{secrets.token_hex(8)}" for _ in range(2)]
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            (folder / name).touch()
        exchange(names[0], names[1], descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
        for name in names:
            with suppress(OSError):
                (folder / name).unlink()
    return True


def _file_system(folder: Path) -> str:
    """Return the type of the file system that the folder is in, as /proc names it."""
    where, best, found = folder.resolve(), 0, ""
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            mount = Path(before.split(" ")[4].replace(_OCTAL_SPACE, " "))
            if where.is_relative_to(mount) and len(mount.parts) >= best:
                best, found = len(mount.parts), after.split(" ")[0]
    return found
