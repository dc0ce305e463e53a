"""Says to operators why a database does not do what it is asked: its place, its own code and words, and what to do.

PostgreSQL's words are its first line alone, and of kinds of errors that quote no row.
"""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from cms.database import causes
from cms.outages import Cause

_START = "Start the database server, or correct CMS_DATABASE."
_NAME = "Create the database, or correct its name in CMS_DATABASE."
_USER = "Correct the user and the password in CMS_DATABASE, or what pg_hba.conf says of them."
_CONNECTIONS = "Raise max_connections of the server, or start fewer processes of this service."
_ROOM = "Make room on the database's disk."
_PRIMARY = "Point CMS_DATABASE to the primary, and let it be written to."
_TLS = "Correct sslmode and the certificates in CMS_DATABASE."
_RIGHTS = "Give the service's user all rights on the tables of its schema (GRANT), or make it their owner."
_MOMENT = "Requests are tried again; if that lasts, look at the server's log."
_FILE = "Give the service's user the right to read and write the file and its folder."
_DISK = "Check the disk that it lies on."

_BY_STATE = {
    "28": _USER,
    "3D": _NAME,
    "42": "Undo what was changed in its tables by hand, or restore a backup.",
    "42501": _RIGHTS,
    "53": "Give the database server more of what it lacks.",
    "53100": _ROOM,
    "53300": _CONNECTIONS,
    "25": _PRIMARY,
    "58": _DISK,
    "XX": _DISK,
}
"""By SQLSTATE or its class."""

_BY_WORDS = (
    ("too many c", _CONNECTIONS), ("connection slots", _CONNECTIONS), ("password authentication failed", _USER),
    ("pg_hba.conf", _USER), ("no password supplied", _USER), ("role ", _USER), ("SSL", _TLS), ("certificate", _TLS),
    ("does not exist", _NAME), ("starting up", _MOMENT), ("shutting down", _MOMENT), ("recovery mode", _MOMENT),
)  # fmt: skip
"""Of refused connections, for which libpq gives no SQLSTATE."""

_BY_SQLITE = {
    "SQLITE_FULL": _ROOM,
    "SQLITE_READONLY": "Make its file system writable, and give the service's user the right to write the file.",
    "SQLITE_IOERR": _DISK,
    "SQLITE_CANTOPEN": _FILE,
    "SQLITE_PERM": _FILE,
    "SQLITE_AUTH": _FILE,
    "SQLITE_BUSY": "Another process holds its write lock; end what has been writing for so long.",
    "SQLITE_LOCKED": "Another process holds its write lock; end what has been writing for so long.",
    "SQLITE_CORRUPT": "Stop the service; `cms restore FILE` brings the database back from a backup.",
    "SQLITE_NOTADB": "Stop the service; `cms restore FILE` brings the database back from a backup.",
}
_WITHOUT_ROWS = ("08", "25", "28", "3D", "42", "53", "55", "57", "58")
"""Classes of SQLSTATE whose words name things of the schema and the server, and no values."""
_NO_ANSWER = ("08", "28", "3D", "57")
MOST_WORDS = 300


def place_of(engine: Engine) -> str:
    """Return where the database is, without its password."""
    url = engine.url
    if engine.dialect.name == "sqlite":
        return f"SQLite {url.database}"
    host = url.host or url.query.get("host") or "the local socket"
    port = f":{url.port}" if url.port else ""
    user = f", user {url.username}" if url.username else ""
    return f"PostgreSQL at {host if isinstance(host, str) else ','.join(host)}{port}, database {url.database}{user}"


def cause_of(engine: Engine, error: DBAPIError) -> Cause:
    """Return the cause behind what the driver raised."""
    state = causes.state_of(error)
    if engine.dialect.name == "sqlite":
        name = str(getattr(error.orig, "sqlite_errorname", None) or type(error.orig).__name__)
        known = (advice for code, advice in _BY_SQLITE.items() if name.startswith(code))
        return Cause(place_of(engine), name, next(known, _MOMENT))
    if state is None:
        words = _words(engine, error)
        advice = next((advice for text, advice in _BY_WORDS if text in words), _START)
        return Cause(place_of(engine), words, advice, is_whole=True)
    name = type(error.orig).__name__
    words = f": {_words(engine, error)}" if state.startswith(_WITHOUT_ROWS) else ""
    advice = _BY_STATE.get(state) or _BY_STATE.get(state[:2], _MOMENT)
    return Cause(place_of(engine), f"{state} {name}{words}", advice, is_whole=state.startswith(_NO_ANSWER))


def of_pool(engine: Engine) -> Cause:
    """Return the cause of a wait for a connection that was in vain."""
    return Cause(place_of(engine), "all connections of this process are in use", _MOMENT)


def of_standby(engine: Engine) -> Cause:
    """Return the cause of a refusal by a server that only follows another."""
    return Cause(place_of(engine), "the server is a standby", _PRIMARY)


def of_loss(engine: Engine) -> Cause:
    """Return the cause of a refusal where no database is found."""
    return Cause(place_of(engine), "there is no database of this service", "Correct CMS_DATABASE if it is elsewhere.")


def _words(engine: Engine, error: DBAPIError) -> str:
    """Return the first line of what the server or libpq says."""
    said = " ".join(str(error.orig).partition("\n")[0].split())
    password = engine.url.password
    is_secret = password is not None and len(str(password)) > 3  # less would be found in many a word
    return (said.replace(str(password), "…") if is_secret else said)[:MOST_WORDS]
