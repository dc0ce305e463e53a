"""Tables that are made from the files are damaged beside a running service: they are made again, and answers are as
they were; until then they are 503, and never what is left of the tables."""

from __future__ import annotations

import json
import logging
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from cms.actions import examine
from cms.actions.examine import Examiner
from cms.actions.verify import wrong_row
from cms.context import Context
from cms.database import search
from cms.database.derived import FORMAT, derived
from cms.database.refusals import REBUILDING
from tests.actions.test_backup import lived_in
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.components import cms_server
from tests.conftest import both_databases, eventually, make_client, reconcile, state_of
from tests.receiver import Receiver

NAMES = [*(table.name for table in derived.sorted_tables), search.NAME]
URLS = [
    "/api/v1/collections",
    "/api/v1/articles?limit=100&fields=body,html,images,data,translations&total=true",
    "/api/v1/articles?collection=news&sort=-date&filter[tags][contains]=boat",
    "/api/v1/articles?q=river",
    "/api/v1/articles/news/en/river-bus",
    "/api/v1/collections/news/translations",
    "/api/v1/images?limit=100",
    "/api/v1/images/news/river-bus/photo-1.jpg",
    "/api/v1/changes?limit=100",
    "/api/v1/sync",
]


def ask(client: FlaskClient, headers: dict[str, str], url: str) -> TestResponse:
    return client.get(url, headers=headers if "translations" in url or "changes" in url else {})


def answers(client: FlaskClient, headers: dict[str, str]) -> dict[str, Any]:
    """What is asked for, the feed's cursors aside."""
    found = {url: ask(client, headers, url) for url in URLS}
    assert {answer.status_code for answer in found.values()} == {200}, {u: a.text for u, a in found.items()}
    lines = sorted(line for line in found.pop("/api/v1/sync").data.splitlines() if b'"cursor"' not in line)
    return {url: answer.get_json() for url, answer in found.items()} | {"sync": lines}


def damage(ctx: Context, *statements: str) -> None:
    with ctx.database.connect() as connection:
        for statement in statements:
            binary = "BYTEA" if connection.dialect.name == "postgresql" else "BLOB"
            connection.execute(text(statement.replace("_N", f"_{FORMAT}").replace("BINARY", binary)))
        connection.commit()


@pytest.fixture
def examiner(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Examiner:
    """Looks at all rows each time."""
    monkeypatch.setattr(examine, "ROWS_EVERY_S", 0)
    monkeypatch.setattr(examine, "SHARE", 1e9)
    return Examiner(ctx)


@both_databases
def test_tables_that_are_as_they_were_made_are_left_alone(
    ctx: Context, admin: dict[str, str], receiver: Receiver, examiner: Examiner
) -> None:
    lived_in(ctx, admin, receiver)
    reconcile(ctx)
    assert wrong_row(ctx) is None
    before = state_of(ctx)
    examiner.run()
    assert state_of(ctx) == before


@pytest.fixture
def undone(ctx: Context) -> Callable[[], AbstractContextManager[None]]:
    """For a block after which SQLite's file is as it was."""
    path = Path(str(ctx.database.url.database))

    @contextmanager
    def undo() -> Iterator[None]:
        with ctx.database.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = path.read_bytes()
        yield
        ctx.generation.close()
        ctx.database.dispose()
        path.write_bytes(whole)

    return undo


def test_without_one_of_the_tables_answers_are_as_before_or_503(
    ctx: Context, admin: dict[str, str], undone: Callable[[], AbstractContextManager[None]]
) -> None:
    before = answers(make_client(ctx), admin)
    for name in [*NAMES, search.INDEX]:
        client = make_client(ctx)  # which has nothing in memory
        refused = 0
        with undone():
            damage(ctx, f"DROP TABLE {name}")
            for url in URLS[:-1]:
                answer = ask(client, admin, url)
                if answer.status_code == 503:
                    assert problem(answer, 503)["code"] in (REBUILDING, "search_too_long")  # beside other work
                    assert int(answer.headers["Retry-After"]) <= 5
                    refused += 1
                else:
                    assert answer.get_json() == before[url]
            assert refused or name.startswith("unsettled")
            assert name in str(Examiner(ctx).find())
    assert answers(make_client(ctx), admin) == before


@both_databases
@pytest.mark.parametrize("names", [NAMES, [search.NAME]], ids=["all", "one"])
def test_tables_that_are_dropped_are_made_again(
    ctx: Context,
    client: FlaskClient,
    admin: dict[str, str],
    examiner: Examiner,
    names: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = answers(client, admin)
    damage(ctx, *(f"DROP TABLE {name}" for name in names))
    problem(client.get("/api/v1/articles?q=boat"), 503, REBUILDING)
    with caplog.at_level(logging.WARNING, "cms.index"):
        examiner.run()
    assert all(name in caplog.text for name in names)
    assert client.get("/readyz").get_json()["status"] == "ready"
    assert answers(client, admin) == before


DAMAGES = {
    "a column is missing": ["ALTER TABLE articles_N DROP COLUMN lean"],
    "articles are deleted": ["DELETE FROM articles_N WHERE id LIKE 'en/%'"],
    "all articles are deleted": ["DELETE FROM articles_N"],
    "an article's JSON is garbled": [
        "UPDATE articles_N SET heavy = CAST('garbage' AS BINARY) WHERE id = 'en/river-bus'"
    ],
    "an article's JSON says something else": [
        "UPDATE articles_N SET heavy = (SELECT heavy FROM articles_N WHERE key LIKE '%en/story-hour.md')"
        " WHERE id = 'en/river-bus'"
    ],
    "an article's lean JSON is garbled": ["UPDATE articles_N SET lean = '{' WHERE id = 'en/river-bus'"],
    "an article's lengths are garbled": ["UPDATE articles_N SET lengths = '[]' WHERE id = 'en/river-bus'"],
    "a draft is said to be visible": ["UPDATE articles_N SET visible = NOT visible WHERE id = 'en/river-bus'"],
    "an article stands on another shelf": ["UPDATE articles_N SET shelf = 'news/en/draft' WHERE id = 'en/river-bus'"],
    "shelves are miscounted": ["UPDATE shelves_N SET number = number + 1"],
    "shelves are exchanged": [
        "UPDATE shelves_N SET number = number + 1 WHERE name = 'news/en/published'",
        "UPDATE shelves_N SET number = number - 1 WHERE name = 'news/km/published'",
    ],
    "values are deleted": ["DELETE FROM article_values_N WHERE field = 'date'"],
    "values are changed": ["UPDATE article_values_N SET text = '1999' WHERE field = 'date'"],
    "photos of articles are forgotten": ["DELETE FROM article_images_N"],
    "words are deleted": ["DELETE FROM article_words_N WHERE key LIKE '%river-bus%'"],
    "words are changed": [
        "UPDATE article_words_N SET texts = (SELECT texts FROM article_words_N WHERE key LIKE '%en/story-hour.md')"
        " WHERE key LIKE '%river-bus%'"
    ],
    "words of no article are added": ["UPDATE article_words_N SET key = 'x' WHERE key LIKE '%en/river-bus%'"],
    "the index of words is emptied": [
        "INSERT INTO article_words_index_N (article_words_index_N) VALUES ('delete-all')"
    ],
    "a photo's JSON is garbled": ["UPDATE images_N SET json = '{}' WHERE path LIKE '%photo-1.jpg'"],
    "the stamp is gone": ["DELETE FROM indexes_N"],
    "the stamp is another": ["UPDATE indexes_N SET stamp = 'garbage'"],
}


def test_rows_that_are_lost_or_changed_are_found(
    ctx: Context, undone: Callable[[], AbstractContextManager[None]]
) -> None:
    for name, statements in DAMAGES.items():
        with undone():
            damage(ctx, *statements)
            assert Examiner(ctx).find() is not None, name
    assert Examiner(ctx).find() is None


@both_databases
@pytest.mark.parametrize("name", ["an article's JSON is garbled", "words are changed", "the stamp is another"])
def test_rows_that_are_lost_or_changed_are_made_again(
    ctx: Context, client: FlaskClient, admin: dict[str, str], examiner: Examiner, name: str
) -> None:
    before = answers(client, admin)
    damage(ctx, *DAMAGES[name])
    examiner.run()
    assert wrong_row(ctx) is None
    assert answers(client, admin) == before
    # To look at them again changes nothing.
    state = state_of(ctx)
    examiner.run()
    assert state_of(ctx) == state


@both_databases
def test_while_the_tables_are_made_nothing_is_read_or_written_but_what_needs_none_of_them(
    ctx: Context, client: FlaskClient, admin: dict[str, str], examiner: Examiner
) -> None:
    etag = create_text(client, admin)
    before = state_of(ctx)
    damage(ctx, "DELETE FROM indexes_N")
    for url in URLS:
        problem(ask(client, admin, url), 503, REBUILDING)
    problem(patch(client, admin, "news/en/a-day", etag, {"body": "New."}), 503, REBUILDING)
    problem(client.delete(f"{ARTICLES}/news/en/a-day", headers={**admin, "If-Match": etag}), 503, REBUILDING)
    assert client.get("/readyz", headers=admin).status_code == 503
    assert client.get("/readyz").get_json()["status"] == "starting"
    assert client.get("/metrics", headers=admin).status_code == 200
    assert client.get("/healthz").status_code == 200
    after = state_of(ctx)
    assert {name for name in after if after[name] != before[name]} == {
        f"table:indexes_{FORMAT}",
        f"count:indexes_{FORMAT}",
    }
    examiner.run()
    assert patch(client, admin, "news/en/a-day", etag, {"body": "New."}).status_code == 200


@both_databases
def test_who_has_read_what_was_damaged_is_told_of_all_again(
    ctx: Context, client: FlaskClient, admin: dict[str, str], examiner: Examiner
) -> None:
    whole = client.get("/api/v1/sync").data.splitlines()
    damage(ctx, "DELETE FROM articles_N WHERE id LIKE 'en/%'")
    partial = client.get("/api/v1/sync").data.splitlines()
    assert len(partial) < len(whole)
    examiner.run()
    cursor = json.loads(partial[-1])["cursor"]
    again = client.get(f"/api/v1/sync?cursor={cursor}").data.splitlines()
    assert sorted(again[:-1]) == sorted(whole[:-1])


def test_rows_that_are_wrong_again_at_once_are_told_of_and_not_made_again_and_again(
    ctx: Context, examiner: Examiner, caplog: pytest.LogCaptureFixture
) -> None:
    garble = "UPDATE images_N SET json = '{}'"
    damage(ctx, garble)
    examiner.run()
    damage(ctx, garble)
    before = state_of(ctx)
    with caplog.at_level(logging.ERROR, "cms.index"):
        examiner.run()
    assert "is wrong again" in caplog.text
    assert state_of(ctx) == before


@pytest.mark.parametrize("named", [f"articles_{FORMAT}", f"images_{FORMAT}", search.NAME, f"{search.INDEX}_data"])
def test_pages_of_sqlite_that_are_overwritten_cost_no_kept_row(
    ctx: Context, client: FlaskClient, admin: dict[str, str], examiner: Examiner, named: str
) -> None:
    etag = create_text(client, admin)
    before = answers(client, admin)
    path = Path(str(ctx.database.url.database))
    overwrite(path, named)
    ctx.database.dispose()  # what was read before may still be in memory
    for url in URLS[:-1]:
        assert ask(client, admin, url).status_code in (200, 503)
    examiner.run()
    assert answers(client, admin) == before
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert patch(client, admin, "news/en/a-day", etag, {"body": "New."}).status_code == 200


def overwrite(path: Path, named: str) -> None:
    """Each page of the table."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = [page for (page,) in connection.execute("SELECT pageno FROM dbstat WHERE name = ?", (named,))]
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    assert pages
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xab" * size)


def test_a_running_server_mends_its_tables_by_itself(light_site: Path, tmp_path: Path) -> None:
    with cms_server(light_site, tmp_path / "log") as server:

        def get(path: str) -> bytes:
            with urllib.request.urlopen(server.url + path) as answer:  # noqa: S310  our own server
                body: bytes = answer.read()
                return body

        def lines() -> list[bytes]:
            return sorted(get("/api/v1/sync").splitlines()[:-1])

        first = light_site / "src/content/news/en/first.md"
        first.write_text((light_site / "src/content/news/en/river-bus.md").read_text())
        assert eventually(lambda: any(b'"en/first"' in line for line in lines())), "nobody works in the background"
        assert eventually(lambda: b'"placeholder":null' not in b"".join(lines())), "nobody looks at photos"
        before = lines()
        with sqlite3.connect(light_site / ".cms/cms.db") as connection:
            connection.execute(f"DROP TABLE articles_{FORMAT}")
        seen: set[int] = set()

        def is_mended() -> bool:
            try:
                return lines() == before
            except urllib.error.HTTPError as error:
                seen.add(error.code)
                return False

        assert eventually(is_mended)
        assert seen <= {503}
        assert eventually(lambda: b'"ready"' in get("/readyz"))
    assert b"is made again" in (tmp_path / "log").read_bytes()
