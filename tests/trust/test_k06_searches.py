"""K6: a search ends after a second, and however many search, editors and readers of collections are answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import urllib3
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import EnvironBuilder

from cms.api import gate
from cms.api.access_log import AccessLog
from cms.api.gate import Gate
from cms.api.traffic import Told, Traffic
from cms.context import Context
from cms.database import deadline, search
from cms.database.engine import read, write
from cms.model.search import indexed
from cms.serving import THREADS
from tests.api.editing import ARTICLES, create_text, problem
from tests.components import CmsServer, cms, cms_server
from tests.conftest import both_databases, copy_site

if TYPE_CHECKING:
    pass

LONG = "---\ntitle: t\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n---\n\n" + "a " * 400_000
COPIES = 16
PHRASE = " ".join("a" * 95)
"""SQLite takes a tenth of a second or more to find it in one of these texts."""
ONE = "WHERE key LIKE '%a-day.md'"
CROWD = [
    statement.format(words=search.NAME, index=search.INDEX) + ONE
    for statement in (
        "INSERT INTO {words} (number, key, shelf, seal, texts)"
        " SELECT number + :more, key || :more, shelf, seal, texts FROM {words} ",
        "INSERT INTO {index} (rowid, texts) SELECT number + :more, :texts FROM {words} ",
    )
]
"""Statements that put the long article into the index of words once more, as if there were another one."""


def crowd_of(number: int) -> dict[str, object]:
    """What the statements need for one more."""
    return {"more": 1000 * number, "texts": indexed([LONG])}


@both_databases
def test_a_search_that_takes_too_long_says_so(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    create_text(client, admin, text=LONG)
    words = PHRASE
    with write(ctx.database) as tx:
        if tx.dialect.name == "postgresql":
            words = "a"
            columns = "(key, shelf, seal, texts, vector) SELECT key || n, shelf, seal, texts, vector"
            series = f"generate_series(1, {COPIES * 40}) AS n"
            tx.execute(text(f"INSERT INTO {search.NAME} {columns} FROM {search.NAME}, {series} {ONE}"))
        else:
            for number in range(1, COPIES + 1):
                for statement in CROWD:
                    tx.execute(text(statement), crowd_of(number))
    for query in ({"q": words}, {"q": words, "total": "true"}, {"q": words, "limit": "1"}):
        response = client.get(ARTICLES, query_string=query)
        found = problem(response, 503, deadline.TOO_LONG)
        assert "rarer word" in found["detail"]
        assert response.headers["Retry-After"]
    assert client.get(ARTICLES, query_string={"q": "river"}).status_code == 200
    with read(ctx.database) as tx:  # no deadline is left behind
        assert search.number(tx) > COPIES


@pytest.fixture
def slow(light_sample: Path, tmp_path: Path) -> Iterator[tuple[CmsServer, dict[str, str]]]:
    """A server on whose site a search for PHRASE takes more than a second."""
    site = copy_site(light_sample, tmp_path / "content")
    (site / "src/content/news/en/a-day.md").write_text(LONG)
    with cms_server(site, tmp_path / "log", "--no-worker") as server:
        made = cms(site, "token", "create", "--name", "test", "--scope", "admin")
        with sqlite3.connect(site / ".cms/cms.db", timeout=30) as connection:
            for number in range(1, COPIES + 1):
                for statement in CROWD:
                    connection.execute(statement, crowd_of(number))
        connection.close()
        yield server, {"Authorization": f"Bearer {made.stdout.strip()}"}


def test_however_many_search_others_are_answered(slow: tuple[CmsServer, dict[str, str]]) -> None:
    server, token = slow
    spelled = ("q={0}&limit={1}", "%71={0}&limit={1}", "limit={1}&q={0}")
    with urllib3.PoolManager(retries=False, maxsize=40, timeout=60) as http, ThreadPoolExecutor(20) as pool:

        def ask(number: int) -> tuple[int, str]:
            query = spelled[number % 3].format(PHRASE.replace(" ", "%20"), number + 1)
            answer = http.request("GET", f"{server.url}{ARTICLES}?{query}")
            return answer.status, str(answer.json()["code"])

        searches = [pool.submit(ask, number) for number in range(40)]
        told = []
        for path, headers in (("/api/v1/collections", {}), ("/api/v1/drafts", token), (ARTICLES, {})) * 5:
            told.append(http.request("GET", server.url + path, headers=headers).status)
        answers = [one.result() for one in searches]
    assert told == [200] * 15
    assert {status for status, _ in answers} == {503}
    assert {code for _, code in answers} == {deadline.TOO_LONG, "overloaded"}


def test_searches_hold_few_threads() -> None:
    inside = gate.AT_ONCE + gate.READING_AT_ONCE + gate.SEARCHING_AT_ONCE
    assert inside + gate.SEARCHES_WAITING + gate.LONG_WAITING < THREADS


SPELLINGS = ("", "/", "//", "%2F")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("end", SPELLINGS)
def test_a_search_takes_a_place_of_searches_however_its_path_is_spelled(
    client: FlaskClient, end: str, method: str
) -> None:
    """Every path that the router takes for the list stands in the line of searches; an article's reader does not."""
    doors = Gate(Told(AccessLog(lambda _: None), Traffic()))
    for path in (f"{ARTICLES}{end}?q=river", f"{ARTICLES}{end}?%71=river", f"{ARTICLES}/news/en/river-bus"):
        is_list = "?" in path and client.open(path, method=method).status_code == 200
        environ = EnvironBuilder(path, method=method).get_environ()
        assert not is_list or doors._door_of(environ) is doors._searching
        assert "?" in path or doors._door_of(environ) is not doors._searching
