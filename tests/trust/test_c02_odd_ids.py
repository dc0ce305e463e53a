"""C2: an article whose id begins with a slash, as `slug: /my-post` makes it, is read and edited like any other."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, patch
from tests.conftest import reconcile
from tests.trust.poison import yaml_file

IDS = (
    "/my-post", "//x", "/", "/a/", "a/", "a//b", ".", "..", "../z", "/../z", " ", "a?b#c%20d", "%2Fx", "/%2F", "\\x",
    "/é", "/ខ្មែរ", "/index", "/history", "/x.md", "http://x/y",
)  # fmt: skip


@pytest.mark.parametrize("article_id", IDS)
def test_an_odd_id_is_read_edited_listed_and_deleted(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, article_id: str
) -> None:
    file = site / "src/content/news/odd.md"
    file.write_bytes(yaml_file(f"slug: {json.dumps(article_id)}"))
    reconcile(ctx)
    name = quote(f"news/{article_id}", safe="")
    path = f"news/{quote(article_id, safe='')}"
    for headers in ({}, admin):
        assert client.get(f"{ARTICLES}/{path}", headers=headers).get_json()["id"] == article_id, name
    etag = client.get(f"{ARTICLES}/{path}", headers=admin).headers["ETag"]
    edited = patch(client, admin, path, etag, {"data": {"title": "u"}})
    assert edited.status_code == 200, edited.text
    history = client.get(f"/api/v1/history/{path}", headers=admin)
    assert len(history.get_json()["items"]) == 2
    copied = client.patch(
        f"{ARTICLES}/{path}?draft=true",
        json={"data": {"title": "v"}},
        headers={**admin, "If-Match": edited.headers["ETag"]},
        content_type="application/merge-patch+json",
    )
    assert copied.status_code == 200, copied.text
    assert client.get(f"/api/v1/drafts/{path}", headers=admin).get_json()["data"]["title"] == "v"
    deleted = client.delete(f"/api/v1/drafts/{path}", headers={**admin, "If-Match": copied.headers["ETag"]})
    assert deleted.status_code == 204
    renamed = patch(client, admin, path, edited.headers["ETag"], {"id": "en/plain"})
    assert renamed.status_code == 200, renamed.text
    assert client.get(f"{ARTICLES}/{path}", headers=admin).get_json()["moved_to"] == "news/en/plain"
    gone = client.delete(f"{ARTICLES}/news/en/plain", headers={**admin, "If-Match": renamed.headers["ETag"]})
    assert gone.status_code == 204
    assert not file.exists()


def test_a_location_keeps_the_first_slash(ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path) -> None:
    """A proxy would merge two slashes; a percent-encoded one stays."""
    (site / "src/content/news/odd.md").write_bytes(yaml_file("slug: /my-post"))
    reconcile(ctx)
    answer = client.get(f"{ARTICLES}/news/%2Fmy-post", headers=admin)
    copied = client.patch(
        f"{ARTICLES}/news/%2Fmy-post?draft=true",
        json={"data": {"title": "v"}},
        headers={**admin, "If-Match": answer.headers["ETag"]},
        content_type="application/merge-patch+json",
    )
    assert copied.headers.get("Content-Location", "/api/v1/drafts/news/%2Fmy-post").endswith("/news/%2Fmy-post")
