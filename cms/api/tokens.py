"""Routes of access tokens."""

from __future__ import annotations

from typing import Any

from flask import Response

from cms.actions import tokens
from cms.api import auth
from cms.api.conditional import reply, reply_list
from cms.api.parsing import Blueprint, context
from cms.api.schemas import tokens as schemas
from cms.database import tokens as rows
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model.published import timestamp

blp = Blueprint("tokens", __name__, url_prefix="/api/v1", description="Access tokens")


@blp.route("/tokens")
@blp.response(200, schemas.TokenList)
def list_tokens() -> Response:
    """List the tokens; their secrets are not kept."""
    auth.actor().require("tokens")
    with read(context().database) as tx:
        return reply_list([shown(row) for row in rows.all_of(tx)])


@blp.route("/tokens", methods=["POST"])
@blp.arguments(schemas.NewToken)
@blp.response(201, schemas.Token)
def create_token(body: dict[str, Any]) -> Response:
    """Create a token with scopes that you have yourself; it is shown once."""
    auth.actor().require("tokens")
    expires = body["expires_at"]
    seconds = None if expires is None else expires.timestamp()
    row, token = tokens.create(context(), auth.actor(), body["name"], body["scopes"], seconds)
    return reply({**shown(row), "token": token}, 201)


@blp.route("/tokens/<token_id>", methods=["DELETE"])
@blp.response(204)
def revoke_token(token_id: str) -> Response:
    """Revoke a token that has no scope which you lack, and the preview links made with it."""
    auth.actor().require("tokens")
    tokens.revoke(context(), auth.actor(), token_id)
    return Response(status=204)


@blp.route("/whoami")
@blp.response(200, schemas.Whoami)
def whoami() -> Response:
    """Say whose token this is and what it may do."""
    return reply({"name": auth.actor().name, "scopes": sorted(auth.actor().scopes)})


def shown(row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "scopes": sorted(rows.scopes_of(row)),
        "created_at": timestamp(row.created_at),
        "expires_at": None if row.expires_at is None else timestamp(row.expires_at),
        "last_used_at": None if row.last_used_at is None else timestamp(row.last_used_at),
    }
