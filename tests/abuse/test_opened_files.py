"""AC-01, as the system sees it: whatever a request names, nothing outside of the site is opened or even looked at.

Every call that takes a file's name, of every process, is told by strace.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from os.path import normpath
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from flask.testing import FlaskClient

from cms.context import Context
from tests.abuse.operations import Operation, operations
from tests.abuse.test_paths import NAMES
from tests.api.editing import MERGE_PATCH, TEXT
from tests.api.test_images import picture
from tests.components import cms, ending, free_port, program, require, settings_environment, wait_for
from tests.conftest import ROOT, eventually

ARTICLES = "/api/v1/articles/news"
BODIES = {"text/markdown": TEXT.encode(), "image/jpeg": picture(), MERGE_PATCH: b"{}", "application/json": b"{}"}
MEANT = {"collection": "news", "article_id": "en/opening-day", "path": "news/river-bus/photo-1.jpg"}
# The C library counts processors when it makes room for one more thread.
OF_SYSTEM = ("/proc/self", "/dev/urandom", "/usr/share/zoneinfo", "/sys/devices/system/cpu/online")
OF_PYTHON = (sys.base_prefix, sys.prefix, f"{ROOT}/cms")
NAMED = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')


class Request(NamedTuple):
    method: str
    target: str
    kind: str = ""
    body: bytes = b""


def spelt(name: str) -> set[str]:
    """As it may stand in an address: plainly, and if it leads somewhere, with every byte of it coded."""
    return {quote(name), *(["".join(f"%{byte:02x}" for byte in name.encode())] if ".." in name else [])}


def in_the_path(operation: Operation) -> Iterator[Request]:
    kind = next((kind for kind in BODIES if kind in operation.described.get("requestBody", {}).get("content", {})), "")
    for name in operation.names:
        for bad in NAMES:
            for text in spelt(bad):
                target = operation.path
                for one in operation.names:
                    target = target.replace(f"{{{one}}}", text if one == name else MEANT.get(one, "x"))
                yield Request(operation.method, target, kind, BODIES.get(kind, b""))


def in_the_query(operation: Operation) -> Iterator[Request]:
    (target,) = operation.urls({name: [MEANT.get(name, "x")] for name in operation.names})
    for name, schema in operation.parameters("query").items():
        if schema.get("type") == "string" and operation.method == "GET":
            yield from (Request("GET", f"{target}?{name}={quote(bad)}") for bad in NAMES[:3])


def in_the_body() -> Iterator[Request]:
    data = {"title": "t", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}
    file = {"name": "a.jpg", "bytes": 10, "type": "image/jpeg"}
    for bad in NAMES:
        yield _json("POST", ARTICLES, {"id": bad, "data": data})
        yield _json("POST", ARTICLES, {"locale": bad, "slug": bad, "data": data})
        yield Request("PATCH", f"{ARTICLES}/en/opening-day", MERGE_PATCH, json.dumps({"id": bad}).encode())
        for place in ({"folder": bad}, {"article": bad}, {"folder": "news", "files": [{**file, "name": bad}]}):
            yield _json("POST", "/api/v1/uploads", {"files": [file], **place})
        yield _json("POST", "/api/v1/previews", {"collection": bad, "id": bad})


def _json(method: str, target: str, body: object) -> Request:
    return Request(method, target, "application/json", json.dumps(body).encode())


class Editor:
    def __init__(self, connection: HTTPConnection, token: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {token}"}

    def send(self, request: Request, **headers: str) -> int:
        kind = {"Content-Type": request.kind} if request.kind else {}
        sent = {**self._headers, **kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self._connection.request(request.method, request.target, request.body, sent)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def create(self, name: str) -> None:
        request = Request("PUT", f"{ARTICLES}/en/{name}", "text/markdown", TEXT.encode())
        assert self.send(request, If_None_Match="*") == 201


@contextmanager
def watched_server(site: Path, folder: Path) -> Iterator[tuple[int, Path]]:
    """The port, and a file with the calls of the server's processes."""
    require(shutil.which("strace"), "strace")
    port, calls = free_port(), folder / "calls"
    watch = ["strace", "-D", "-f", "-qq", "-y", "-s", "4096", "--seccomp-bpf", "-e", "trace=%file", "-o", str(calls)]
    command = [*watch, str(program("cms")), "serve", "--no-worker", "--port", str(port), "--drain", "0"]
    # What a proxy sends is read to its end before it is answered, so that the connection can be kept.
    settings = settings_environment(
        site, CMS_PROXIES="1", CMS_MAX_WRITES_PER_SECOND="100000", TMPDIR=str(site / ".cms")
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=site, env=settings, stdout=log, stderr=log)
        with ending(process):
            wait_for(f"http://127.0.0.1:{port}/healthz", process)
            yield port, calls


def files_named(calls: str) -> set[str]:
    """Each by its whole path, without the links and `..` in it; of a program that is run, its arguments too."""
    return {normpath(f"{place}/{name}" if name[:1] != "/" else name) for place, name in NAMED.findall(calls)}


def test_nothing_outside_of_the_site_is_looked_at(
    client: FlaskClient, ctx: Context, site: Path, tmp_path: Path
) -> None:
    token = cms(site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    found = operations(client, "GET", "PUT", "PATCH", "POST", "DELETE")
    with (
        watched_server(site, tmp_path) as (port, calls),
        closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection,
    ):
        editor = Editor(connection, token)
        editor.create("first-of-all")
        assert eventually(lambda: "first-of-all" in calls.read_text())
        begin, asked = len(calls.read_text()), 0
        for request in [request for one in found for request in in_the_path(one)]:
            for condition in ({"If_Match": '"x"'}, {"If_None_Match": "*"}) if request.method == "PUT" else ({},):
                status = editor.send(request, **condition)
                assert 400 <= status < 500, request
                asked += 1
        for request in [*[request for one in found for request in in_the_query(one)], *in_the_body()]:
            assert editor.send(request) < 500 or request.target == "/api/v1/uploads", request  # of folders, it is 501
            asked += 1
        editor.create("last-of-all")
        assert eventually(lambda: "last-of-all" in calls.read_text())
        named = files_named(calls.read_text()[begin:])
    assert asked > 1000
    inside = [name for name in named if Path(name).is_relative_to(site)]
    assert any(name.endswith("src/content/news/en/last-of-all.md") for name in inside), "what is meant is seen"
    places = (str(site), *OF_PYTHON, *OF_SYSTEM)
    outside = {name for name in named if not any(Path(name).is_relative_to(place) for place in places)}
    assert outside - set(map(str, site.parents)) == set(), "those above it are looked at for links"
