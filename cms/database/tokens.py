"""Access tokens: only the digest of the secret half is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from cms.database import clock
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow, tokens
from cms.model.moments import STEP_S

_ONE = Prepared(select(tokens).where(tokens.c.id == bindparam("id")))


def add(
    tx: Connection, token_id: str, name: str, digest: str, scopes: Sequence[str], expires_at: float | None
) -> AnyRow:
    tx.execute(
        insert(tokens).values(
            id=token_id,
            name=name,
            digest=digest,
            scopes=json.dumps(list(scopes)),
            created_at=clock.now(tx),
            expires_at=expires_at,
        )
    )
    return tx.execute(select(tokens).where(tokens.c.id == token_id)).one()


def get(tx: Connection, token_id: str) -> AnyRow | None:
    return _ONE.on(tx, {"id": token_id}).one_or_none()


def all_of(tx: Connection) -> list[AnyRow]:
    return list(tx.execute(select(tokens).order_by(tokens.c.created_at, tokens.c.id)))


def set_used(tx: Connection, token_ids: Sequence[str], now: float, every_s: float) -> None:
    """They were used just now; what was noted less than `every_s` ago stays."""
    noted = tokens.c.last_used_at
    is_due = or_(noted.is_(None), noted <= now - every_s, noted > now + STEP_S)
    tx.execute(update(tokens).where(tokens.c.id.in_(token_ids), is_due).values(last_used_at=now))


def remove(tx: Connection, token_id: str) -> None:
    tx.execute(delete(tokens).where(tokens.c.id == token_id))


def scopes_of(row: AnyRow) -> frozenset[str]:
    return frozenset(json.loads(row.scopes))
