"""What a client that reads and saves has to wait beside each kind of abuse, behind the README's nginx.

    python -m tests.bench.abuse [--seconds N] [KIND…]

Two abusers ask without pause. The client's first row, beside nobody, is what the others are held against: twice its p99
is what we allow ourselves.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import click

from tests.abuse.raw import ask, request
from tests.api.editing import MERGE_PATCH, TEXT
from tests.api.test_photo_bombs import png
from tests.api.test_revoked_uploads import form
from tests.api.test_yaml_bombs import REST, nested_aliases
from tests.components import cms, cms_server
from tests.conftest import SAMPLE, copy_site, shrink
from tests.faults.test_slow_clients import normal_client, slow_clients
from tests.proxy import nginx_before

ABUSERS = 2
ARTICLE = "/api/v1/articles/news/en/opening-day"
DEEP = "[" * 100_000 + "]" * 100_000
NEW = {"If-None-Match": "*", "Content-Type": "text/markdown"}
FORM = {"Content-Type": "multipart/form-data; boundary=edge"}


class Abuse(NamedTuple):
    """One request of that kind; with `is_known`, the token of somebody who may do everything comes with it."""

    method: str
    target: str
    headers: dict[str, str] = {}  # noqa: RUF012
    body: bytes = b""
    is_known: bool = True


def _save(text: str) -> Abuse:
    return Abuse(
        "PUT", f"{ARTICLE}-2?dry_run=true", {"If-None-Match": "*", "Content-Type": "text/markdown"}, text.encode()
    )


KINDS = {
    "AC-01 paths": Abuse("GET", "/media/../../../../etc/passwd", is_known=False),
    "AC-08 filters": Abuse("GET", f"/api/v1/articles?{'&'.join(f'filter[title][like]=%25{n}' for n in range(150))}"),
    "AC-35 guessed tokens": Abuse("GET", "/api/v1/whoami", {"Authorization": f"Bearer cms_{0:016x}_{'x' * 43}"}),
    "AC-36 readiness": Abuse("GET", "/readyz", is_known=False),
    "IB-01 alias bomb": _save(f"---\n{nested_aliases(9)}{REST}---\n"),
    "IB-05 many keys": _save("---\n" + "".join(f"k{n}:\n" for n in range(9000)) + f"{REST}---\n"),
    "IB-17 nested JSON": Abuse("PATCH", ARTICLE, {"If-Match": '"x"', "Content-Type": MERGE_PATCH}, DEEP.encode()),
    "IB-27 photo bomb": Abuse("POST", "/api/v1/images", FORM, form(png(13_000, 13_000))),
    "IB-42 search": Abuse("GET", "/api/v1/articles?q=" + "a%20" * 50, is_known=False),
    "IB-43 ranges": Abuse("GET", "/media/large.png", {"Range": f"bytes={'0-1,' * 1000}2-3"}, is_known=False),
    "IB-44 tags": Abuse("GET", ARTICLE, {"If-None-Match": ",".join(['"x"'] * 1500)}, is_known=False),
}
SLOW = "IB-46 slow clients"


@contextmanager
def beside(url: str, abuse: Abuse, token: dict[str, str]) -> Iterator[Counter[int]]:
    """Has the abusers ask during the block; counts what they were answered."""
    found, stop = Counter[int](), threading.Event()
    headers = {**(token if abuse.is_known and "Authorization" not in abuse.headers else {}), **abuse.headers}
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]
    sent = request(abuse.target.encode(), *lines, method=abuse.method.encode(), body=abuse.body)

    def go_on() -> None:
        while not stop.is_set():
            found.update(ask(urlsplit(url).port or 80, sent).statuses)

    threads = [threading.Thread(target=go_on) for _ in range(ABUSERS)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="the beginnings of their names; default: all")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cms-bench-") as folder, ExitStack() as stack:
        site = copy_site(SAMPLE, Path(folder) / "content")
        shrink(site, 60)
        (site / "src/assets/large.png").write_bytes(png(500, 500, rows=os.urandom(60_000)))
        (site / "src/content/news/en/saved.md").write_text(TEXT)
        server = stack.enter_context(cms_server(site, Path(folder) / "log", "--no-worker", CMS_PROXIES="1"))
        url = stack.enter_context(nginx_before([server.port], Path(folder) / "nginx"))
        made = cms(site, "token", "create", "--name", "test", "--scope", "admin")
        token = {"Authorization": f"Bearer {made.stdout.strip()}"}

        def row(name: str, told: Callable[[], Any]) -> None:
            answers, times = normal_client(url, token, options.seconds)
            p99 = statistics.quantiles(times, n=100)[98]
            click.echo(
                f"{name:22} p50 {statistics.median(times) * 1000:5.0f} ms, p99 {p99 * 1000:5.0f} ms of {len(times):5}:"
                f" {json.dumps(answers)}; abuse: {told()}"
            )

        row("nobody", dict)
        for name, abuse in KINDS.items():
            if name.startswith(tuple(options.kinds or [""])):
                with beside(url, abuse, token) as found:
                    row(name, lambda found=found: dict(found))  # type: ignore[misc]
        if SLOW.startswith(tuple(options.kinds or [""])):
            with slow_clients(url, 500) as kept:
                row(SLOW, lambda: {"opened": kept["opened"]})
        row("nobody, again", dict)


if __name__ == "__main__":
    main()
