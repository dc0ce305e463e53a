"""How PostgreSQL is connected to: who hears nothing has to know soon that nothing can be heard, on both sides."""

from __future__ import annotations

from typing import Any

from sqlalchemy import make_url

_HERE: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 3000,
}
"""Seconds, and milliseconds."""

# Else a server goes on holding the locks of a node that it cannot reach for the two hours of Linux' own keep-alive.
_THERE = "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=9000"


def options(url: str) -> dict[str, Any]:
    """Of libpq, for all connections; what the URL says itself counts. None for SQLite."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return {}
    return {name: value for name, value in {**_HERE, "options": _THERE}.items() if name not in parsed.query}
