"""The sample site taken in once by each process, so that a test begins with a copy of that database.

A copy knows the files of the site that it was made from; `belong` has it know the test's own.
"""

from __future__ import annotations

import secrets
import time

from sqlalchemy import bindparam, select, update

from cms.context import Context
from cms.database.derived import articles, collections, images
from cms.database.engine import read, write
from cms.database.tables import changes, log
from cms.store.base import Stat

_known: dict[str, dict[str, Stat]] = {}
"""The files that a database to copy was made from, by its epoch."""


def remember(ctx: Context) -> None:
    """The database, as it is now, is one to make copies from."""
    _known[_epoch(ctx)] = _files(ctx)


def belong(ctx: Context) -> None:
    """Make a copy a database of its own, made just now from the site of `ctx`; any other is left as it is."""
    known = _known.get(_epoch(ctx))
    if known is None:
        return
    files = _files(ctx)
    assert _facts(files) == _facts(known), "the site was altered before its database was asked for"
    marks = {stat.mark: files[key].mark for key, stat in known.items()}
    with write(ctx.database) as tx:
        tx.execute(update(log).values(epoch=secrets.token_hex(4)))
        tx.execute(update(changes).values(logged_at=time.time()))
        for table in (articles, images, collections):
            (key,) = table.primary_key.columns
            query = update(table).where(key == bindparam("row")).values(mark=bindparam("own"))
            rows = tx.execute(select(key, table.c.mark)).all()
            # A collection has the marks of two files, or "-" for one that is missing.
            own = [{"row": row, "own": " ".join(marks.get(one, one) for one in mark.split(" "))} for row, mark in rows]
            tx.execute(query, own)


def _epoch(ctx: Context) -> str:
    with read(ctx.database) as tx:
        epoch: str = tx.execute(select(log.c.epoch)).scalar_one()
    return epoch


def _files(ctx: Context) -> dict[str, Stat]:
    return {stat.key: stat for stat in ctx.site.list("src")}


def _facts(files: dict[str, Stat]) -> set[tuple[str, int, int]]:
    return {(stat.key, stat.size, int(stat.modified)) for stat in files.values()}
