"""Tokens: made, narrowed, revoked, never shown twice."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from cms.actions import last_used, tokens
from cms.actions.last_used import LastUsed
from cms.context import Context
from cms.database import tokens as rows
from cms.database.engine import read, write
from cms.database.tables import tokens as table
from cms.errors import NotAuthenticated
from cms.model.scopes import SCOPES, SERVICE
from tests.api.editing import ARTICLES, problem
from tests.conftest import bearer, close, eventually, make_client, make_context, make_settings, site_of, state_of

TOKENS = "/api/v1/tokens"
NAMES = ("news", "places")


def test_a_token_is_made_used_listed_and_revoked(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    """AC-48: a token is kept as its digest; a webhook signs with its secret, so that is kept as it is."""
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
        assert token.split("_", 2)[2] not in repr(list(tx.execute(select(table))))
    assert client.delete(f"{TOKENS}/{made.get_json()['id']}", headers=admin).status_code == 204
    problem(client.get("/api/v1/whoami", headers=headers), 401)
    problem(client.delete(f"{TOKENS}/{made.get_json()['id']}", headers=admin), 404)


def test_nobody_grants_more_than_they_have(client: FlaskClient, ctx: Context) -> None:
    """AC-13."""
    headers = bearer(ctx, "tokens", "articles:write:news", "images:write")
    before = state_of(ctx)
    for scopes in (["admin"], ["articles:write"], ["articles:write:places"], ["tokens", "webhooks"]):
        problem(client.post(TOKENS, json={"name": "n", "scopes": scopes}, headers=headers), 403)
    assert state_of(ctx) == before
    for scopes in (["articles:write:news"], ["images:write:places"], ["tokens"]):
        assert client.post(TOKENS, json={"name": "n", "scopes": scopes}, headers=headers).status_code == 201


NARROWED = [f"{scope}:{name}" for scope in SCOPES if scope.startswith(("articles:", "images:")) for name in NAMES]


def allowed(scope: str) -> set[tuple[str, str]]:
    """All that a scope allows, each for each collection and for things that are in none."""
    everything = {(one, where) for one in SCOPES for where in (*NAMES, "")}
    if scope == "admin":
        return everything
    return {(one, where) for one, where in everything if scope in (one, f"{one}:{where}")}


def test_no_token_makes_a_stronger_one(client: FlaskClient, ctx: Context) -> None:
    """AC-13."""
    for own in (*SCOPES, *NARROWED):
        with_tokens, without = bearer(ctx, "tokens", own), bearer(ctx, own)
        for scope in (*SCOPES, *NARROWED):
            body = {"name": "n", "scopes": [scope]}
            is_weaker = allowed(scope) <= allowed(own) | allowed("tokens")
            answer = client.post(TOKENS, json=body, headers=with_tokens)
            assert answer.status_code == (201 if is_weaker else 403), (own, scope)
            if own not in ("tokens", "admin"):
                problem(client.post(TOKENS, json=body, headers=without), 403)


def test_no_token_makes_one_that_outlives_it(client: FlaskClient, ctx: Context) -> None:
    """AC-13."""
    end = time.time() + 3600
    _, token = tokens.create(ctx, SERVICE, "n", ["tokens"], expires_at=end)
    headers = {"Authorization": f"Bearer {token}"}
    before = state_of(ctx)
    later = datetime.fromtimestamp(end + 1, UTC).isoformat()
    for expiry in ({}, {"expires_at": None}, {"expires_at": later}):
        problem(client.post(TOKENS, json={"name": "n", "scopes": ["tokens"], **expiry}, headers=headers), 403)
    assert state_of(ctx) == before
    sooner = datetime.fromtimestamp(end - 1, UTC).isoformat()
    made = client.post(TOKENS, json={"name": "n", "scopes": ["tokens"], "expires_at": sooner}, headers=headers)
    assert made.status_code == 201, made.text


def test_what_is_revoked_meanwhile_makes_no_token(ctx: Context) -> None:
    row, token = tokens.create(ctx, SERVICE, "n", ["tokens"])
    actor = tokens.authenticate(ctx, token)
    tokens.revoke(ctx, SERVICE, row.id)
    before = state_of(ctx)
    with pytest.raises(NotAuthenticated):
        tokens.create(ctx, actor, "n", ["tokens"])
    assert state_of(ctx) == before


def test_when_a_token_was_used_is_noted_once_an_hour(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_used, "DELAY_S", 0.0)
    row, _ = tokens.create(ctx, SERVICE, "n", ["read"])
    other, _ = tokens.create(ctx, SERVICE, "n", ["read"])

    def used(token_id: str = row.id) -> float | None:
        with read(ctx.database) as tx:
            found = rows.get(tx, token_id)
            assert found is not None
            return cast("float | None", found.last_used_at)

    first = LastUsed(ctx)
    assert used() is None
    first.note(row.id)
    assert eventually(used)
    noted = used()
    for process in (first, LastUsed(ctx)):  # as another process would
        process.note(row.id)
        process.note(other.id)
    assert eventually(lambda: used(other.id))
    assert used() == noted
    with write(ctx.database) as tx:
        tx.execute(table.update().values(last_used_at=time.time() - last_used.EVERY_S - 1))
    LastUsed(ctx).note(row.id)
    assert eventually(lambda: cast(float, used()) >= cast(float, noted))


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
    row, token = tokens.create(ctx, SERVICE, "n", ["read"], expires_at=time.time() + 60)
    assert client.get(ARTICLES, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    with write(ctx.database) as tx:
        tx.execute(table.update().where(table.c.id == row.id).values(expires_at=time.time() - 1))
    problem(client.get(ARTICLES, headers={"Authorization": f"Bearer {token}"}), 401)


def test_a_site_may_be_closed_to_the_public(ctx: Context) -> None:
    closed = make_context(make_settings(site_of(ctx), ctx.settings.database, public_read=False))
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
