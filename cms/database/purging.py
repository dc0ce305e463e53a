"""Finds the kept rows that hold a secret, and takes it out of them: the one place where rows of the log are altered.

They keep their seq, time and actor, and say when it was.
"""

from __future__ import annotations

import html
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, Table, delete, inspect, select, text, update

from cms.database import articles, clock, drafts, renewal, search
from cms.database.engine import write
from cms.database.refusals import translated
from cms.database.tables import AnyRow, answers, changes, conflicts, deliveries, image_fields, trash
from cms.database.tables import drafts as copies
from cms.errors import Unavailable
from cms.model.ids import Name


def forms_of(secret: str) -> tuple[bytes, ...]:
    """As the secret may stand in a file, in front matter's quotes, in JSON and in HTML."""
    plain, ascii_only = (json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (False, True))
    forms = {
        secret,
        plain,
        ascii_only,
        secret.replace("'", "''"),
        html.escape(secret),
        html.escape(secret, quote=False),
    }
    return tuple(sorted(form.encode() for form in forms))


@dataclass(slots=True)
class Held:
    """Which rows hold it: changes, working copies, ids of the trash, the keys of kept answers and of deliveries; and
    where it `stays` until somebody corrects that."""

    changes: list[AnyRow] = field(default_factory=list)
    drafts: list[AnyRow] = field(default_factory=list)
    trash: list[str] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)


def find(tx: Connection, forms: Sequence[bytes]) -> Held:
    held = Held()
    now = articles.versions(tx)
    for row in _holding(tx, changes, ("text", "message"), forms):
        if _holds(row.text, forms) and now.get(row.key) == row.version:
            held.stays.append(row.key)
        held.changes.append(row)
    held.drafts = list(_holding(tx, copies, ("text", "warnings"), forms))
    held.trash = [row.id for row in _holding(tx, trash, ("fields", "json"), forms)]
    held.answers = [(row.token_id, row.key) for row in _holding(tx, answers, ("body", "headers"), forms)]
    held.deliveries = [row.id for row in _holding(tx, deliveries, ("answer", "error"), forms)]
    held.stays += [f"GET /conflicts: {row.path}" for row in _holding(tx, conflicts, ("base", "ours", "theirs"), forms)]
    held.stays += [f"what is said of {row.path}" for row in _holding(tx, image_fields, ("fields",), forms)]
    held.stays = sorted(set(held.stays))
    return held


def take_out(tx: Connection, held: Held, forms: Sequence[bytes]) -> None:
    """All but the trash, which has files."""
    moment = clock.now(tx)
    for row in held.changes:
        emptied = {name: None for name in ("text", "message") if _holds(getattr(row, name), forms)}
        tx.execute(update(changes).where(changes.c.seq == row.seq).values(purged_at=moment, **emptied))
    for row in held.drafts:
        drafts.remove(tx, Name(row.collection, row.name), row.version)
    for token_id, key in held.answers:
        tx.execute(delete(answers).where(answers.c.token_id == token_id, answers.c.key == key))
    for delivery in held.deliveries:
        tx.execute(update(deliveries).where(deliveries.c.id == delivery).values(answer=None, error=None))


def compact(engine: Engine) -> None:
    """Write all tables anew, with nothing left of what was in them; `Unavailable` while others keep it from that."""
    with write(engine) as tx:
        renewal.drop_others(tx)
    if engine.dialect.name == "sqlite":
        _compact_sqlite(engine)
        return
    with translated(engine), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for name in inspect(connection).get_table_names():
            connection.execute(text(f'VACUUM FULL "{name}"'))


def _compact_sqlite(engine: Engine) -> None:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA secure_delete=ON")  # what a new page does not use may else be what an old one held
        cursor.execute(f"INSERT INTO {search.INDEX} ({search.INDEX}) VALUES ('optimize')")  # noqa: S608  a name of ours
        cursor.execute("VACUUM")
        is_busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.execute("PRAGMA secure_delete=OFF")
    except sqlite3.OperationalError as error:
        raise _busy() from error
    finally:
        connection.close()
    if is_busy:
        raise _busy()


def _busy() -> Unavailable:
    return Unavailable(
        "The rows are purged, but their bytes are still there, for somebody uses the database; run it again."
    )


def _holding(tx: Connection, table: Table, names: Sequence[str], forms: Sequence[bytes]) -> Iterator[AnyRow]:
    columns = [*table.primary_key.columns]
    keys = tx.execute(select(*columns).order_by(*columns)).all()
    for key in keys:
        own = (column == value for column, value in zip(columns, key, strict=True))
        row = tx.execute(select(table).where(*own)).one()
        if any(_holds(getattr(row, name), forms) for name in names):
            yield row


def _holds(value: str | bytes | None, forms: Sequence[bytes]) -> bool:
    data = value.encode() if isinstance(value, str) else bytes(value or b"")
    return any(form in data for form in forms)
