"""Reads of what is published: from memory beside nginx with a file, and without memory beside a bare Flask view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import urllib3

from tests.bench.made_site import write_articles
from tests.bench.measure import Options, Row, in_turn, row
from tests.bench.peers import Load, Server, flask, load, nginx
from tests.components import cms, cms_server

PATHS = {"article": "/api/v1/articles/news/en/07/article-7", "list page": "/api/v1/articles?collection=news&limit=20"}

BARE = """
from pathlib import Path
from flask import Flask, Response
app = Flask("bare", static_folder=None)
body, etag = Path(sys.argv[2]).read_bytes(), sys.argv[3]
@app.get("/<path:path>")
@app.get("/", defaults={"path": ""})
def view(path):
    return Response(body, content_type="application/json", headers={"ETag": etag})
"""

PARSING = """
from pathlib import Path
import frontmatter
from flask import Flask, abort, jsonify
app = Flask("parsing", static_folder=None)
root = Path(sys.argv[2]) / "src/content"
def shown(path):
    post = frontmatter.load(path)
    return {"data": post.metadata, "body": post.content}
held = [shown(path)["data"] for path in sorted(root.rglob("*.md"))]
@app.get("/api/v1/articles/<path:name>")
def article(name):
    return jsonify(shown(root / f"{name}.md"))
@app.get("/api/v1/articles")
def articles():
    return jsonify({"items": held[:20]})
@app.get("/")
def home():
    return ""
"""


Side = tuple[Server, str, dict[str, str]]


def rows(options: Options) -> Iterator[Row]:
    site = options.folder / "site"
    write_articles(site, min(options.articles, 1000))
    assert cms(site, "sync").returncode == 0
    for workers in (1,) if options.is_small else (1, 2):
        yield from _from_memory(options, site, workers)
    yield from _without_memory(options, site)


def _from_memory(options: Options, site: Path, workers: int) -> Iterator[Row]:
    with ExitStack() as stack:
        log = options.folder / "cms.log"
        running = stack.enter_context(cms_server(site, log, "--no-worker", "--workers", str(workers)))
        ours = Server(running.url, running.process.pid)
        files = options.folder / "files"
        files.mkdir(exist_ok=True)
        peer = stack.enter_context(nginx(options.folder / "nginx", files, workers))
        for number, (name, path) in enumerate(PATHS.items()):
            etag = _save(ours.url + path, files / f"{number}.json")
            told = f"GET {name} from memory, {workers} worker{'s' * (workers > 1)}"
            against = f"nginx {workers}, the same bytes from a file"
            mine, theirs = _loads(options, (ours, path, {}), (peer, f"/{number}.json", {}))
            yield row(told, against, "µs CPU", *_micro(mine, theirs), aim=2.0)
            yield row(told, against, "req/s", [o.rate for o in mine], [o.rate for o in theirs], aim=0.5, is_least=True)
            known = urllib3.request("GET", f"{peer.url}/{number}.json").headers["ETag"]
            mine, theirs = _loads(
                options,
                (ours, path, {"If-None-Match": etag}),
                (peer, f"/{number}.json", {"If-None-Match": known}),
            )
            yield row(f"{told}, 304", "nginx 304", "µs CPU", *_micro(mine, theirs), aim=2.0)


def _without_memory(options: Options, site: Path) -> Iterator[Row]:
    for name, path in PATHS.items():
        with ExitStack() as stack:
            log = options.folder / "cms.log"
            running = stack.enter_context(cms_server(site, log, "--no-worker", CMS_CACHE_MB="0"))
            ours = Server(running.url, running.process.pid)
            file = options.folder / "bare.json"
            etag = _save(ours.url + path, file)
            bare = stack.enter_context(flask(options.folder / "bare", BARE, str(file), etag))
            parsing = stack.enter_context(flask(options.folder / "parsing", PARSING, str(site)))
            sides: list[Side] = [(ours, path, {}), (bare, path, {}), (parsing, path, {})]
            mine, theirs, parsed = _loads(options, *sides)
            told = f"GET {name}, memory off"
            yield row(told, "a bare Flask view of the same bytes", "µs CPU", *_micro(mine, theirs), aim=1.3)
            plain = "Flask + python-frontmatter, parsing"
            yield row(told, plain, "µs CPU", *_micro(mine, parsed))
            yield row(told, plain, "req/s", [one.rate for one in mine], [one.rate for one in parsed])


def _loads(options: Options, *sides: Side) -> list[list[Load]]:
    """Of each side, round by round."""
    return in_turn(options.rounds, *(partial(load, server, path, options.seconds, h) for server, path, h in sides))


def _micro(*sides: list[Load]) -> list[list[float]]:
    return [[one.cpu * 1e6 for one in side] for side in sides]


def _save(url: str, file: Path) -> str:
    answer = urllib3.request("GET", url)
    assert answer.status == 200, answer.data
    file.write_bytes(answer.data)
    return answer.headers["ETag"]
