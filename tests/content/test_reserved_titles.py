"""A title whose slug is a reserved name gets an id of its own all the same."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES
from tests.content.dated_site import errors, make_posts, schema


@pytest.mark.parametrize("title", ["Index", "CON", "Prn", "aux", "com1", "LPT9", "nul"])
def test_a_reserved_title_gets_a_number(ctx: Context, client: FlaskClient, admin: dict[str, str], title: str) -> None:
    make_posts(ctx, schema(7, {"title": {"type": "string"}}), {})
    for number in (2, 3):
        new = client.post(f"{ARTICLES}/posts", json={"data": {"title": title}}, headers=admin)
        assert (new.status_code, new.get_json()["id"]) == (201, f"{title.lower()}-{number}")
    asked = client.post(f"{ARTICLES}/posts", json={"slug": title.lower(), "data": {"title": title}}, headers=admin)
    assert errors(asked) == {("/id", "slug_reserved")}
