"""Statements that are built once and then given to the driver as they are.

SQLAlchemy takes several times as long to run a short statement as SQLite takes to answer it; what every request asks is
asked in this way. Rows, errors and counts are those that SQLAlchemy's own way has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Result
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from cms.database import causes, statements

Parameters = Mapping[str, Any]
_Process = Callable[[Any], Any]


class Prepared:
    """A statement whose parameters have the names of its `bindparam`s; none of them expands."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._ready: dict[str, _Ready] = {}

    def on(self, tx: Connection, parameters: Parameters | None = None) -> Result[*tuple[Any, ...]]:
        """All rows; `DBAPIError` as SQLAlchemy raises it."""
        ready = self._for(tx.dialect)
        return ready.result(execute(tx, ready.sql, ready.values(parameters or {})).fetchall())

    def run(self, tx: Connection, parameters: Parameters | None = None) -> int:
        """How many rows it was done to."""
        ready = self._for(tx.dialect)
        return int(execute(tx, ready.sql, ready.values(parameters or {})).rowcount)

    def _for(self, dialect: Dialect) -> _Ready:
        found = self._ready.get(dialect.name)
        if found is None:
            found = self._ready[dialect.name] = _Ready(self._statement, dialect)
        return found


class _Ready:
    """The statement in one database's words."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        assert isinstance(statement, ClauseElement)
        compiled: Any = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._names: Sequence[str] | None = compiled.positiontup
        self._fixed: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}
        columns = list(getattr(statement, "exported_columns", ()))
        self._shape = SimpleResultMetaData([column.key for column in columns])
        self._processes: list[_Process | None] = []
        if dialect.name == "sqlite":  # which has no booleans; psycopg answers with the types that were asked for
            found = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
            self._processes = found if any(found) else []

    def values(self, parameters: Parameters) -> Any:
        """As the driver takes them: by place, or by name."""
        given = {**self._fixed, **parameters} if self._fixed else parameters
        return given if self._names is None else [given[name] for name in self._names]

    def result(self, rows: list[Any]) -> Result[*tuple[Any, ...]]:
        if self._processes:
            rows = [tuple(map(_processed, self._processes, row)) for row in rows]
        return IteratorResult(self._shape, iter(rows))


def _processed(process: _Process | None, value: Any) -> Any:
    return value if process is None else process(value)


def execute(tx: Connection, sql: str, values: Any, *, is_many: bool = False) -> Any:
    """The driver's cursor, after it was given the statement; `DBAPIError` as SQLAlchemy raises it."""
    begun = time.perf_counter()
    cursor = tx.connection.cursor()
    try:
        (cursor.executemany if is_many else cursor.execute)(sql, values)
    except tx.dialect.loaded_dbapi.Error as error:
        raise _told(tx, sql, values, error) from error
    statements.note(sql, begun)
    return cursor


def _told(tx: Connection, sql: str, values: Any, error: Any) -> BaseException:
    """The driver's error as SQLAlchemy tells it; a connection that cannot be used any more is let go."""
    is_lost = tx.dialect.is_disconnect(error, None, None) or causes.has_failed(error)
    if is_lost:
        tx.invalidate(error)
    causes.keep_first_line(error)
    base = tx.dialect.loaded_dbapi.Error
    told: BaseException
    told = DBAPIError.instance(
        sql, values, error, base, hide_parameters=True, connection_invalidated=is_lost, dialect=tx.dialect
    )
    return told
