"""S12: a request that may not be done is refused before any work for it is done: without a write transaction, and
without its Idempotency-Key being noted."""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from tests.abuse.operations import Operation, operations
from tests.api.editing import ARTICLES, MERGE_PATCH, problem
from tests.api.test_images import IMAGES, picture
from tests.conftest import bearer, both_databases, state_of

V1 = "/api/v1"
DATA = {"title": "t", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}
NEW = {"id": "en/new", "data": DATA, "body": ""}
FILES = [{"name": "a.jpg", "bytes": 1000, "type": "image/jpeg"}]
NAMED = {
    "collection": ["news"], "article_id": ["en/river-bus"], "path": ["news/river-bus/photo-1.jpg"], "trash_id": ["x"],
    "preview": ["x"], "webhook_id": ["x"], "delivery_id": ["x"], "token_id": ["x"], "upload_id": ["x"],
}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "create_article": {"json": NEW},
    "put_article": {"json": {"data": DATA, "body": ""}},
    "patch_article": {"json": {"data": {"title": "x"}}, "content_type": MERGE_PATCH},
    "restore_revision": {"query_string": {"seq": "1"}},
    "create_preview": {"json": {"collection": "news", "id": "en/river-bus"}},
    "confirm_translation": {"json": {"id": "km/river-bus", "source_version": "0" * 64}},
    "describe_image": {"json": {"credit": "Me"}, "content_type": MERGE_PATCH},
    "replace_image": {"data": picture(), "content_type": "image/jpeg"},
    "begin_uploads": {"json": {"folder": "own", "files": FILES}},
    "create_webhook": {"json": {"url": "https://example.org/"}},
    "patch_webhook": {"json": {"quiet_s": 1}},
    "report_build": {"json": {"cursor": "x"}},
    "create_token": {"json": {"name": "n", "scopes": ["metrics"]}},
}
SIGNED = {"git_pushed"}
"""What a forge calls, which has no token."""


def form(**fields: str) -> dict[str, Any]:
    sent = {"files": [(io.BytesIO(picture()), "a.jpg")], **fields}
    return {"data": sent, "content_type": "multipart/form-data"}


@contextmanager
def no_writes(ctx: Context) -> Iterator[None]:
    """Nobody else can begin a write transaction during the block, and nothing has been committed at its end."""
    before = state_of(ctx)
    path = ctx.settings.database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        version = holder.execute("PRAGMA data_version").fetchone()
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")
        assert holder.execute("PRAGMA data_version").fetchone() == version
    assert state_of(ctx) == before


def ask(client: FlaskClient, method: str, url: str, headers: dict[str, str], sent: dict[str, Any]) -> TestResponse:
    more = {"Idempotency-Key": "fresh", "If-Match": f'"{"0" * 64}"', **headers}
    return client.open(url, method=method, headers=more, **sent)


def writes(client: FlaskClient) -> list[Operation]:
    found = operations(client, "POST", "PUT", "PATCH", "DELETE")
    return [operation for operation in found if operation.name not in SIGNED]


def test_whoever_may_write_nothing_is_refused_before_any_work(client: FlaskClient, ctx: Context) -> None:
    """Each write of the API's own description, with a token that may only read the metrics, and without one."""
    weak = bearer(ctx, "metrics")
    with no_writes(ctx):
        for operation in writes(client):
            for url in operation.urls(NAMED):
                for status, headers in ((403, weak), (401, {})):
                    body = form(folder="own") if operation.name == "upload_images" else BODIES.get(operation.name, {})
                    answer = ask(client, operation.method, url, headers, body)
                    assert (operation.name, answer.status_code) == (operation.name, status), answer.text


def test_whoever_may_write_another_collection_is_refused_before_any_work(client: FlaskClient, ctx: Context) -> None:
    narrow = bearer(ctx, "articles:write:places", "articles:publish:places", "images:write:places")
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"{ARTICLES}/news", {"json": NEW}),
        ("PUT", f"{ARTICLES}/news/en/river-bus", BODIES["put_article"]),
        ("PATCH", f"{ARTICLES}/news/en/river-bus", BODIES["patch_article"]),
        ("POST", IMAGES, form(article="news/en/river-bus")),
        ("POST", IMAGES, form(folder="own")),
        ("POST", f"{V1}/uploads", {"json": {"article": "news/en/river-bus", "files": FILES}}),
        ("POST", f"{V1}/uploads", {"json": {"folder": "own", "files": FILES}}),
    ]
    with no_writes(ctx):
        for method, url, sent in asked:
            problem(ask(client, method, url, narrow, sent), 403)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_the_token_comes_before_what_is_wrong_with_the_body(client: FlaskClient, ctx: Context, method: str) -> None:
    url = f"{ARTICLES}/news" + ("" if method == "POST" else "/en/river-bus")
    kind = MERGE_PATCH if method == "PATCH" else "application/json"
    sent = {"data": b"{" if method != "POST" else b'{"data": {}, "body": ""}', "content_type": kind}
    weak = bearer(ctx, "metrics")
    with no_writes(ctx):
        problem(ask(client, method, url, weak, sent), 403)


@both_databases
def test_a_request_that_was_answered_before_makes_nobody_forget_what_is_kept(
    client: FlaskClient, ctx: Context, admin: dict[str, str]
) -> None:
    first = ask(client, "POST", f"{ARTICLES}/news", admin, {"json": NEW})
    assert first.status_code == 201
    time.sleep(0.5)  # until what was written has been told
    before = ctx.generation.current()
    again = ask(client, "POST", f"{ARTICLES}/news", admin, {"json": NEW})
    assert (again.status_code, again.data) == (201, first.data)
    time.sleep(0.5)
    assert ctx.generation.current() == before
