"""What a read, a save and the feed after it cost as the site grows, and how much memory a server then has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import urllib3

from tests.bench.feed import memory
from tests.bench.index import index
from tests.bench.made_site import write_site
from tests.bench.measure import Options, Row, in_turn, processor_seconds, row
from tests.bench.peers import Server, cost
from tests.bench.writes import Act, patching
from tests.components import cms, cms_server

SIZES = (100, 1_000, 10_000, 100_000)
BASE = 1_000
SMALL = 20
READS = {
    "GET article, memory off": "/api/v1/articles/news/en/01/article-1",
    "GET list page, memory off": "/api/v1/articles?collection=news&limit=20",
}
SAVE, DELTA = "PATCH", "/sync after one edit"
MEMORY = "the most memory of a worker"


def rows(options: Options) -> Iterator[Row]:
    """Each size beside `BASE`, of which every round is measured anew."""
    base, sites = SMALL if options.is_small else BASE, {}
    sizes = [base] if options.is_small else [size for size in SIZES if size <= options.many]
    for size in sizes:
        sites[size] = options.folder / f"site-{size}"
        write_site(sites[size], size)
        index(sites[size])
    for size in sizes:
        mine, theirs = in_turn(options.rounds, *(partial(measured, options, sites[one]) for one in (size, base)))
        for name in (*READS, SAVE, DELTA):
            sides = ([one[name] for one in side] for side in (mine, theirs))
            yield row(name, f"{base:,} articles", "µs CPU", *sides, aim=1.5, size=size)
        yield row(MEMORY, "400 MB", "MB", [one[MEMORY] for one in mine], [400.0], aim=1.0, size=size)


def measured(options: Options, site: Path) -> dict[str, float]:
    """By name: microseconds of the processor for each request, and the megabytes of the server."""
    token = cms(site, "token", "create", "--name", "bench", "--scope", "admin").stdout.strip()
    times = 5 if options.is_small else 100
    with cms_server(site, options.folder / "cms.log", "--no-worker", CMS_CACHE_MB="0") as running:
        server, pool = Server(running.url, running.process.pid), urllib3.HTTPConnectionPool("127.0.0.1", running.port)
        found = {name: cost(server, path, options.seconds) for name, path in READS.items()}
        save = patching(pool, token, 1)
        found[SAVE] = repeated(server, save, times)
        cursor = json.loads(pool.request("GET", "/api/v1/sync").data.splitlines()[-1])["cursor"]
        save()
        found[DELTA] = repeated(server, lambda: changed(pool, cursor), times)
        return {**found, MEMORY: memory(server.pid)}


def repeated(server: Server, act: Act, times: int) -> float:
    """Microseconds of the server's processor that each takes."""
    before = processor_seconds(server.pid)
    for _ in range(times):
        act()
    return (processor_seconds(server.pid) - before) / times * 1e6


def changed(pool: urllib3.HTTPConnectionPool, cursor: str) -> None:
    answer = pool.request("GET", f"/api/v1/sync?cursor={cursor}")
    assert len(answer.data.splitlines()) == 2, answer.data
