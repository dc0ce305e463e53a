"""S2: a token's expiry lies between now and the year 2200; no date that a client sends, or that an older version has
stored, makes a 5xx."""

from __future__ import annotations

from datetime import datetime
from itertools import product

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from cms.context import Context
from cms.database.engine import write
from cms.database.tables import tokens
from tests.api.editing import problem
from tests.api.test_tokens import TOKENS
from tests.components import cms
from tests.conftest import bearer, both_databases, site_of, state_of

EXTREMES = ("0001-01-01T00:00:00", "9999-12-31T23:59:59", "9999-12-31T23:59:59.999999")
OFFSETS = ("-14:00", "+14:00", "Z", "-23:59", "+23:59")
BEYOND = ("1969-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2200-01-01T00:00:01Z", "2200-01-01T13:59:59-14:00")


@pytest.mark.parametrize("expires_at", [*map("".join, product(EXTREMES, OFFSETS)), *BEYOND])
def test_an_expiry_out_of_range_is_refused_and_nothing_is_stored(
    client: FlaskClient, ctx: Context, admin: dict[str, str], expires_at: str
) -> None:
    before = state_of(ctx)
    body = {"name": "n", "scopes": ["read"], "expires_at": expires_at}
    (error,) = problem(client.post(TOKENS, json=body, headers=admin), 422)["errors"]
    assert error["pointer"] == "/expires_at"
    assert state_of(ctx) == before
    assert client.get(TOKENS, headers=admin).status_code == 200


def test_an_expiry_within_the_range_is_told_as_it_was_sent(client: FlaskClient, admin: dict[str, str]) -> None:
    for sent, told in (
        ("2199-12-31T23:59:59Z", "2199-12-31T23:59:59.000Z"),
        ("2200-01-01T00:00:00Z", "2200-01-01T00:00:00.000Z"),
        ("2200-01-01T14:00:00+14:00", "2200-01-01T00:00:00.000Z"),
    ):
        body = {"name": "n", "scopes": ["read"], "expires_at": sent}
        made = client.post(TOKENS, json=body, headers=admin)
        assert (made.status_code, made.get_json()["expires_at"]) == (201, told)


@both_databases
def test_what_an_older_version_has_stored_is_listed(client: FlaskClient, ctx: Context, admin: dict[str, str]) -> None:
    old = {text: bearer(ctx, "read") for text in map("".join, product(EXTREMES, OFFSETS))}
    rows = client.get(TOKENS, headers=admin).get_json()["items"][-len(old) :]
    with write(ctx.database) as tx:
        for text, row in zip(old, rows, strict=True):
            seconds = datetime.fromisoformat(text).timestamp()
            tx.execute(update(tokens).where(tokens.c.id == row["id"]).values(expires_at=seconds))
        extreme = {"created_at": float("inf"), "last_used_at": -1e300}
        tx.execute(update(tokens).where(tokens.c.id == rows[0]["id"]).values(**extreme))
    listed = client.get(TOKENS, headers=admin)
    assert listed.status_code == 200
    shown = {item["id"]: item["expires_at"] for item in listed.get_json()["items"]}
    assert {shown[row["id"]][:4] for row in rows} == {"0001", "9999"}
    for text, headers in old.items():
        status = 401 if text.startswith("0001") else 200
        assert client.get("/api/v1/whoami", headers=headers).status_code == status, text


def test_the_command_line_has_the_same_bounds(ctx: Context) -> None:
    site = site_of(ctx)
    for days, is_made in (("1", True), ("36500", True), ("36501", False), ("9" * 400, False), ("0", False)):
        made = cms(site, "token", "create", "--name", "n", "--scope", "read", "--days", days)
        assert (made.returncode == 0, made.stdout != "") == (is_made, is_made), made.stderr
