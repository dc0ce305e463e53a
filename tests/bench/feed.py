"""The whole feed beside nginx, which sends the same lines from a file and codes them on the fly at the same level."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import urllib3

from cms.api.coding import GZIP
from tests.bench.made_site import write_articles
from tests.bench.measure import Options, Row, in_turn, processor_seconds, row
from tests.bench.peers import Server, nginx
from tests.components import cms, cms_server, descendants

PLAIN: dict[str, str] = {}
CODED = {"Accept-Encoding": "gzip"}


def rows(options: Options) -> Iterator[Row]:
    site = options.folder / "site"
    write_articles(site, options.articles)
    assert cms(site, "sync").returncode == 0
    with ExitStack() as stack:
        running = stack.enter_context(cms_server(site, options.folder / "cms.log", "--no-worker"))
        ours = Server(running.url, running.process.pid)
        files = options.folder / "files"
        files.mkdir()
        before = memory(ours.pid)
        (files / "sync.ndjson").write_bytes(urllib3.request("GET", f"{ours.url}/api/v1/sync").data)
        coding = stack.enter_context(nginx(options.folder / "coding", files, gzip=GZIP))
        for name, headers in (("as it is", PLAIN), ("in gzip", CODED)):
            told = f"/sync of {options.articles} articles, {name}"
            mine, theirs = in_turn(
                options.rounds,
                partial(fetch, ours, "/api/v1/sync", headers),
                partial(fetch, coding, "/sync.ndjson", headers),
            )
            aim = 2.0 if headers else None
            yield row(told, "nginx with a file", "s CPU", [o[0] for o in mine], [o[0] for o in theirs], aim=aim)
            yield row(f"{told}: first byte", "100 ms", "ms", [o[1] * 1e3 for o in mine], [100.0] * len(mine), aim=1.0)
        grown = memory(ours.pid) - before
        yield row(f"/sync of {options.articles} articles: memory grows", "64 MB", "MB", [grown], [64.0], aim=1.0)


def fetch(server: Server, path: str, headers: Mapping[str, str]) -> tuple[float, float]:
    """The server's processor seconds, and the seconds until the first byte."""
    cpu, started = processor_seconds(server.pid), time.perf_counter()
    answer = urllib3.request("GET", server.url + path, headers=dict(headers), preload_content=False)
    pieces = answer.stream(65536, decode_content=False)
    next(pieces)
    first = time.perf_counter() - started
    assert sum(map(len, pieces)) > 0
    assert answer.status == 200
    assert (answer.headers.get("Content-Encoding") == "gzip") == bool(headers)
    return processor_seconds(server.pid) - cpu, first


def memory(pid: int) -> float:
    """The most memory, in MB, that one of the process and those below it ever had."""
    found = (Path(f"/proc/{one}/status").read_text() for one in (pid, *descendants(pid)))
    return max(int(text.partition("VmHWM:")[2].split()[0]) for text in found) / 1024
