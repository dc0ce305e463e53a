"""One, two and three nodes with one bucket and one PostgreSQL, beside one node with a folder and SQLite.

On two cores three nodes answer no more than one does: what counts is the processor time that each request costs, and
where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import urllib3

from tests.bench.made_site import write_articles
from tests.bench.measure import Options, Row, in_turn, processor_seconds, row
from tests.bench.peers import Load, Server, load
from tests.bench.writes import CLIENTS, Act, Done, patching, path_of, timed
from tests.components import CmsServer, cms, cms_server, cms_server_at, free_port, s3_environment, s3_server
from tests.conftest import eventually
from tests.postgres import Packaged, Postgres, postgres

ARTICLE = "/api/v1/articles/news/en/07/article-7"
AGAINST = "one node, a folder and SQLite"
NODES = 3


def rows(options: Options) -> Iterator[Row]:
    folder = options.folder / "site"
    write_articles(folder, min(options.articles, 1000))
    buckets = options.folder / "buckets"
    (buckets / "site").mkdir(parents=True)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patched:
        database = stack.enter_context(postgres(Packaged))
        for name, value in s3_environment(stack.enter_context(s3_server(buckets))).items():
            patched.setenv(name, value)
        settings = {"CMS_SITE": "s3://site/a", "CMS_DATABASE": database.url}
        pushed = cms(folder, "site", "push", str(folder), **settings)
        assert pushed.returncode == 0, pushed.stderr
        alone = stack.enter_context(cms_server(folder, options.folder / "alone.log"))
        nodes = [
            stack.enter_context(cms_server_at(free_port(), folder, options.folder / f"{number}.log", **settings))
            for number in range(NODES)
        ]
        for number in range(CLIENTS):  # a bucket's list may lack for a moment what was just put into it
            assert eventually(partial(_is_there, nodes[0], path_of(number)))
        tokens = [_token(folder), _token(folder, **settings)]
        for count in range(1, NODES + 1):
            yield from _compare(options, alone, nodes[:count], tokens, database)


def _is_there(node: CmsServer, path: str) -> bool:
    return urllib3.request("GET", node.url + path, retries=False).status == 200


def _token(folder: Path, **settings: str) -> str:
    made = cms(folder, "token", "create", "--name", "bench", "--scope", "admin", **settings)
    return made.stdout.strip()


def _compare(
    options: Options, alone: CmsServer, nodes: Sequence[CmsServer], tokens: Sequence[str], database: Postgres
) -> Iterator[Row]:
    many = f"{len(nodes)} node{'s' * (len(nodes) > 1)}"
    read_many, read_one = in_turn(
        options.rounds, partial(_read, nodes, options.seconds), partial(_read, [alone], options.seconds)
    )
    yield row(f"GET from memory, {many}", AGAINST, "req/s", [o.rate for o in read_many], [o.rate for o in read_one])
    cpu, other = [o.cpu * 1e6 for o in read_many], [o.cpu * 1e6 for o in read_one]
    yield row(f"GET from memory, {many}: CPU", AGAINST, "µs CPU", cpu, other)
    spent: list[float] = []
    saved_many, saved_one = in_turn(
        options.rounds,
        partial(_save, nodes, tokens[1], options.seconds, database, spent),
        partial(_save, [alone], tokens[0], options.seconds, None, []),
    )
    rates, others = [o.rate for o in saved_many], [o.rate for o in saved_one]
    yield row(f"PATCH, {CLIENTS} clients, {many}", AGAINST, "a second", rates, others)
    cpu, other = [o.cpu * 1e3 for o in saved_many], [o.cpu * 1e3 for o in saved_one]
    yield row(f"PATCH, {CLIENTS} clients, {many}: CPU", AGAINST, "ms CPU", cpu, other)
    yield row(f"PATCH, {many}: PostgreSQL's CPU", f"all CPU of {AGAINST}", "ms CPU", spent, other)


def _read(nodes: Sequence[CmsServer], seconds: float) -> Load:
    """16 connections, spread over the nodes."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        servers = [Server(node.url, node.process.pid) for node in nodes]
        ask = partial(load, path=ARTICLE, seconds=seconds, connections=CLIENTS // len(nodes))
        found = list(pool.map(ask, servers))
    rate = sum(one.rate for one in found)
    return Load(sum(one.cpu * one.rate for one in found) / rate, rate)


def _save(
    nodes: Sequence[CmsServer], token: str, seconds: float, database: Postgres | None, spent: list[float]
) -> Done:
    """Editors of different articles, spread over the nodes; notes what PostgreSQL spent on each save."""
    pools = [urllib3.HTTPConnectionPool("127.0.0.1", node.port, maxsize=CLIENTS) for node in nodes]
    acts: list[Act] = [patching(pools[number % len(pools)], token, number) for number in range(CLIENTS)]

    def processors() -> float:
        return sum(processor_seconds(node.process.pid) for node in nodes)

    before = 0.0 if database is None else processor_seconds(database.pid)
    done = timed(acts, seconds, processors)
    if database is not None:
        spent.append((processor_seconds(database.pid) - before) * 1e3 / (done.rate * seconds))
    return done
