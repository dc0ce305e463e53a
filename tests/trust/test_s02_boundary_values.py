"""S2: no parameter and no field of the API takes a value that makes the service fail, for the request or afterwards.

Each operation is asked with each boundary value in each of its places. Every answer is below 500 (but 501 where
something is not set up), each of 400 and more is a problem, each stands in the access log, and every list is read
afterwards.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.abuse.operations import Operation, operations
from tests.abuse.test_scopes import MERGE, WHOLE, WRITES, Site, of_article, site  # noqa: F401
from tests.api.editing import ARTICLES
from tests.api.test_json_patch import JSON_PATCH
from tests.conftest import bearer, make_client
from tests.counted import Told
from tests.described import SPEC
from tests.trust import boundary_values

pytestmark = pytest.mark.xdist_group("boundary values")

V1 = "/api/v1"
LISTS = [f"{V1}/{name}" for name in (
    "articles?limit=100", "articles?status=all&collection=news&sort=-date", "collections", "images", "changes",
    "drafts", "tokens", "webhooks", "previews", "trash", "conflicts", "sync", "sync?drafts=true",
)]  # fmt: skip
NAMES = {
    "collection": ["news"],
    "article_id": ["en/opening-day"],
    "path": ["news/river-bus/photo-1.jpg"],
    "preview": ["x"],
    "webhook_id": ["x"],
}
NOT_SET_UP = 501
FIELDS = ("title", "date", "tags", "draft")


@dataclass(slots=True)
class Asker:
    """Asks, and notes what is not as it should be; each test ends with `check`."""

    client: FlaskClient
    admin: dict[str, str]
    headers: dict[str, str]
    lines: list[bytes]
    counted: Told
    wrong: list[str] = dataclasses.field(default_factory=list)
    ids: list[str] = dataclasses.field(default_factory=list)

    def ask(self, method: str, url: str, what: object, **sent: Any) -> TestResponse:
        name = f"b-{len(self.ids)}"
        self.ids.append(name)
        headers = {**self.headers, **sent.pop("headers", {}), "X-Request-Id": name}
        answer = self.client.open(url, method=method, headers=headers, **sent)
        is_problem = answer.status_code < 400 or answer.content_type == "application/problem+json"
        if (answer.status_code >= 500 and answer.status_code != NOT_SET_UP) or not is_problem:
            self.wrong.append(f"{method} {url[:200]} {str(what)[:80]}: {answer.status_code} {answer.text[:200]}")
        return answer

    def check(self) -> None:
        """Read every list, and find every request in the log."""
        for url in LISTS:
            assert self.client.get(url, headers=self.admin).status_code == 200, url
        self.client.application.extensions["access_log"].flush()
        logged = {json.loads(line)["request_id"] for line in b"".join(self.lines).splitlines()}
        assert set(self.ids) <= logged
        assert not self.wrong, "\n".join(self.wrong[:20])
        self.counted({"requests": len(self.ids)})


@pytest.fixture
def asker(site: Site, counted: Told) -> Asker:  # noqa: F811
    lines: list[bytes] = []
    client = make_client(site.ctx, lines.append)
    admin = bearer(site.ctx, "admin")
    return Asker(client, admin, dict(admin), lines, counted)


def _fields(operation: Operation) -> list[str]:
    """Return the names of the members that the operation's JSON body may have."""
    content = operation.described.get("requestBody", {}).get("content", {})
    found: list[str] = []
    for media_type, body in content.items():
        if media_type.endswith("json"):
            name = body["schema"].get("$ref", "").rpartition("/")[2]
            found += SPEC["components"]["schemas"].get(name, {}).get("properties", {})
    return found


def test_every_parameter_of_every_read(site: Site, asker: Asker) -> None:  # noqa: F811
    for operation in operations(site.client, "GET"):
        if "sha256" in operation.names or operation.path == "/hooks/git" or "static" in operation.path:
            continue
        (url, *_) = operation.urls({name: NAMES.get(name, ["x"]) for name in operation.names})
        parameters = operation.parameters("query")
        for name in parameters:
            for value in boundary_values.query_values(name):
                asker.ask("GET", url, (name, value), query_string={name: value})
        for name in operation.names:
            for value in boundary_values.TEXTS:
                if value not in ("", "\ud800"):
                    (odd,) = operation.urls(
                        {**{one: NAMES.get(one, ["x"])[:1] for one in operation.names}, name: [value]}
                    )
                    asker.ask("GET", odd, name)
    asker.check()


METHODS = ("POST", "PUT", "PATCH", "DELETE")
OPS = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "contains", "exists")


@pytest.mark.parametrize("op", OPS)
def test_every_filter(asker: Asker, op: str) -> None:
    """With a token, and without: then it is answered beside Flask."""
    odd = [*map(str, boundary_values.NUMBERS), *(text for text in boundary_values.TEXTS if text != "\ud800")]
    asked = [("date", value) for value in boundary_values.DATES] + [(field, value) for field in FIELDS for value in odd]
    for field, value in asked:
        query = {"collection": "news", f"filter[{field}][{op}]": value}
        asker.ask("GET", ARTICLES, query, query_string=query)
    asker.headers.clear()
    for field, value in asked[: len(boundary_values.DATES)]:
        query = {"collection": "news", f"filter[{field}][{op}]": value}
        asker.ask("GET", ARTICLES, query, query_string=query)
    asker.check()


OTHERS = {"upload_images", "redeliver", "test_webhook"}
OTHERS |= {"discard_draft", "revoke_preview", "settle_conflict", "purge_image", "delete_webhook", "revoke_token"}
BODIES = [name for name in WRITES if " " not in name and name not in OTHERS]
"""The writes that take a JSON body or a query, each as `test_scopes.py` asks for it first."""


def test_every_path_of_every_write(site: Site, asker: Asker) -> None:  # noqa: F811
    for operation in operations(site.client, *METHODS):
        for name in operation.names:
            for value in boundary_values.TEXTS:
                if value not in ("", "\ud800"):
                    values = {one: NAMES.get(one, ["x"]) for one in operation.names} | {name: [value]}
                    (url,) = operation.urls(values)
                    asker.ask(operation.method, url, name, json={}, headers={"If-Match": '"x"'})
    asker.check()


@pytest.mark.parametrize("name", BODIES)
def test_every_field_of_every_write(site: Site, asker: Asker, name: str) -> None:  # noqa: F811
    (operation,) = (one for one in operations(site.client, *METHODS) if one.name == name)
    numbers = count()

    def fresh() -> tuple[str, dict[str, Any]]:
        """Return the request, on something that no request before it has changed."""
        # The size of a photo goes by the length of its name; the same photo sent again is no other.
        own = "x" * BODIES.index(name) if "image" in name else f"{BODIES.index(name)}-{next(numbers)}"
        return WRITES[name][1](site, f"edge-{own}")

    url, sent = fresh()
    places = [(field, value) for field in _fields(operation) for value in boundary_values.json_values()]
    for field, value in places if "json" in sent else ():
        body = boundary_values.written(sent["json"], field, value)
        kind = sent.get("content_type", "application/json")
        changed = {"headers": sent.get("headers", {}), "data": body, "content_type": kind}
        if asker.ask(operation.method, url, (field, value), **changed).status_code < 300:
            url, sent = fresh()
    for parameter in operation.parameters("query"):
        for value in boundary_values.query_values(parameter):
            path, _, query = url.partition("?")
            asked = {**sent, "query_string": {**dict(parse_qsl(query)), parameter: value}}
            if asker.ask(operation.method, path, (parameter, value), **asked).status_code < 300:
                url, sent = fresh()
    asker.check()


def test_every_field_of_front_matter(site: Site, asker: Asker) -> None:  # noqa: F811
    """By merge patch, JSON Patch, PUT and POST: each leaves the article, and its list, as right as it was."""
    url, sent = of_article(site, "front-matter", **MERGE)
    condition = sent["headers"]
    for field in (*WHOLE, "extra", "draft", "slug"):
        for value in boundary_values.json_values():
            data = boundary_values.Raw(boundary_values.written({}, field, value).decode())
            operation = {"op": "add", "path": f"/data/{field}"}
            patch = b"[" + boundary_values.written(operation, "value", value) + b"]"
            whole = boundary_values.Raw(boundary_values.written(WHOLE, field, value).decode())
            requests = (
                ("PATCH", url, boundary_values.written({}, "data", data), MERGE["content_type"]),
                ("PATCH", url, patch, JSON_PATCH),
                ("PUT", url, boundary_values.written({"body": ""}, "data", whole), "application/json"),
                (
                    "POST",
                    f"{ARTICLES}/news",
                    boundary_values.written({"id": "en/edge-new"}, "data", whole),
                    "application/json",
                ),
            )
            for method, where, body, kind in requests:
                query = {"dry_run": "true"}
                asker.ask(
                    method, where, (field, value), data=body, content_type=kind, headers=condition, query_string=query
                )
    asker.check()
