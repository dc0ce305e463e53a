"""A deadline for what one search may take of the database, and of the process after it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from cms.database import causes
from cms.errors import Unavailable

SEARCH_S: Final = 1.0
TOO_LONG: Final = "search_too_long"
_INSTRUCTIONS: Final = 1_000
"""SQLite looks at the clock after so many instructions of its virtual machine."""
_CANCELED: Final = "57014"


class Deadline:
    """A moment on the monotonic clock, `seconds` from now."""

    def __init__(self, seconds: float = SEARCH_S) -> None:
        self._end = time.monotonic() + seconds

    def is_over(self) -> bool:
        return time.monotonic() > self._end

    def check(self) -> None:
        """Raise `Unavailable` (`search_too_long`) after the deadline."""
        if self.is_over():
            raise too_long()

    @contextmanager
    def of(self, tx: Connection, statements: int = 1) -> Iterator[None]:
        """End what the database does in the block at the deadline, and raise `Unavailable`.

        PostgreSQL gives each statement an equal part of SEARCH_S; `statements` is how many long ones there are.
        """
        is_postgres = tx.dialect.name == "postgresql"
        if is_postgres:
            tx.execute(text(f"SET LOCAL statement_timeout = {int(SEARCH_S * 1000 / statements)}"))
        else:
            self._watch(tx.connection.dbapi_connection)
        try:
            yield
        except DBAPIError as error:
            is_ended = causes.code_of(error) == sqlite3.SQLITE_INTERRUPT or causes.state_of(error) == _CANCELED
            if not is_ended:
                raise
            raise too_long() from None
        finally:
            if not is_postgres:
                tx.connection.dbapi_connection.set_progress_handler(None, 0)  # type: ignore[union-attr]

    def _watch(self, connection: object) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.set_progress_handler(self.is_over, _INSTRUCTIONS)


def too_long() -> Unavailable:
    detail = "This search takes too long. Search for a rarer word, or for more words, or in one collection."
    return Unavailable(detail, code=TOO_LONG)
