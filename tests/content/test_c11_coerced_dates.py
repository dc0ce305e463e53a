"""C11: a field of `z.coerce.date()` is a date however `new Date()` takes it."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions.verify import wrong_row
from cms.context import Context
from tests.api.editing import ARTICLES, patch
from tests.conftest import both_databases, reconcile, state_of
from tests.content.dated_site import DATES, check_errors, errors, listed, make_posts, put_text, schema

POSTS = {
    "jan": "pubDate: 'Jan 05 2024'",
    "aug": "pubDate: 'Aug 01 2023'",
    "real": "pubDate: 2023-06-01",
    "ms": "pubDate: 1680000000000",  # 2023-03-28
    "iso": "pubDate: '2023-01-01'",
    "zone": "pubDate: '2022-12-31T23:30:00-01:00'",  # 2023-01-01T00:30Z
    "slash": "pubDate: '2022/12/01'",
    "first": "pubDate: 'Jul 08 2022'",
    "none": "title: x",
}
NEWEST_FIRST = ["jan", "aug", "real", "ms", "zone", "iso", "slash", "first"]
VALID = [
    "Jul 08 2022", "2024/03/01", "March 2, 2024", "2 Mar 2024 10:00 GMT+0700", "Mon, 25 Dec 1995 13:30:00 +0430",
    "2024-03-01", "2024-03-01T10:00:00Z", "2024-1-5", "2024", 1657238400000, -1, 0.5, 8.64e15,
]  # fmt: skip
INVALID = ["soon", "Jan 45 2024", "", "13.1.2024", "25/12/2024", "20240301", 8.65e15, True, ["2024-01-01"], {"a": 1}]
OFFSETS = {
    "2024-03-01T10:00:00+07:00": "2024-03-01T10:00:00+07:00",
    "2024-03-01T10:00-03:30": "2024-03-01T10:00:00-03:30",
    "2024-03-01T10:00:00.5+07:00": "2024-03-01T10:00:00.500+07:00",
    "2024-03-01T10:00:00Z": "2024-03-01T10:00:00Z",
}


def of_astro(astro: int) -> str:
    return schema(astro, {"title": {"type": "string"}, "pubDate": DATES[astro]})


def pointers(response: Any) -> set[str]:
    return {pointer for pointer, _ in errors(response)}


@both_databases
@pytest.mark.parametrize("astro", [5, 7])
def test_lists_go_by_the_time_of_the_dates(ctx: Context, client: FlaskClient, astro: int) -> None:
    make_posts(ctx, of_astro(astro), POSTS)
    assert listed(client, sort="-pubDate") == [*NEWEST_FIRST, "none"]
    assert listed(client, sort="pubDate") == [*reversed(NEWEST_FIRST), "none"]
    assert listed(client, sort="title,pubDate") == ["none", *reversed(NEWEST_FIRST)]
    for op, value, expected in (
        ("gte", "2023-01-01", NEWEST_FIRST[:6]), ("lt", "2023-01-01", NEWEST_FIRST[6:]), ("eq", "2023-01-01", ["iso"]),
        ("eq", "Jan 05 2024", ["jan"]), ("eq", "1680000000000", ["ms"]), ("ne", "2023-06-01", ["real"]),
        ("in", "2023-06-01,2022-07-08", ["first", "real"]), ("contains", "2023-01-01", ["iso", "zone"]),
        ("gt", "2023-01-01T00:30:00Z", NEWEST_FIRST[:4]), ("exists", "false", ["none"]),
    ):  # fmt: skip
        found = listed(client, **{f"filter[pubDate][{op}]": value})
        right = sorted({*POSTS} - {*expected}) if op == "ne" else sorted(expected)
        assert found == right, (op, value)
    assert errors(client.get(f"{ARTICLES}?collection=posts&filter[pubDate][gte]=soon"))
    assert check_errors(ctx) == set()
    assert wrong_row(ctx) is None


def test_a_date_stays_as_it_is_written(ctx: Context, client: FlaskClient) -> None:
    make_posts(ctx, of_astro(7), POSTS)
    found = client.get(f"{ARTICLES}/posts/jan").get_json()
    assert (found["data"]["pubDate"], found["dates"]) == ("Jan 05 2024", [])
    found = client.get(f"{ARTICLES}/posts/real").get_json()
    assert (found["data"]["pubDate"], found["dates"]) == ("2023-06-01", ["/pubDate"])


@pytest.mark.parametrize("astro", [5, 7])
def test_saves_take_what_the_site_takes(ctx: Context, client: FlaskClient, admin: dict[str, str], astro: int) -> None:
    folder = make_posts(ctx, of_astro(astro), {})
    for number, value in enumerate(VALID):
        new = client.post(f"{ARTICLES}/posts", json={"slug": f"a{number}", "data": {"pubDate": value}}, headers=admin)
        assert new.status_code == 201, (value, new.text)
        text = put_text(client, admin, f"b{number}", f"pubDate: {value!r}")
        assert text.status_code == 201, (value, text.text)
    assert check_errors(ctx) == set()
    before, files = state_of(ctx), sorted(folder.iterdir())
    for value in INVALID:
        body = {"slug": "x", "data": {"pubDate": value}}
        assert pointers(client.post(f"{ARTICLES}/posts", json=body, headers=admin)) == {"/data/pubDate"}, value
    assert (state_of(ctx), sorted(folder.iterdir())) == (before, files)
    etag = client.get(f"{ARTICLES}/posts/a0").headers["ETag"]
    assert patch(client, admin, "posts/a0", etag, {"data": {"pubDate": "5 June 2021"}}).status_code == 200
    assert "pubDate: 5 June 2021\n" in (folder / "a0.md").read_text()


def test_check_names_what_is_no_date(ctx: Context) -> None:
    make_posts(ctx, of_astro(7), {"bad": "pubDate: soon", "good": "pubDate: 'Jul 08 2022'"})
    assert check_errors(ctx) == {("bad", "/data/pubDate", "format")}


def test_quotes_are_refused_only_where_no_article_has_them(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    """`z.date()` and `z.coerce.date()` have the same JSON Schema; a published article with quotes tells them apart."""
    folder = make_posts(ctx, of_astro(7), {"a": "pubDate: 2024-01-01", "z": "pubDate: 2024-01-02"})
    before = state_of(ctx)
    for text in ("pubDate: '2024-01-03'", "pubDate: Jan 03 2024", "pubDate: 1657238400000"):
        assert errors(put_text(client, admin, "new", text)) == {("/data/pubDate", "date_quoted")}
    assert state_of(ctx) == before
    (folder / "z.md").write_text("---\npubDate: Jan 02 2024\n---\n")
    reconcile(ctx)
    for number, text in enumerate(("pubDate: '2024-01-03'", "pubDate: Jan 03 2024", "pubDate: 1657238400000")):
        assert put_text(client, admin, f"new{number}", text).status_code == 201


def test_articles_are_published_by_such_a_date(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    make_posts(ctx, of_astro(7), {**POSTS, "later": "pubDate: Jan 1 2999"}, publish="pubDate")
    assert listed(client) == sorted([*NEWEST_FIRST, "none"])
    found = client.get(f"{ARTICLES}/posts/later", headers=admin).get_json()
    assert (found["status"], found["publish_at"]) == ("scheduled", "2999-01-01T00:00:00.000Z")
    assert check_errors(ctx) == set()


@both_databases
def test_a_new_schema_has_lists_compared_anew(ctx: Context, client: FlaskClient) -> None:
    posts = {name: data for name, data in POSTS.items() if name != "none"}
    folder = make_posts(ctx, schema(7, {"pubDate": {"type": "string"}}), posts)
    assert listed(client, sort="pubDate") != [*reversed(NEWEST_FIRST)]
    make_posts(ctx, of_astro(7), {})
    assert listed(client, sort="pubDate") == [*reversed(NEWEST_FIRST)]
    assert wrong_row(ctx) is None
    (folder.parent / "posts.schema.json").unlink()
    reconcile(ctx)
    assert wrong_row(ctx) is None


def test_an_offset_stays_in_the_file(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    """decap-cms#7319."""
    folder = make_posts(ctx, of_astro(7), {})
    for number, (sent, written) in enumerate(OFFSETS.items()):
        body = {"slug": f"a{number}", "data": {"pubDate": sent}}
        new = client.post(f"{ARTICLES}/posts", json=body, headers=admin)
        assert new.status_code == 201, new.text
        text = (folder / f"a{number}.md").read_text()
        assert f"pubDate: {written}\n" in text
        shown = new.get_json()["data"]["pubDate"]
        again = {"data": {"pubDate": shown, "title": "x"}}
        saved = patch(client, admin, f"posts/a{number}", new.headers["ETag"], again)
        assert saved.status_code == 200
        assert f"pubDate: {written}\n" in (folder / f"a{number}.md").read_text()
    assert client.get(f"{ARTICLES}/posts/a0").get_json()["data"]["pubDate"] == "2024-03-01T03:00:00.000Z"
