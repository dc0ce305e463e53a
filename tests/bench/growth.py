"""What a read, a save and the feed after it cost as the site grows, and how much memory a server then has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import urllib3

from tests.bench.feed import memory
from tests.bench.made_site import write_site
from tests.bench.measure import Options, Row, in_turn, processor_seconds, row
from tests.bench.peers import Server, load
from tests.components import cms, cms_server

SIZES = (100, 1_000, 10_000, 100_000)
BASE = 1_000
ARTICLE = "/api/v1/articles/news/en/01/article-1"
READS = {"GET article, memory off": ARTICLE, "GET list page, memory off": "/api/v1/articles?collection=news&limit=20"}
SAVES = 50
SAVE, DELTA = "PATCH, CPU", "/sync after one edit"


def rows(options: Options) -> Iterator[Row]:
    """Each size beside `BASE`, of which every round is measured anew."""
    sizes = (20, 60) if options.is_small else tuple(size for size in SIZES if size <= options.many)
    base, sites = 20 if options.is_small else BASE, {}
    for size in sizes:
        sites[size] = options.folder / f"site-{size}"
        write_site(sites[size], size)
        assert cms(sites[size], "sync").returncode == 0
    for size in sizes:
        found = in_turn(options.rounds, *(partial(measured, options, sites[one]) for one in (size, base)))
        for name in found[0][0]:
            mine, theirs = ([one[name] for one in side] for side in found)
            unit, aim = ("MB", None) if name == "memory" else ("µs CPU", 1.5)
            told = "the most memory of a worker" if name == "memory" else name
            against = "400 MB" if name == "memory" else f"{base:,} articles"
            limit = [400.0] * len(mine) if name == "memory" else theirs
            yield row(told, against, unit, mine, limit, aim=aim or 1.0, size=size)


def measured(options: Options, site: Path) -> dict[str, float]:
    """By name: microseconds of the processor for each request, and the megabytes of the server."""
    token = cms(site, "token", "create", "--name", "bench", "--scope", "admin").stdout.strip()
    with cms_server(site, options.folder / "cms.log", "--no-worker", CMS_CACHE_MB="0") as running:
        server, found = Server(running.url, running.process.pid), dict[str, float]()
        for name, path in READS.items():
            found[name] = load(server, path, options.seconds).cpu * 1e6
        cursor = cursor_of(urllib3.request("GET", f"{server.url}/api/v1/sync").data)
        found[SAVE] = found[DELTA] = 0.0
        for number in range(SAVES):
            before = processor_seconds(server.pid)
            patch(server, token, f"Title {number}")
            between = processor_seconds(server.pid)
            for _ in range(SAVES // 10):
                lines = urllib3.request("GET", f"{server.url}/api/v1/sync?cursor={cursor}").data
            after = processor_seconds(server.pid)
            cursor = cursor_of(lines)
            found[SAVE] += (between - before) / SAVES * 1e6
            found[DELTA] += (after - between) / SAVES / (SAVES // 10) * 1e6
        return {**found, "memory": memory(server.pid)}


def cursor_of(lines: bytes) -> str:
    found: str = json.loads(lines.splitlines()[-1])["cursor"]
    return found


def patch(server: Server, token: str, title: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"}
    etag = urllib3.request("GET", server.url + ARTICLE).headers["ETag"]
    body = json.dumps({"data": {"title": title}})
    saved = urllib3.request("PATCH", server.url + ARTICLE, headers={**headers, "If-Match": etag}, body=body)
    assert saved.status == 200, saved.data
