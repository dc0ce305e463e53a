"""How PostgreSQL is connected to: who hears nothing has to know soon that nothing can be heard, on both sides."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, ExceptionContext, create_engine, event, make_url

from cms.database import causes

_HERE: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 3000,
}
"""Seconds, and milliseconds."""

# Else a server goes on holding the locks of a node that it cannot reach for the two hours of Linux' own keep-alive.
_THERE = (
    "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=9000"
    " -c lock_timeout=3s"  # a reader waits no longer for a table that somebody has locked
)

_open: dict[str, WeakSet[Any]] = {}
_lock = threading.Lock()


def options(url: str) -> dict[str, Any]:
    """Of libpq, for all connections; what the URL says itself counts."""
    given = make_url(url).query
    return {name: value for name, value in {**_HERE, "options": _THERE}.items() if name not in given}


def open_engine(url: str, **others: Any) -> Engine:
    """SQLAlchemy's engine for `postgresql+psycopg://…`."""
    engine = create_engine(url, pool_pre_ping=True, connect_args=options(url), hide_parameters=True, **others)
    event.listen(engine, "handle_error", _hide_values)
    event.listen(engine, "connect", lambda connection, _record: note(url, connection))
    return engine


def _hide_values(context: ExceptionContext) -> None:
    """Take the values of the row out of what the error says."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            causes.keep_first_line(error)


def note(url: str, connection: Any) -> None:
    """The driver's connection is one of this process to that server."""
    with _lock:
        _open.setdefault(url, WeakSet()).add(connection)


def hang_up(url: str) -> None:
    """Whoever waits for the server's answer on any connection of this process gets an error at once: a server, or what
    stands in front of it, may take what it is sent and never answer."""
    from psycopg import OperationalError

    with _lock:
        connections = list(_open.get(url, ()))
    for connection in connections:
        with suppress(OSError, OperationalError):  # it is closed already
            line = socket.socket(fileno=os.dup(connection.fileno()))
            with line:
                line.shutdown(socket.SHUT_RDWR)
