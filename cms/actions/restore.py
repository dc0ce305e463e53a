"""Brings a site back from its backup, into a place where nothing is yet.

The archive is checked to the last byte before anything is written. What was broken off is done again in the same place:
files that are there already and are the archive's own are no obstacle.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cms.actions import mark, scratch
from cms.actions.backup import ABOUT, FORMAT, MANIFEST
from cms.actions.backup_files import Place, places
from cms.actions.fresh_start import make_way
from cms.actions.reconcile import Progress
from cms.actions.site_files import Files
from cms.actions.start import prepare
from cms.context import Context
from cms.database import dump
from cms.database.engine import read
from cms.database.migrations import STEPS
from cms.errors import Exists, Invalid
from cms.store.base import ABSENT, Key, check_key, version_of


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup that is whole; `digests` are the SHA-256 of its files by their names in it, `step` is the migration that
    its tables are at, `seq` their last change."""

    path: Path
    digests: dict[str, str]
    step: int
    seq: int

    def keys(self, place: str) -> dict[Key, str]:
        """The files of a place, by key, with their digests."""
        start = f"{place}/"
        found = {name.removeprefix(start): digest for name, digest in self.digests.items() if name.startswith(start)}
        return {check_key(key): digest for key, digest in found.items()}


def check(path: Path, progress: Progress | None = None) -> Archive:
    """Read all of the archive; `Invalid` when it is not as it was written, or not for this version to read."""
    try:
        with tarfile.open(path, "r:") as tar:
            members = tar.getmembers()
            found: dict[str, str] = {}
            for done, member in enumerate(members, start=1):
                found[member.name] = version_of(_stream(tar, member))
                if progress is not None:
                    progress(done, len(members))
            digests = json.load(_stream(tar, tar.getmember(MANIFEST)))
            found.pop(MANIFEST)
            if found != digests or len(members) != len(found) + 1:
                raise ValueError("its files are not those of its manifest")
            about = json.load(_stream(tar, tar.getmember(ABOUT)))
            made_by, step, seq = about["format"], about["step"], about["seq"]
    except (tarfile.TarError, KeyError, ValueError, OSError) as error:
        raise Invalid(f"{path} is no whole backup, and nothing was restored: {error}") from error
    if made_by > FORMAT or step > len(STEPS):
        raise Invalid(f"{path} was written by a later version of this service; restore it with that one.")
    return Archive(path, digests, step, seq)


def restore(ctx: Context, archive: Archive, progress: Progress | None = None, *, keeps_content: bool = False) -> int:
    """Write files and tables, and make the site ready; returns how many files were to be there.

    `Exists` when something else is there, and then nothing was written; a database that is lost is no obstacle, and
    neither is content, with `keeps_content`: it stays as it is.
    """
    wanted = [place for place in places(ctx) if place.name == "private" or not keeps_content]
    todo = [(place, key, digest) for place in wanted for key, digest in archive.keys(place.name).items()]
    if not keeps_content:
        _check_folders(ctx, todo)
    if mark.is_lost(ctx):
        make_way(ctx)
    with read(ctx.database) as tx:
        dump.check_empty(tx)
    files = Files(ctx.settings.site)
    with tarfile.open(archive.path, "r:") as tar:
        for done, (place, key, digest) in enumerate(todo, start=1):
            if place.store.version(key) != digest:
                with _extracted(tar, f"{place.name}/{key}", digest) as file:
                    _write(ctx, files, place, key, file)
            if progress is not None:
                progress(done, len(todo))
        dump.load(ctx.database, archive.step, ((name, _lines(tar, name)) for name in dump.NAMES if _has(archive, name)))
    prepare(ctx)
    return len(todo)


def _check_folders(ctx: Context, todo: Iterable[tuple[Place, Key, str]]) -> None:
    """Every file that is there has to be one that would be written, or nothing is."""
    own: dict[str, set[str]] = {}
    used = {"site"}
    for place, key, digest in todo:
        own.setdefault(key, set()).add(digest)
        used.add(place.name)
    for place in places(ctx):
        for folder in place.folders if place.name in used else ():
            for stat in place.store.list(folder):
                if place.store.version(stat.key) not in own.get(stat.key, ()):
                    raise Exists(f"{stat.key} is there already; restore into an empty place.")


@contextmanager
def _extracted(tar: tarfile.TarFile, name: str, digest: str) -> Iterator[Path]:
    with scratch.folder() as folder:
        file = folder / "file"
        with _stream(tar, tar.getmember(name)) as stream, file.open("wb") as out:
            shutil.copyfileobj(stream, out)
        if version_of(file) != digest:
            raise Invalid("The archive has changed while it was read.")
        yield file


def _write(ctx: Context, files: Files, place: Place, key: Key, file: Path) -> None:
    store, below = files.place(key) if place.store is ctx.site else (place.store, key)
    store.write(below, file, expect=ABSENT)


def _has(archive: Archive, table: str) -> bool:
    return f"tables/{table}.ndjson" in archive.digests


def _lines(tar: tarfile.TarFile, table: str) -> Iterator[bytes]:
    with _stream(tar, tar.getmember(f"tables/{table}.ndjson")) as stream:
        yield from stream


def _stream(tar: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    stream = tar.extractfile(member)
    if stream is None:
        raise ValueError(f"{member.name} is no file")
    return stream  # type: ignore[return-value]  # a buffered reader is one
