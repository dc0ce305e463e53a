"""Bad input is ordinary input: a clear problem, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import bearer, both_databases, reconcile, site_of, state_of

NAME = "news/en/a-day"
GOOD = {"title": "t", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}


@pytest.fixture
def weak(ctx: Context) -> dict[str, str]:
    """The headers of somebody who may read, and change another collection."""
    return bearer(ctx, "read", "articles:read-drafts", "articles:write:places", "articles:publish:places")


@pytest.fixture
def unchanged(client: FlaskClient, admin: dict[str, str], weak: dict[str, str], ctx: Context) -> Iterator[str]:
    """The tag of an article to aim at; afterwards files, bucket and tables are as before."""
    etag = create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    yield etag
    assert state_of(ctx) == before


BAD_IDS = [
    "../escape", "en/../../x", "en/./x", "/abs", "en//x", "en/", "", "en/.git", ".env", "en/a\\b", "en/a\0b", "C:/x",
    "en/Title", "en/with space", "en/_hidden", "en/con", "en/nul.x", "en/index", "en/x\u202egpj", "en/-x", "en/a:b",
    "en/" + "a" * 81, "en/" + "ក" * 61, "en/cafe\u0301", "en/zero\u200bwidth", "en/ends.", "en/~",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_IDS)
def test_an_id_that_is_no_plain_path_is_refused(
    client: FlaskClient, admin: dict[str, str], unchanged: str, bad: str
) -> None:
    """AC-01, AC-06, IB-20, IB-21, IB-23, IB-24."""
    found = problem(client.post(f"{ARTICLES}/news", json={"id": bad, "data": GOOD}, headers=admin), 422)
    assert found["errors"][0]["pointer"] == "/id"


@both_databases
@pytest.mark.parametrize(
    "path",
    [
        "../../x",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/x",
        "en/a%00b",
        "en%2f..%2fa-day",
        "en/a-day.md",
        "EN/a-day",
        "x" * 999,
    ],
)
def test_a_path_that_names_no_article_is_404(
    client: FlaskClient, admin: dict[str, str], unchanged: str, path: str
) -> None:
    """AC-01, IB-25."""
    for collection in ("news", "nowhere"):
        problem(client.get(f"{ARTICLES}/{collection}/{path}", headers=admin), 404)
        problem(patch(client, admin, f"{collection}/{path}", unchanged, {"data": {"title": "x"}}), 404)
        headers = {**admin, "If-Match": unchanged}
        problem(client.delete(f"{ARTICLES}/{collection}/{path}", headers=headers), 404)
    problem(client.get(f"/api/v1/images/{path}", headers=admin), 404)
    problem(client.get(f"/media/{path}"), 404)
    problem(client.delete(f"/api/v1/images/{path}", headers={**admin, "If-Match": unchanged}), 404)


BAD_BODIES: list[tuple[str, int]] = [
    ("{", 400),
    ("", 400),
    ("[]", 422),
    ("null", 422),
    ('{"data": {"title": "a"}, "data": {}}', 400),
    ('{"data": {"title": NaN}}', 400),
    ('{"data": {"title": ' + "[" * 20_000 + "]" * 20_000 + "}}", 400),
    ('{"data": []}', 422),
    ('{"data": null}', 422),
    ('{"body": 1}', 422),
    ('{"body": null}', 422),
    ('{"body": "a\\u0000b"}', 422),
    ('{"body": "a\\ud800b"}', 422),
    ('{"data": {"title": "a\\u0000b"}}', 422),
    ('{"data": {"title": "a\\ud800b"}}', 422),
    ('{"data": {"a\\ud800b": "x"}}', 422),
    ('{"status": "draft"}', 422),
    ('{"id": 5}', 422),
    ('{"data": {"title": 5}}', 422),
    ('{"data": {"title": null}}', 422),
    ('{"data": {"date": "yesterday"}}', 422),
    ('{"data": {"date": "2025-02-30"}}', 422),
    ('{"data": {"slug": "other"}}', 422),
    ('{"data": {"tags": ' + "[" * 40 + "]" * 40 + "}}", 422),
    ('{"data": {"title": "' + "x" * 70_000 + '"}}', 422),
    ('{"body": "' + "x" * 1_100_000 + '"}', 422),
    ('{"body": "' + "x" * 2_200_000 + '"}', 413),
    ('{"data": {"title": 1e999}}', 422),
    ('{"data": {"title": ' + "9" * 5000 + "}}", 400),
]


@pytest.mark.parametrize(("text", "status"), BAD_BODIES, ids=[text[:40] for text, _ in BAD_BODIES])
def test_a_patch_that_cannot_be_accepted_says_why(
    client: FlaskClient, admin: dict[str, str], unchanged: str, text: str, status: int
) -> None:
    """AC-11, AC-20, IB-12, IB-13, IB-17, IB-18."""
    headers = {**admin, "If-Match": unchanged, "Content-Type": "application/merge-patch+json"}
    found = problem(client.patch(f"{ARTICLES}/{NAME}", data=text.encode(), headers=headers), status)
    if status == 422:
        assert all(error["pointer"].startswith(("", "/")) and error["detail"] for error in found["errors"])
        assert found["errors"]


def test_a_token_comes_before_the_version(client: FlaskClient, weak: dict[str, str], unchanged: str) -> None:
    for headers, status in (({}, 401), (weak, 403)):
        problem(patch(client, headers, NAME, None, {"data": {"title": "x"}}), status)
        problem(client.put(f"{ARTICLES}/{NAME}", json={"data": GOOD, "body": ""}, headers=headers), status)
        problem(client.delete(f"{ARTICLES}/{NAME}", headers=headers), status)
        problem(client.delete("/api/v1/images/x.jpg", headers=headers), status)


def test_every_problem_is_named_at_once(client: FlaskClient, admin: dict[str, str], unchanged: str) -> None:
    body = {"data": {"title": 1, "date": "soon", "tags": "none", "author": None}}
    found = problem(patch(client, admin, NAME, unchanged, body), 422)
    assert {error["pointer"] for error in found["errors"]} >= {
        "/data/title",
        "/data/date",
        "/data/tags",
        "/data/author",
    }


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe", b"---\ntitle: [\n---\n", b"---\n- a\n---\n", b"---\ntext\n---\n",
        b"---\ntitle: a\ntitle: b\n---\n",
        b"---\na: &a [*a]\n---\n", b"---\na: !!python/object/apply:os.getcwd []\n---\n", b"---\ntitle: a\n", b"",
        b"---\na: " + b"[" * 30_000 + b"\n---\n", b"---\nslug: elsewhere\n---\n", b"---\ntitle: .inf\n---\n",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_not_stored(
    client: FlaskClient, admin: dict[str, str], unchanged: str, text: bytes
) -> None:
    url = f"{ARTICLES}/{NAME}"
    headers = {**admin, "If-Match": unchanged}
    problem(client.put(url, data=text, headers=headers, content_type="text/markdown"), 422)
    headers = {**admin, "If-None-Match": "*"}
    problem(client.put(f"{ARTICLES}/news/en/new", data=text, headers=headers, content_type="text/markdown"), 422)


def test_a_change_must_name_the_current_version(client: FlaskClient, admin: dict[str, str], unchanged: str) -> None:
    """AC-37, AC-38."""
    body = {"data": {"title": "x"}}
    whole = {"data": GOOD, "body": ""}
    stale = '"' + "0" * 64 + '-1"'
    for etag in (None, "*"):
        problem(patch(client, admin, NAME, etag, body), 428)
    for etag in (stale, '"nonsense"', '""'):
        assert problem(patch(client, admin, NAME, etag, body), 412)["current_version"] == unchanged[1:65]
        headers = {**admin, "If-Match": etag}
        problem(client.put(f"{ARTICLES}/{NAME}", json=whole, headers=headers), 412)
        problem(client.delete(f"{ARTICLES}/{NAME}", headers=headers), 412)
    problem(client.put(f"{ARTICLES}/{NAME}", json=whole, headers=admin), 428)
    problem(client.delete(f"{ARTICLES}/{NAME}", headers=admin), 428)
    problem(patch(client, admin, NAME, f"{unchanged}, {stale}", body), 400)
    problem(patch(client, admin, NAME, "bare", body), 400)


@both_databases
@pytest.mark.parametrize("taken", ["en/a-day", "EN/A-DAY", "en/a\u200b-day"])
def test_an_id_that_exists_in_any_form_is_taken(
    client: FlaskClient, admin: dict[str, str], unchanged: str, taken: str
) -> None:
    """AC-40, IB-21, IB-22."""
    response = client.post(f"{ARTICLES}/news", json={"id": taken, "data": GOOD}, headers=admin)
    problem(response, 409 if taken == "en/a-day" else 422)
    headers = {**admin, "If-None-Match": "*"}
    response = client.put(f"{ARTICLES}/news/{taken}", json={"data": GOOD, "body": ""}, headers=headers)
    problem(response, 412 if taken == "en/a-day" else 422)


def test_an_id_that_differs_from_a_file_by_case_or_form_is_taken(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    """IB-22."""
    folder = site_of(ctx) / "src/content/news/en"
    (folder / "groß.md").write_text(TEXT)
    reconcile(ctx)
    before = state_of(ctx)
    problem(client.post(f"{ARTICLES}/news", json={"id": "en/gross", "data": GOOD}, headers=admin), 409)
    assert state_of(ctx) == before


def test_every_write_needs_its_scope(client: FlaskClient, weak: dict[str, str], unchanged: str) -> None:
    writes: list[Callable[[dict[str, str]], Any]] = [
        lambda h: client.post(f"{ARTICLES}/news", json={"id": "en/new", "data": GOOD}, headers=h),
        lambda h: client.put(
            f"{ARTICLES}/{NAME}", json={"data": GOOD, "body": ""}, headers={**h, "If-Match": unchanged}
        ),
        lambda h: patch(client, h, NAME, unchanged, {"data": {"title": "x"}}),
        lambda h: client.delete(f"{ARTICLES}/{NAME}", headers={**h, "If-Match": unchanged}),
        lambda h: client.post(f"/api/v1/history/{NAME}?seq=1", headers={**h, "If-Match": unchanged}),
        lambda h: client.post("/api/v1/images", data={"folder": "x"}, headers=h, content_type="multipart/form-data"),
        lambda h: client.delete("/api/v1/images/x.jpg", headers={**h, "If-Match": unchanged}),
        lambda h: client.post("/api/v1/webhooks", json={"url": "https://example.org"}, headers=h),
        lambda h: client.get("/api/v1/webhooks", headers=h),
        lambda h: client.post("/api/v1/tokens", json={"name": "n", "scopes": ["read"]}, headers=h),
        lambda h: client.get("/api/v1/tokens", headers=h),
        lambda h: client.delete("/api/v1/tokens/x", headers=h),
    ]
    for write in writes:
        assert problem(write({}), 401)["code"] == "not_authenticated"
    for write in writes:
        problem(write(weak), 403)


@pytest.mark.parametrize(
    "header",
    ["Bearer cms_0000000000000000_" + "x" * 43, "Bearer x", "Basic eDp5", "Bearer", "Bearer cms_ក_x", "token", ""],
)
def test_a_credential_that_is_not_valid_is_never_an_anonymous_visitor(
    client: FlaskClient, unchanged: str, header: str
) -> None:
    """AC-15."""
    response = client.get(ARTICLES, headers={"Authorization": header.encode().decode("latin-1")})
    problem(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("unknown=1", 422), ("limit=0", 422), ("limit=101", 422), ("limit=x", 422), ("limit=1&limit=2", 422),
        ("fields=title", 422), ("fields=", 422), ("sort=title", 422), ("sort=", 422), ("status=secret", 422),
        ("cursor=x", 400), ("cursor=W10", 400), ("collection=a%00b", 422), ("locale=../x", 422),
        ("total=maybe", 422), ("collection=nowhere", 404),
        ("limit=1" + "0" * 30, 422), ("search=x", 422), ("x=" + "y" * 5000, 400),
    ],
)  # fmt: skip
def test_a_query_that_is_not_understood_is_refused(
    client: FlaskClient, unchanged: str, query: str, status: int
) -> None:
    """AC-19, IB-40, IB-41."""
    found = problem(client.get(f"{ARTICLES}?{query}"), status)
    if status == 422:
        assert found["errors"][0]["in"] == "query"


def test_every_route_refuses_a_query_it_does_not_know(
    client: FlaskClient, admin: dict[str, str], unchanged: str
) -> None:
    """AC-16, AC-19."""
    for url in (
        "/api/v1/collections",
        f"{ARTICLES}/{NAME}",
        "/healthz",
        "/readyz",
        "/api/v1/whoami",
        "/docs",
        "/media/x",
    ):
        problem(client.get(f"{url}?token=secret", headers=admin), 422)


def test_other_errors_have_the_same_shape(client: FlaskClient, admin: dict[str, str], unchanged: str) -> None:
    problem(client.get("/nowhere"), 404)
    response = client.delete(ARTICLES)
    problem(response, 405)
    assert response.headers["Allow"]
    problem(client.post(f"{ARTICLES}/news", data="x", headers=admin, content_type="text/plain"), 415)
    response = client.patch(f"{ARTICLES}/{NAME}", data="{}", headers=admin, content_type="application/json")
    problem(response, 415)
    assert response.headers["Accept-Patch"] == "application/merge-patch+json, application/json-patch+json"


def test_an_unknown_field_of_a_closed_schema_is_refused_and_a_known_one_kept(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    schema = site_of(ctx) / "src/content/notes.schema.json"
    schema.write_text(
        '{"$ref": "#/definitions/notes", "definitions": {"notes": {"type": "object", "properties":'
        ' {"title": {"type": "string"}}, "required": ["title"], "additionalProperties": false}},'
        ' "$schema": "http://json-schema.org/draft-07/schema#"}'
    )
    folder = site_of(ctx) / "src/content/notes"
    folder.mkdir()
    (folder / "a.md").write_text("---\ntitle: a\nold: 1\n---\n")
    reconcile(ctx)
    etag = client.get(f"{ARTICLES}/notes/a").headers["ETag"]
    found = problem(patch(client, admin, "notes/a", etag, {"data": {"new": 1}}), 422)
    assert [(error["pointer"], error["code"]) for error in found["errors"]] == [("/data/new", "unknown_field")]
    response = patch(client, admin, "notes/a", etag, {"data": {"old": 2, "draft": True}})
    assert response.status_code == 200, response.text
