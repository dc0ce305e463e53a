"""Brings a site back from its backup, into a place where nothing is yet.

The archive is checked to the last byte before anything is written. What was broken off is done again in the same place:
files that are there already and are the archive's own are no obstacle.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cms.actions import mark, scratch
from cms.actions.archive import Archive, stream_of
from cms.actions.backup_files import Place, places
from cms.actions.fresh_start import make_way
from cms.actions.reconcile import Progress
from cms.actions.site_files import Files
from cms.actions.start import prepare
from cms.context import Context
from cms.database import dump
from cms.database.engine import read
from cms.errors import Exists, Invalid
from cms.store.base import ABSENT, Key, version_of


def restore(ctx: Context, archive: Archive, progress: Progress | None = None, *, keeps_content: bool = False) -> int:
    """Write files and tables, and make the site ready; returns how many files were to be there.

    `Exists` when something else is there, and then nothing was written; a database that is lost is no obstacle, and
    neither is content, with `keeps_content`: it stays as it is.
    """
    wanted = [place for place in places(ctx) if place.name == "private" or not keeps_content]
    found = {
        (id(place.store), key): (place, key, digest) for place in wanted for key, digest in archive.keys(place.name)
    }
    todo = list(found.values())  # of two photos at one place now, the media store's is the one that was shown
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
        dump.load(ctx.database, archive.step, archive.tables(tar))
    prepare(ctx)
    return len(todo)


def _check_folders(ctx: Context, todo: Iterable[tuple[Place, Key, str]]) -> None:
    """Every file that is there has to be one that would be written, or nothing is."""
    own = {(id(place.store), key): digest for place, key, digest in todo}
    used = {"site", *(place.name for place, _, _ in todo)}
    for place in places(ctx):
        for folder in place.folders if place.name in used else ():
            for stat in place.store.list(folder):
                if place.store.version(stat.key) != own.get((id(place.store), stat.key)):
                    raise Exists(f"{stat.key} is there already; restore into an empty place.")


@contextmanager
def _extracted(tar: tarfile.TarFile, name: str, digest: str) -> Iterator[Path]:
    with scratch.folder() as folder:
        file = folder / "file"
        with stream_of(tar, name) as stream, file.open("wb") as out:
            shutil.copyfileobj(stream, out)
        if version_of(file) != digest:
            raise Invalid("The archive has changed while it was read.")
        yield file


def _write(ctx: Context, files: Files, place: Place, key: Key, file: Path) -> None:
    store, below = files.place(key) if place.store is ctx.site else (place.store, key)
    store.write(below, file, expect=ABSENT)
