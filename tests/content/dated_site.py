"""A collection `posts` whose schema is as `astro sync` writes it, and what editors and readers do with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.actions.check import check
from cms.context import Context
from tests.api.editing import ARTICLES
from tests.conftest import reconcile, site_of

DATES: dict[int, Any] = {
    5: {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "string", "format": "date"},
            {"type": "integer", "format": "unix-time"},
        ]
    },
    7: {"type": "string", "format": "date-time"},
}
"""What each version of Astro writes for `z.date()` and `z.coerce.date()`."""

TEXTS_OF_DATES: dict[int, Any] = {5: DATES[7], 7: {**DATES[7], "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}}
"""What it writes for `z.string().datetime()`, which takes no date."""


def schema(astro: int, properties: Mapping[str, Any]) -> str:
    """The schema of an object, in the form of a version of Astro."""
    whole = {"type": "object", "properties": properties}
    if astro == 5:
        draft = "http://json-schema.org/draft-07/schema#"
        return json.dumps({"$ref": "#/definitions/posts", "definitions": {"posts": whole}, "$schema": draft})
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **whole})


def make_posts(ctx: Context, text: str, posts: Mapping[str, str], **annotation: Any) -> Path:
    """Add the collection, whose articles have this front matter, and have the service read it; returns its folder."""
    folder = site_of(ctx) / "src/content/posts"
    folder.mkdir(exist_ok=True)
    (folder.parent / "posts.schema.json").write_text(text)
    if annotation:
        (folder.parent / "posts.cms.json").write_text(json.dumps(annotation))
    for name, data in posts.items():
        (folder / f"{name}.md").write_text(f"---\n{data}\n---\nbody\n")
    reconcile(ctx)
    return folder


def listed(client: FlaskClient, **query: str) -> list[str]:
    """The ids of all pages of the list, each of two articles."""
    found: list[str] = []
    given = {"collection": "posts", "limit": "2", **query}
    while True:
        response = client.get(ARTICLES, query_string=given)
        assert response.status_code == 200, response.text
        page = response.get_json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        given["cursor"] = page["next_cursor"]


def put_text(client: FlaskClient, headers: Mapping[str, str], name: str, data: str) -> TestResponse:
    """Create an article from its file."""
    return client.put(
        f"{ARTICLES}/posts/{name}",
        data=f"---\n{data}\n---\nbody\n".encode(),
        headers={**headers, "If-None-Match": "*"},
        content_type="text/markdown",
    )


def errors(response: TestResponse) -> set[tuple[str, str]]:
    """The pointers and codes of a refusal."""
    assert response.status_code == 422, response.text
    return {(item["pointer"], item["code"]) for item in response.get_json()["errors"]}


def check_errors(ctx: Context) -> set[tuple[str, str, str]]:
    """The errors of `cms check` in the collection: the article, the pointer and the code of each."""
    found = [one for one in check(ctx) if one.severity == "error" and "/posts/" in one.path]
    return {(Path(one.path).stem, one.pointer, one.code) for one in found}
