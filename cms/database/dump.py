"""The kept tables as lines of JSON, one a row: out of one database, and into another in which nothing is yet.

The lines are the same for both makes of database.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, delete, insert, inspect, select, update

from cms.database import migrations
from cms.database.engine import write
from cms.database.tables import changes, git, heartbeats, kept, log, notices
from cms.errors import Exists

BATCH = 200
NAMES = tuple(table.name for table in kept.sorted_tables if table not in (git, heartbeats, notices))
"""The tables; not those that tell of the place where a site is: its git repository, what ails it, its processes."""


def lines(tx: Connection, name: str) -> Iterator[str]:
    """The rows of a table."""
    for row in tx.execute(select(kept.tables[name]).execution_options(yield_per=BATCH)):
        values = {column: _plain(value) for column, value in row._mapping.items()}
        yield json.dumps(values, ensure_ascii=False) + "\n"


def text_of(tx: Connection, key: str, version: str) -> bytes | None:
    """The article's file at `key` as it was at that version, by the log; None when the log does not have it."""
    found = select(changes.c.text).where(changes.c.key == key, changes.c.version == version)
    text: bytes | None = tx.execute(found.where(changes.c.text.is_not(None)).limit(1)).scalar()
    return text


def check_empty(tx: Connection) -> None:
    """`Exists` when one of our tables is there."""
    if kept.tables.keys() & set(inspect(tx).get_table_names()):
        raise Exists("The database is in use already; name an empty one as CMS_DATABASE.")


def load(engine: Engine, last: int, tables: Iterable[tuple[str, Iterable[bytes]]]) -> None:
    """Make the tables as they were after the migration step `last`, with these rows, and bring them up to date.

    All of it or nothing. The database gets a new epoch: whoever has read further in the old one starts again.
    `Exists` when the database is not empty.
    """
    with write(engine) as tx:
        check_empty(tx)
        migrations.advance(tx, last)
        there = MetaData()
        there.reflect(tx, only=lambda name, _: name in kept.tables)
        tx.execute(delete(log))
        for name, rows in tables:
            remaining = (_row(line) for line in rows)
            while batch := list(islice(remaining, BATCH)):
                tx.execute(insert(there.tables[name]), batch)
        tx.execute(update(log).values(epoch=secrets.token_hex(4)))
        migrations.advance(tx, len(migrations.STEPS))


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _row(line: bytes) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(line)
    return {
        name: base64.b64decode(value["base64"]) if isinstance(value, dict) else value for name, value in values.items()
    }
