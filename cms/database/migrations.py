"""Brings the kept tables to this version's shape, one numbered step after another.

A step, once released, is never edited: `tests/database/test_migrations.py` compares the result with `tables.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from sqlalchemy import Connection, Engine, Text, inspect, text

from cms.database import renewal
from cms.database.engine import write
from cms.model.ids import split_key


def migrate(engine: Engine) -> None:
    """Run the steps that this database has not seen, all in one transaction, and make missing derived tables."""
    with write(engine) as tx:
        advance(tx, len(STEPS))
        renewal.make_missing(tx)


def advance(tx: Connection, last: int) -> None:
    """Run the steps that this database has not seen, up to the step `last`."""
    tx.execute(text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)"))
    done = tx.execute(text("SELECT max(version) FROM schema_version")).scalar() or 0
    for number, step in enumerate(STEPS[:last], start=1):
        if number > done:
            step(tx)
            tx.execute(text("INSERT INTO schema_version VALUES (:number)"), {"number": number})


def _first_tables(tx: Connection) -> None:
    blob = "BYTEA" if tx.dialect.name == "postgresql" else "BLOB"
    for statement in (
        "CREATE TABLE log (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL, seq BIGINT NOT NULL)",
        "CREATE TABLE changes (seq BIGINT PRIMARY KEY, time DOUBLE PRECISION NOT NULL, actor TEXT NOT NULL,"
        " source TEXT NOT NULL, subject TEXT NOT NULL, collection TEXT NOT NULL, name TEXT NOT NULL,"
        " key TEXT NOT NULL, action TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL,"
        f" text {blob}, visible_before BOOLEAN NOT NULL, visible_after BOOLEAN NOT NULL)",
        "CREATE INDEX changes_by_subject ON changes (subject, collection, name, seq)",
        "CREATE TABLE tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, scopes TEXT NOT NULL,"
        " created_at DOUBLE PRECISION NOT NULL, expires_at DOUBLE PRECISION)",
        "CREATE TABLE webhooks (id TEXT PRIMARY KEY, url TEXT NOT NULL, target TEXT NOT NULL, secret TEXT NOT NULL,"
        " quiet_s DOUBLE PRECISION NOT NULL, max_wait_s DOUBLE PRECISION NOT NULL,"
        " created_at DOUBLE PRECISION NOT NULL, seq BIGINT NOT NULL, leased_until DOUBLE PRECISION NOT NULL,"
        " retry_at DOUBLE PRECISION NOT NULL, failures INTEGER NOT NULL)",
        "CREATE TABLE deliveries (id TEXT PRIMARY KEY, webhook_id TEXT NOT NULL, message_id TEXT NOT NULL,"
        " type TEXT NOT NULL, time DOUBLE PRECISION NOT NULL, first_seq BIGINT NOT NULL, last_seq BIGINT NOT NULL,"
        " status INTEGER, error TEXT, duration_ms INTEGER NOT NULL)",
        "CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, time)",
        "CREATE TABLE notices (name TEXT PRIMARY KEY, detail TEXT NOT NULL, since DOUBLE PRECISION NOT NULL)",
    ):
        tx.execute(text(statement))
    tx.execute(text("INSERT INTO log VALUES (1, :epoch, 0)"), {"epoch": secrets.token_hex(4)})


def _renames(tx: Connection) -> None:
    tx.execute(text("ALTER TABLE changes ADD COLUMN other TEXT"))
    tx.execute(
        text(
            "CREATE TABLE intents (id TEXT PRIMARY KEY, time DOUBLE PRECISION NOT NULL, actor TEXT NOT NULL,"
            " old_key TEXT NOT NULL, old_version TEXT NOT NULL, new_key TEXT NOT NULL, new_version TEXT NOT NULL)"
        )
    )


def _photos(tx: Connection) -> None:
    for statement in (
        "CREATE TABLE image_fields (path TEXT PRIMARY KEY, fields TEXT NOT NULL)",
        "CREATE TABLE trash (id TEXT PRIMARY KEY, time DOUBLE PRECISION NOT NULL, actor TEXT NOT NULL,"
        " reason TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL, fields TEXT NOT NULL, json TEXT NOT NULL)",
        "CREATE INDEX trash_by_path ON trash (path)",
        "CREATE TABLE uploads (id TEXT PRIMARY KEY, expires_at DOUBLE PRECISION NOT NULL, article TEXT,"
        " folder TEXT, keeps_credit BOOLEAN NOT NULL, name TEXT NOT NULL, bytes BIGINT NOT NULL, path TEXT)",
        "CREATE TABLE answers (token_id TEXT NOT NULL, key TEXT NOT NULL, time DOUBLE PRECISION NOT NULL,"
        " request TEXT NOT NULL, status INTEGER, headers TEXT, body TEXT, PRIMARY KEY (token_id, key))",
    ):
        tx.execute(text(statement))


def _git(tx: Connection) -> None:
    blob = "BYTEA" if tx.dialect.name == "postgresql" else "BLOB"
    for statement in (
        "ALTER TABLE changes ADD COLUMN message TEXT",
        "CREATE TABLE git (id INTEGER PRIMARY KEY, seq BIGINT NOT NULL, indexed TEXT, pull_asked DOUBLE PRECISION,"
        " step_from TEXT, step_to TEXT, step_seq BIGINT)",
        "CREATE TABLE conflicts (path TEXT PRIMARY KEY, key TEXT, time DOUBLE PRECISION NOT NULL, seq BIGINT NOT NULL,"
        f" author TEXT NOT NULL, commit_id TEXT NOT NULL, base {blob}, ours {blob}, theirs {blob})",
    ):
        tx.execute(text(statement))


def _telling(tx: Connection) -> None:
    for statement in (
        "ALTER TABLE changes ADD COLUMN is_silent BOOLEAN NOT NULL DEFAULT FALSE",
        "ALTER TABLE changes ADD COLUMN logged_at DOUBLE PRECISION NOT NULL DEFAULT 0",
        "UPDATE changes SET logged_at = time",
        "ALTER TABLE webhooks ADD COLUMN events TEXT NOT NULL DEFAULT 'content.changed'",
        "ALTER TABLE webhooks ADD COLUMN ref TEXT",
        "ALTER TABLE webhooks ADD COLUMN old_secret TEXT",
        "ALTER TABLE webhooks ADD COLUMN old_secret_until DOUBLE PRECISION NOT NULL DEFAULT 0",
        "ALTER TABLE webhooks ADD COLUMN told_at DOUBLE PRECISION NOT NULL DEFAULT 0",
        "ALTER TABLE webhooks ADD COLUMN urgent_seq BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE webhooks ADD COLUMN failing_since DOUBLE PRECISION",
        "ALTER TABLE webhooks ADD COLUMN last_status INTEGER",
        "ALTER TABLE webhooks ADD COLUMN overdue_told DOUBLE PRECISION NOT NULL DEFAULT 0",
        "ALTER TABLE deliveries ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE deliveries ADD COLUMN answer TEXT",
        "CREATE TABLE builds (seq BIGINT PRIMARY KEY, time DOUBLE PRECISION NOT NULL)",
    ):
        tx.execute(text(statement))


def _working_copies(tx: Connection) -> None:
    blob = "BYTEA" if tx.dialect.name == "postgresql" else "BLOB"
    for statement in (
        "CREATE TABLE drafts (collection TEXT NOT NULL, name TEXT NOT NULL, base_version TEXT NOT NULL,"
        f" version TEXT NOT NULL, text {blob} NOT NULL, warnings TEXT NOT NULL, actor TEXT NOT NULL,"
        " time DOUBLE PRECISION NOT NULL, PRIMARY KEY (collection, name))",
        "CREATE TABLE previews (id TEXT PRIMARY KEY, digest TEXT NOT NULL, collection TEXT NOT NULL,"
        " name TEXT NOT NULL, actor TEXT NOT NULL, created_at DOUBLE PRECISION NOT NULL,"
        " expires_at DOUBLE PRECISION NOT NULL)",
        "CREATE INDEX previews_by_digest ON previews (digest)",
        "CREATE INDEX previews_by_name ON previews (collection, name)",
    ):
        tx.execute(text(statement))


def _photos_of_copies(tx: Connection) -> None:
    for statement in (
        "CREATE TABLE draft_images (collection TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL,"
        " PRIMARY KEY (collection, name, path))",
        "CREATE INDEX draft_images_by_path ON draft_images (path)",
    ):
        tx.execute(text(statement))


def _uses_of_tokens(tx: Connection) -> None:
    tx.execute(text("ALTER TABLE tokens ADD COLUMN last_used_at DOUBLE PRECISION"))


def _purges(tx: Connection) -> None:
    tx.execute(text("ALTER TABLE changes ADD COLUMN purged_at DOUBLE PRECISION"))


def _many_nodes(tx: Connection) -> None:
    tx.execute(text("ALTER TABLE intents ADD COLUMN given_up_at DOUBLE PRECISION"))
    tx.execute(text("ALTER TABLE intents ADD COLUMN seq BIGINT"))
    tx.execute(text("CREATE INDEX intents_by_new_key ON intents (new_key)"))
    tx.execute(
        text("CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until DOUBLE PRECISION NOT NULL)")
    )


def _makers_of_previews(tx: Connection) -> None:
    tx.execute(text("ALTER TABLE previews ADD COLUMN token_id TEXT"))


def _heartbeats(tx: Connection) -> None:
    tx.execute(
        text("CREATE TABLE heartbeats (process TEXT PRIMARY KEY, time DOUBLE PRECISION NOT NULL, steps TEXT NOT NULL)")
    )


def _homes_of_photos(tx: Connection) -> None:
    for statement in (
        "CREATE TABLE image_homes (path TEXT NOT NULL, collection TEXT NOT NULL, sent_by TEXT,"
        " PRIMARY KEY (path, collection))",
        "CREATE INDEX image_homes_by_collection ON image_homes (collection)",
    ):
        tx.execute(text(statement))
    if inspect(tx).has_table("images_8"):
        # The derived table of the version before says for which articles hidden photos were sent.
        sent = tx.execute(text("SELECT path, sent_for FROM images_8 WHERE sent_for IS NOT NULL AND NOT visible"))
        homes = [{"path": path, "collection": split_key(key)[0]} for path, key in sent]
        if homes:
            tx.execute(text("INSERT INTO image_homes (path, collection) VALUES (:path, :collection)"), homes)


def _writes_together(tx: Connection) -> None:
    tx.execute(text("ALTER TABLE intents ADD COLUMN part_of TEXT"))


def _texts_by_code_points(tx: Connection) -> None:
    """Have PostgreSQL order texts as SQLite does, and not as the language of the database does: their order is the same
    everywhere, and no update of the operating system's languages damages an index."""
    if tx.dialect.name != "postgresql":
        return
    tables = (
        "answers", "builds", "changes", "conflicts", "deliveries", "draft_images", "drafts", "git", "heartbeats",
        "image_fields", "image_homes", "intents", "leases", "log", "notices", "previews", "tokens", "trash",
        "uploads", "webhooks",
    )  # fmt: skip
    found = inspect(tx)
    for name in tables:
        texts = [column["name"] for column in found.get_columns(name) if isinstance(column["type"], Text)]
        steps = ", ".join(f'ALTER COLUMN "{column}" TYPE TEXT COLLATE "C"' for column in texts)
        if steps:
            tx.execute(text(f"ALTER TABLE {name} {steps}"))


def _nonces(tx: Connection) -> None:
    kind = 'TEXT COLLATE "C"' if tx.dialect.name == "postgresql" else "TEXT"
    tx.execute(text(f"ALTER TABLE changes ADD COLUMN nonce {kind} NOT NULL DEFAULT ''"))


STEPS: tuple[Callable[[Connection], None], ...] = (
    _first_tables,
    _renames,
    _photos,
    _git,
    _telling,
    _working_copies,
    _photos_of_copies,
    _uses_of_tokens,
    _purges,
    _many_nodes,
    _makers_of_previews,
    _heartbeats,
    _homes_of_photos,
    _writes_together,
    _texts_by_code_points,
    _nonces,
)
