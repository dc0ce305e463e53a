"""Tells a database that is lost from one that is still to be made: a mark in `.cms/` says that the site has had one."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from cms.context import Context
from cms.database import damage, file
from cms.database.refusals import lost, translated
from cms.errors import Stale
from cms.store import open_store
from cms.store.base import ABSENT, Key, Store

_TEXT = b"There is a database: should it be lost, nobody takes that for a first start.\n"


def check(ctx: Context) -> None:
    """`Unavailable` when the site has had this database, and it is not there any more."""
    if is_lost(ctx) and is_there(ctx):
        raise lost(ctx.database)


def is_there(ctx: Context) -> bool:
    """Return whether the site has had this database."""
    return _store(ctx).stat(_key(ctx)) is not None


def is_lost(ctx: Context) -> bool:
    """Whether there is no log; `Unavailable` when the database does not answer."""
    with translated(ctx.database):
        return file.gone_since(ctx.database) is not None or not damage.has_log(ctx.database)


def put(ctx: Context) -> None:
    """The site has had this database from now on."""
    store, key = _store(ctx), _key(ctx)
    if not is_there(ctx):
        with suppress(Stale):  # another process was faster
            store.write(key, _TEXT, expect=ABSENT)


def remove(ctx: Context) -> None:
    store, key = _store(ctx), _key(ctx)
    if (version := store.version(key)) is not None:
        store.delete(key, expect=version)


def _store(ctx: Context) -> Store:
    return open_store(ctx.settings.state, is_private=True)


def _key(ctx: Context) -> Key:
    url = ctx.database.url
    name = f"{url.host}:{url.port}/{url.database}" if url.host else url.database
    return Key(f"databases/{hashlib.sha256(str(name).encode()).hexdigest()[:16]}")
