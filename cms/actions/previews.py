"""Links that show one article that is not public to whoever has them, until they expire.

The secret in a link is told once; only its digest is kept.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from cms.actions import drafts as copies
from cms.actions import lookup, tokens
from cms.context import Context
from cms.database import articles, clock, drafts, previews
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Invalid, NotFound, NotReady
from cms.model.ids import Name
from cms.model.published import whole
from cms.model.scopes import Actor

MOST_LINKS = 50
"""Live links to one article."""


def create(ctx: Context, actor: Actor, name: Name, expires_s: int) -> tuple[AnyRow, str]:
    """Create a link and return its row and its secret, which cannot be read again.

    The link ends with the token that makes it. `Invalid` when all of the article is public; `NotReady` when the article
    has `MOST_LINKS` live links.
    """
    actor.require("articles:read-drafts", name.collection)
    secret = secrets.token_urlsafe(32)
    values: dict[str, Any] = {
        "collection": name.collection,
        "name": name.id,
        "actor": actor.name,
        "token_id": actor.token_id,
    }
    with write(ctx.database) as tx:
        now = clock.now(tx)
        own = tokens.own_token(tx, actor)
        until = own.expires_at if own is not None and own.expires_at is not None else float("inf")
        row = lookup.visible(tx, actor, name)
        if drafts.get(tx, name) is None and not _is_hidden(row):
            raise Invalid("There is nothing to preview: no working copy, and no draft.", code="nothing_to_preview")
        previews.remove_expired(tx, ctx.clock())
        if previews.count(tx, name, now) >= MOST_LINKS:
            raise _too_many()
        values |= {"id": secrets.token_hex(8), "digest": _digest(secret), "created_at": now}
        made = previews.add(tx, {**values, "expires_at": min(now + expires_s, until)})
    return made, secret


def show(ctx: Context, secret: str) -> dict[str, Any]:
    """The JSON of the article that the link is for: its working copy, or the draft that it is. `NotFound` says nothing
    of why there is none."""
    with read(ctx.database) as tx:
        link = previews.by_digest(tx, _digest(secret), clock.now(tx))
        if link is not None:
            name = Name(link.collection, link.name)
            row, copy = articles.get(tx, name), drafts.get(tx, name)
            if row is not None and copy is not None:
                return copies.document_of(ctx, tx, copy)
            if row is not None and _is_hidden(row):
                found: dict[str, Any] = json.loads(whole(row.lean, row.lengths, row.heavy))
                return found
    raise NotFound("There is no such preview.")


def revoke(ctx: Context, actor: Actor, preview_id: str) -> None:
    """The link shows nothing from now on."""
    actor.require_somewhere("articles:read-drafts")
    with write(ctx.database) as tx:
        row = previews.get(tx, preview_id)
        if row is None or not actor.may("articles:read-drafts", row.collection):
            raise NotFound("There is no such preview.")
        previews.remove(tx, preview_id)


def _too_many() -> NotReady:
    detail = f"The article has {MOST_LINKS} live preview links. Revoke one: GET /previews, DELETE /previews/{{id}}."
    return NotReady(detail, code="too_many_previews")


def _is_hidden(row: AnyRow) -> bool:
    return not row.visible and row.status != "broken"


def _digest(secret: str) -> str:
    # The secret has 256 random bits: nothing slower than one hash would protect it better.
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
