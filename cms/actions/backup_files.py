"""Finds the files of a backup as they were at one moment, that of a snapshot of the database.

The rows of articles, photos and the trash have the digests of that moment; what has gone or changed since is looked for
elsewhere. Files without rows are taken as they are when they are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from cms.actions import scratch, trash
from cms.actions.develop import ORIGINALS
from cms.actions.photo_files import key_of, local_copy
from cms.actions.reconcile import Reconciler
from cms.actions.seen import MEDIA_MARK, is_photo_key
from cms.actions.site_files import FOLDERS
from cms.actions.start import settle
from cms.context import Context
from cms.database import articles, dump, images
from cms.database import trash as trash_rows
from cms.database.engine import read
from cms.errors import NotFound
from cms.model import ids
from cms.store.base import Key, Store, is_key

_TRIES = 3
"""A photo that is restored from the trash may be in neither place when it is looked for."""


FOLDERS_OF = {"site": FOLDERS, "media": (ids.ASSETS,), "private": (f"{trash.FOLDER}/", f"{ORIGINALS}/")}
"""The parts of an archive, and the folders that each has files of."""


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the archive: what the store holds below these folders."""

    name: str
    store: Store
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file of the archive. `digest` is the SHA-256 that its row has, "" without a row or where the row has none;
    `mark` is the store's, before the snapshot, "" when the file was not there."""

    place: Place
    key: Key
    digest: str
    mark: str
    has_row: bool

    @property
    def name(self) -> str:
        return f"{self.place.name}/{self.key}"


def places(ctx: Context) -> list[Place]:
    stores = {"site": ctx.site, "media": ctx.media, "private": ctx.private}
    return [Place(name, store, FOLDERS_OF[name]) for name, store in stores.items()]


def is_of_site(name: str) -> bool:
    """Return whether a backup has files of such names besides its tables: content, assets, and what is kept of them;
    nothing that is hidden there."""
    place, _, key = name.partition("/")
    folder = next((one for one in FOLDERS_OF.get(place, ()) if key.startswith(one)), None)
    return folder is not None and is_key(key) and not re.search(r"(^|/)\.", key.removeprefix(folder))


def marks(ctx: Context) -> dict[str, str]:
    """Return the stores' marks of all files by their names in the archive; for `at_moment`, which looks later."""
    kept = ((place, folder) for place in _kept(ctx) for folder in place.folders)
    return {f"{place.name}/{stat.key}": stat.mark for place, folder in kept for stat in place.store.list(folder)}


def at_moment(ctx: Context, tx: Connection, before: dict[str, str]) -> list[File]:
    """Return the files of the snapshot `tx`; `before` is what `marks` returned earlier than its begin."""
    digests, kept = _digests(tx), {place.name: place for place in _kept(ctx)}
    found = []
    for name in sorted({*before, *digests}):
        place, _, key = name.partition("/")
        is_trash, has_row = name.startswith(f"private/{trash.FOLDER}/"), name in digests
        if place not in kept or (is_trash and not has_row):
            continue
        if is_trash and name not in before:  # whoever took it out was killed before the row went
            has_row = False
        found.append(File(kept[place], Key(key), digests[name] if has_row else "", before.get(name, ""), has_row))
    return found


@contextmanager
def opened(ctx: Context, file: File) -> Iterator[Path | None]:
    """Give the bytes of the moment in a file for the block, or None when the file belongs to a later one. `NotFound`
    when the bytes are nowhere any more."""
    with ExitStack() as stack:
        path = _of_digest(ctx, file, stack) if file.digest else _as_it_is(file, stack)
        if path is None and file.has_row:
            raise NotFound(
                f"{file.key} has changed or gone since the backup began, and its bytes of then are neither in its place"
                " nor in the trash. No backup was written; make it again. If it is the same file then, put it back."
            )
        yield path


def _digests(tx: Connection) -> dict[str, str]:
    """The digests that rows have of files, by the files' names in the archive."""
    found = {f"site/{key}": version for key, version in articles.versions(tx).items()}
    for path, sha256, mark in images.files(tx):
        found[f"{'media' if mark.startswith(MEDIA_MARK) else 'site'}/{key_of(path)}"] = sha256
    return found | {f"private/{trash.trash_key(row.id)}": row.sha256 for row in trash_rows.all_of(tx)}


def _kept(ctx: Context) -> Iterator[Place]:
    """The site with what is kept beside it, and what else is in folders of this machine; each once."""
    urls = {"site": ctx.settings.site, "media": ctx.settings.media, "private": ctx.settings.private}
    for place in places(ctx):
        is_kept = f"{urls[place.name]}/".startswith(("file:", f"{ctx.settings.site}/"))
        if is_kept and not (place.name == "media" and ctx.media is ctx.site):
            yield place


def _as_it_is(file: File, stack: ExitStack) -> Path | None:
    try:
        path, _ = stack.enter_context(local_copy(file.place.store, file.key))
    except NotFound:
        return None
    if not (ids.is_article(file.key) or is_photo_key(file.key)):
        return path
    # A rename that was under way may have come here, and another one since.
    stat = file.place.store.stat(file.key)
    return path if stat is not None and stat.mark == file.mark else None


def _of_digest(ctx: Context, file: File, stack: ExitStack) -> Path | None:
    for store, key in _whereabouts(ctx, file):
        with ExitStack() as own:
            try:
                path, digest = own.enter_context(local_copy(store, key))
            except NotFound:
                continue
            if digest == file.digest:
                stack.enter_context(own.pop_all())
                return path
    with read(ctx.database) as tx:
        text = dump.text_of(tx, file.key, file.digest)
    if text is None:
        return None
    path = stack.enter_context(scratch.folder()) / "file"
    path.write_bytes(text)
    return path


def _whereabouts(ctx: Context, file: File) -> Iterator[tuple[Store, Key]]:
    """The places in which the bytes may be."""
    yield file.place.store, file.key
    if ids.is_article(file.key):
        return
    for attempt in range(_TRIES):
        if attempt:
            settle(Reconciler(ctx))  # else no row tells where a photo is that was moved by hand
        with read(ctx.database) as tx:
            gone, there = trash_rows.with_digest(tx, file.digest), images.with_digest(tx, file.digest)
        yield from ((ctx.private, trash.trash_key(trash_id)) for trash_id in gone)
        yield from ((store, key_of(path)) for path in there for store in (ctx.media, ctx.site))
