"""Makes, checks and revokes access tokens: `cms_<id>_<secret>`, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence

from sqlalchemy import Connection

from cms.context import Context
from cms.database import tokens
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Forbidden, Invalid, NotAuthenticated, NotFound, Problem
from cms.model.scopes import SCOPES, Actor, is_scope

_TOKEN = re.compile(r"cms_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


def create(
    ctx: Context, actor: Actor, name: str, scopes: Sequence[str], expires_at: float | None = None
) -> tuple[AnyRow, str]:
    """The new token's row, and the token itself, which nobody can read again. Nobody grants more than they have."""
    unknown = [scope for scope in scopes if not is_scope(scope)]
    if unknown or not scopes:
        detail = f"there are the scopes {', '.join(SCOPES)}; those of articles and images may end in :collection"
        problems = [Problem("/scopes", f"{scope!r} is no scope; {detail}", "scope") for scope in unknown or [""]]
        raise Invalid("The token needs known scopes.", problems=problems)
    if beyond := [scope for scope in scopes if not actor.may_grant(scope)]:
        raise Forbidden(f"You cannot grant what you do not have: {', '.join(beyond)}.")
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    with write(ctx.database) as tx:
        _check_maker(tx, actor, expires_at)
        row = tokens.add(tx, token_id, name, _digest(secret), scopes, expires_at)
    return row, f"cms_{token_id}_{secret}"


def _check_maker(tx: Connection, actor: Actor, expires_at: float | None) -> None:
    """Whoever makes a token still has one, and gives no longer than they have."""
    if actor.token_id is None:
        return
    own = tokens.get(tx, actor.token_id)
    if own is None:
        raise _not_valid()
    if own.expires_at is not None and (expires_at is None or expires_at > own.expires_at):
        raise Forbidden("A token cannot outlive the one that makes it; name an earlier expires_at.")


def authenticate(ctx: Context, text: str) -> Actor:
    """Whose token this is; `NotAuthenticated` when it is nobody's."""
    match = _TOKEN.fullmatch(text)
    if match is not None:
        with read(ctx.database) as tx:
            row = tokens.get(tx, match[1])
        if row is not None and hmac.compare_digest(row.digest, _digest(match[2])) and not _is_expired(row):
            return Actor(row.name, tokens.scopes_of(row), row.id)
    raise _not_valid()


def _not_valid() -> NotAuthenticated:
    return NotAuthenticated("This token is not valid; ask for a new one.")


def revoke(ctx: Context, token_id: str) -> None:
    with write(ctx.database) as tx:
        if not tokens.remove(tx, token_id):
            raise NotFound("There is no such token.")


def _is_expired(row: AnyRow) -> bool:
    return row.expires_at is not None and bool(row.expires_at <= time.time())


def _digest(secret: str) -> str:
    # The secret has 256 random bits: nothing slower than one hash would protect it better.
    return hashlib.sha256(secret.encode()).hexdigest()
