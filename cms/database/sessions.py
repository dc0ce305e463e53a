"""Proves what the service relies on in PostgreSQL: sessions that are kept, notifications that come, and UTF-8.

A connection pooler in transaction mode gives each transaction another session of the server: its locks are then
nobody's, and its notifications go astray.
"""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cms.database import postgres
from cms.errors import Unavailable

if TYPE_CHECKING:
    from psycopg import Connection, Notify

POOLED: Final = (
    "CMS_DATABASE leads to a pooler that does not keep sessions; connect to PostgreSQL itself or use session mode."
)
ECHO_S = 2.0
"""A notification that is not heard within this time will never be."""
_NO_OPTION = "unsupported startup parameter"
_TRY_LOCK = "SELECT pg_try_advisory_lock(%s)"
_SEE_LOCK = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted"
    " AND objsubid = 1 AND (classid::bigint << 32) + objid::bigint = %s"
)


def check(url: str) -> None:
    """Raise `Unavailable` for a PostgreSQL that keeps no sessions or whose encoding is not UTF-8; what does not answer
    at all is left to the first transaction."""
    if not url.startswith("postgresql"):
        return
    import psycopg  # which takes long, and SQLite does without

    try:
        with connect(url) as first, connect(url) as second:
            encoding = first.info.parameter_status("server_encoding")
            if encoding not in (None, "UTF8"):
                detail = f"The database's encoding is {encoding}; create it anew with ENCODING 'UTF8'."
                raise Unavailable(detail, code="database_encoding")
            if not (_keeps_locks(first, second) and Echo(first, second).is_heard()):
                raise Unavailable(POOLED, code="database_pooled")
    except psycopg.Error as error:
        if _NO_OPTION in str(error):
            raise Unavailable(POOLED, code="database_pooled") from error


def connect(url: str) -> Connection:
    """Return a connection of the driver's own, on which each statement is a transaction."""
    import psycopg

    plain = url.replace("postgresql+psycopg://", "postgresql://")
    connection = psycopg.connect(plain, autocommit=True, prepare_threshold=None, **postgres.options(url))
    postgres.note(url, connection)
    return connection


class Echo:
    """Whether what one connection is to hear of another's comes to it."""

    def __init__(self, listener: Connection, speaker: Connection) -> None:
        self._listener, self._speaker = listener, speaker
        self._channel = f"cms_echo_{secrets.token_hex(8)}"
        self._heard_at = self._spoken_at = 0.0
        listener.execute(f"LISTEN {self._channel}")

    def speak(self) -> None:
        """Send a notification that `hear` is to be told of, unless one is still under way."""
        if self._heard_at >= self._spoken_at:
            self._spoken_at = time.monotonic()
            self._speaker.execute(f"NOTIFY {self._channel}")

    def hear(self, notice: Notify) -> bool:
        """Return whether this is it."""
        is_own = notice.channel == self._channel
        if is_own:
            self._heard_at = time.monotonic()
        return is_own

    def is_lost(self) -> bool:
        """Return whether the last one has not come in time."""
        return self._heard_at < self._spoken_at < time.monotonic() - ECHO_S

    def is_heard(self) -> bool:
        """Speak once, and return whether that is heard in time."""
        self.speak()
        return any(self.hear(notice) for notice in self._listener.notifies(timeout=ECHO_S))


def _keeps_locks(first: Connection, second: Connection) -> bool:
    """Return whether a lock that one statement takes is still there for the next, while others use the server."""
    import psycopg

    number, found = secrets.randbits(62), None
    first.execute(_TRY_LOCK, [number])
    with suppress(psycopg.OperationalError), second.transaction():
        # Its transaction has the server's session that a pooler gave to the first: the next one gets another.
        second.execute("SET LOCAL idle_in_transaction_session_timeout = '1s'")
        found = first.execute(_SEE_LOCK, [number]).fetchone()
        second.execute("SELECT pg_advisory_unlock_all()")
    first.execute("SELECT pg_advisory_unlock_all()")
    return found is None or bool(found[0])
