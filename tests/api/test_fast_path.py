"""What is answered without Flask: the same bytes as with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from flask import request, request_started
from flask.testing import FlaskClient

from cms.api.access_log import AccessLog
from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text
from tests.api.test_cache import answer, served
from tests.conftest import both_databases

WITH_FLASK = "application/json, text/plain;q=0.1"
"""Perhaps the file is wanted, which is more than the fast path looks at."""

FAST = (
    f"{ARTICLES}/news/en/opening-day",
    f"{ARTICLES}/news/km/river-bus",
    ARTICLES,
    f"{ARTICLES}?limit=1",
    f"{ARTICLES}?collection=news&sort=-date&limit=2&total=true",
    f"{ARTICLES}?collection=news&filter[title][contains]=a&fields=data,body",
    f"{ARTICLES}?collection=news&locale=km&fallback=en",
)
LEFT_TO_FLASK = (
    f"{ARTICLES}/news/en/nothing",
    f"{ARTICLES}/news/en/story-hour",
    f"{ARTICLES}/news",
    f"{ARTICLES}/news/",
    f"{ARTICLES}//en/river-bus",
    f"{ARTICLES}/news/en/%ff",
    f"{ARTICLES}/news/en/river-bus?fields=id",
    f"{ARTICLES}/",
    f"{ARTICLES}?nonsense=1",
    f"{ARTICLES}?limit=1&limit=1",
    f"{ARTICLES}?limit=101",
    f"{ARTICLES}?q=river%20bus",
    f"{ARTICLES}?q=%E1%9E%80",
    f"{ARTICLES}?q=បណ្ណាល័យ",
    f"{ARTICLES}?q=%ff",
    f"{ARTICLES}?q=",
    f"{ARTICLES}?q={'x' * 5000}",
    f"{ARTICLES}?cursor=nonsense",
    f"{ARTICLES}?status=all",
    f"{ARTICLES}?collection=nowhere",
)


@pytest.fixture
def fresh(ctx: Context) -> FlaskClient:
    """With nothing kept in memory."""
    settings = dataclasses.replace(ctx.settings, cache_bytes=0)
    return served(dataclasses.replace(ctx, settings=settings), AccessLog(lambda _: None))


@pytest.fixture
def in_flask(fresh: FlaskClient) -> Iterator[list[str]]:
    """The paths of the requests that came to Flask."""
    seen: list[str] = []

    def note(_app: object, **_: object) -> None:
        seen.append(request.full_path)

    request_started.connect(note, fresh.application)
    yield seen
    request_started.disconnect(note, fresh.application)


@both_databases
@pytest.mark.parametrize("path", FAST)
def test_no_byte_is_another_than_with_flask(fresh: FlaskClient, in_flask: list[str], path: str) -> None:
    etag = fresh.head(path).headers["ETag"]
    for headers in ({}, {"If_None_Match": etag}, {"If_None_Match": '"other"'}, {"Accept_Encoding": "br"},
                    {"Accept_Encoding": "gzip", "If_None_Match": f'"x", {etag}'}):  # fmt: skip
        in_flask.clear()
        fast = answer(fresh, path, **headers)
        assert (fast[0] in (200, 304), in_flask) == (True, [])
        assert answer(fresh, path, **headers, Accept=WITH_FLASK) == fast
        assert len(in_flask) == 1


@pytest.mark.parametrize("path", LEFT_TO_FLASK)
def test_what_is_not_there_or_not_plain_is_left_to_flask(fresh: FlaskClient, in_flask: list[str], path: str) -> None:
    assert answer(fresh, path) == answer(fresh, path, Accept=WITH_FLASK)
    assert len(in_flask) == 2


def test_who_has_a_token_is_asked_by_flask(fresh: FlaskClient, in_flask: list[str], admin: dict[str, str]) -> None:
    create_text(fresh, admin, "news/en/secret", TEXT.replace("title: 'A day", "draft: true\ntitle: 'Secret"))
    in_flask.clear()
    path = f"{ARTICLES}/news/en/secret"
    assert fresh.get(path, headers=admin).status_code == 200
    assert fresh.get(path).status_code == 404
    assert len(in_flask) == 2


def test_where_reading_needs_a_token_nothing_is_answered_without_flask(ctx: Context) -> None:
    settings = dataclasses.replace(ctx.settings, public_read=False, cache_bytes=0)
    client = served(dataclasses.replace(ctx, settings=settings), AccessLog(lambda _: None))
    assert client.get(FAST[0]).status_code == 401
    assert client.get(ARTICLES).status_code == 401
