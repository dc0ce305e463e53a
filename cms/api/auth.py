"""Whose request it is. A credential that is not valid is an error, never an anonymous visitor."""

from __future__ import annotations

from flask import Response, current_app, g, request

from cms.actions import last_used, tokens
from cms.api import headers, operators, rates
from cms.api.parsing import context, unchecked
from cms.errors import NotAuthenticated, Unavailable
from cms.model.scopes import ANYONE, Actor

READINESS = "service.readyz"
"""The endpoint that answers whether or not it is known who asks."""


def authenticate() -> None:
    """Before each request: find out who asks."""
    g.actor = ANYONE
    header = request.headers.get("Authorization")
    if header is None:
        return
    known: operators.Operators = current_app.extensions[operators.NAME]
    try:
        g.actor = _holder(header)
    except NotAuthenticated:
        known.note(header, is_operator=False)
        rates.count_failure()
        raise
    except Unavailable:
        if request.endpoint != READINESS:
            raise
        return
    known.note(header, is_operator=g.actor.may("admin"))
    token_id = g.actor.token_id
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        rates.count_write(token_id)
    if (uses := current_app.extensions.get(last_used.NAME)) is not None:
        uses.note(token_id)


def _holder(header: str) -> Actor:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("Send a token: Authorization: Bearer cms_…")
    return tokens.authenticate(unchecked(), token.strip())


def was_operator(before: float) -> bool:
    """Whether who asks was an operator shortly before that moment, since which the database cannot be asked."""
    known: operators.Operators = current_app.extensions[operators.NAME]
    header = request.headers.get("Authorization")
    return header is not None and known.has(header, before)


def actor() -> Actor:
    found: Actor = g.actor
    return found


def require_read() -> None:
    """What is published is public, unless the operator says otherwise."""
    if not context().settings.public_read and not actor().may_somewhere("articles:read-drafts"):
        actor().require("read")


def set_caching(response: Response) -> Response:
    """After each request: nothing that was answered to a token is stored on the way."""
    response.headers.setdefault("Vary", headers.VARY)
    private = actor() != ANYONE if "actor" in g else False
    fallback = "private, no-store" if private or request.method not in ("GET", "HEAD") else headers.REVALIDATED
    response.headers.setdefault("Cache-Control", fallback)
    if private:
        response.headers["Cache-Control"] = "private, no-store"
    return response
