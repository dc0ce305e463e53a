"""C17: a folder that looks like a language is none where the site says so, and rules that change hold at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from cms.actions.check import check
from cms.actions.verify import wrong_row
from cms.context import Context
from cms.database.engine import read
from cms.database.tables import changes
from tests.api.editing import ARTICLES, problem
from tests.conftest import both_databases, reconcile, site_of, state_of

DATA = {"title": "General"}
FILES = ("hr/leave", "hr/pay", "it/vpn", "ts/intro", "en/leave", "km/leave", "km/pay", "pt-BR/leave", "about")


def write(ctx: Context, *names: str) -> None:
    for name in names:
        path = site_of(ctx) / f"src/content/docs/{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\ntitle: {name}\n---\nWords.\n")
    reconcile(ctx)


def annotate(ctx: Context, said: Said) -> None:
    path = site_of(ctx) / "src/content/docs.cms.json"
    path.unlink(missing_ok=True)
    if said is not None:
        path.write_text(json.dumps(said))
    reconcile(ctx)


def locales_of(client: FlaskClient) -> dict[str, str | None]:
    items = client.get(f"{ARTICLES}?collection=docs").get_json()["items"]
    return {item["id"]: item["locale"] for item in items}


def missing(ctx: Context) -> list[str]:
    return [one.detail for one in check(ctx) if one.code == "translation_missing" and one.path.endswith("/docs")]


@both_databases
def test_departments_are_no_languages_where_the_annotation_says_so(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    write(ctx, "hr/leave", "it/vpn")
    assert missing(ctx) == []  # no article stands in both, and so nothing says that they are languages
    before = state_of(ctx)
    for body in ({"id": "general"}, {"id": "legal/x"}, {"slug": "general"}):
        error = problem(client.post(f"{ARTICLES}/docs", json={**body, "data": DATA}, headers=admin), 422)
        assert "one of hr, it; `locales` in src/content/docs.cms.json" in error["errors"][0]["detail"]
        assert "[]" in error["errors"][0]["detail"]
    assert state_of(ctx) == before

    annotate(ctx, {"locales": []})
    assert locales_of(client) == {"hr/leave": None, "it/vpn": None}
    before = state_of(ctx)
    error = problem(
        client.post(f"{ARTICLES}/docs", json={"locale": "hr", "slug": "x", "data": DATA}, headers=admin), 422
    )
    assert "leave it out" in error["errors"][0]["detail"]
    assert state_of(ctx) == before
    for body, path in (
        ({"id": "general"}, "general"),
        ({"id": "legal/x"}, "legal/x"),
        ({"id": "it/x"}, "it/x"),
        ({"slug": "hello"}, "hello"),
        ({}, "general-2"),
    ):
        made = client.post(f"{ARTICLES}/docs", json={**body, "data": DATA}, headers=admin)
        assert made.status_code == 201, made.text
        shown = made.get_json()
        assert (shown["id"], shown["slug"], shown["locale"], shown["translations"]) == (path, path, None, [])
    assert client.get(f"{ARTICLES}?locale=hr&collection=docs").get_json()["items"] == []
    assert client.get("/api/v1/collections/docs/translations", headers=admin).get_json()["items"] == []
    assert missing(ctx) == []


Said = dict[str, Any] | None
RULES: tuple[Said, ...] = (
    None, {"locales": []}, {"locales": ["en"]}, {"locales": ["KM", "en"]}, {"locales": ["pt-br", "hr", "en"]}, {},
)  # fmt: skip


def expected(said: Said) -> dict[str, str | None]:
    named = None if said is None else said.get("locales")
    folders = {name: name.rpartition("/")[0] or None for name in FILES}
    if named is None:
        return {name.lower(): folder for name, folder in folders.items()}
    spelled = {tag.lower(): tag for tag in named}
    return {name.lower(): None if folder is None else spelled.get(folder.lower()) for name, folder in folders.items()}


@both_databases
@pytest.mark.parametrize("first", range(len(RULES)))
def test_all_articles_get_their_locale_anew_when_the_rules_change(
    ctx: Context, client: FlaskClient, admin: dict[str, str], first: int
) -> None:
    """From each rule to each other: what is shown, what the feed tells, and what the log has."""
    annotate(ctx, RULES[first])
    write(ctx, *FILES)
    assert locales_of(client) == expected(RULES[first])
    known = RULES[first]
    for said in (*RULES[first + 1 :], RULES[0]):
        cursor, last = _cursor(client), _last(ctx)
        shown = {name: client.get(f"{ARTICLES}/docs/{name}").get_json() for name in expected(None)}
        annotate(ctx, said)
        assert locales_of(client) == expected(said)
        logged = {row.name for row in _since(ctx, last)}
        assert logged == {name for name, locale in expected(said).items() if locale != expected(known)[name]}
        told = {line["id"]: line for line in _feed(client, cursor) if line["type"] == "article"}
        for name, was in shown.items():
            now = client.get(f"{ARTICLES}/docs/{name}").get_json()
            assert (name in told) == (now["digest"] != was["digest"]) == (_seen(now) != _seen(was)), (name, known, said)
            assert now["version"] == was["version"]
            assert {twin["id"] for twin in now["translations"]} == _twins(name, said)
            assert {twin["locale"] for twin in now["translations"]} == {
                expected(said)[one] for one in _twins(name, said)
            }
        last = _last(ctx)
        reconcile(ctx)
        assert _last(ctx) == last
        assert wrong_row(ctx) is None
        known = said


def _seen(shown: dict[str, Any]) -> Any:
    return shown["locale"], shown["slug"], [(twin["id"], twin["locale"]) for twin in shown["translations"]]


def _twins(name: str, said: Said) -> set[str]:
    locales = expected(said)
    if locales[name] is None:
        return set()
    rest = name.partition("/")[2]
    return {one for one in locales if locales[one] and one != name and one.partition("/")[2] == rest}


def _cursor(client: FlaskClient) -> str:
    return str(_feed(client, None)[-1]["cursor"])


def _feed(client: FlaskClient, cursor: str | None) -> list[dict[str, Any]]:
    query = "collection=docs" + ("" if cursor is None else f"&cursor={cursor}")
    answer = client.get(f"/api/v1/sync?{query}")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def _last(ctx: Context) -> int:
    with read(ctx.database) as tx:
        return max(map(int, tx.execute(select(changes.c.seq)).scalars()))


def _since(ctx: Context, seq: int) -> list[Any]:
    with read(ctx.database) as tx:
        return list(tx.execute(select(changes).where(changes.c.seq > seq)))


@both_databases
def test_a_language_that_nobody_can_tell_from_a_folder_has_to_be_named(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    """`fil` has three letters and `xx` is no language: without an annotation they are folders as any other."""
    write(ctx, "about", "fil/about", "xx/about", "fr/about")
    assert locales_of(client) == {"about": None, "fil/about": None, "xx/about": None, "fr/about": "fr"}
    before = state_of(ctx)
    for body in ({"locale": "fil"}, {"locale": "xx", "slug": "x"}, {"locale": "de", "slug": "index"}):
        problem(client.post(f"{ARTICLES}/docs", json={**body, "data": DATA}, headers=admin), 422)
    assert state_of(ctx) == before
    annotate(ctx, {"locales": ["fil", "en"]})
    assert locales_of(client) == {"about": None, "fil/about": "fil", "xx/about": None, "fr/about": None}
    made = client.post(f"{ARTICLES}/docs", json={"locale": "FIL", "data": DATA}, headers=admin)
    assert (made.status_code, made.get_json()["id"], made.get_json()["locale"]) == (201, "fil/general", "fil")
    refused = problem(client.post(f"{ARTICLES}/docs", json={"id": "fr/x", "data": DATA}, headers=admin), 422)
    assert refused["errors"][0]["detail"].endswith(
        "one of fil, en; `locales` in src/content/docs.cms.json opens another"
    )
