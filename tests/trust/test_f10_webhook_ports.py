"""F10: a webhook's URL whose port no port can be is refused, whether private addresses are allowed or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cms.context import Context
from tests.api.editing import problem
from tests.conftest import bearer, close, make_client, make_context, make_settings, state_of

HOOKS = "/api/v1/webhooks"
PORTS = ("99999", "65536", "-1", "abc", "0", "+80", "1e3", "٣", " 80", "4294967376", "9" * 40)
HOSTS = ("http://127.0.0.1", "https://127.0.0.1", "http://[::1]", "https://example.invalid")
NO_URLS = (
    "http://[::1", "http://[]/", "https://", "https:///x", "https://a..b/", f"https://{'a' * 70}/",
    "https://%6c/", "https://[fe80::1%25lo]/", "//x", "x", "",
)  # fmt: skip


@pytest.fixture(params=[True, False])
def bounded(request: pytest.FixtureRequest, site: Path, database_url: str) -> Iterator[Context]:
    made = make_context(make_settings(site, database_url, webhooks_allow_private=request.param))
    yield made
    close(made)


def test_a_url_with_an_impossible_port_is_422(bounded: Context) -> None:
    client, admin = make_client(bounded), bearer(bounded, "admin")
    before = state_of(bounded)
    for url in (*(f"{host}:{port}/ok" for host in HOSTS for port in PORTS), *NO_URLS):
        found = problem(client.post(HOOKS, json={"url": url, "target": "generic"}, headers=admin), 422)
        assert found["errors"][0]["pointer"] == "/url", url
    assert state_of(bounded) == before
    assert client.get(HOOKS, headers=admin).get_json()["items"] == []
