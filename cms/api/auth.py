"""Whose request it is. A credential that is not valid is an error, never an anonymous visitor."""

from __future__ import annotations

from flask import Response, g, request

from cms.actions import tokens
from cms.api.parsing import context
from cms.errors import NotAuthenticated
from cms.model.scopes import ANYONE, Actor


def authenticate() -> None:
    """Before each request: find out who asks."""
    g.actor = ANYONE
    header = request.headers.get("Authorization")
    if header is None:
        return
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("Send a token: Authorization: Bearer cms_…")
    g.actor = tokens.authenticate(context(), token.strip())


def actor() -> Actor:
    found: Actor = g.actor
    return found


def require_read() -> None:
    """What is published is public, unless the operator says otherwise."""
    if not context().settings.public_read and not actor().may_somewhere("articles:read-drafts"):
        actor().require("read")


def set_caching(response: Response) -> Response:
    """After each request: nothing that was answered to a token is stored on the way."""
    response.headers.setdefault("Vary", "Authorization")
    private = actor() != ANYONE if "actor" in g else False
    fallback = "private, no-store" if private or request.method not in ("GET", "HEAD") else "no-cache"
    response.headers.setdefault("Cache-Control", fallback)
    if private:
        response.headers["Cache-Control"] = "private, no-store"
    return response
