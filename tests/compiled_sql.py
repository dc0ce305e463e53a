"""SQL that is compiled once by each process, and not again for each test's own database of the same make."""

from __future__ import annotations

from collections import UserDict
from typing import Any

from sqlalchemy import Connection, Engine, event

MOST = 5000


class _Compiled(UserDict[Any, Any]):
    """By the statement alone: SQLAlchemy's keys begin with the dialect, of which each engine has one of its own."""

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        return self.data[key[1:]]

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        if len(self.data) >= MOST:
            self.data.clear()
        self.data[key[1:]] = compiled

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and key[1:] in self.data


_known = {"sqlite": _Compiled(), "postgresql": _Compiled()}


def share() -> None:
    """Have all engines of this process use it."""

    @event.listens_for(Engine, "engine_connect")
    def use(connection: Connection) -> None:
        connection.execution_options(compiled_cache=_known[connection.dialect.name])
