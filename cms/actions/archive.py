"""Reads the archive of a backup to its last byte, and refuses one that a backup would not have written.

Nothing is written before: neither a file nor a row is taken from an archive that was not checked.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from cms.actions import scratch
from cms.actions.backup import ABOUT, FORMAT, MANIFEST
from cms.actions.backup_files import is_of_site
from cms.actions.reconcile import Progress
from cms.database import dump
from cms.database.migrations import STEPS
from cms.errors import Invalid
from cms.store.base import Key, version_of


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup that is whole; `digests` are the SHA-256 of its files by their names in it, `step` is the migration that
    its tables are at, `seq` their last change."""

    path: Path
    digests: dict[str, str]
    step: int
    seq: int

    def keys(self, place: str) -> Iterator[tuple[Key, str]]:
        """Yield the files of a place, by key, with their digests."""
        for name, digest in self.digests.items():
            part, _, key = name.partition("/")
            if part == place:
                yield Key(key), digest

    def tables(self, tar: tarfile.TarFile) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield the tables that are in it, with their lines."""
        for table in dump.NAMES:
            if _table_file(table) in self.digests:
                yield table, _lines(tar, table)


def check(path: Path, progress: Progress | None = None) -> Archive:
    """Read all of the archive; `Invalid` when it is not as it was written, or not for this version to read."""
    try:
        with tarfile.open(path, "r:") as tar:
            digests = _digests(tar, progress)
            about = json.load(stream_of(tar, ABOUT))
            made_by, step, seq = (_number(about, name) for name in ("format", "step", "seq"))
            if made_by > FORMAT or step > len(STEPS):
                raise Invalid(f"{path} was written by a later version of this service; restore it with that one.")
            archive = Archive(path, digests, step, seq)
            with scratch.folder() as folder:
                dump.rehearse(folder, step, archive.tables(tar))
    except (tarfile.TarError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError, OSError) as error:
        raise Invalid(f"{path} is no whole backup, and nothing was restored: {error}") from error
    return archive


def stream_of(tar: tarfile.TarFile, name: str) -> BinaryIO:
    stream = tar.extractfile(tar.getmember(name))
    if stream is None:
        raise ValueError(f"{name} is no file")
    return stream  # type: ignore[return-value]  # a buffered reader is one


def _digests(tar: tarfile.TarFile, progress: Progress | None) -> dict[str, str]:
    """The digests of all files but the manifest, which has to say the same."""
    members = tar.getmembers()
    names = {member.name for member in members}
    if len(names) != len(members):
        raise ValueError("it has two files of one name")
    found: dict[str, str] = {}
    for done, member in enumerate(members, start=1):
        _check_member(member, names)
        found[member.name] = version_of(stream_of(tar, member.name))
        if progress is not None:
            progress(done, len(members))
    found.pop(MANIFEST)
    if found != json.load(stream_of(tar, MANIFEST)):
        raise ValueError("its files are not those of its manifest")
    return found


def _check_member(member: tarfile.TarInfo, names: set[str]) -> None:
    """Refuse what no backup writes. Links would be read as what they point to, sparse files as any number of bytes."""
    name = member.name
    if not member.isreg() or member.issparse():
        raise ValueError(f"{name!r} is no plain file")
    if name not in (ABOUT, MANIFEST) and name not in map(_table_file, dump.NAMES) and not is_of_site(name):
        raise ValueError(f"{name!r} is no file of a site")
    if names & {str(parent) for parent in PurePosixPath(name).parents}:
        raise ValueError(f"{name!r} lies below a file")


def _number(about: Any, name: str) -> int:
    number = about[name]
    if type(number) is not int or number < 0:
        raise ValueError(f"{ABOUT} has no number as {name}")
    return number


def _table_file(table: str) -> str:
    return f"tables/{table}.ndjson"


def _lines(tar: tarfile.TarFile, table: str) -> Iterator[bytes]:
    with stream_of(tar, _table_file(table)) as stream:
        yield from stream
