"""Databases that refuse a row."""

from __future__ import annotations

from sqlalchemy import text

from cms.context import Context
from cms.database.engine import write

REFUSED = "this row is refused"


def refuse(ctx: Context, table: str, condition: str) -> None:
    """Have the database refuse each new row of `table` for which the SQL `condition` holds; columns are `NEW.…`."""
    with write(ctx.database) as tx:
        if tx.dialect.name == "sqlite":
            body = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            tx.execute(text(f"CREATE TRIGGER refusing BEFORE INSERT ON {table} WHEN {condition} {body}"))
            return
        tx.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT refusing CHECK (NOT ({condition.replace('NEW.', '')}))"))


def accept(ctx: Context) -> None:
    """Have SQLite accept all rows again."""
    with write(ctx.database) as tx:
        tx.execute(text("DROP TRIGGER refusing"))
