"""Finds the bytes of photos and variants for those who look at them; they are fetched when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from cms.actions import lfs, lookup
from cms.actions.photo_files import key_of
from cms.context import Context
from cms.database import images
from cms.database.engine import read
from cms.errors import NotFound
from cms.model.image import variant_key
from cms.model.scopes import Actor
from cms.store.base import Key, Part, Store


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a store, of `size` bytes; `etag` names these bytes."""

    store: Store
    key: Key
    size: int
    etag: str

    def open(self, start: int = 0, stop: int | None = None) -> BinaryIO:
        """The bytes from `start`, as a stream that the caller closes, in which those before `stop` are to be had."""
        stream = self.store.open(self.key, None if stop is None else Part(start, stop))
        if stream is None:
            raise NotFound("That is gone by now.")
        return stream


def find_photo(ctx: Context, actor: Actor, path: str) -> tuple[Found, str]:
    """The photo and its format; `NotFound` when there is none that the actor may see."""
    with read(ctx.database) as tx:
        row = lookup.photo(tx, actor, path)
    for store in (ctx.media,) if ctx.media is ctx.site else (ctx.media, ctx.site):
        if (stat := store.stat(key_of(path))) is not None:
            if lfs.is_pointer(store, stat):
                raise NotFound(f"{path} {lfs.WHAT_NOW}.")
            return Found(store, stat.key, stat.size, row.sha256), row.format
    raise NotFound(f"There is no photo {path}.")


def find_variant(ctx: Context, actor: Actor, sha256: str, name: str) -> Found:
    """A variant; `NotFound` when there is none, or no photo of it that the actor may see."""
    with read(ctx.database) as tx:
        is_shown = images.has(tx, sha256, lookup.sight(actor))
    stat = ctx.variants.stat(Key(variant_key(sha256, name))) if is_shown else None
    if stat is None:
        raise NotFound("There is no such variant.")
    return Found(ctx.variants, stat.key, stat.size, sha256[:32] + name)
