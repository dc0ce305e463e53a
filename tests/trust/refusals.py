"""Databases that refuse a row."""

from __future__ import annotations

from sqlalchemy import text

from cms.context import Context
from cms.database.derived import article_values
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


def refuse_value(ctx: Context, word: str, state: str) -> None:
    """Have PostgreSQL refuse the values of articles with this SQLSTATE when their texts have the word."""
    body = f"BEGIN IF NEW.text LIKE '%{word}%' THEN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = '{state}'; END IF;"
    with write(ctx.database) as tx:
        made = f"CREATE FUNCTION refusing() RETURNS trigger AS $$ {body} RETURN NEW; END $$ LANGUAGE plpgsql"
        tx.execute(text(made.replace(":", "\\:")))
        table = article_values.name
        tx.execute(text(f"CREATE TRIGGER refusing BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refusing()"))


def accept(ctx: Context) -> None:
    """Have SQLite accept all rows again."""
    with write(ctx.database) as tx:
        tx.execute(text("DROP TRIGGER refusing"))
