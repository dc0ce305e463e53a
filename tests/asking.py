"""What a test's database is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event

from cms.database import prepared, statements

Note = Callable[[str, object], None]
"""Told of each statement, apart from its values, and of these, before it is run."""


def listen(engine: Engine, patch: pytest.MonkeyPatch, note: Note) -> None:
    """From now on; statements that open and close transactions are not told of."""
    execute = prepared.execute

    def run(tx: Any, sql: str, values: Any, *, is_many: bool = False) -> Any:
        if not sql.startswith(statements.OPENING):
            note(sql, values)
        return execute(tx, sql, values, is_many=is_many)

    def before(_connection: Any, _cursor: Any, statement: str, parameters: object, *_: Any) -> None:
        note(statement, parameters)

    patch.setattr(prepared, "execute", run)
    event.listen(engine, "before_cursor_execute", before)
