"""Makes, checks and revokes access tokens: `cms_<id>_<secret>`, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from cms.context import Context
from cms.database import clock, previews, tokens
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Forbidden, Invalid, NotAuthenticated, NotFound, Problem
from cms.model.scopes import SCOPES, Actor, is_scope

LATEST_EXPIRY = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_TOKEN = re.compile(r"cms_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


def create(
    ctx: Context, actor: Actor, name: str, scopes: Sequence[str], expires_at: float | None = None
) -> tuple[AnyRow, str]:
    """Create a token and return its row and the token itself, which cannot be read again.

    `expires_at` is in seconds since the epoch. `Invalid` when a scope is unknown, or the expiry is past or after
    `LATEST_EXPIRY`; `Forbidden` when the actor lacks one of the scopes.
    """
    _check_scopes(actor, scopes)
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    with write(ctx.database) as tx:
        _check_expiry(expires_at, clock.now(tx))
        _check_maker(tx, actor, expires_at)
        row = tokens.add(tx, token_id, name, _digest(secret), scopes, expires_at)
    return row, f"cms_{token_id}_{secret}"


def _check_scopes(actor: Actor, scopes: Sequence[str]) -> None:
    unknown = [scope for scope in scopes if not is_scope(scope)]
    if unknown or not scopes:
        narrowed = "those of articles and images may end in one :collection, without wildcards"
        detail = f"there are the scopes {', '.join(SCOPES)}; {narrowed}"
        problems = [Problem("/scopes", f"{scope!r} is no scope; {detail}", "scope") for scope in unknown or [""]]
        raise Invalid("The token needs known scopes.", problems=problems)
    if beyond := [scope for scope in scopes if not actor.may_grant(scope)]:
        raise Forbidden(f"You cannot grant what you do not have: {', '.join(beyond)}.")


def _check_expiry(expires_at: float | None, now: float) -> None:
    if expires_at is not None and not now < expires_at <= LATEST_EXPIRY:
        problem = Problem("/expires_at", "name a time between now and the year 2200", "expires_at")
        raise Invalid("The token cannot expire then.", problems=[problem])


def _check_maker(tx: Connection, actor: Actor, expires_at: float | None) -> None:
    """Refuse a token that would outlive the one that makes it."""
    own = own_token(tx, actor)
    if own is None or own.expires_at is None:
        return
    if expires_at is None or expires_at > own.expires_at:
        raise Forbidden("A token cannot outlive the one that makes it; name an earlier expires_at.")


def own_token(tx: Connection, actor: Actor) -> AnyRow | None:
    """Return the row of the actor's token, None for an actor without one; `NotAuthenticated` when the token was revoked
    meanwhile."""
    if actor.token_id is None:
        return None
    own = tokens.get(tx, actor.token_id)
    if own is None:
        raise _not_valid()
    return own


def authenticate(ctx: Context, text: str) -> Actor:
    """Whose token this is; `NotAuthenticated` when it is nobody's."""
    match = _TOKEN.fullmatch(text)
    if match is not None:
        with read(ctx.database) as tx:
            row, now = tokens.get(tx, match[1]), clock.now(tx)
        if row is not None and hmac.compare_digest(row.digest, _digest(match[2])) and not _is_expired(row, now):
            return Actor(row.name, tokens.scopes_of(row), row.id)
    raise _not_valid()


def _not_valid() -> NotAuthenticated:
    return NotAuthenticated("This token is not valid; ask for a new one.")


def revoke(ctx: Context, actor: Actor, token_id: str) -> None:
    """Revoke a token and the preview links that were made with it; `Forbidden` when it has a scope that the actor could
    not grant."""
    with write(ctx.database) as tx:
        row = tokens.get(tx, token_id)
        if row is None:
            raise NotFound("There is no such token.")
        if beyond := sorted(scope for scope in tokens.scopes_of(row) if not actor.may_grant(scope)):
            raise Forbidden(f"You cannot revoke a token with scopes that you do not have: {', '.join(beyond)}.")
        previews.remove_of_token(tx, token_id)
        tokens.remove(tx, token_id)


def _is_expired(row: AnyRow, now: float) -> bool:
    return row.expires_at is not None and bool(row.expires_at <= now)


def _digest(secret: str) -> str:
    # The secret has 256 random bits: nothing slower than one hash would protect it better.
    return hashlib.sha256(secret.encode()).hexdigest()
