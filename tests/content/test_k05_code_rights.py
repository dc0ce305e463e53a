"""K5: what a build runs of an MDX file changes only by those who may write code; the rest by any editor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from tests.api.copying import DRAFTS
from tests.api.editing import ARTICLES, MERGE_PATCH, problem
from tests.conftest import bearer, reconcile, site_of, state_of
from tests.content.mdx_site import BODY, CODE, FRONT, KEY, NAME, TEXT, add_mdx, change, editor, tag, text_at

Headers = dict[str, str]
Request = Callable[[FlaskClient, Headers], TestResponse]
MARKDOWN = {"content_type": "text/markdown"}
LAYOUT = "data:text/javascript,0"
DATA = {
    "title": "A chart", "description": "All loans", "date": "2025-06-24", "author": "Reading Room",
    "tags": ["books", "open day"],
}  # fmt: skip


def put(body: Any, query: str = "") -> Request:
    def send(client: FlaskClient, headers: Headers) -> TestResponse:
        held = {**headers, "If-Match": tag(client, headers)}
        sent: dict[str, Any] = {"json": body} if isinstance(body, dict) else {"data": body.encode(), **MARKDOWN}
        return client.put(f"{ARTICLES}/{NAME}{query}", headers=held, **sent)

    return send


def patch(body: Any, query: str = "") -> Request:
    return lambda client, headers: change(client, headers, body, query)


def operate(*operations: dict[str, Any]) -> Request:
    def send(client: FlaskClient, headers: Headers) -> TestResponse:
        held = {**headers, "If-Match": tag(client, headers)}
        kind = "application/json-patch+json"
        return client.patch(f"{ARTICLES}/{NAME}", json=list(operations), headers=held, content_type=kind)

    return send


def post(**values: Any) -> Request:
    new = {"id": "en/new", "format": "mdx", "data": DATA, **values}
    return lambda client, headers: client.post(f"{ARTICLES}/news", json=new, headers=headers)


def restore(number: int) -> Request:
    """The revision so many changes ago."""

    def send(client: FlaskClient, headers: Headers) -> TestResponse:
        url = f"/api/v1/history/{NAME}"
        row = client.get(url, headers=headers).get_json()["items"][number]
        return client.post(f"{url}?seq={row['seq']}", headers={**headers, "If-Match": tag(client, headers)})

    return send


CODED = {
    "patch": patch({"body": "x"}),
    "patch with a field": patch({"body": "x", "data": {"title": "b"}}),
    "patch to nothing": patch({"body": ""}),
    "patch by a blank": patch({"body": BODY + " "}),
    "patch and rename": patch({"body": "x", "id": "en/other"}),
    "patch of the layout": patch({"data": {"layout": LAYOUT}}),
    "dry run": patch({"body": "x"}, "?dry_run=true"),
    "json patch": operate({"op": "replace", "path": "/body", "value": "x"}),
    "json patch that copies": operate({"op": "copy", "from": "/data/title", "path": "/body"}),
    "json patch of the layout": operate({"op": "add", "path": "/data/layout", "value": LAYOUT}),
    "put": put({"data": DATA, "body": "x"}),
    "put of the file": put(TEXT + "x"),
    "put with another end of the front matter": put(TEXT.replace("---\n\nimport", "---\nmore\n---\n\nimport")),
    "put with lines that end otherwise": put(TEXT.replace("\n", "\r\n")),
    "put of the layout by a merge": put(TEXT.replace("tags:", f"<<: {{layout: '{LAYOUT}'}}\ntags:")),
    "working copy": patch({"body": "x"}, "?draft=true"),
    "working copy of the file": put(TEXT + "x", "?draft=true"),
    "working copy of the layout": patch({"data": {"layout": LAYOUT}}, "?draft=true"),
    "new": post(body="x"),
    "new with a layout": post(data={**DATA, "layout": LAYOUT}),
    "restore": restore(1),
}
PLAIN = {
    "patch": patch({"data": {"title": "b"}}),
    "the same body": patch({"body": BODY, "data": {"title": "b"}}),
    "json patch": operate({"op": "replace", "path": "/data/title", "value": "b"}),
    "put": put({"data": {**DATA, "title": "b"}, "body": BODY}),
    "put of the file": put(TEXT.replace("A chart", "b")),
    "rename": patch({"id": "en/other"}),
    "hide": patch({"data": {"draft": True}}),
    "working copy": patch({"data": {"title": "b"}}, "?draft=true"),
    "new without a body": post(),
    "new in Markdown": post(format="md", body="text"),
    "no change": patch({"data": {}}),
}


@pytest.fixture
def chart(ctx: Context) -> None:
    """The article, with a revision before that had another body."""
    add_mdx(ctx, FRONT + "\nOld.\n")
    add_mdx(ctx)


@pytest.mark.usefixtures("chart")
@pytest.mark.parametrize("way", CODED)
def test_a_body_changes_only_with_the_scope(ctx: Context, client: FlaskClient, way: str) -> None:
    plain, narrow = editor(ctx, f"{CODE}:places"), editor(ctx, f"{CODE}:news")
    before = state_of(ctx)
    error = problem(CODED[way](client, plain), 403)
    assert error["detail"] == f"This needs a token with the scope {CODE} or {CODE}:news."
    after = state_of(ctx)
    assert {name for name in after if after[name] != before.get(name)} == set()
    assert CODED[way](client, narrow).status_code in (200, 201)


@pytest.mark.usefixtures("chart")
def test_the_right_is_asked_before_the_rules(ctx: Context, client: FlaskClient) -> None:
    before = state_of(ctx)
    problem(put(f"import '{LAYOUT}';\n")(client, editor(ctx)), 403)
    after = state_of(ctx)
    assert {name for name in after if after[name] != before[name]} <= {"table:tokens", "count:tokens"}
    problem(put(f"import '{LAYOUT}';\n")(client, editor(ctx, CODE)), 422)


@pytest.mark.usefixtures("chart")
@pytest.mark.parametrize("way", PLAIN)
def test_the_rest_changes_without_it(ctx: Context, client: FlaskClient, way: str) -> None:
    answer = PLAIN[way](client, editor(ctx))
    assert answer.status_code in (200, 201), answer.text
    for path in site_of(ctx).rglob("*.mdx"):
        assert path.read_text().endswith(BODY) or path.name == "new.mdx"


def test_a_restore_that_brings_the_same_body_needs_none(ctx: Context, client: FlaskClient) -> None:
    add_mdx(ctx, TEXT.replace("A chart", "Before"))
    add_mdx(ctx)
    assert restore(1)(client, editor(ctx)).status_code == 200
    assert text_at(ctx) == TEXT.replace("A chart", "Before")


def test_a_deleted_article_is_restored_with_the_scope(ctx: Context, client: FlaskClient) -> None:
    add_mdx(ctx)
    plain, coder = editor(ctx), editor(ctx, CODE)
    assert client.delete(f"{ARTICLES}/{NAME}", headers={**plain, "If-Match": tag(client, plain)}).status_code == 204
    seq = client.get(f"/api/v1/history/{NAME}", headers=plain).get_json()["items"][0]["seq"]
    before = state_of(ctx)
    problem(client.post(f"/api/v1/history/{NAME}?seq={seq}", headers=plain), 403)
    assert state_of(ctx) == before
    assert client.post(f"/api/v1/history/{NAME}?seq={seq}", headers=coder).status_code == 201
    assert text_at(ctx) == TEXT


def test_a_broken_file_is_mended_with_the_scope(ctx: Context, client: FlaskClient) -> None:
    """Nobody knows what its body was."""
    add_mdx(ctx, TEXT.replace("tags: [", "tags: [["))
    plain, coder = editor(ctx), editor(ctx, CODE)
    before = state_of(ctx)
    problem(put(FRONT)(client, plain), 403)
    assert state_of(ctx) == before
    assert put(FRONT)(client, coder).status_code == 200


def test_a_working_copy_is_published_with_the_scope_when_its_body_is_another(ctx: Context, client: FlaskClient) -> None:
    add_mdx(ctx)
    plain, coder = editor(ctx), editor(ctx, CODE)
    assert change(client, coder, {"body": "x\n"}, "?draft=true").status_code == 200
    held = tag(client, plain, f"{DRAFTS}/{NAME}")
    copied = client.patch(
        f"{ARTICLES}/{NAME}?draft=true",
        json={"data": {"title": "b"}},
        headers={**plain, "If-Match": held},
        content_type="application/merge-patch+json",
    )
    assert copied.status_code == 200, copied.text  # the body of the copy stays as it was
    held = copied.headers["ETag"]
    before = state_of(ctx)
    problem(client.post(f"{DRAFTS}/{NAME}", headers={**plain, "If-Match": held}), 403)
    assert state_of(ctx) == before
    assert client.post(f"{DRAFTS}/{NAME}", headers={**coder, "If-Match": held}).status_code == 200
    assert text_at(ctx).endswith("\nx\n")


def test_what_others_changed_in_the_body_is_kept_without_the_scope(ctx: Context, client: FlaskClient) -> None:
    add_mdx(ctx)
    plain = editor(ctx)
    held = tag(client, plain)
    (site_of(ctx) / KEY).write_text(TEXT.replace("Loans", "All loans"))
    reconcile(ctx)
    merged = {**plain, "If-Match": held, "Prefer": "handling=merge"}
    kind = {"content_type": "application/merge-patch+json"}
    answer = client.patch(f"{ARTICLES}/{NAME}", json={"data": {"title": "b"}}, headers=merged, **kind)
    assert answer.status_code == 200, answer.text
    assert "All loans" in text_at(ctx)
    refused = client.patch(f"{ARTICLES}/{NAME}", json={"body": "x"}, headers={**merged, "If-Match": held}, **kind)
    assert refused.status_code in (403, 412)


def test_the_scope_alone_edits_nothing_and_is_not_handed_on_by_who_has_less(ctx: Context, client: FlaskClient) -> None:
    add_mdx(ctx)
    alone, less = bearer(ctx, CODE), editor(ctx, "tokens")
    problem(change(client, alone, {"body": "x"}), 403)
    new = {"name": "n", "scopes": [CODE]}
    problem(client.post("/api/v1/tokens", json=new, headers=less), 403)
    assert client.post("/api/v1/tokens", json=new, headers=editor(ctx, "tokens", CODE)).status_code == 201
    assert change(client, bearer(ctx, "admin"), {"body": "x"}).status_code == 200


@pytest.mark.parametrize(("method", "target"), [("PATCH", "chart"), ("PATCH", "river-bus"), ("DELETE", "river-bus")])
def test_no_layout_follows_an_article_without_the_right(
    ctx: Context, client: FlaskClient, method: str, target: str
) -> None:
    (site_of(ctx) / "src/content/news.cms.json").write_text('{"references": {"layout": "news"}}')
    add_mdx(ctx, TEXT.replace("tags:", f"layout: en/{target}\ntags:"))
    url = f"{ARTICLES}/news/en/{target}"
    sent: dict[str, Any] = {"json": {"id": "en/new"}, "content_type": MERGE_PATCH} if method == "PATCH" else {}

    def send(headers: Headers) -> TestResponse:
        held = {**headers, "If-Match": tag(client, headers, url)}
        return client.open(f"{url}?update_references=true", method=method, headers=held, **sent)

    plain = editor(ctx)
    before = state_of(ctx)
    assert CODE in problem(send(plain), 403)["detail"]
    assert state_of(ctx) == before
    assert send(editor(ctx, CODE)).status_code in (200, 204)
