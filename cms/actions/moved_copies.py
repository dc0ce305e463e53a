"""Has the working copy of an article that moves show the same photos, too."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection

from cms.context import Context
from cms.database import articles, drafts, history
from cms.errors import Invalid
from cms.model import article as article_file
from cms.model import document, relocation
from cms.model.ids import Name
from cms.store.base import Key, version_of


def relocated(ctx: Context, tx: Connection, old: Key, new: Key, made: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return the version of the working copy and the values to be set, None when there is nothing to change.

    `made` is the article's file at its new key. Where only paths of photos have changed in it, the copy is one of that.
    """
    row = articles.by_key(tx, old)
    name = None if row is None else Name(row.collection, row.id)
    copy = None if name is None else drafts.get(tx, name)
    if name is None or copy is None:
        return None
    text = bytes(copy.text)
    with suppress(Invalid):
        moved = _moved(ctx, text, old, new)
        base = history.text_of(tx, name, copy.base_version)
        is_pure = base is not None and _moved(ctx, bytes(base), old, new) == made
        values = {"base_version": version_of(made) if is_pure else copy.base_version}
        if moved != text or values["base_version"] != copy.base_version:
            return copy.version, {**values, "text": moved, "version": version_of(moved)}
    return None


def set_relocated(tx: Connection, name: Name, found: tuple[str, dict[str, Any]] | None) -> None:
    """Set the values that `relocated` has found; the article has its new id by now."""
    if found is not None:
        drafts.put(tx, name, found[0], found[1])


def _moved(ctx: Context, text: bytes, old: Key, new: Key) -> bytes:
    limits = ctx.settings.limits
    refs = article_file.read(old, text, version_of(text), limits).refs
    found = document.read(text, limits.front_matter)
    return relocation.relocated(found, refs, old, new).encode()
