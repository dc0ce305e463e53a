"""Programs that write a file of the site and know nothing of our locks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

Outsider = Callable[[Path, bytes], None]
"""Writes the bytes into the file at the path, in its own way."""


def save_in_place(path: Path, data: bytes) -> None:
    """As `nano` saves, and `>` of a shell."""
    path.write_bytes(data)


def save_by_rename(path: Path, data: bytes) -> None:
    """As most editors save."""
    beside = path.with_name(f"{path.name}~")
    beside.write_bytes(data)
    beside.rename(path)


def save_over_backup(path: Path, data: bytes) -> None:
    """As vim saves where it keeps a backup: the old file gets another name first."""
    backup = path.with_name(f"{path.name}~")
    if path.exists():
        path.rename(backup)
    path.write_bytes(data)
    backup.unlink(missing_ok=True)


def check_out(path: Path, data: bytes) -> None:
    """As `git checkout` and `git pull` do: the old file goes, a new one is made."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(data)


OUTSIDERS: Mapping[str, Outsider] = {
    "in place": save_in_place,
    "by rename": save_by_rename,
    "over a backup": save_over_backup,
    "check out": check_out,
}


def strange_files(folder: Path, *known: str) -> list[str]:
    """Files in the folder that are neither known nor kept for somebody: there must be none, hidden ones neither."""
    return sorted(
        name for name in os.listdir(folder) if name not in known and not re.search(r"\.kept-[0-9a-f]+$", name)
    )
