"""The site's bucket is away, or too busy, at any step of a save: readers notice nothing, nothing is half done, and the
next save goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from cms.actions.heal import heal
from cms.actions.reconcile import Reconciler
from cms.context import Context
from cms.database import intents
from cms.database.engine import read
from cms.errors import Unavailable
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.conftest import close, make_client, make_context, reconcile, site_of, with_postgres
from tests.faulty import Proxy, faulty, node_behind

pytestmark = with_postgres

NAME = "news/en/a-day"
ARTICLE = f"{ARTICLES}/{NAME}"
MOST_STEPS = 20


@pytest.fixture
def proxy(s3_url: str) -> Iterator[Proxy]:
    with faulty(s3_url) as made:
        yield made


@pytest.fixture
def node(ctx: Context, proxy: Proxy) -> Iterator[Context]:
    with node_behind(proxy, ctx) as made:
        yield made


def check_all_is_well(node: Context, client: FlaskClient, headers: dict[str, str]) -> str:
    """The log says what the file does, and nothing is left over; gives the title."""
    heal(node)
    reconcile(node)
    with read(node.database) as tx:
        assert intents.begun(tx) == []
    text = client.get(ARTICLE, headers={"Accept": "text/markdown"}).data
    assert text == (site_of(node) / f"src/content/{NAME}.md").read_bytes()
    newest = client.get(f"/api/v1/history/{NAME}", headers=headers).get_json()["items"][0]
    found = client.get(ARTICLE).get_json()
    assert newest["version"] == found["version"]
    return str(found["data"]["title"])


def test_a_bucket_that_goes_away_at_any_step_leaves_nothing_half_done(
    node: Context, admin: dict[str, str], proxy: Proxy
) -> None:
    client = make_client(node)
    create_text(client, admin)
    before = "A day at the library"
    for step in range(MOST_STEPS):
        etag = client.get(ARTICLE).headers["ETag"]
        proxy.fault, proxy.spared, proxy.left, proxy.met = "outage", step, 1, 0
        saved = patch(client, admin, NAME, etag, {"data": {"title": f"Step {step}"}})
        assert client.get(ARTICLE).status_code == 200
        proxy.left = 0
        title = check_all_is_well(node, client, admin)
        if saved.status_code == 200:
            assert title == f"Step {step}"
            break
        problem(saved, 503, "storage")
        assert int(saved.headers["Retry-After"]) > 0
        assert title in (before, f"Step {step}")
        before = title
    assert saved.status_code == 200
    assert step > 2


def test_while_the_bucket_is_away_nothing_is_taken_for_deleted(
    node: Context, admin: dict[str, str], proxy: Proxy
) -> None:
    client = make_client(node)
    etag = create_text(client, admin)
    proxy.fault, proxy.spared, proxy.left = "outage", 0, 1
    for _ in range(2):
        with pytest.raises(Unavailable):
            Reconciler(node).run(accept_deletions=True)
    assert client.get(ARTICLE).status_code == 200
    assert len(client.get(ARTICLES).get_json()["items"]) > 1
    problem(patch(client, admin, NAME, etag, {"data": {"title": "Not now"}}), 503, "storage")
    proxy.left = 0
    assert patch(client, admin, NAME, etag, {"data": {"title": "Back again"}}).status_code == 200


@pytest.mark.parametrize("fault", ["slow down", "cut"])
def test_a_bucket_that_fails_now_and_then_is_asked_again(
    ctx: Context, admin: dict[str, str], proxy: Proxy, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
    node = make_context(ctx.settings)
    client = make_client(node)
    etag = create_text(client, admin)
    proxy.fault, proxy.left = fault, 2  # type: ignore[assignment]
    other = make_context(ctx.settings)  # whose connections are all new
    saved = patch(make_client(other), admin, NAME, etag, {"data": {"title": "Asked again"}})
    assert saved.status_code == 200, saved.text
    assert proxy.met == 2
    assert check_all_is_well(node, client, admin) == "Asked again"
    for made in (node, other):
        close(made)
