"""J1: no value is too long for a database, whichever it is; what is refused is refused before it is saved."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from itertools import count, product
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Boolean, Column, LargeBinary, Text, create_engine, insert, text
from werkzeug.test import TestResponse

from cms.context import Context
from cms.database import intents
from cms.database.derived import derived
from cms.database.engine import read, write
from cms.database.tables import kept
from cms.model.field_values import HEAD, comparable
from cms.store.base import version_of
from tests.abuse.operations import Operation, operations
from tests.abuse.test_scopes import WHOLE, WRITES, Site
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.beyond.long_texts import ALL, ANNOTATION, BODIES, SCHEMA, SCRIPTS, file_with, text_of, texts, values_with
from tests.conftest import (
    bearer,
    both_databases,
    close,
    make_client,
    make_context,
    make_settings,
    reconcile,
    site_of,
    state_of,
    with_postgres,
)
from tests.described import SPEC
from tests.postgres import Debian, postgres
from tests.receiver import receiving
from tests.trust.boundary_values import written
from tests.trust.refusals import refuse_value

V1 = "/api/v1"
REFUSED = {"/data/slug": "id_too_long"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one collection that has a schema."""
    below = tmp_path / "site/src/content/shops"
    below.mkdir(parents=True)
    (below.parent / "shops.schema.json").write_text(SCHEMA)
    (below.parent / "shops.cms.json").write_text(ANNOTATION)
    (below / "good.md").write_bytes(file_with({"title": "Good"}))
    return tmp_path / "site"


@pytest.fixture
def shops(folder: Path, database_url: str) -> Iterator[Context]:
    made = make_context(make_settings(folder, database_url))
    yield made
    close(made)


def put(client: FlaskClient, headers: dict[str, str], name: str, data: Any, body: str = "") -> TestResponse:
    return client.put(
        f"{ARTICLES}/shops/{name}", json={"data": data, "body": body}, headers={**headers, "If-None-Match": "*"}
    )


@both_databases
def test_each_text_is_saved_or_refused_where_it_stands(shops: Context, folder: Path) -> None:
    """By the API: what is saved is listed and found again, and what is refused has left no trace."""
    client, admin = make_client(shops), bearer(shops, "admin")
    wrong: list[str] = []
    for name, long in texts():
        for number, (where, data) in enumerate(values_with(long).items()):
            before = state_of(shops) if where in ("/data/slug", "/data/next", "/data/cover") else None
            answer = put(client, admin, f"{name}-{number}", {"title": "t", **data})
            if before is None:
                if answer.status_code != 201:
                    wrong.append(f"{name} {where}: {answer.status_code} {answer.text[:300]}")
                continue
            found = problem(answer, 422)
            assert [one["pointer"] for one in found["errors"]] == [where], found
            assert state_of(shops) == before, where
        for kind, body in BODIES.items():
            answer = put(client, admin, f"{name}-{kind}", {"title": "t"}, body.format(long))
            is_photo = kind in ("photo", "folders", "nul")
            if answer.status_code != (422 if is_photo else 201):
                wrong.append(f"{name} {kind}: {answer.status_code} {answer.text[:300]}")
    assert not wrong, "\n".join(wrong)
    listed = client.get(f"{ARTICLES}?collection=shops&limit=100&total=true").get_json()
    assert listed["total"] == len(list((folder / "src/content/shops").glob("*.md")))
    assert client.get(f"{V1}/sync").status_code == 200


def write_by_hand(folder: Path) -> dict[str, str]:
    """Write a file for each place of each text; return the status that each is to have."""
    expected = {"good": "published", "zz-good": "published"}
    for name, long in texts():
        for number, (where, data) in enumerate(values_with(long).items()):
            (folder / f"{name}-{number}.md").write_bytes(file_with({"title": "t", **data}))
            expected[f"{name}-{number}"] = "broken" if where in REFUSED else "published"
        for kind, body in BODIES.items():
            (folder / f"{name}-{kind}.md").write_bytes(file_with({"title": "t"}, body.format(long)))
            expected[f"{name}-{kind}"] = "published"
    (folder / "zz-good.md").write_bytes(file_with({"title": "Another"}))
    return expected


def statuses(client: FlaskClient, headers: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    query = {"collection": "shops", "status": "all", "limit": "100"}
    while True:
        page = client.get(ARTICLES, query_string=query, headers=headers).get_json()
        found |= {item["id"]: item["status"] for item in page["items"]}
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


@both_databases
@pytest.mark.parametrize("is_first", [False, True])
def test_each_text_put_by_hand_is_indexed_beside_good_files(folder: Path, database_url: str, is_first: bool) -> None:
    """`is_first`: by an index that is made anew."""
    below = folder / "src/content/shops"
    if is_first:
        expected = write_by_hand(below)
    ctx = make_context(make_settings(folder, database_url))
    try:
        if not is_first:
            expected = write_by_hand(below)
            reconcile(ctx)
        client, admin = make_client(ctx), bearer(ctx, "admin")
        assert statuses(client, admin) == expected
        # A photo that cannot be there is missing.
        found = client.get(f"{ARTICLES}/shops/ascii-8192-photo").get_json()
        assert [one["missing"] for one in found["images"]] == [True]
    finally:
        close(ctx)


def with_titles(folder: Path) -> dict[str, str]:
    """Write articles whose titles share their beginnings, up to the end of what lists are sorted by and beyond; return
    the titles by the articles' ids."""
    titles: dict[str, str] = {}
    for script in SCRIPTS:
        long = text_of(9000, script)
        for length in (1, HEAD - 1, HEAD, HEAD + 1, 900, 3000):
            for number, end in enumerate(("", "b", "A", "ច", "-", "é", "~")):
                titles[f"{script}-{length}-{6 - number}"] = long[:length] + end
    titles |= {f"word-{number}": word for number, word in enumerate(("a b", "a-b", "ab", "A", "Ä", "z", "_", "Z", "ក"))}
    for name, title in titles.items():
        (folder / f"{name}.md").write_bytes(file_with({"title": title, "tags": [title[:50]]}))
    return titles | {"good": "Good"}


def ids(client: FlaskClient, **query: str) -> list[str]:
    """Return the ids of all pages."""
    found: list[str] = []
    given = {"collection": "shops", "limit": "7", **query}
    while True:
        answer = client.get(ARTICLES, query_string=given)
        assert answer.status_code == 200, answer.text
        page = answer.get_json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        given["cursor"] = page["next_cursor"]


def check_order(ctx: Context, titles: dict[str, str]) -> None:
    """Every list is in the order of code points: by titles as far as they are sorted by, and then by keys."""
    client = make_client(ctx)
    by_title = sorted(titles, key=lambda name: (comparable(titles[name])[:HEAD], f"{name}.md"))
    assert ids(client, sort="title") == by_title
    assert ids(client, sort="-title") == by_title[::-1]
    assert ids(client, sort="id") == sorted(titles)
    assert sorted(ids(client, sort="next,title,-tags,id")) == sorted(titles)
    for name in ("ascii-900-3", f"ascii-{HEAD}-2", f"khmer-{HEAD}-6", "word-0"):
        whole = comparable(titles[name])
        for op, fits in (("eq", operator.eq), ("lt", operator.lt), ("gte", operator.ge)):
            wanted = [one for one in by_title if fits(comparable(titles[one]), whole)]
            assert ids(client, sort="title", **{f"filter[title][{op}]": titles[name]}) == wanted, (name, op)


@both_databases
def test_lists_have_one_order_in_both_databases(folder: Path, database_url: str) -> None:
    titles = with_titles(folder / "src/content/shops")
    ctx = make_context(make_settings(folder, database_url))
    try:
        check_order(ctx, titles)
    finally:
        close(ctx)


@pytest.fixture
def of_a_language() -> Iterator[str]:
    """A database of PostgreSQL whose texts stand in the order of English. Gives its URL."""
    with postgres(Debian) as server:
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            made = "CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"
            connection.execute(text(made))
        engine.dispose()
        yield server.url.replace("@/postgres", "@/english")


def test_no_language_of_the_database_changes_the_order(folder: Path, of_a_language: str) -> None:
    titles = with_titles(folder / "src/content/shops")
    ctx = make_context(make_settings(folder, of_a_language))
    try:
        with read(ctx.database) as tx:
            assert tx.execute(text("SELECT 'B' COLLATE \"default\" > 'a'")).scalar()
            found = tx.execute(text(OTHER_COLLATIONS)).all()
        assert not found
        check_order(ctx, titles)
    finally:
        close(ctx)


OTHER_COLLATIONS = """
SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_collation ON pg_collation.oid = attcollation
WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace AND collname <> 'C'
"""
"""Columns whose texts do not stand in the order of code points."""


MOST_BYTES = {
    "actor": 200, "base": 0, "collection": 255, "field": 256, "fold": 1000, "head": 4 * HEAD, "id": 1000, "key": 1000,
    "message_id": 64, "name": 1000, "new_key": 1000, "path": 2000, "process": 200, "sha256": 64, "digest": 64,
    "shelf": 521, "stamp": 64, "subject": 7, "token_id": 64, "twin": 1000, "webhook_id": 64,
}  # fmt: skip
"""How long the texts of an indexed column are at most. A shelf is named by a collection, a locale and a status."""

OF_TABLES = {"draft_images": {"path": 1002}, "article_images": {"path": 1002}, "collections": {"name": 255}}
OF_TABLES |= {"shelves": {"name": 521}, "image_homes": {"path": 1000}, "answers": {"key": 200}}


@both_databases
def test_every_index_has_room_for_the_longest_texts(shops: Context) -> None:
    """A row with texts that nothing compresses, each as long as it may be, goes into every table."""
    with write(shops.database) as tx, tx.begin_nested() as trial:
        for table in [*kept.sorted_tables, *derived.sorted_tables]:
            bounds = MOST_BYTES | OF_TABLES.get(table.name.rstrip("0123456789_"), {})
            indexes = [list(table.primary_key.columns), *(list(index.columns) for index in table.indexes)]
            indexed = {column.name for columns in indexes for column in columns if isinstance(column.type, Text)}
            assert indexed <= bounds.keys(), table.name
            row: dict[str, Any] = {}
            for column in table.columns:
                if column.computed is None:
                    long = text_of(bounds.get(column.name, 10), "ascii", len(row))
                    row[column.name] = long if isinstance(column.type, Text) else _filler(column)
            if "head" in indexed:
                row["text"] = "".join(map(chr, range(0x1F300, 0x1F300 + HEAD))) + text_of(60_000, "khmer")
            tx.execute(insert(table).values(row))
        trial.rollback()


def _filler(column: Column[Any]) -> Any:
    return b"x" if isinstance(column.type, LargeBinary) else False if isinstance(column.type, Boolean) else 77


LONG = ["a\0b", *dict(texts()).values()][:: 1 if ALL else 2]


@pytest.fixture
def of_everything(ctx: Context) -> Iterator[Site]:
    """The sample site, in which every write has something to be done to."""
    with receiving() as receiver:
        yield Site(ctx, make_client(ctx), bearer(ctx, "admin"), receiver)


ASKED_LONG = (
    "create_article", "patch_article", "patch_article name", "describe_image", "begin_uploads", "create_webhook",
    "patch_webhook", "create_token", "create_preview", "confirm_translation", "report_build",
)  # fmt: skip


@with_postgres
def test_each_long_field_of_each_write_is_taken_or_refused(of_everything: Site) -> None:
    """With and without NUL; so are the parameters of the query, and an Idempotency-Key."""
    site, wrong, numbers = of_everything, list[str](), count()
    found = {one.name: one for one in operations(site.client, "POST", "PUT", "PATCH")}
    for name in ASKED_LONG:
        operation = found[name.split(maxsplit=1)[0]]
        asked_of = operation.parameters("query")
        for place, value in [*product(_fields(operation), LONG), *product(asked_of, LONG[:: len(LONG) - 1])]:
            # The size of a photo goes by the length of its name.
            own = "x" * len(name) if "image" in name else f"long-{next(numbers)}"
            url, sent = WRITES[name][1](site, own)
            asked = {"query_string": {place: value[:1300]}, **sent}
            if place not in asked_of:
                kind = sent.get("content_type", "application/json")
                asked = {"data": written(sent.get("json", {}), place, value), "content_type": kind}
            key = {"Idempotency-Key": value[:300]} if value.isalnum() and value.isascii() else {}
            headers = {**sent.get("headers", {}), **site.admin, **key}
            answer = site.client.open(url, method=operation.method, **asked | {"headers": headers})
            if answer.status_code >= 500:
                wrong.append(f"{name} {place} {value[:9]!r}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    for read_url in ("articles?limit=100", "changes", "images", "tokens", "webhooks", "drafts", "sync"):
        assert site.client.get(f"{V1}/{read_url}", headers=site.admin).status_code == 200


def _fields(operation: Operation) -> list[str]:
    content = operation.described.get("requestBody", {}).get("content", {})
    names = (body["schema"].get("$ref", "").rpartition("/")[2] for kind, body in content.items() if "json" in kind)
    return [field for name in names for field in SPEC["components"]["schemas"].get(name, {}).get("properties", {})]


@with_postgres
def test_each_long_parameter_of_each_read_is_taken_or_refused(of_everything: Site) -> None:
    site, wrong = of_everything, list[str]()
    for operation in operations(site.client, "GET"):
        if "sha256" in operation.names or operation.path == "/hooks/git" or "static" in operation.path:
            continue
        for name, value in product(operation.parameters("query"), LONG):
            (url, *_) = operation.urls({one: ["x"] for one in operation.names})
            answer = site.client.get(url, query_string={name: value[:1300]}, headers=site.admin)
            if answer.status_code >= 500:
                wrong.append(f"{url} {name} {value[:9]!r}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


@with_postgres
@pytest.mark.parametrize("state", ["22001", "22P05", "54000"])
def test_a_value_that_postgres_refuses_all_the_same_changes_nothing(
    ctx: Context, client: FlaskClient, admin: dict[str, str], state: str
) -> None:
    """A save is 422, and its file is as it was; put by hand, it breaks its own file alone, and so does a broken-off
    save."""
    refuse_value(ctx, "unwanted", state)
    etag = create_text(client, admin, "news/en/a-day")
    before = state_of(ctx)
    problem(patch(client, admin, "news/en/a-day", etag, {"data": {"title": "Unwanted"}}), 422, "value_refused")
    new = {"id": "en/new", "data": {**WHOLE, "title": "unwanted"}, "body": ""}
    problem(client.post(f"{ARTICLES}/news", json=new, headers=admin), 422, "value_refused")
    assert state_of(ctx) == before

    folder = site_of(ctx) / "src/content/news/en"
    bad, good = file_with({**WHOLE, "title": "unwanted"}), file_with(WHOLE)
    (folder / "bad.md").write_bytes(bad)
    (folder / "good.md").write_bytes(good)
    (folder / "begun.md").write_bytes(bad)
    with write(ctx.database) as tx:
        key = "src/content/news/en/begun.md"
        intents.add(tx, "editor", (key, ""), (key, version_of(bad)))
    for _ in range(2):
        reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/en/good").status_code == 200
    found = client.get("/api/v1/articles?collection=news&status=broken", headers=admin).get_json()["items"]
    assert [item["id"] for item in found] == ["en/bad", "en/begun"]
    (folder / "bad.md").unlink()
    (folder / "begun.md").write_bytes(good)
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/en/begun").status_code == 200
