"""PostgreSQL is restarted, or cannot be reached, or is silent: what is published is read on, nothing is saved, and all
goes on by itself once it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from cms.context import Context
from cms.database.generation import PostgresGeneration
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.conftest import close, eventually, make_client, make_context, make_settings, site_of, with_postgres
from tests.gateway import Gateway, gateway

pytestmark = with_postgres

NAME = "news/en/a-day"
ARTICLE = f"{ARTICLES}/{NAME}"
LIST = f"{ARTICLES}?collection=news&limit=2"


@pytest.fixture
def way(ctx: Context, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    # A socket's path may have 100 characters.
    with gateway(ctx.settings.database, Path(tmp_path_factory.mktemp("w", numbered=True)) / "g") as made:
        yield made


@pytest.fixture
def node(ctx: Context, way: Gateway) -> Iterator[Context]:
    """A machine that reaches the database by the gateway."""
    made = make_context(make_settings(ctx.settings.site, way.url))
    yield made
    way.open()
    close(made)


def remember(client: FlaskClient, node: Context, *paths: str) -> None:
    """Have the node keep the answers to `paths` in memory, which it empties with each write that it hears of."""
    listener = node.generation
    assert isinstance(listener, PostgresGeneration)
    for _ in range(3):  # the notifications of a write come before the answer to the second question after it
        heard_at = listener._heard_at
        assert eventually(partial(_has_heard_since, listener, heard_at))
    assert eventually(lambda: node.generation.current() is not None)
    for path in paths:
        assert client.get(path).status_code == 200


def _has_heard_since(listener: PostgresGeneration, moment: float) -> bool:
    listener.current()  # the first call starts the listener
    return listener._heard_at > moment


@pytest.mark.parametrize("fault", ["close", "freeze"])
def test_what_is_published_is_read_on_and_nothing_is_saved(
    node: Context, admin: dict[str, str], way: Gateway, fault: str
) -> None:
    client = make_client(node)
    etag = create_text(client, admin)
    remember(client, node, ARTICLE, LIST)
    before = {path: client.get(path).data for path in (ARTICLE, LIST)}
    path = site_of(node) / f"src/content/{NAME}.md"
    file = path.read_bytes()

    getattr(way, fault)()
    assert eventually(lambda: "Age" in client.get(ARTICLE).headers)
    for url, body in before.items():
        answer = client.get(url)
        assert (answer.status_code, answer.data, answer.headers["Age"].isdigit()) == (200, body, True)
        assert "Server-Timing" not in answer.headers, "the database was asked"
    known = client.get(ARTICLE, headers={"If-None-Match": etag})
    assert (known.status_code, "Age" in known.headers, "Server-Timing" in known.headers) == (304, True, False)
    assert client.head(ARTICLE).status_code == 200
    refused = [
        client.get(f"{ARTICLES}/news/en/opening-day"),
        client.get(ARTICLE, headers=admin),
        patch(client, admin, NAME, etag, {"data": {"title": "Not now"}}),
    ]
    for answer in refused:
        problem(answer, 503, "database")
        assert int(answer.headers["Retry-After"]) > 0
    assert path.read_bytes() == file
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503

    way.open()
    assert eventually(lambda: client.get("/readyz").status_code == 200)
    saved = patch(client, admin, NAME, etag, {"data": {"title": "Back again"}})
    assert saved.status_code == 200
    assert eventually(lambda: "Age" not in client.get(ARTICLE).headers)
    assert client.get(ARTICLE).get_json()["data"]["title"] == "Back again"


def test_what_was_withdrawn_before_is_not_shown_again(node: Context, admin: dict[str, str], way: Gateway) -> None:
    client = make_client(node)
    etag = create_text(client, admin)
    remember(client, node, ARTICLE)
    assert patch(client, admin, NAME, etag, {"data": {"draft": True}}).status_code == 200
    way.close()
    assert eventually(lambda: node.generation.last() is not None)
    problem(client.get(ARTICLE), 503, "database")


def test_what_others_have_changed_meanwhile_is_there_once_it_is_back(
    ctx: Context, node: Context, admin: dict[str, str], way: Gateway
) -> None:
    client, other = make_client(node), make_client(ctx)
    etag = create_text(other, admin)
    remember(client, node, ARTICLE)
    way.close()
    assert patch(other, admin, NAME, etag, {"data": {"title": "Meanwhile"}}).status_code == 200
    assert eventually(lambda: "Age" in client.get(ARTICLE).headers)
    assert client.get(ARTICLE).get_json()["data"]["title"] == "A day at the library"
    way.open()
    assert eventually(lambda: client.get(ARTICLE).get_json()["data"]["title"] == "Meanwhile")
    assert "Age" not in client.get(ARTICLE).headers


def test_a_node_that_may_not_listen_tells_what_the_database_says(
    ctx: Context, node: Context, admin: dict[str, str], way: Gateway
) -> None:
    client, other = make_client(node), make_client(ctx)
    etag = create_text(other, admin)
    remember(client, node, ARTICLE)
    fill_pool(node)
    way.shut()
    end_listening(ctx)
    assert eventually(lambda: node.generation.current() is None)
    assert patch(other, admin, NAME, etag, {"data": {"draft": True}}).status_code == 200
    assert eventually(lambda: client.get(ARTICLE).status_code != 200)
    for _ in range(10):
        problem(client.get(ARTICLE), 404)
        time.sleep(0.1)
    way.open()
    assert eventually(lambda: node.generation.current() is not None)


def fill_pool(node: Context) -> None:
    """Leave two open connections in the pool, for the listener's question and for a request at the same time."""
    with node.database.connect() as one, node.database.connect() as other:
        for connection in (one, other):
            connection.execute(text("SELECT 2"))  # `end_listening` ends those that were asked `SELECT 1` last


def end_listening(ctx: Context) -> None:
    listening = "datname = current_database() AND query IN ('LISTEN cms_written', 'SELECT 1')"
    with ctx.database.connect() as connection:
        asked = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {listening}"  # noqa: S608
        assert connection.execute(text(asked)).scalar_one() >= 1


def test_who_waits_for_a_database_that_went_silent_is_told_so(
    node: Context, admin: dict[str, str], way: Gateway
) -> None:
    client, reader = make_client(node), make_client(node)
    etag = create_text(client, admin)
    remember(reader, node, ARTICLE)
    way.freeze()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(patch, client, admin, NAME, etag, {"data": {"title": "Not now"}})
        assert eventually(lambda: reader.get(ARTICLE).headers.get("Age") is not None)
        problem(waiting.result(60), 503, "database")
