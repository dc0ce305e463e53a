"""The bytes that are published are what the schemas say, no more and no less."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient
from marshmallow import RAISE

from cms.api.schemas import articles, common, history, images, service, tokens, webhooks
from cms.context import Context
from cms.model.published import MEMBERS
from tests.api.editing import create_text, patch
from tests.api.test_images import picture, send
from tests.conftest import reconcile, site_of

SCHEMAS = (articles, common, history, images, service, tokens, webhooks)


@pytest.fixture
def spec(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/openapi.json").get_json()
    return found


def check(spec: dict[str, Any], schema: str, value: Any) -> None:
    """The value fits the spec's component, and has no member that the component does not name."""
    document = {
        **spec,
        "$ref": f"#/components/schemas/{schema}",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
    }
    for error in jsonschema_rs.validator_for(document).iter_errors(value):
        raise AssertionError(f"{list(error.instance_path)}: {error.message}")
    assert set(value) <= set(spec["components"]["schemas"][schema]["properties"])


def test_articles_fit_their_schema(client: FlaskClient, admin: dict[str, str], spec: dict[str, Any]) -> None:
    create_text(client, admin)
    whole = ",".join(MEMBERS)
    items = client.get(f"/api/v1/articles?limit=100&status=all&fields={whole}", headers=admin).get_json()["items"]
    assert len(items) == 12
    for item in items:
        articles.ListedArticle(unknown=RAISE).load(item)
        check(spec, "ListedArticle", item)
        one = client.get(f"/api/v1/articles/{item['collection']}/{item['id']}", headers=admin).get_json()
        told = [{**twin, "state": "current"} for twin in item["translations"]]
        assert one == {**item, "translations": told, "live_since": None}
        check(spec, "Article", one)


def test_a_broken_article_fits_it_too(
    client: FlaskClient, admin: dict[str, str], spec: dict[str, Any], ctx: Any
) -> None:
    (site_of(ctx) / "src/content/news/en/bad.md").write_text("---\na: [\n---\n")
    reconcile(ctx)
    article = client.get("/api/v1/articles/news/en/bad", headers=admin).get_json()
    assert article["problems"]
    check(spec, "Article", article)
    articles.Article(unknown=RAISE).load(article)


def test_other_answers_fit_their_schemas(client: FlaskClient, admin: dict[str, str], spec: dict[str, Any]) -> None:
    etag = create_text(client, admin)
    problem = patch(client, admin, "news/en/a-day", etag, {"data": {"title": 1}}).get_json()
    hook = client.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:1/"}, headers=admin).get_json()
    client.post(f"/api/v1/webhooks/{hook['id']}/test", headers=admin)
    for schema, value in {
        "Problem": problem,
        "Webhook": hook,
        "ArticlePage": client.get("/api/v1/articles?total=true").get_json(),
        "ImagePage": client.get("/api/v1/images?limit=2").get_json(),
        "TrashPage": a_trash(client, admin),
        "CollectionList": client.get("/api/v1/collections", headers=admin).get_json(),
        "ChangePage": client.get("/api/v1/history/news/en/a-day", headers=admin).get_json(),
        "DeliveryPage": client.get(f"/api/v1/webhooks/{hook['id']}/deliveries", headers=admin).get_json(),
        "WebhookList": client.get("/api/v1/webhooks", headers=admin).get_json(),
        "TokenList": client.get("/api/v1/tokens", headers=admin).get_json(),
        "Token": client.post("/api/v1/tokens", json={"name": "n", "scopes": ["read"]}, headers=admin).get_json(),
        "Whoami": client.get("/api/v1/whoami").get_json(),
        "Readiness": client.get("/readyz").get_json(),
        "Health": client.get("/healthz").get_json(),
    }.items():
        check(spec, schema, value)
        home = next(module for module in SCHEMAS if hasattr(module, schema))
        getattr(home, schema)(unknown=RAISE).load(value)


def a_trash(client: FlaskClient, headers: dict[str, str]) -> dict[str, Any]:
    (item,) = send(client, headers, (picture(), "gone.jpg"), folder="apart").get_json()["items"]
    tag = client.get(f"/api/v1/images/{item['path']}").headers["ETag"]
    client.delete(f"/api/v1/images/{item['path']}", headers={**headers, "If-Match": tag})
    found: dict[str, Any] = client.get("/api/v1/trash", headers=headers).get_json()
    assert found["items"]
    return found


def test_feed_lines_hold_published_members(client: FlaskClient, spec: dict[str, Any]) -> None:
    for text in client.get("/api/v1/sync").text.splitlines():
        line = json.loads(text)
        kind = line.pop("type")
        if kind == "article":
            check(spec, "ListedArticle", line)
        elif kind == "image":
            check(spec, "Image", line)
        else:
            assert kind == "cursor"


def test_every_line_of_the_feed_fits_its_schema(
    ctx: Context, client: FlaskClient, admin: dict[str, str], spec: dict[str, Any]
) -> None:
    etag = create_text(client, admin)
    first = client.get("/api/v1/sync").text.splitlines()
    client.delete("/api/v1/articles/news/en/a-day", headers={**admin, "If-Match": etag})
    seen = json.loads(first[-1])["cursor"]
    (site_of(ctx) / "src/content/news/en/torn.md").write_text("---\ntitle: [\n---\n")
    reconcile(ctx)
    then = client.get(f"/api/v1/sync?broken=true&cursor={seen}", headers=admin).text.splitlines()
    lines = [json.loads(line) for line in [*first, *then]]
    names = {kind: f"Sync{kind.capitalize()}" for kind in ("article", "image", "deleted", "broken", "cursor")}
    assert {line["type"] for line in lines} == set(names)
    for line in lines:
        check(spec, names[line["type"]], line)


def test_each_operation_has_a_name_and_names_its_headers(spec: dict[str, Any]) -> None:
    operations = [one for path in spec["paths"].values() for one in path.values() if isinstance(one, dict)]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    taken = {
        operation["operationId"]: {item["name"] for item in operation.get("parameters", []) if item["in"] == "header"}
        for operation in operations
        if isinstance(operation.get("parameters", []), list)
    }
    assert taken["put_article"] == {"If-Match", "If-None-Match", "Prefer"}
    assert taken["get_article"] == {"Accept", "If-None-Match"}
    assert taken["delete_image"] == {"If-Match", "Prefer"}
