"""The files of photos: in the media store, else in the site."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cms.actions import scratch
from cms.context import Context
from cms.errors import NotFound, NotOffered, Stale
from cms.model import ids
from cms.store.base import Key, Store, Version, version_of


def key_of(path: str) -> Key:
    """Where the photo at `path` below `src/assets` lies, in whichever store."""
    return Key(ids.ASSETS + path)


def home(ctx: Context, key: Key) -> Store:
    """The store that the photo is read from."""
    return ctx.media if ctx.media is ctx.site or ctx.media.stat(key) is not None else ctx.site


@contextmanager
def local_copy(store: Store, key: Key) -> Iterator[tuple[Path, Version]]:
    """The bytes in a file of this machine, for the block, and their version; `NotFound` when there are none."""
    stream = store.open(key)
    if stream is None:
        raise NotFound("There is no such photo any more.")
    with stream, scratch.folder() as folder:
        file = folder / "photo"
        with file.open("wb") as out:
            shutil.copyfileobj(stream, out)
        yield file, version_of(file)


def check_private(ctx: Context) -> None:
    """Refuse to keep anything where the public could read it."""
    if ctx.private.is_public():
        raise NotOffered("Everybody can read the bucket; set CMS_UPLOADS to a private place for what is kept.")


def delete_from(store: Store, key: Key) -> None:
    """Remove what is there, whatever it is; for what nobody else writes, save a client that sends its upload again."""
    for attempt in range(3):
        version = store.version(key)
        if version is None:
            return
        try:
            store.delete(key, expect=version)
        except Stale as error:
            if error.current is not None and attempt == 2:  # else others have removed it just now
                raise
        else:
            return
