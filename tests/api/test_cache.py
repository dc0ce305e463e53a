"""What is kept in memory in front of Flask: the same bytes as without it, and never older than the last write."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import brotli
import pytest
import zstandard
from flask.testing import FlaskClient
from sqlalchemy import event

from cms.api import coding, create_flask
from cms.api.access_log import AccessLog
from cms.api.cache import OVERHEAD, Kept, Memory
from cms.app import put_together
from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, patch
from tests.asking import listen
from tests.conftest import ClosingClient, both_databases, close, eventually, make_context, reconcile, site_of

NAME = "news/en/opening-day"
ARTICLE = f"{ARTICLES}/{NAME}"
PATHS = (
    ARTICLE,
    ARTICLES,
    f"{ARTICLES}?collection=news&limit=2&sort=-date",
    f"{ARTICLES}?q=library",
    f"{ARTICLES}/news/en/nothing",
    f"{ARTICLES}?nonsense=1",
    "/api/v1/collections",
    "/api/v1/collections/news",
    "/api/v1/collections/news/schema",
    "/api/v1/images",
    "/api/v1/images/news/river-bus/photo-1.jpg",
)
OF_ONE_REQUEST = {"X-Request-Id", "Server-Timing", "Date"}


def served(ctx: Context, log: AccessLog) -> FlaskClient:
    app = put_together(create_flask(ctx.settings.limits), ctx, log)
    app.test_client_class = ClosingClient
    return app.test_client()


@pytest.fixture
def log() -> list[bytes]:
    return []


@pytest.fixture
def kept(ctx: Context, log: list[bytes]) -> FlaskClient:
    """With answers kept."""
    return served(ctx, AccessLog(log.append))


@pytest.fixture
def fresh(ctx: Context) -> FlaskClient:
    """With every answer made anew."""
    settings = dataclasses.replace(ctx.settings, cache_bytes=0)
    return served(dataclasses.replace(ctx, settings=settings), AccessLog(lambda _: None))


@pytest.fixture
def queries(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the database was asked since the list was last cleared."""
    asked: list[str] = []
    listen(ctx.database, monkeypatch, lambda statement, _values: asked.append(statement))
    return asked


def answer(client: FlaskClient, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    response = client.open(path, method=method, headers={name.replace("_", "-"): v for name, v in headers.items()})
    found = {name: value for name, value in response.headers.items() if name not in OF_ONE_REQUEST}
    body = response.data
    if response.status_code >= 400:
        body = re.sub(rb'"request_id": "[^"]*"', b"", body)
        found.pop("Content-Length")
    response.close()
    return response.status_code, found, body


@pytest.mark.parametrize("path", PATHS)
def test_no_byte_is_another(kept: FlaskClient, fresh: FlaskClient, path: str) -> None:
    etag = fresh.get(path).headers.get("ETag", '"none"')
    asked: list[dict[str, str]] = [
        {},
        {"If_None_Match": etag},
        {"If_None_Match": f'"other", {etag}'},
        {"If_None_Match": "*"},
        {"If_None_Match": '"other"'},
        {"Accept_Encoding": "gzip, deflate, br, zstd"},
        {"Accept_Encoding": "gzip"},
        {"Accept_Encoding": "gzip;q=0"},
        {"Accept": "text/markdown"},
        {"Accept": "TEXT/*, */*;q=0.1"},
        {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
        {"Accept_Encoding": "zstd", "If_None_Match": etag},
        {"Range": "bytes=0-3"},
    ]
    for headers in [*asked, *reversed(asked)]:
        for method in ("GET", "HEAD", "GET"):
            assert answer(kept, path, method, **headers) == answer(fresh, path, method, **headers), (method, headers)


def test_what_is_kept_asks_the_database_nothing(kept: FlaskClient, queries: list[str]) -> None:
    path = f"{ARTICLES}?collection=news&limit=2"
    first = kept.get(path)
    assert queries
    queries.clear()
    again = kept.get(f"{ARTICLES}?limit=2&collection=news")
    assert kept.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    assert (again.data, queries) == (first.data, [])
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert kept.get(path, headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] == "mine"


def test_who_asks_again_and_again_whether_it_changed_costs_no_query(
    kept: FlaskClient, fresh: FlaskClient, queries: list[str]
) -> None:
    known = {"If-None-Match": fresh.get(ARTICLE).headers["ETag"]}
    assert kept.get(ARTICLE, headers=known).status_code == 304
    queries.clear()
    assert kept.get(ARTICLE, headers=known).status_code == 304
    assert queries == []
    assert kept.get(ARTICLE).get_json()["id"] == "en/opening-day"


def test_nothing_that_a_token_asked_for_is_kept(
    kept: FlaskClient, admin: dict[str, str], queries: list[str], ctx: Context
) -> None:
    create_text(kept, admin, "news/en/secret", TEXT.replace("title: 'A day", "draft: true\ntitle: 'Secret"))
    path = f"{ARTICLES}?status=all"
    for _ in range(2):
        assert "Secret" in kept.get(path, headers=admin).text
        assert kept.get(path).status_code == 401
        assert "Secret" not in kept.get(ARTICLES).text
        assert kept.get(f"{ARTICLES}/news/en/secret").status_code == 404
    queries.clear()
    assert kept.get(ARTICLE, headers=admin).headers["Cache-Control"] == "private, no-store"
    assert queries


@both_databases
def test_a_write_is_seen_at_once_here_and_soon_elsewhere(
    ctx: Context, kept: FlaskClient, admin: dict[str, str]
) -> None:
    other = make_context(ctx.settings)
    beside = served(other, AccessLog(lambda _: None))
    for number in range(5):
        for client in (kept, beside):
            etag = client.get(ARTICLE).headers["ETag"]
        title = f"Opened {number}"
        assert patch(kept, admin, NAME, etag, {"data": {"title": title}}).status_code == 200
        assert kept.get(ARTICLE).get_json()["data"]["title"] == title
        assert eventually(lambda title=title: beside.get(ARTICLE).get_json()["data"]["title"] == title, 2)
    close(other)


def test_a_hand_edit_is_seen(ctx: Context, kept: FlaskClient) -> None:
    assert kept.get(ARTICLE).status_code == 200
    path = site_of(ctx) / "src/content/news/en/opening-day.md"
    path.write_text(path.read_text().replace("library", "museum"))
    reconcile(ctx)
    assert "museum" in kept.get(ARTICLE).text


def test_an_answer_that_was_read_before_a_write_is_not_kept(
    ctx: Context, kept: FlaskClient, admin: dict[str, str], fresh: FlaskClient
) -> None:
    etag = fresh.get(ARTICLE).headers["ETag"]

    def write_meanwhile(*_: Any) -> None:
        assert patch(fresh, admin, NAME, etag, {"data": {"title": "Meanwhile"}}).status_code == 200

    event.listen(ctx.database, "commit", write_meanwhile, once=True)
    kept.get(ARTICLE)
    assert kept.get(ARTICLE).get_json()["data"]["title"] == "Meanwhile"


def test_of_many_that_ask_at_once_one_makes_the_answer(
    kept: FlaskClient, ctx: Context, queries: list[str], fresh: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.get(ARTICLES)
    once = len(queries)
    queries.clear()
    listen(ctx.database, monkeypatch, lambda *_: time.sleep(0.02))
    clients = [kept.application.test_client() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda client: client.get(ARTICLES).data, clients))
    assert len(queries) == once
    assert found == [fresh.get(ARTICLES).data] * 6


def test_what_nobody_asks_for_makes_room() -> None:
    memory = Memory(40 * OVERHEAD)
    kept = Kept("", [], [], b"x" * OVERHEAD, "", "")
    for number in range(100):
        memory.put((str(number), "", ""), 1, kept)
        assert memory.get(("0", "", ""), 1) is kept
    found = sum(memory.get((str(number), "", ""), 1) is not None for number in range(100))
    assert 2 <= found <= 20
    memory.put(("large", "", ""), 1, Kept("", [], [], b"x" * 20 * OVERHEAD, "", ""))
    assert memory.get(("large", "", ""), 1) is None
    assert memory.get(("0", "", ""), 2) is None


DECODE: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "gzip": gzip.decompress,
}


@pytest.mark.parametrize("name", DECODE)
@pytest.mark.parametrize("path", [ARTICLE, "/api/v1/sync"])
def test_texts_are_coded_as_the_client_takes_them(kept: FlaskClient, name: str, path: str) -> None:
    plain = kept.get(path)
    coded = kept.get(path, headers={"Accept-Encoding": name})
    assert coded.headers["Content-Encoding"] == name
    assert "Accept-Encoding" in coded.headers["Vary"]
    assert DECODE[name](coded.data) == plain.data
    assert coded.headers["ETag"] == f'{plain.headers["ETag"][:-1]}-{name}"'
    again = kept.get(path, headers={"Accept-Encoding": name, "If-None-Match": coded.headers["ETag"]})
    assert (again.status_code, again.headers["ETag"]) == (304, coded.headers["ETag"])


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("*", "br"),
        ("*;q=0.1, br;q=0", "zstd"),
        ("identity, gzip;q=0.5", ""),
        ("gzip;q=0", ""),
        ("GZIP", "gzip"),
        ("gzip;q=nonsense", ""),
        (",;,=", ""),
    ],
)
def test_the_best_coding_is_chosen(accepted: str, chosen: str) -> None:
    assert coding.choose(accepted) == chosen


def test_kept_answers_are_in_the_log_as_others_are(kept: FlaskClient, log: list[bytes]) -> None:
    for _ in range(2):
        kept.get(ARTICLE, headers={"X-Request-Id": "r1"})
    eventually(lambda: log, 5)
    first, second = map(json.loads, b"".join(log).splitlines())
    assert first.keys() == second.keys()
    for line in (first, second):
        del line["time"], line["duration_ms"]
    assert first == second
    assert first["path"] == ARTICLE
