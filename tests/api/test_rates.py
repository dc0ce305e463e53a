"""Who writes, or fails, too often has to wait; nobody else has."""

from __future__ import annotations

import time

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from cms.api import rates
from cms.api.rates import Rate
from cms.context import Context
from cms.database.engine import read
from cms.database.tables import tokens
from cms.model.limits import Limits
from tests.api.editing import ARTICLES, problem
from tests.conftest import bearer, close, make_client, make_context, make_settings, state_of

WHOAMI = "/api/v1/whoami"
WRONG = {"Authorization": f"Bearer cms_{'0' * 16}_{'x' * 43}"}


def test_a_token_that_writes_too_often_waits_and_others_do_not(ctx: Context) -> None:
    limits = Limits(writes_per_second=1)
    own = make_context(make_settings(ctx.settings.site_folder, ctx.settings.database, limits=limits))
    client, busy, other = make_client(own), bearer(own, "admin"), bearer(own, "admin")

    def save(headers: dict[str, str]) -> TestResponse:
        return client.post("/api/v1/tokens", json={"name": "n", "scopes": ["read"]}, headers=headers)

    made = 0
    while (answer := save(busy)).status_code == 201 and made < 100:
        made += 1
    problem(answer, 429, "too_many")
    with read(own.database) as tx:
        assert made == len(tx.execute(select(tokens)).all()) - 2 > 0
    assert save(other).status_code == 201
    assert client.get(f"{ARTICLES}?status=draft", headers=busy).status_code == 200
    time.sleep(int(answer.headers["Retry-After"]))
    assert save(busy).status_code == 201
    close(own)


def test_failures_are_counted_by_the_connections_address(client: FlaskClient, ctx: Context) -> None:
    def fail(address: str, **headers: str) -> int:
        given = {**WRONG, **headers}
        return client.get(WHOAMI, headers=given, environ_base={"REMOTE_ADDR": address}).status_code

    before = state_of(ctx)
    assert [fail("192.0.2.1") for _ in range(10)] == [401] * 10
    assert fail("192.0.2.1") == 429
    assert fail("192.0.2.1", **{"X-Forwarded-For": "192.0.2.9"}) == 429
    assert fail("192.0.2.1", Authorization="Basic eDp5") == 429
    assert fail("192.0.2.2", **{"X-Forwarded-For": "192.0.2.1"}) == 401
    assert [fail(f"2001:db8::{number:x}") for number in range(11)] == [401] * 10 + [429]
    assert fail("2001:db8:0:1::1") == 401
    assert state_of(ctx) == before
    # Who has a valid token, or none, is not meant, though they come from the same address.
    near = {"REMOTE_ADDR": "192.0.2.1"}
    assert client.get(WHOAMI, headers=bearer(ctx, "read"), environ_base=near).status_code == 200
    assert client.get(ARTICLES, environ_base=near).status_code == 200
    problem(client.get("/api/v1/tokens", environ_base=near), 401)


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    rate = Rate(2, 60)
    assert [rate.take("worst") == 0 for _ in range(3)] == [True, True, False]
    for number in range(3 * rates.MOST_KEYS):
        rate.take(str(number))
    assert len(rate._free_at) <= rates.MOST_KEYS
    assert rate.take("worst") > 0
