"""C10: an unquoted date where the site expects text, or anything but a date, is an error; how deep it is makes none."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, patch
from tests.conftest import reconcile, state_of
from tests.content.dated_site import (
    DATES,
    TEXTS_OF_DATES,
    check_errors,
    errors,
    make_posts,
    put_text,
    schema,
)

TEXT = {"type": "string"}
DAY = "2024-01-15"
REFUSING: dict[str, tuple[Any, str, str]] = {
    "text": (TEXT, "{}", ""),
    "of a form": ({**TEXT, "minLength": 3, "pattern": "^2", "format": "uri"}, "{}", ""),
    "nullable": ({"type": ["string", "null"]}, "{}", ""),
    "optional": ({"anyOf": [{"anyOf": [{"not": {}}, TEXT]}, {"type": "null"}]}, "{}", ""),
    "choice": ({**TEXT, "enum": ["a", DAY]}, "{}", ""),
    "constant": ({"const": DAY}, "{}", ""),
    "union": ({"type": ["string", "number", "boolean"]}, "{}", ""),
    "list": ({"type": "array", "items": TEXT}, "[x, {}]", "/1"),
    "list or text": ({"anyOf": [TEXT, {"type": "array", "items": TEXT}]}, "{}", ""),
    "object": ({"type": "object", "properties": {"a": TEXT}}, "{{a: {}}}", "/a"),
    "no object": ({"type": "object", "properties": {"a": TEXT}}, "{}", ""),
    "record": ({"type": "object", "additionalProperties": TEXT}, "{{k: {}}}", "/k"),
    "no record": ({"type": "object", "additionalProperties": {}}, "{}", ""),
    "no list": ({"type": "array", "items": TEXT}, "{}", ""),
    "number": ({"type": "number"}, "{}", ""),
    "boolean": ({"type": "boolean"}, "{}", ""),
    "both": ({"allOf": [{"type": "object", "properties": {"a": TEXT}}, {"type": "object"}]}, "{{a: {}}}", "/a"),
}
TAKING: dict[str, tuple[Any, str]] = {
    "anything": ({}, "{}"),
    "items": ({"type": "array"}, "[{}]"),
    "other key": ({"type": "object", "properties": {"a": TEXT}}, "{{b: {}}}"),
}


def of_astro(astro: int, node: Any) -> str:
    return schema(astro, {"title": TEXT, "when": DATES[astro], "field": node})


def dated(astro: int) -> dict[str, tuple[Any, str]]:
    date = DATES[astro]
    return {
        "date": (date, "{}"),
        "date or nothing": ({"anyOf": [date, {"type": "null"}]}, "{}"),
        "date or text": ({"anyOf": [TEXT, date]}, "{}"),
        "dates": ({"type": "array", "items": date}, "[{}]"),
        "record": ({"type": "object", "additionalProperties": date}, "{{k: {}}}"),
        "tuple": ({"type": "array", "items" if astro == 5 else "prefixItems": [TEXT, date]}, "[x, {}]"),
        "one of two": (
            {"oneOf": [{"type": "object", "properties": {"a": date}, "required": ["a"]}, {"type": "number"}]},
            "{{a: {}}}",
        ),
    }


@pytest.mark.parametrize("astro", [5, 7])
def test_a_date_is_refused_where_the_site_refuses_it(
    ctx: Context, client: FlaskClient, admin: dict[str, str], astro: int
) -> None:
    refusing = {**REFUSING, "text of a date": (TEXTS_OF_DATES[astro], "{}", "")}
    for name, (node, form, below) in refusing.items():
        folder = make_posts(ctx, of_astro(astro, node), {})
        before = state_of(ctx)
        answer = put_text(client, admin, "new", f"field: {form.format(DAY)}")
        assert errors(answer) == {(f"/data/field{below}", "type")}, name
        assert "\\u0000" not in answer.text
        assert state_of(ctx) == before
        assert not (folder / "new.md").exists()
        (folder / "old.md").write_text(f"---\nfield: {form.format(DAY)}\n---\n")
        reconcile(ctx)
        assert check_errors(ctx) == {("old", f"/data/field{below}", "type")}, name
        (folder / "old.md").write_text("---\ntitle: x\n---\n")
        reconcile(ctx)


@pytest.mark.parametrize("astro", [5, 7])
def test_a_date_is_taken_where_the_site_takes_it(
    ctx: Context, client: FlaskClient, admin: dict[str, str], astro: int
) -> None:
    for number, (name, (node, form)) in enumerate({**TAKING, **dated(astro)}.items()):
        make_posts(ctx, of_astro(astro, node), {})
        assert put_text(client, admin, f"a{number}", f"field: {form.format(DAY)}").status_code == 201, name
        assert not {found for found in check_errors(ctx) if found[0] == f"a{number}"}, name


def test_a_message_says_what_to_do(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    make_posts(ctx, of_astro(7, TEXT), {})
    (error,) = put_text(client, admin, "new", f"title: {DAY}").get_json()["errors"]
    assert error["detail"] == "has to be text, and is a date; put quotes around it, as in '2025-12-31'"
    option = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}
    make_posts(ctx, of_astro(7, {"oneOf": [option, TEXT]}), {})
    (error,) = put_text(client, admin, "new", f"field: {{b: {DAY}}}").get_json()["errors"]
    assert (error["pointer"], "0000date" in error["detail"], DAY in error["detail"]) == ("/data/field", False, True)


@pytest.mark.parametrize("astro", [5, 7])
def test_json_is_written_with_quotes_where_text_is_wanted(
    ctx: Context, client: FlaskClient, admin: dict[str, str], astro: int
) -> None:
    """A date that stands there already is an old error, and another text in its place no new one."""
    properties = {"title": TEXT, "tags": {"type": "array", "items": TEXT}, "iso": TEXTS_OF_DATES[astro]}
    properties |= {"when": DATES[astro], "more": {"type": "object", "additionalProperties": DATES[astro]}}
    old = f"title: {DAY}\ntags: [{DAY}, x]\nwhen: {DAY}"
    folder = make_posts(ctx, schema(astro, properties), {"a": old})
    data = {
        "title": "2024-02-02", "tags": ["2024-02-02", "2024-02-03"], "when": "2024-02-02", "more": {"k": "2024-02-02"},
        "iso": "2024-02-02T10:00:00Z",
    }  # fmt: skip
    etag = client.get(f"{ARTICLES}/posts/a").headers["ETag"]
    saved = patch(client, admin, "posts/a", etag, {"data": data})
    assert saved.status_code == 200, saved.text
    text = (folder / "a.md").read_text()
    quoted = 'title: "2024-02-02"\ntags: ["2024-02-02", "2024-02-03"]\nwhen: 2024-02-02\n'
    assert quoted in text
    assert "more:\n  k: 2024-02-02\n" in text
    assert 'iso: "2024-02-02T10:00:00Z"\n' in text
    assert saved.get_json()["dates"] == ["/when", "/more/k"]
    assert check_errors(ctx) == set()


def test_astro_5_lets_other_keys_pass_in_unions(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    """Its export says `additionalProperties: false` of every object; in a union that would rule the object out."""
    option = {"type": "object", "properties": {"a": TEXT}, "required": ["a"], "additionalProperties": False}
    make_posts(ctx, of_astro(5, {"anyOf": [option, {"type": "number"}]}), {})
    assert put_text(client, admin, "a", "field: {a: x, b: y}").status_code == 201
    assert check_errors(ctx) == set()
    before = state_of(ctx)
    assert errors(put_text(client, admin, "b", "field: {b: y}")) == {("/data/field", "any_of")}
    assert state_of(ctx) == before


def test_a_patch_with_the_same_text_puts_quotes_around_it(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    folder = make_posts(ctx, of_astro(7, TEXT), {"a": f"title: {DAY}\nwhen: {DAY}\nfield: {DAY}"})
    etag = client.get(f"{ARTICLES}/posts/a").headers["ETag"]
    saved = patch(client, admin, "posts/a", etag, {"data": {"title": DAY, "when": DAY}})
    assert saved.status_code == 200
    assert [item["pointer"] for item in saved.get_json()["warnings"]] == ["/data/field"]
    assert (folder / "a.md").read_text() == f'---\ntitle: "{DAY}"\nwhen: {DAY}\nfield: {DAY}\n---\nbody\n'
