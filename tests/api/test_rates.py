"""Who writes, or fails, too often has to wait; nobody else has."""

from __future__ import annotations

import time

import pytest
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
from tests.conftest import bearer, close, make_client, make_context, make_settings, site_of, state_of

WHOAMI = "/api/v1/whoami"
WRONG = {"Authorization": f"Bearer cms_{'0' * 16}_{'x' * 43}"}


def test_a_token_that_writes_too_often_waits_and_others_do_not(ctx: Context) -> None:
    limits = Limits(writes_per_second=1)
    own = make_context(make_settings(site_of(ctx), ctx.settings.database, limits=limits))
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


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_who_is_behind_so_many_proxies_is_who_the_outermost_saw(ctx: Context, proxies: int) -> None:
    limits = Limits(auth_failures_per_minute=2)
    settings = make_settings(site_of(ctx), ctx.settings.database, limits=limits, proxies=proxies)
    own = make_context(settings)
    client, before = make_client(own), state_of(own)
    near = {"REMOTE_ADDR": "127.0.0.1"}
    seen = ["192.0.2.1", "198.51.100.1"][2 - proxies :]  # what the proxies tell: each who called it

    def fail(*told: str) -> int:
        headers = {**WRONG, **({"X-Forwarded-For": ", ".join(told)} if told else {})}
        return client.get(WHOAMI, headers=headers, environ_base=near).status_code

    # Whatever a client says itself comes before what the proxies add.
    lies = [(), ("203.0.113.1",), ("203.0.113.2", "203.0.113.3"), ("nonsense",), ("192.0.2.1", "192.0.2.2")]
    assert [fail(*lie, *seen) for lie in lies] == [401, 401, 429, 429, 429]
    other = ["192.0.2.9", *seen[1:]] if proxies else ["192.0.2.9"]
    assert fail(*other) == (401 if proxies else 429)
    for header in ("X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP"):
        told = {"X-Forwarded-For": ", ".join(seen)} if seen else {}
        answer = client.get(WHOAMI, headers={**WRONG, **told, header: "for=203.0.113.9"}, environ_base=near)
        problem(answer, 429, "too_many")
    assert state_of(own) == before
    close(own)


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    rate = Rate(2, 60)
    assert [rate.take("worst") == 0 for _ in range(3)] == [True, True, False]
    for number in range(3 * rates.MOST_KEYS):
        rate.take(str(number))
    assert len(rate._free_at) <= rates.MOST_KEYS
    assert rate.take("worst") > 0
