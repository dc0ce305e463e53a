"""Health, readiness, the spec, collections."""

from __future__ import annotations

import json
import re

from flask.testing import FlaskClient
from sqlalchemy import delete

from cms.context import Context
from cms.database.derived import indexes
from cms.database.engine import write
from tests.api.editing import problem
from tests.conftest import ROOT, site_of


def test_the_committed_spec_is_what_the_code_says(client: FlaskClient) -> None:
    served = client.get("/api/v1/openapi.json")
    assert served.status_code == 200
    assert (ROOT / "openapi/openapi.json").read_text() == served.text, "run: cms openapi > openapi/openapi.json"
    assert client.get("/api/v1/openapi.json").text == served.text


def test_the_spec_names_every_limit_and_every_route(client: FlaskClient) -> None:
    spec = client.get("/api/v1/openapi.json").get_json()
    assert spec["openapi"] == "3.1.0"
    assert "CMS_MAX_PHOTO_PIXELS`: 64,000,000" in spec["info"]["description"]
    assert set(spec["paths"]) == {
        "/healthz", "/readyz", "/metrics", "/api/v1/whoami", "/api/v1/collections", "/api/v1/collections/{collection}",
        "/api/v1/collections/{collection}/schema", "/api/v1/articles", "/api/v1/articles/{collection}",
        "/api/v1/articles/{collection}/{article_id}", "/api/v1/history/{collection}/{article_id}", "/api/v1/images",
        "/api/v1/images/{path}", "/api/v1/uploads", "/api/v1/uploads/{upload_id}/complete", "/api/v1/trash",
        "/api/v1/trash/{trash_id}", "/api/v1/sync", "/api/v1/tokens", "/api/v1/tokens/{token_id}", "/api/v1/webhooks",
        "/api/v1/webhooks/{webhook_id}", "/api/v1/webhooks/{webhook_id}/deliveries",
        "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", "/api/v1/webhooks/{webhook_id}/test",
        "/api/v1/conflicts", "/api/v1/conflicts/{path}", "/hooks/git", "/api/v1/builds",
        "/api/v1/drafts", "/api/v1/drafts/{collection}/{article_id}", "/api/v1/previews", "/api/v1/previews/{preview}",
        "/api/v1/changes", "/api/v1/collections/{collection}/translations",
    }  # fmt: skip
    operations = [op for path in spec["paths"].values() for name, op in path.items() if name != "parameters"]
    assert all(operation["summary"].endswith(".") for operation in operations)
    references = set(re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(spec)))
    assert all(name in spec["components"][kind] for kind, name in references)


def test_collections_have_their_counts_and_schema(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    items = client.get("/api/v1/collections").get_json()["items"]
    assert items == [
        {"name": "news", "published": 6, "has_schema": True},
        {"name": "places", "published": 4, "has_schema": True},
    ]
    one = client.get("/api/v1/collections/news", headers=admin).get_json()
    assert one == {"name": "news", "published": 6, "draft": 1, "scheduled": 0, "broken": 0, "has_schema": True}
    schema = client.get("/api/v1/collections/news/schema")
    assert schema.text == (site_of(ctx) / "src/content/news.schema.json").read_text()
    problem(client.get("/api/v1/collections/nowhere"), 404)
    problem(client.get("/api/v1/collections/nowhere/schema"), 404)


def test_readiness_waits_for_the_derived_tables(client: FlaskClient, ctx: Context) -> None:
    assert client.get("/readyz").get_json() == {"status": "ready", "notices": []}
    with write(ctx.database) as tx:
        tx.execute(delete(indexes))
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_every_answer_has_a_request_id_and_refuses_to_be_sniffed(client: FlaskClient) -> None:
    for url in ("/healthz", "/nowhere", "/docs", "/api/v1/articles"):
        response = client.get(url, headers={"X-Request-Id": "abc-1"})
        assert response.headers["X-Request-Id"] == "abc-1"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    forged = client.get("/healthz", headers={"X-Request-Id": 'x"} {"level":"error'})
    assert re.fullmatch(r"[0-9a-f]{32}", forged.headers["X-Request-Id"])


def test_the_docs_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.content_type == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert loaded
    for url in loaded:
        assert url.startswith("/docs/")
        asset = client.get(url)
        assert asset.status_code == 200
        asset.close()
    problem(client.get("/docs/index.css"), 404)
