"""K2: limits on front matter that a setting raises hold for edits as they do for reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.model.limits import Limits
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.conftest import bearer, close, make_client, make_context, make_settings, site_of

RAISED = Limits(
    front_matter_bytes=1_000_000, front_matter_depth=64, front_matter_events=60_000, front_matter_aliases=200
)
HEAD = "title: A day\ndescription: Told\ndate: 2025-06-24\nauthor: Sok\ntags: [books]\n"
URL = f"{ARTICLES}/news/en/a-day"
LARGE = {
    "bytes": "more:\n" + "".join(f"  - /old/{number:05}/a-path-of-a-page/\n" for number in range(2_500)),
    "events": "more: [" + ", ".join(["1"] * 25_000) + "]\n",
    "depth": "more: " + "[" * 60 + "]" * 60 + "\n",
    "aliases": "base: &b 1\nmore:\n" + "- *b\n" * 150,
}


@pytest.fixture
def raised(light_site: Path, tmp_path: Path) -> Iterator[Context]:
    made = make_context(make_settings(light_site, f"sqlite:///{tmp_path}/raised.db", limits=RAISED))
    yield made
    close(made)


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_article_is_read_and_edited_in_every_way(raised: Context, kind: str) -> None:
    client, admin = make_client(raised), bearer(raised, "admin")
    text = f"---\n{HEAD}{LARGE[kind]}---\nBody\n"
    etag = create_text(client, admin, text=text)
    article = client.get(URL, headers=admin).get_json()
    edits: list[tuple[str, str, Any]] = [
        ("PATCH", "application/merge-patch+json", {"body": "Other\n"}),
        ("PATCH", "application/merge-patch+json", {"data": {"title": "Another"}}),
        ("PATCH", "application/json-patch+json", [{"op": "replace", "path": "/data/author", "value": "Dara"}]),
        ("PUT", "application/json", {"data": {**article["data"], "added": 1}, "body": "Other\n"}),
    ]
    for method, media_type, value in edits:
        answer = client.open(
            URL, method=method, json=value, headers={**admin, "If-Match": etag}, content_type=media_type
        )
        assert answer.status_code == 200, (kind, answer.text)
        etag = answer.headers["ETag"]
    wanted = text.replace("---\nBody", "added: 1\n---\nOther")
    assert (site_of(raised) / "src/content/news/en/a-day.md").read_text() == wanted


def test_what_is_over_the_raised_limits_is_refused(raised: Context) -> None:
    client, admin = make_client(raised), bearer(raised, "admin")
    etag = create_text(client, admin, text=f"---\n{HEAD}---\nBody\n")
    before = (site_of(raised) / "src/content/news/en/a-day.md").read_bytes()
    deep: list[Any] = []
    for _ in range(70):
        deep = [deep]
    for value, code in (
        ("x" * 1_000_001, "yaml_too_large"),
        ([1] * 60_000, "yaml_too_many_nodes"),
        (deep, "yaml_too_deep"),
    ):
        found = problem(patch(client, admin, "news/en/a-day", etag, {"data": {"more": value}}), 422)
        assert [(item["code"], item["pointer"]) for item in found["errors"]] == [(code, "/data")]
    assert (site_of(raised) / "src/content/news/en/a-day.md").read_bytes() == before


def test_a_new_article_may_be_as_large(raised: Context) -> None:
    client: FlaskClient = make_client(raised)
    data = {"title": "A day", "description": "Told", "date": "2025-06-24", "author": "Sok", "tags": ["books"]}
    sent = {"id": "en/a-day", "data": {**data, "more": ["x" * 20] * 8_000}, "body": "Body\n"}
    answer = client.post(f"{ARTICLES}/news", json=sent, headers=bearer(raised, "admin"))
    assert answer.status_code == 201, answer.text
    assert client.get(URL).get_json()["data"]["more"] == ["x" * 20] * 8_000
