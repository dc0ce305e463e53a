"""Reading articles: lists, one, conditional requests, drafts."""

from __future__ import annotations

from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import bearer, both_databases

NAME = "news/en/a-day"


def all_ids(client: FlaskClient, query: str, headers: dict[str, str] | None = None) -> list[str]:
    """Every id of the list, page after page."""
    found: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"{ARTICLES}?{query}{cursor}", headers=headers).get_json()
        found += [f"{item['collection']}/{item['id']}" for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


@both_databases
def test_pages_of_any_size_hold_every_article_once(client: FlaskClient) -> None:
    whole = all_ids(client, "limit=100")
    assert len(whole) == len(set(whole)) > 8
    for sort in ("id", "-id", "created_at", "-updated_at"):
        assert sorted(all_ids(client, f"limit=2&sort={sort}")) == sorted(whole)
    by_id = [name.partition("/")[2] for name in all_ids(client, "limit=3&sort=-id")]
    assert by_id == sorted(by_id, reverse=True)


@both_databases
def test_lists_are_narrowed_by_collection_and_locale_and_counted_on_request(client: FlaskClient) -> None:
    page = client.get(f"{ARTICLES}?collection=places&locale=km&total=true").get_json()
    assert page["total"] == len(page["items"]) > 0
    assert {(item["collection"], item["locale"]) for item in page["items"]} == {("places", "km")}
    assert "total" not in client.get(ARTICLES).get_json()


@both_databases
def test_a_missing_translation_is_stood_in_for_and_marked(client: FlaskClient, admin: dict[str, str]) -> None:
    create_text(client, admin)
    query = "collection=news&locale=km&fallback=en&limit=2"
    assert all_ids(client, query) == [
        NAME,
        *(f"news/km/{name}" for name in ("4-post", "opening-day", "river-bus")),
    ]
    items = client.get(f"{ARTICLES}?collection=news&locale=km&fallback=en&total=true").get_json()
    assert items["total"] == 4
    assert [(item["locale"], item.get("fallback")) for item in items["items"]] == [
        ("en", True),
        *[("km", None)] * 3,
    ]
    brief = client.get(f"{ARTICLES}?collection=news&locale=km&fallback=en&fields=id").get_json()["items"]
    assert brief[0] == {"collection": "news", "id": "en/a-day", "fallback": True}
    etag = client.get(f"{ARTICLES}/news/km/4-post").headers["ETag"]
    patch(client, admin, "news/km/4-post", etag, {"data": {"draft": True}})
    assert "news/en/4-post" in all_ids(client, query)
    assert "news/en/4-post" not in all_ids(client, f"{query}&status=all", admin)
    problem(client.get(f"{ARTICLES}?fallback=en"), 422)


def test_list_items_are_lean_unless_fields_asks(client: FlaskClient) -> None:
    lean = client.get(f"{ARTICLES}?limit=1").get_json()["items"][0]
    assert lean.keys().isdisjoint({"body", "html", "headings"})
    asked = client.get(f"{ARTICLES}?limit=1&fields=body,data").get_json()["items"][0]
    assert set(asked) == {"collection", "id", "body", "data"}


def test_an_article_is_what_its_file_says(client: FlaskClient, admin: dict[str, str]) -> None:
    create_text(client, admin)
    article = client.get(f"{ARTICLES}/{NAME}").get_json()
    assert article["data"] == {
        "title": "A day at the library",
        "description": "Folded over two lines.",
        "date": "2025-06-24",
        "author": "Reading Room",
        "image": "@/assets/news/river-bus/photo-1.jpg",
        "tags": ["books", "open day"],
    }
    assert article["dates"] == ["/date"]
    assert article["body"] == TEXT.partition("---\n\n")[2]
    assert article["path"] == "src/content/news/en/a-day.md"
    assert (article["locale"], article["slug"], article["status"]) == ("en", "a-day", "published")
    assert article["excerpt"] == "First paragraph."
    assert [image["field"] for image in article["images"]] == ["/image", None]
    assert all(not image["missing"] and image["path"] == "news/river-bus/photo-1.jpg" for image in article["images"])


def test_twins_name_each_other_while_both_are_published(client: FlaskClient, admin: dict[str, str]) -> None:
    create_text(client, admin)
    etag = create_text(client, admin, "news/km/a-day")
    seen = client.get(f"{ARTICLES}/{NAME}").get_json()
    assert seen["translations"] == [{"locale": "km", "id": "km/a-day", "state": "current"}]
    hidden = patch(client, admin, "news/km/a-day", etag, {"data": {"draft": True}})
    assert client.get(f"{ARTICLES}/{NAME}").get_json()["translations"] == []
    headers = {**admin, "If-Match": hidden.headers["ETag"]}
    assert client.delete(f"{ARTICLES}/news/km/a-day", headers=headers).status_code == 204
    assert client.get(f"{ARTICLES}/{NAME}").get_json()["translations"] == []


def test_a_client_that_has_it_already_gets_304(client: FlaskClient, admin: dict[str, str]) -> None:
    create_text(client, admin)
    for url in (f"{ARTICLES}/{NAME}", ARTICLES, "/api/v1/collections", "/api/v1/sync", "/api/v1/images"):
        first = client.get(url)
        assert first.status_code == 200
        again = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b""), url
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
        assert client.head(url).headers["ETag"] == first.headers["ETag"]


def test_json_and_markdown_have_different_tags_of_one_version(client: FlaskClient, admin: dict[str, str]) -> None:
    create_text(client, admin)
    json_tag = client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    text = client.get(f"{ARTICLES}/{NAME}", headers={"Accept": "text/markdown"})
    assert text.text == TEXT
    assert text.headers["ETag"] != json_tag
    assert text.headers["ETag"].partition("-")[0] == json_tag.partition("-")[0]
    assert patch(client, admin, NAME, text.headers["ETag"], {"body": "New.\n"}).status_code == 200


def test_a_draft_is_hidden_everywhere_from_those_who_may_not_read_it(
    client: FlaskClient, ctx: Context, admin: dict[str, str]
) -> None:
    text = TEXT.replace("A day at the library", "Sekret").replace("tags:", "draft: true\ntags:")
    etag = create_text(client, admin, text=text)
    others = bearer(ctx, "articles:read-drafts:places", "articles:write", "images:write")
    for headers in (None, others):
        problem(client.get(f"{ARTICLES}/{NAME}", headers=headers), 404)
        problem(client.get(f"{ARTICLES}/{NAME}", headers={**(headers or {}), "If-None-Match": etag}), 404)
        for url in (ARTICLES, "/api/v1/sync", "/api/v1/collections/news", f"{ARTICLES}?fields=data,html"):
            assert "Sekret" not in client.get(url, headers=headers).text
        assert "draft" not in client.get("/api/v1/collections/news", headers=headers).get_json()
    problem(client.get(f"{ARTICLES}?status=draft"), 401)
    problem(client.get(f"{ARTICLES}?status=draft&collection=news", headers=others), 403)
    assert NAME not in all_ids(client, "status=all", others)
    problem(client.get("/api/v1/sync?drafts=true", headers=others), 403)
    problem(client.get(f"/api/v1/history/{NAME}", headers=others), 403)
    problem(patch(client, others, NAME, etag, {"data": {"title": "x"}}), 404)
    reader = bearer(ctx, "articles:read-drafts:news")
    assert client.get(f"{ARTICLES}/{NAME}", headers=reader).get_json()["status"] == "draft"
    assert NAME in all_ids(client, "status=draft", reader)
    assert "Sekret" in client.get("/api/v1/sync?drafts=true&collection=news", headers=reader).text
    assert client.get("/api/v1/collections/news", headers=reader).get_json()["draft"] == 2


def test_what_was_answered_to_a_token_is_stored_nowhere(client: FlaskClient, admin: dict[str, str]) -> None:
    private = client.get(ARTICLES, headers=admin)
    assert private.headers["Cache-Control"] == "private, no-store"
    public = client.get(ARTICLES)
    assert public.headers["Cache-Control"] == "no-cache"
    assert "Authorization" in public.headers["Vary"]
