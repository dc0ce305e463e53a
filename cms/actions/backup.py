"""Writes a site's backup: one tar archive of the kept tables and the content, as they were at one moment.

`manifest.json` comes last and has the SHA-256 of every other file; `about.json` says how to read them; `tables/` are
lines of JSON; `site/`, `media/` and `private/` are files by their keys. What lies in a bucket stays there.
"""

from __future__ import annotations

import json
import os
import secrets
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cms.actions import scratch, trash
from cms.actions.develop import ORIGINALS
from cms.actions.photo_files import local_copy
from cms.actions.reconcile import Progress, Reconciler
from cms.actions.site_files import FOLDERS
from cms.actions.start import settle
from cms.clock import machine_time
from cms.context import Context
from cms.database import articles, changes, clock, dump
from cms.database.engine import read
from cms.database.migrations import STEPS
from cms.errors import Exists, NotFound
from cms.model import ids
from cms.store.base import Key, Store, version_of

FORMAT = 1
MANIFEST = "manifest.json"
ABOUT = "about.json"
_OWNER_ONLY = 0o600  # it has the webhooks' secrets


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the archive: what the store holds below these folders."""

    name: str
    store: Store
    folders: tuple[str, ...]


def places(ctx: Context) -> list[Place]:
    return [
        Place("site", ctx.site, FOLDERS),
        Place("media", ctx.media, (ids.ASSETS,)),
        Place("private", ctx.private, (trash.FOLDER, ORIGINALS)),
    ]


def backup(ctx: Context, target: Path, progress: Progress | None = None) -> int:
    """Write the archive, all or nothing; returns how many files are in it. `Exists` when `target` does."""
    if target.exists():
        raise Exists(f"{target} is there already; give another name.")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    settle(Reconciler(ctx))  # what was edited by hand stands in the log from now on
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w") as tar, scratch.folder() as folder:
                writer = _Writer(tar, folder / "file")
                _write_all(ctx, writer, folder, progress)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(target)
        _flush_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return len(writer.digests)


@dataclass(slots=True)
class _Writer:
    tar: tarfile.TarFile
    scratch: Path
    digests: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, file: Path) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = file.stat().st_size, _OWNER_ONLY, int(machine_time())
        with file.open("rb") as stream:
            self.tar.addfile(info, stream)
        self.digests[name] = version_of(file)

    def add_bytes(self, name: str, data: bytes) -> None:
        self.scratch.write_bytes(data)
        self.add(name, self.scratch)


def _write_all(ctx: Context, writer: _Writer, folder: Path, progress: Progress | None) -> None:
    with read(ctx.database) as tx:
        moment = clock.now(tx)
        epoch, seq = changes.position(tx)
        known = articles.versions(tx)
        for name in dump.NAMES:
            with (folder / name).open("w") as out:
                out.writelines(dump.lines(tx, name))
    about = {"format": FORMAT, "step": len(STEPS), "epoch": epoch, "seq": seq, "time": moment}
    writer.add_bytes(ABOUT, json.dumps(about).encode())
    for name in dump.NAMES:
        writer.add(f"tables/{name}.ndjson", folder / name)
    found = list(_files(ctx, moment, known))
    for done, (place, key) in enumerate(found, start=1):
        _write_file(ctx, writer, place, key, known)
        if progress is not None:
            progress(done, len(found))
    writer.add_bytes(MANIFEST, json.dumps(writer.digests).encode())


def _files(ctx: Context, moment: float, known: dict[str, str]) -> Iterator[tuple[Place, Key]]:
    """The files of the archive: articles are those that the database knows, whatever happens to them meanwhile."""
    for place in _folders(ctx):
        for folder in place.folders:
            for stat in place.store.list(folder):
                is_later = ids.is_article(stat.key) and stat.key not in known and stat.changed >= moment
                if stat.key not in known and not is_later:
                    yield place, stat.key
        if place.store is ctx.site:
            yield from ((place, Key(key)) for key in sorted(known))


def _folders(ctx: Context) -> Iterator[Place]:
    """The site with what is kept beside it, and what else is in folders of this machine; each once."""
    urls = {"site": ctx.settings.site, "media": ctx.settings.media, "private": ctx.settings.private}
    for place in places(ctx):
        is_kept = f"{urls[place.name]}/".startswith(("file:", f"{ctx.settings.site}/"))
        if is_kept and not (place.name == "media" and ctx.media is ctx.site):
            yield place


def _write_file(ctx: Context, writer: _Writer, place: Place, key: Key, known: dict[str, str]) -> None:
    name, version = f"{place.name}/{key}", known.get(key)
    try:
        with local_copy(place.store, key) as (file, found):
            if version in (None, found):
                writer.add(name, file)
                return
            text = _logged(ctx, key, version)
            writer.add(name, file) if text is None else writer.add_bytes(name, text)
    except NotFound:
        # An article that went since then is in the log; anything else that went is gone.
        if (text := _logged(ctx, key, version)) is not None:
            writer.add_bytes(name, text)


def _logged(ctx: Context, key: Key, version: str | None) -> bytes | None:
    if version is None:
        return None
    with read(ctx.database) as tx:
        return dump.text_of(tx, key, version)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
