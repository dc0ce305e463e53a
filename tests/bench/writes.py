"""A durable PATCH beside the least that durable means: a temporary file, fsync, rename, fsync of the folder, and one
commit of SQLite with `synchronous=FULL`."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import urllib3

from tests.bench.made_site import article, write_articles
from tests.bench.measure import Options, Row, in_turn, processor_seconds, row
from tests.components import cms, cms_server

CLIENTS = 16
BARE = "temporary file, fsync, rename, fsync, commit"

Act = Callable[[], None]


class Done(NamedTuple):
    """What one save took, in seconds on the clock and of the processor, and how many there were in a second."""

    wall: float
    cpu: float
    rate: float


def rows(options: Options) -> Iterator[Row]:
    site = options.folder / "site"
    write_articles(site, options.articles)
    assert cms(site, "sync").returncode == 0
    token = cms(site, "token", "create", "--name", "bench", "--scope", "admin").stdout.strip()
    with cms_server(site, options.folder / "cms.log", "--no-worker") as server:
        pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=CLIENTS)
        patches = [patching(pool, token, number) for number in range(CLIENTS)]
        bare = [saving(options.folder / "bare", number) for number in range(CLIENTS)]
        for clients, name in ((1, "one client"), (CLIENTS, f"{CLIENTS} clients on different articles")):
            mine, theirs = in_turn(
                options.rounds,
                partial(timed, patches[:clients], options.seconds, partial(processor_seconds, server.process.pid)),
                partial(timed, bare[:clients], options.seconds, time.process_time),
            )
            if clients == 1:
                wall, least = [done.wall * 1e3 for done in mine], [done.wall * 1e3 for done in theirs]
                yield row(f"PATCH, durable, {name}", BARE, "ms", wall, least, aim=3.0)
            else:
                rate, most = [done.rate for done in mine], [done.rate for done in theirs]
                yield row(f"PATCH, durable, {name}", BARE, "a second", rate, most, aim=0.7, is_least=True)
            cpu, floor = [done.cpu * 1e3 for done in mine], [done.cpu * 1e3 for done in theirs]
            yield row(f"PATCH, durable, {name}: CPU", BARE, "ms CPU", cpu, floor, aim=3.0)


def timed(acts: list[Act], seconds: float, spent: Callable[[], float]) -> Done:
    """All of them at the same time, each again and again."""
    counts = [0] * len(acts)
    begun, cpu = time.perf_counter(), spent()

    def repeat(number: int) -> None:
        while time.perf_counter() - begun < seconds:
            acts[number]()
            counts[number] += 1

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, done = time.perf_counter() - begun, sum(counts)
    return Done(took * len(acts) / done, (spent() - cpu) / done, done / took)


def path_of(number: int) -> str:
    return f"/api/v1/articles/news/en/{number % 100:02}/article-{number}"


def patching(pool: urllib3.HTTPConnectionPool, token: str, number: int) -> Act:
    """Gives the article another title each time, as its editor does who has the last version."""
    path = path_of(number)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"}
    etag = pool.request("GET", path).headers["ETag"]
    count = 0

    def act() -> None:
        nonlocal etag, count
        count += 1
        body = json.dumps({"data": {"title": f"Title {count}"}})
        wanted = {**headers, "If-Match": etag}
        while (answer := pool.request("PATCH", path, headers=wanted, body=body, retries=False)).status == 503:
            time.sleep(0.05)  # too many at once: what was refused has done nothing
        assert answer.status == 200, answer.data
        etag = answer.headers["ETag"]

    return act


def saving(folder: Path, number: int) -> Act:
    data = article(number).encode()
    local = threading.local()
    folder.mkdir(exist_ok=True)
    with connected(folder) as database:
        database.execute("CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, text BLOB)")

    def act() -> None:
        if not hasattr(local, "database"):
            local.database = connect(folder)
        temporary = folder / f".{number}.tmp"
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / f"{number}.md")
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        local.database.execute("INSERT INTO log (text) VALUES (?)", (data,))

    return act


def connect(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(folder / "bare.db", isolation_level=None, timeout=30)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    return database


@contextmanager
def connected(folder: Path) -> Iterator[sqlite3.Connection]:
    database = connect(folder)
    yield database
    database.close()
