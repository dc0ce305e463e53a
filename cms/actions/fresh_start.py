"""Begins a new database from the files, in place of one that is lost."""

from __future__ import annotations

from cms.actions import mark
from cms.actions.reconcile import Progress
from cms.actions.start import prepare
from cms.context import Context
from cms.database import dump, file
from cms.database.engine import read
from cms.errors import Exists


def fresh_start(ctx: Context, progress: Progress | None = None) -> None:
    """Make the database, with a new epoch and an empty history; what is left of a lost file is set aside.

    `Exists`, and nothing is done, when the database is not lost.
    """
    if not mark.is_lost(ctx):
        raise Exists("The database is there, with its history; nothing was done.")
    make_way(ctx)
    prepare(ctx, progress)


def make_way(ctx: Context) -> None:
    """Have an empty place for a database in place of the lost one; `Exists` when some of its tables are left."""
    if ctx.database.dialect.name == "sqlite":
        file.set_aside(ctx.database)
    else:
        with read(ctx.database) as tx:
            dump.check_empty(tx)
    mark.remove(ctx)
