"""Input that costs as much as input may: generators for each kind of body, scaled to the limits of what is accepted.

Used by the tests of what a request costs, and by whoever wants to see the figures:

    python -m tests.costly [--parallel] [NAME…]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click
import urllib3

from cms.model.limits import Limits
from tests.api.editing import MERGE_PATCH, TEXT
from tests.components import CmsServer, cms, cms_server, descendants
from tests.conftest import SAMPLE, copy_site, shrink

LIMITS = Limits()
BODY = LIMITS.article_bytes - 400
JSON = LIMITS.json_bytes
FRONT = LIMITS.front_matter_bytes - 400
ARTICLE = "/api/v1/articles/news/en/saved"
NEW = "/api/v1/articles/news"
FRESH = {"locale": "en", "slug": "n"}
NEEDED_DATA = {"title": "t", "description": "d", "date": "2025-01-01", "author": "a", "tags": []}
JSON_PATCH = "application/json-patch+json"
_ALONE = {"Connection": "close"}
"""No other request follows on the connection: the server ends it when it answers before the body's end."""


def fill(unit: str, size: int) -> str:
    """The unit, as often as it has room in so many bytes."""
    return unit * (size // len(unit.encode()))


def numbered(unit: str, size: int) -> str:
    """The unit with the numbers 0, 1, 2, … in it, in at most so many bytes."""
    return "".join(unit.replace("{}", str(number)) for number in range(size // (len(unit.encode()) + 4)))


def table(columns: int, row: str, size: int) -> str:
    head = "|" + "a|" * columns + "\n|" + "-|" * columns + "\n"
    return head + fill(row, size - len(head))


BODIES: dict[str, Callable[[int], str]] = {
    "prose": lambda n: fill("The river's bus, which isn't new - see \"there\", is *late*.\n", n),
    "words": lambda n: fill("word ", n),
    "wide table": lambda n: "a|" * (n // 4) + "\n" + "-|" * (n // 4) + "\n",
    "table of 10 with short rows": lambda n: table(10, "a\n", n),
    "table of 200 with short rows": lambda n: table(200, "a\n", n),
    "table of 999 with short rows": lambda n: table(999, "a\n", n // 16),
    "table of 10": lambda n: table(10, "|" + "ab cd|" * 10 + "\n", n // 3),
    "table of 900": lambda n: table(900, "|" + "a|" * 900 + "\n", n // 12),
    "many tables": lambda n: fill("|a\n|-\n\n", n // 6),
    "a delimiter row with a wrong end": lambda n: "|\n" + fill("-       ", n - 3) + "x",
    "footnotes": lambda n: fill("[^1]", n - 12) + "\n\n[^1]: x\n",
    "footnotes, 900": lambda n: "[^1] " * 900 + "\n\n[^1]: x\n" + fill("word ", n - 5000),
    "footnotes that define themselves": lambda n: fill("[^a]: ", n),
    "emphasis": lambda n: fill("*a **a ", n),
    "emphasis, sparse": lambda n: fill("*abcdefgh **abcdefgh ", n),
    "openers": lambda n: fill("a_ ", n),
    "brackets": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "brackets, sparse": lambda n: fill("[abcdefghijklmno", n),
    "links": lambda n: fill("[a](b) ", n),
    "links, sparse": lambda n: fill("[abcdefgh](https://example.org/abcdefghijklm) ", n),
    "images": lambda n: fill("![a](/b.jpg) ", n),
    "images of other names": lambda n: numbered("![](é{}.jpg)\n\n", n),
    "900 images of other names": lambda n: numbered("![](é{}.jpg)\n\n", 20_000) + fill("é", n - 20_000),
    "references": lambda n: numbered("[{}]: u\n", n // 20) + fill("[0] ", n // 10),
    "addresses": lambda n: fill("a@b.cd ", n),
    "addresses, a line each": lambda n: fill("abcdefgh@example.org\n", n),
    "autolinks": lambda n: fill("http://a.bc ", n),
    "back-ticks": lambda n: "".join("e" + "`" * number for number in range(1, 1400))[:n],
    "entities": lambda n: fill("&amp;", n),
    "entities, sparse": lambda n: fill("&copy; abcdefgh ", n),
    "no-break spaces": lambda n: fill("\u00a0", n),
    "quotes": lambda n: fill("\"'", n),
    "quotes, nested": lambda n: fill(">" * 900 + "a\n\n", n),
    "quotes, lazy": lambda n: "> " * 900 + "a\n" + fill("abcdefghijklmnop\n", n - 2000),
    "lists, nested": lambda n: "".join("  " * number + "* a\n" for number in range(1000))[:n],
    "lists, lazy": lambda n: "- " * 450 + "a\n" + fill("abcdefghijklmnop\n", n - 2000),
    "lists": lambda n: fill("- abcdefghijklmnop\n", n),
    "headings": lambda n: fill("# a\n", n),
    "headings, sparse": lambda n: fill("# abcdefghijklmnopqrstuvwxyz\n\n", n),
    "headings of equal names": lambda n: numbered("# a\n\n# a-{}\n\n", n // 4),
    "empty headings": lambda n: fill("#\n", n // 4),
    "rules": lambda n: fill("***\n", n),
    "lines": lambda n: fill("a\n", n),
    "blank lines": lambda n: fill("\n", n),
    "code": lambda n: "```\n" + fill("<&>\n", n - 10) + "```\n",
    "HTML": lambda n: fill("<b>", n),
    "HTML, left open": lambda n: "".join(f"<font size={number}>" for number in range(900)) + fill("<p>x", n - 20_000),
    "HTML, left open, sparse": lambda n: (
        "".join(f"<font size={number}>" for number in range(900)) + "\n\n" + fill("abcdefghijklmnop\n\n", n - 20_000)
    ),
    "HTML, nested": lambda n: fill("<section>" * 900 + "</section>" * 900 + "\n", n),
    "HTML, nested wrongly": lambda n: fill("<section></b>\n", n),
    "HTML, attributes": lambda n: "<p " + numbered("a{} ", n - 10) + ">",
    "HTML, attributes in an open quote": lambda n: "<p x='>" + numbered("a{} ", n - 10) + ">",
    "HTML, adopted": lambda n: fill("<b><p></b>\n", n),
    "HTML, tables": lambda n: fill("<table><tr><td>a\n", n),
    "HTML, comments": lambda n: fill("<!--", n),
    "HTML headings": lambda n: fill("<h1>x</h1>\n\n", n),
}

DATA: dict[str, Callable[[int], Any]] = {
    "ones": lambda n: [1] * (n // 2),
    "ones in the front matter's size": lambda n: [1] * min(n // 6, 9900),
    "texts in the front matter's size": lambda n: ["a"] * min(n // 6, 9900),
    "texts, all others": lambda n: [f"{number:x}" for number in range(min(n // 10, 6000))],
    "empty lists": lambda n: [[]] * (n // 3),
    "objects": lambda n: [{"a": 1}] * (n // 8),
    "objects in the front matter's size": lambda n: [{"a": 1}] * min(n // 12, 3900),
    "keys": lambda n: {f"k{number}": number for number in range(n // 14)},
    "keys in the front matter's size": lambda n: {f"k{number}": number for number in range(min(n // 14, 4500))},
    "a long text": lambda n: "a" * (n - 100),
    "line breaks": lambda n: "\n" * (n // 2 - 100),
    "backslashes": lambda n: "\\" * (n // 2 - 100),
    "dates": lambda n: ["2025-01-01"] * min(n // 15, 4500),
    "photos": lambda n: [f"src/{number:x}.jpg" for number in range(min(n // 16, 3500))],
    "nested": lambda n: json.loads("[" * 60 + "]" * 60),
    "numbers": lambda n: [1.5e300] * (n // 8),
}


def doubling(count: int) -> list[dict[str, Any]]:
    start = [{"op": "add", "path": "/data/tags", "value": ["x"]}]
    return [*start, *[{"op": "copy", "from": "/data/tags", "path": "/data/tags/0"} for _ in range(count)]]


PATCHES: dict[str, Callable[[int], Any]] = {
    "copies that double": lambda n: doubling(99),
    "copies of the body": lambda n: [{"op": "copy", "from": "/body", "path": f"/data/b{i}"} for i in range(100)],
    "copies of a long list": lambda n: [
        {"op": "add", "path": "/data/tags", "value": [1] * 9000},
        *[{"op": "copy", "from": "/data/tags", "path": f"/data/b{i}"} for i in range(99)],
    ],
    "copies of a long list to one place": lambda n: [
        {"op": "add", "path": "/data/tags", "value": [1] * 9000},
        *[{"op": "copy", "from": "/data/tags", "path": "/data/b"}] * 99,
    ],
    "a long list, tested": lambda n: [
        {"op": "add", "path": "/data/tags", "value": [1] * 9000},
        *[{"op": "move", "from": f"/data/tags/{i}", "path": "/data/tags/0"} for i in range(99)],
    ],
    "long paths": lambda n: [{"op": "add", "path": "/data" + "/a" * (n // 200), "value": 1}] * 99,
    "a long body a hundred times": lambda n: [{"op": "replace", "path": "/body", "value": "a" * (n // 120)}] * 100,
    "nested by copies": lambda n: (
        [{"op": "add", "path": "/data/tags", "value": [[]]}]
        + [{"op": "copy", "from": "/data/tags", "path": "/data/tags/0"}]
        + [{"op": "move", "from": "/data/tags/0", "path": "/data/tags/0" + "/0" * i} for i in range(98)]
    ),
    "many operations": lambda n: [{"op": "test", "path": "/body", "value": ""}] * (n // 50),
}

FRONTS: dict[str, Callable[[int], str]] = {
    "short keys": lambda n: numbered("k{}: 1\n", n),
    "flow list": lambda n: "k: [" + "1," * min(n // 2 - 10, 19_900) + "1]\n",
    "block list": lambda n: "k:\n" + "- 1\n" * min(n // 4, 15_000),
    "flow objects": lambda n: "k: [" + "{a: 1}, " * min(n // 8 - 10, 4900) + "]\n",
    "a long text": lambda n: 'k: "' + "a" * n + '"\n',
    "escapes": lambda n: 'k: "' + "\\n" * (n // 2) + '"\n',
    "folded text": lambda n: "k: >\n" + "  a\n\n" * (n // 5),
    "comments": lambda n: "# a\n" * (n // 4),
    "nested": lambda n: "k: " + "[" * 31 + "]" * 31 + "\n",
    "aliases": lambda n: "k: &a [" + "1," * 500 + "1]\n" + "".join(f"k{i}: *a\n" for i in range(32)),
    "dates": lambda n: "k:\n" + "- 2025-01-01\n" * (n // 13),
    "photos": lambda n: "k:\n" + numbered("- src/{}.jpg\n", n),
}


class Asked(NamedTuple):
    """One request; `body` makes its body, and `changes` says that it takes an If-Match."""

    method: str
    path: str
    media_type: str
    body: Callable[[], bytes]
    changes: bool = False


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _file(front: str, body: str) -> bytes:
    return f"---\ntitle: t\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n{front}---\n\n{body}".encode()


def requests() -> Iterator[tuple[str, Asked]]:
    """Every generator with each endpoint that takes its kind, by name; bodies are made when they are asked for."""
    yield from _with_bodies()
    yield from _with_data()
    yield from _with_patches()
    for name, front in FRONTS.items():

        def with_front(front: Callable[[int], str] = front) -> bytes:
            return _file(front(FRONT), "x")

        yield f"file: front matter: {name}", Asked("PUT", ARTICLE, "text/markdown", with_front, changes=True)


def _with_bodies() -> Iterator[tuple[str, Asked]]:
    for name, make in BODIES.items():

        def file(make: Callable[[int], str] = make) -> bytes:
            return _file("", make(BODY))

        def body(make: Callable[[int], str] = make) -> bytes:
            return _json({"body": make(BODY)})

        def article(make: Callable[[int], str] = make) -> bytes:
            return _json({**FRESH, "data": NEEDED_DATA, "body": make(BODY)})

        yield f"file: {name}", Asked("PUT", ARTICLE, "text/markdown", file, changes=True)
        yield f"copy's file: {name}", Asked("PUT", f"{ARTICLE}?draft=true", "text/markdown", file, changes=True)
        yield f"patch: {name}", Asked("PATCH", ARTICLE, MERGE_PATCH, body, changes=True)
        yield f"new: {name}", Asked("POST", NEW, "application/json", article)


def _with_data() -> Iterator[tuple[str, Asked]]:
    for name, made in DATA.items():

        def value(made: Callable[[int], Any] = made) -> dict[str, Any]:
            return {"tags": made(JSON - 1000)}

        def data(value: Callable[[], Any] = value) -> bytes:
            return _json({"data": value()})

        def whole(value: Callable[[], Any] = value) -> bytes:
            return _json({"data": {**NEEDED_DATA, **value()}, "body": ""})

        def created(value: Callable[[], Any] = value) -> bytes:
            return _json({**FRESH, "data": {**NEEDED_DATA, **value()}})

        def added(value: Callable[[], Any] = value) -> bytes:
            return _json([{"op": "add", "path": "/data/tags", "value": value()["tags"]}])

        def other(value: Callable[[], Any] = value) -> bytes:
            return _json({"id": value()["tags"]})

        yield f"patch: {name}", Asked("PATCH", ARTICLE, MERGE_PATCH, data, changes=True)
        yield f"copy's patch: {name}", Asked("PATCH", f"{ARTICLE}?draft=true", MERGE_PATCH, data, changes=True)
        yield f"whole: {name}", Asked("PUT", ARTICLE, "application/json", whole, changes=True)
        yield f"new: {name}", Asked("POST", NEW, "application/json", created)
        yield f"JSON Patch: {name}", Asked("PATCH", ARTICLE, JSON_PATCH, added, changes=True)
        for path in ("webhooks", "tokens", "previews", "builds", "uploads", "collections/news/translations"):
            yield f"{path}: {name}", Asked("POST", f"/api/v1/{path}", "application/json", other)


def _with_patches() -> Iterator[tuple[str, Asked]]:
    for name, made in PATCHES.items():

        def patch(made: Callable[[int], Any] = made) -> bytes:
            return _json(made(JSON - 1000))

        yield f"JSON Patch: {name}", Asked("PATCH", ARTICLE, JSON_PATCH, patch, changes=True)
        yield f"copy's JSON Patch: {name}", Asked("PATCH", f"{ARTICLE}?draft=true", JSON_PATCH, patch, changes=True)


class Cost(NamedTuple):
    status: int
    code: str | None
    cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass(frozen=True)
class Costly:
    """A server without background work, whose cost per request is measured."""

    server: CmsServer
    token: dict[str, str]
    http: urllib3.PoolManager

    def processes(self) -> list[int]:
        return [self.server.process.pid, *descendants(self.server.process.pid)]

    def cpu_s(self) -> float:
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, name: str) -> float:
        kib = 0
        for pid in self.processes():
            line = next(text for text in Path(f"/proc/{pid}/status").read_text().splitlines() if name in text)
            kib += int(line.split()[1])
        return kib / 1024

    def ask(self, asked: Asked) -> urllib3.BaseHTTPResponse:
        headers = {**self.token, **_ALONE, "Content-Type": asked.media_type}
        if asked.changes:
            headers["If-Match"] = self.etag(is_copy="draft=true" in asked.path)
        return self.http.request(asked.method, self.server.url + asked.path, headers=headers, body=asked.body())

    def etag(self, *, is_copy: bool = False) -> str:
        found = None
        if is_copy:
            found = self.http.request("GET", f"{self.server.url}/api/v1/drafts/news/en/saved", headers=self.token)
        if found is None or found.status == 404:
            found = self.http.request("GET", f"{self.server.url}{ARTICLE}", headers=self.token)
        return found.headers["ETag"]

    def cost_of(self, asked: Asked) -> Cost:
        self.reset()
        tag = self.etag(is_copy="draft=true" in asked.path) if asked.changes else ""
        headers = {**self.token, **_ALONE, "Content-Type": asked.media_type, **({"If-Match": tag} if tag else {})}
        for pid in self.processes():
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted from now on
        body = asked.body()
        memory, cpu, begun = self.memory_mb("VmRSS"), self.cpu_s(), time.monotonic()
        answer = self.http.request(asked.method, self.server.url + asked.path, headers=headers, body=body)
        wall = time.monotonic() - begun
        code = json.loads(answer.data).get("code") if answer.status >= 400 else None
        return Cost(answer.status, code, self.cpu_s() - cpu, wall, self.memory_mb("VmHWM") - memory)

    def reset(self) -> None:
        """Have the article say what it said first, without a working copy; what was made new goes."""
        path = f"{self.server.url}{ARTICLE}"
        etag = self.etag()
        copy = self.http.request("GET", f"{self.server.url}/api/v1/drafts/news/en/saved", headers=self.token)
        if copy.status == 200:
            url = f"{self.server.url}/api/v1/drafts/news/en/saved"
            self.http.request("DELETE", url, headers={**self.token, "If-Match": copy.headers["ETag"]})
        headers = {**self.token, "Content-Type": "text/markdown", "If-Match": etag}
        self.http.request("PUT", path, headers=headers, body=TEXT.encode())
        url = f"{self.server.url}/api/v1/articles/news/en/n"
        made = self.http.request("GET", url, headers=self.token)
        if made.status == 200:
            self.http.request("DELETE", url, headers={**self.token, "If-Match": made.headers["ETag"]})


@contextmanager
def costly(folder: Path) -> Iterator[Costly]:
    """A site of its own with the article `news/en/saved`."""
    site = copy_site(SAMPLE, folder / "content")
    shrink(site, 60)
    (site / "src/content/news/en/saved.md").write_text(TEXT)
    with cms_server(site, folder / "log", "--no-worker") as server, urllib3.PoolManager(retries=False) as http:
        made = cms(site, "token", "create", "--name", "test", "--scope", "admin")
        found = Costly(server, {"Authorization": f"Bearer {made.stdout.strip()}"}, http)
        found.cost_of(Asked("PUT", ARTICLE, "text/markdown", lambda: _file("", "# warm\n"), changes=True))
        yield found


def beside_three(here: Costly, asked: Asked) -> tuple[int, float]:
    """Status and seconds of `GET /drafts` that is asked while three of these requests are under way."""
    with ThreadPoolExecutor(4) as pool:
        three = [pool.submit(here.ask, asked) for _ in range(3)]
        time.sleep(0.05)
        worst = 0.0
        status = 200
        while not all(one.done() for one in three):
            begun = time.monotonic()
            answer = here.http.request("GET", f"{here.server.url}/api/v1/drafts", headers=here.token)
            worst = max(worst, time.monotonic() - begun)
            status = max(status, answer.status)
        return status, worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of the requests' names; default: all")
    parser.add_argument("--parallel", action="store_true", help="ask beside three of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cms-costly-") as folder, costly(Path(folder)) as here:
        for name, asked in requests():
            if options.names and not any(part in name for part in options.names):
                continue
            if options.parallel:
                here.reset()
                status, seconds = beside_three(here, asked)
                click.echo(f"{seconds:6.2f} s {status}  {name}")
                continue
            cost = here.cost_of(asked)
            click.echo(
                f"{cost.cpu_s:6.2f} s {cost.peak_mb:6.0f} MB {cost.wall_s:6.2f} s {cost.status} {cost.code or '':24}"
                f" {len(asked.body()):9,} B  {name}"
            )


if __name__ == "__main__":
    main()
