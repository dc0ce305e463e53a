"""Lists of a large site, made anew each time: beside SQLite's own time for the same statements, and a page in the depth
beside the first."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from sqlalchemy import event

from cms.app import create_context
from tests.bench.index import index
from tests.bench.made_site import WORDS, write_site
from tests.bench.measure import Options, Row, in_turn, row
from tests.bench.peers import Server, cost
from tests.components import cms_server, program, require
from tests.conftest import close, make_client, make_settings

LIST = "/api/v1/articles?collection=news&limit=20"
KINDS = {
    "by id": "",
    "of one locale, sorted by date": "&locale=en&sort=-date",
    "filtered by a tag": f"&filter[tags][eq]={WORDS[40]}",
    "filtered by a tag, sorted by rank": f"&filter[tags][eq]={WORDS[40]}&sort=-rank",
    "searched for a word": f"&q={WORDS[90]}",
    "searched for two words": f"&q={WORDS[90]} {WORDS[91]}",
}
DEEP = ("by id", "of one locale, sorted by date", "filtered by a tag")
READING, SEARCHING = 16, 2
"""How many ask at once: a search of a large site takes long, and of a crowd most would be told to come again."""
REPEATED = 100
"""How often SQLite's command runs the statements."""


def rows(options: Options) -> Iterator[Row]:
    require(program("sqlite3"), "sqlite3")
    site, size = options.folder / "site", options.many
    write_site(site, size)
    index(site)
    asked = {name: f"{LIST}{quote(more, safe='&=')}" for name, more in KINDS.items()}
    database = site / ".cms/cms.db"
    statements = {name: statements_of(site, database, url) for name, url in asked.items()}
    with cms_server(site, options.folder / "cms.log", "--no-worker", CMS_CACHE_MB="0") as running:
        ours = Server(running.url, running.process.pid)
        for name, url in asked.items():
            mine, theirs = in_turn(
                options.rounds,
                partial(cost, ours, url, options.seconds, SEARCHING if "&q=" in url else READING),
                partial(sqlite_time, options.folder, database, statements[name]),
            )
            yield row(f"List {name}", "SQLite, the same statements", "µs CPU", mine, theirs, aim=3.0, size=size)
        for name in DEEP:
            deep = f"{asked[name]}&cursor={quote(deep_cursor(ours, asked[name], size))}"
            pages = (partial(cost, ours, url, options.seconds) for url in (deep, asked[name]))
            there, first = in_turn(options.rounds, *pages)
            yield row(f"List {name}, a page in the depth", "its first page", "µs CPU", there, first, aim=1.3, size=size)


def statements_of(site: Path, database: Path, url: str) -> list[str]:
    """What the service asks SQLite for the answer, with the values in it."""
    ctx, found = create_context(make_settings(site, f"sqlite:///{database}", cache_bytes=0)), list[str]()

    @event.listens_for(ctx.database, "connect")
    def _trace(connection: Any, _record: Any) -> None:
        connection.set_trace_callback(found.append)

    assert make_client(ctx).get(url).status_code == 200
    close(ctx)
    return [without_our_functions(one) for one in found if one.startswith(("SELECT", "WITH"))]


def without_our_functions(statement: str) -> str:
    """Return the statement with a function of SQLite's in place of the one that the service counts relevance with."""
    return re.sub(r"cms_relevance\((\w+\.\w+), '[^']*', '[^']*'\)", r"length(\1)", statement)


def sqlite_time(folder: Path, database: Path, statements: list[str]) -> float:
    """Microseconds that SQLite's command takes for them all, beyond its own start."""
    with_them, without = (command_time(folder, database, statements * times) for times in (REPEATED, 0))
    return (with_them - without) / REPEATED * 1e6


def command_time(folder: Path, database: Path, statements: list[str]) -> float:
    script = folder / "statements.sql"
    script.write_text("".join(f"{one};\n" for one in statements))
    with script.open() as given:
        command = subprocess.Popen(
            [str(program("sqlite3")), "-readonly", str(database)], stdin=given, stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(command.pid, 0)
        command.returncode = os.waitstatus_to_exitcode(status)
    assert command.returncode == 0
    return used.ru_utime + used.ru_stime


def deep_cursor(server: Server, url: str, size: int) -> str:
    """Where a page begins that is half-way through the list, or the 500th of a hundred articles."""
    wide, cursor = url.replace("limit=20", f"limit={100 if size > 10_000 else 20}"), None
    for _ in range(max(1, min(500, size // 200))):
        after = "" if cursor is None else f"&cursor={quote(cursor)}"
        page = json.loads(urllib3.request("GET", f"{server.url}{wide}&fields=id{after}").data)
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert cursor is not None
    return str(cursor)
