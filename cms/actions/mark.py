"""Tells a database that is lost from one that is still to be made: a mark in `.cms/` says that the site has had one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cms.context import Context
from cms.database import damage, file
from cms.errors import database_lost

_FOLDER = "databases"


def check(ctx: Context) -> None:
    """`Unavailable` when the site has had this database, and it is not there any more."""
    if _path(ctx).exists() and is_lost(ctx):
        raise database_lost()


def is_lost(ctx: Context) -> bool:
    """Whether there is no log; `Unavailable` when the database does not answer."""
    return file.gone_since(ctx.database) is not None or not damage.has_log(ctx.database)


def put(ctx: Context) -> None:
    """The site has had this database from now on."""
    path = _path(ctx)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text("There is a database: should it be lost, nobody takes that for a first start.\n")


def remove(ctx: Context) -> None:
    _path(ctx).unlink(missing_ok=True)


def _path(ctx: Context) -> Path:
    url = ctx.database.url
    name = f"{url.host}:{url.port}/{url.database}" if url.host else url.database
    return ctx.settings.state_folder / _FOLDER / hashlib.sha256(str(name).encode()).hexdigest()[:16]
