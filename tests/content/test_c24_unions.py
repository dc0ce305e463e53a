"""C24: a field of several types can be filtered and sorted by, each value by what it is."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions.verify import wrong_row
from cms.context import Context
from tests.api.editing import ARTICLES, problem
from tests.conftest import both_databases, state_of
from tests.content.dated_site import DATES, listed, make_posts, schema

TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def variant(kind: str, **properties: Any) -> dict[str, Any]:
    own = {"t": {"type": "string", "const": kind}, **properties}
    return {"type": "object", "properties": own, "required": [*own]}


def fields(astro: int) -> dict[str, Any]:
    """What `astro sync` writes for the fields that the articles have."""
    date, one_of = DATES[astro], "anyOf" if astro == 5 else "oneOf"
    both = [{"type": "object", "properties": {"x": TEXT}}, {"type": "object", "properties": {"y": NUMBER}}]
    merged = {"type": "object", "properties": {"x": TEXT, "y": NUMBER}}
    pair = [TEXT, NUMBER]
    return {
        "tags": {"type": "array", "items": {"type": ["string", "number"]}},
        "author": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
        "mixed": {"type": ["string", "number", "boolean"]},
        "when": {"anyOf": [date, TEXT]},
        "maybe": {"anyOf": [{"anyOf": [{"not": {}}, NUMBER]}, {"type": "null"}]},
        "size": {"enum": [1, "big"]},
        "flag": {"anyOf": [{"type": "boolean", "const": True}, {"type": "string", "const": "auto"}]},
        "place": {"anyOf": [TEXT, {"type": "object", "properties": {"town": TEXT}, "required": ["town"]}]},
        "kind": {one_of: [variant("a", at=date), variant("b", n=NUMBER)]},
        "both": {"allOf": both} if astro == 5 else merged,
        "record": {"type": "object", "additionalProperties": NUMBER},
        "pair": {"type": "array", "items" if astro == 5 else "prefixItems": pair},
        "counts": {"type": "array", "items": NUMBER},
        "free": {},
    }


POSTS = {
    "a": "tags: [a, 5]\nauthor: Ann\nmixed: 10\nwhen: 2024-01-01\nmaybe: 1\nsize: 1\nflag: true\nplace: Takeo\n"
    "kind: {t: a, at: 2024-01-01}\nboth: {x: X, y: 1}\nrecord: {k: 1, l: 9}\npair: [p, 1]\ncounts: [1, 2]\nfree: x",
    "b": "tags: ['5', b]\nauthor: [Bo, Ann]\nmixed: '9'\nwhen: '2023-01-01'\nmaybe: null\nsize: big\nflag: auto\n"
    "place: {town: Takeo}\nkind: {t: b, n: 7}\nboth: {x: Y, y: 2}\nrecord: {k: 5}\npair: [q, 2]\ncounts: [2]\nfree: 7",
    "c": "tags: []\nauthor: Annabel\nmixed: true\nwhen: soon\nmaybe: 3\nrecord: {}\nfree: {deep: 1}",
    "d": "mixed: 9\nwhen: Jan 01 2020",
    "e": "mixed: abc",
    "f": "title: x",
}  # fmt: skip


@both_databases
@pytest.mark.parametrize("astro", [5, 7])
def test_each_value_is_compared_by_what_it_is(ctx: Context, client: FlaskClient, astro: int) -> None:
    make_posts(ctx, schema(astro, {"title": TEXT, **fields(astro)}), POSTS)
    for name, op, value, expected in (
        ("tags", "contains", "a", "a"), ("tags", "contains", "5", "ab"), ("tags", "eq", "5.0", "a"),
        ("tags", "in", "b,5.0", "ab"), ("tags", "ne", "5", "cdef"), ("tags", "gt", "4", "a"), ("tags", "gte", "b", "b"),
        ("tags", "exists", "true", "ab"), ("author", "contains", "ann", "ab"), ("author", "eq", "Bo", "b"),
        ("mixed", "eq", "9", "bd"), ("mixed", "eq", "true", "c"), ("mixed", "lt", "10", "d"),
        ("mixed", "gte", "9", "ad"), ("mixed", "contains", "b", "e"), ("mixed", "gt", "a", "ce"),
        ("when", "gte", "2023-01-01", "ab"), ("when", "eq", "2023-01-01", "b"), ("when", "eq", "soon", "c"),
        ("when", "contains", "jan", "d"), ("maybe", "gte", "1", "ac"), ("maybe", "exists", "false", "bdef"),
        ("size", "eq", "1", "a"), ("size", "eq", "BIG", "b"), ("flag", "eq", "true", "a"), ("flag", "eq", "auto", "b"),
        ("place", "eq", "takeo", "a"), ("place.town", "eq", "takeo", "b"), ("kind.t", "eq", "b", "b"),
        ("kind.at", "lt", "2025-01-01", "a"), ("kind.n", "gt", "6", "b"), ("both.x", "eq", "x", "a"),
        ("both.y", "gt", "1", "b"), ("record.k", "gte", "1", "ab"), ("record.l", "eq", "9", "a"),
        ("record.nothing", "exists", "true", ""), ("pair", "contains", "2", "b"), ("pair", "contains", "p", "a"),
        ("counts", "contains", "2", "ab"), ("counts", "gt", "1", "ab"), ("free", "eq", "7", "b"),
        ("free", "eq", "x", "a"),
    ):  # fmt: skip
        assert "".join(listed(client, **{f"filter[{name}][{op}]": value})) == expected, (name, op, value)
    assert wrong_row(ctx) is None


@both_databases
@pytest.mark.parametrize("astro", [5, 7])
def test_lists_have_numbers_then_texts_then_nothing(ctx: Context, client: FlaskClient, astro: int) -> None:
    make_posts(ctx, schema(astro, {"title": TEXT, **fields(astro)}), POSTS)
    for sort, expected in (
        ("mixed", "dabecf"), ("-mixed", "cebadf"), ("when", "badcef"), ("-when", "cdabfe"), ("title,mixed", "fdabec"),
        ("title,-mixed", "fcebad"), ("tags", "bacdef"), ("-size", "bafedc"), ("maybe", "acbdef"),
        ("kind.at", "abcdef"), ("-kind.n", "bfedca"),
    ):  # fmt: skip
        for limit in ("1", "2", "50"):
            assert "".join(listed(client, sort=sort, limit=limit)) == expected, sort


def test_a_cursor_of_another_kind_is_refused(ctx: Context, client: FlaskClient) -> None:
    make_posts(ctx, schema(7, {"title": TEXT, **fields(7)}), POSTS)
    cursors = {}
    for sort in ("mixed", "-mixed", "title"):
        page = client.get(f"{ARTICLES}?collection=posts&limit=1&sort={sort}").get_json()
        cursors[sort] = page["next_cursor"]
    for sort, cursor in (("-mixed", cursors["mixed"]), ("mixed", cursors["title"]), ("when", cursors["mixed"])):
        problem(client.get(f"{ARTICLES}?collection=posts&sort={sort}&cursor={cursor}"), 400, "cursor")


def test_a_list_says_truly_what_it_cannot_do(ctx: Context, client: FlaskClient) -> None:
    make_posts(ctx, schema(7, {"title": TEXT, **fields(7)}), POSTS)
    before = state_of(ctx)
    for query, said in (
        ({"filter[nothing][eq]": "x"}, "has no field 'nothing'"), ({"filter[title.x][eq]": "x"}, "has no field"),
        ({"sort": "record.k"}, "can be filtered but not sorted by"), ({"sort": "record.*"}, "but not sorted by"),
        ({"filter[record.k][eq]": "x"}, "write a number"), ({"filter[kind.at][eq]": "x"}, "write a date"),
        ({"filter[record.k][contains]": "1"}, "can be compared by eq"),
    ):  # fmt: skip
        answer = client.get(ARTICLES, query_string={"collection": "posts", **query})
        assert said in problem(answer, 422)["errors"][0]["detail"], query
    assert state_of(ctx) == before
