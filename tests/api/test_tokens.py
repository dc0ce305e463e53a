"""Tokens: made, narrowed, revoked, never shown twice."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from cms.actions import tokens
from cms.context import Context
from cms.database.engine import read
from cms.database.tables import tokens as table
from cms.model.scopes import SERVICE
from tests.api.editing import ARTICLES, problem
from tests.conftest import bearer, close, make_client, make_context, make_settings, state_of

TOKENS = "/api/v1/tokens"


def test_a_token_is_made_used_listed_and_revoked(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    body = {"name": "Editor", "scopes": ["articles:write:news", "articles:read-drafts"]}
    made = client.post(TOKENS, json=body, headers=admin)
    assert made.status_code == 201, made.text
    token = made.get_json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    who = client.get("/api/v1/whoami", headers=headers).get_json()
    assert who == {"name": "Editor", "scopes": ["articles:read-drafts", "articles:write:news"]}
    listed = client.get(TOKENS, headers=admin).get_json()["items"]
    assert made.get_json()["id"] in [item["id"] for item in listed]
    assert all("token" not in item for item in listed)
    with read(ctx.database) as tx:
        assert token.rpartition("_")[2] not in repr(list(tx.execute(select(table))))
    assert client.delete(f"{TOKENS}/{made.get_json()['id']}", headers=admin).status_code == 204
    problem(client.get("/api/v1/whoami", headers=headers), 401)
    problem(client.delete(f"{TOKENS}/{made.get_json()['id']}", headers=admin), 404)


def test_nobody_grants_more_than_they_have(client: FlaskClient, ctx: Context) -> None:
    headers = bearer(ctx, "tokens", "articles:write:news", "images:write")
    before = state_of(ctx)
    for scopes in (["admin"], ["articles:write"], ["articles:write:places"], ["tokens", "webhooks"]):
        problem(client.post(TOKENS, json={"name": "n", "scopes": scopes}, headers=headers), 403)
    assert state_of(ctx) == before
    for scopes in (["articles:write:news"], ["images:write:places"], ["tokens"]):
        assert client.post(TOKENS, json={"name": "n", "scopes": scopes}, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": "n"}, {"name": "n", "scopes": []}, {"name": "n", "scopes": ["root"]},
        {"name": "", "scopes": ["read"]},
        {"name": "n", "scopes": ["webhooks:news"]}, {"name": "n", "scopes": ["articles:write:"]},
        {"name": "n", "scopes": "read"},
        {"name": "n", "scopes": ["read"], "expires_at": "soon"}, {"name": "n", "scopes": ["read"], "id": "x"},
        {"name": "n", "scopes": ["articles:write:a:b"]},
    ],
)  # fmt: skip
def test_a_token_that_makes_no_sense_is_refused(
    client: FlaskClient, admin: dict[str, str], ctx: Context, body: dict[str, Any]
) -> None:
    before = state_of(ctx)
    assert problem(client.post(TOKENS, json=body, headers=admin), 422)["errors"]
    assert state_of(ctx) == before


def test_a_token_ends_when_it_was_said_to(client: FlaskClient, ctx: Context) -> None:
    _, token = tokens.create(ctx, SERVICE, "n", ["read"], expires_at=1.0)
    problem(client.get(ARTICLES, headers={"Authorization": f"Bearer {token}"}), 401)


def test_a_site_may_be_closed_to_the_public(ctx: Context) -> None:
    closed = make_context(make_settings(ctx.settings.site_folder, ctx.settings.database, public_read=False))
    client = make_client(closed)
    weak, reader = bearer(closed, "images:write"), bearer(closed, "read")
    path = make_client(ctx).get("/api/v1/images").get_json()["items"][0]["path"]
    for url in (ARTICLES, f"{ARTICLES}/news/en/opening-day", "/api/v1/collections", "/api/v1/sync", "/api/v1/images",
                f"/api/v1/images/{path}", f"/media/{path}", "/api/v1/collections/news/schema"):  # fmt: skip
        problem(client.get(url), 401)
        problem(client.get(url, headers=weak), 403)
        assert client.get(url, headers=reader).status_code == 200
    assert client.get("/healthz").status_code == 200
    close(closed)
