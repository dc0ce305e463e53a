"""The kept tables as lines of JSON, one a row: out of one database, and into another in which nothing is yet.

The lines are the same for both makes of database.
"""

from __future__ import annotations

import base64
import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, delete, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from cms.database import migrations
from cms.database.engine import open_engine, write
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
            columns = dict(there.tables[name].columns.items())
            remaining = (_row(line, columns) for line in rows)
            while batch := list(islice(remaining, BATCH)):
                tx.execute(insert(there.tables[name]), batch)
        tx.execute(update(log).values(epoch=secrets.token_hex(4)))
        migrations.advance(tx, len(migrations.STEPS))


def rehearse(folder: Path, last: int, tables: Iterable[tuple[str, Iterable[bytes]]]) -> None:
    """Do what `load` would, in a database that lies in the folder; `ValueError` for tables that it cannot load."""
    engine = open_engine(f"sqlite:///{folder}/rehearsal.db")
    try:
        load(engine, last, tables)
    except IntegrityError as error:
        raise ValueError(f"its tables contradict themselves: {error.orig}") from error
    finally:
        engine.dispose()


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _row(line: bytes, columns: Mapping[str, Column[Any]]) -> dict[str, Any]:
    """Return the values of a row; `ValueError` when they are not those of these columns."""
    row = json.loads(line)
    if not isinstance(row, dict) or row.keys() != columns.keys():
        raise ValueError("a row has other columns than its table")
    values = {
        name: base64.b64decode(value["base64"]) if isinstance(value, dict) else value for name, value in row.items()
    }
    for name, value in values.items():
        if not _fits(value, columns[name]):
            raise ValueError(f"a row has {type(value).__name__} as {name}")
    return values


def _fits(value: Any, column: Column[Any]) -> bool:
    kind = column.type.python_type
    if value is None or kind not in (int, float):
        return value is None or type(value) is kind
    return type(value) in (int, float) and math.isfinite(value)
