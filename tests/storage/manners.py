"""A proxy before rclone's S3 server that has the manners of the S3 providers that are sold.

Requests are passed on as they were signed, with the host that they were sent to. rclone itself ignores conditions, so
the proxy judges them: the ETag of an object is the MD5 of the file in the bucket's folder.
"""

from __future__ import annotations

import hashlib
import html
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import urllib3

from tests.loopback import answering

Answer = tuple[int, dict[str, str], bytes]
Behaviour = Literal["kept", "ignored", "refused", "racy"]

REASONS = {
    403: "AccessDenied", 404: "NoSuchKey", 409: "ConditionalRequestConflict", 412: "PreconditionFailed",
    400: "InvalidArgument", 501: "NotImplemented",
}  # fmt: skip
CHECKSUMS = ("x-amz-checksum-", "x-amz-sdk-checksum-algorithm", "x-amz-trailer", "x-amz-decoded-content-length")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a provider behaves. `wants` is how the ETag of `If-Match` has to be written, or nothing matches; before each
    request with a condition that counts, so many as `conflicts` are answered 409; `delay_s` passes before each answer,
    and a list may be as old as `list_age_s`. With `demands`, a PUT or DELETE without a condition is forbidden. `tags`
    rewrites ETags, "" for none, and `lists_tags` says whether lists have them; HEAD and GET lack the headers `drops`,
    and bytes without a length come in chunks."""

    create: Behaviour = "kept"
    replace: Behaviour = "kept"
    delete: Behaviour = "kept"
    wants: Literal["either", "bare", "quoted"] = "either"
    conflicts: int = 0
    delay_s: float = 0.0
    list_age_s: float = 0.0
    demands: bool = False
    tags: Callable[[str], str] = str
    lists_tags: bool = True
    drops: tuple[str, ...] = ()

    def of(self, kind: str) -> Behaviour:
        found: Behaviour = getattr(self, kind)
        return found


class Provider(ThreadingHTTPServer):
    """While nothing is `written`, `at_a_write` is called with the path of each PUT or DELETE before it is judged, and
    says whether it has written by hand, between our look and our request. So many answers as `loses` are not given to
    requests that change something, though they are carried out, and of the requests after a lost answer so many are
    answered 409 as `conflicts_after_losses`. `checksums` holds what was sent with checksums,
    `expecting` the sizes of bodies that waited to be asked for, and `answers` the method and status of each answer."""

    daemon_threads = True

    def __init__(self, target: str, buckets: Path, manner: Manner) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.buckets, self.manner = target, buckets, manner
        self.pool = urllib3.PoolManager(retries=False, maxsize=64)
        self.lock = threading.Lock()
        self.at_a_write: Callable[[str], bool] = bool
        self.written = True
        self.loses = self.conflicts_after_losses = 0
        self.has_lost = False
        self.checksums: set[str] = set()
        self.expecting: list[int] = []
        self.answers: list[tuple[str, int]] = []
        self.conflicted: dict[str, int] = {}
        self.lists: dict[str, tuple[float, Answer]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def file(self, path: str) -> Path:
        return self.buckets / unquote(urlsplit(path).path).lstrip("/")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may hang up."""


@dataclass
class _Request:
    """A request, and what is decided of its condition before its body is read."""

    method: str
    path: str
    headers: dict[str, str]
    kind: str = field(init=False)
    condition: str = field(init=False)

    def __post_init__(self) -> None:
        self.condition = self.headers.get("if-none-match") or self.headers.get("if-match") or ""
        self.kind = "delete" if self.method == "DELETE" else "replace" if "if-match" in self.headers else "create"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def handle_expect_100(self) -> bool:
        # As servers do that refuse a request for its headers: the body is never read.
        self.server.expecting.append(int(self.headers["Content-Length"]))
        refusal = self._refusal(self._request())
        if refusal is not None:
            self.server.answers.append((self.command, refusal[0]))
            self._say(refusal)
            self.close_connection = True
        return refusal is None and super().handle_expect_100()

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        request, body = self._request(), self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.server.manner.delay_s)
        is_change = request.method in ("PUT", "DELETE") and "X-Amz-Signature" not in request.path
        answer = self._refusal(request)
        if answer is None:
            answer = self._changed(request, body) if is_change else self._told(request, body)
        self.server.answers.append((request.method, answer[0]))
        if is_change and self.server.loses:
            self.server.loses -= 1
            self.server.has_lost = True
            self.close_connection = True
        else:
            self._say(answer)

    def _request(self) -> _Request:
        return _Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})

    def _refusal(self, request: _Request) -> Answer | None:
        manner, changes = self.server.manner, request.method in ("PUT", "DELETE")
        sums = [name for name in request.headers if name.startswith(CHECKSUMS)]
        sums += [name for name in CHECKSUMS if name in request.path.lower()]
        sums += [value for value in request.headers.values() if "aws-chunked" in value or value.startswith("STREAMING")]
        self.server.checksums.update(sums)
        if sums:
            return _error(400)
        if changes and manner.demands and not request.condition:
            return _error(403)
        if changes and request.condition and manner.of(request.kind) == "refused":
            return _error(501)
        return None

    def _changed(self, request: _Request, body: bytes) -> Answer:
        """What becomes of a PUT or DELETE, whose condition is judged at the moment that the manner has for it."""
        server, behaviour = self.server, self.server.manner.of(request.kind)
        if server.has_lost and server.conflicts_after_losses:
            server.conflicts_after_losses, server.has_lost = server.conflicts_after_losses - 1, False
            return _error(409)
        if not server.written:
            server.written = server.at_a_write(unquote(request.path))
        if not request.condition or behaviour == "ignored":
            return self._passed_on(request, body)
        with server.lock if behaviour == "kept" else nullcontext():
            failed = self._judged(request)
            if behaviour == "racy":
                time.sleep(0.05)
            return failed or self._passed_on(request, body)

    def _judged(self, request: _Request) -> Answer | None:
        server, manner, file = self.server, self.server.manner, self.server.file(request.path)
        met = server.conflicted.get(request.path, 0)
        server.conflicted[request.path] = met + 1
        if met % (manner.conflicts + 1) < manner.conflicts:
            return _error(409)
        if request.kind == "create":
            return _error(412) if file.exists() else None
        if not file.exists():
            return _error(404)
        bare, is_quoted = request.condition.strip('"'), request.condition.startswith('"')
        is_wanted = manner.wants == "either" or is_quoted == (manner.wants == "quoted")
        tag = manner.tags(f'"{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}"')
        return None if is_wanted and bare == tag.removeprefix("W/").strip('"') else _error(412)

    def _told(self, request: _Request, body: bytes) -> Answer:
        server = self.server
        if "list-type=2" not in request.path:
            return self._passed_on(request, body)
        with server.lock:
            at, answer = server.lists.get(request.path, (-1e9, None))
            if answer is None or time.monotonic() - at > server.manner.list_age_s:
                answer = self._passed_on(request, body)
                server.lists[request.path] = time.monotonic(), answer
            return answer

    def _passed_on(self, request: _Request, body: bytes) -> Answer:
        server, manner = self.server, self.server.manner
        headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
        answer = server.pool.request(request.method, server.target + request.path, body=body or None, headers=headers)
        told = {name.lower(): value for name, value in answer.headers.items()}
        told["etag"] = manner.tags(told.get("etag", ""))
        data = re.sub(rb"<ETag>(.*?)</ETag>", lambda tag: _listed(manner, tag[1].decode()), answer.data)
        if request.method != "HEAD":
            told["content-length"] = str(len(data))
        lacking = {"date", "server", "connection", "transfer-encoding", *([] if told["etag"] else ["etag"])}
        if request.method in ("HEAD", "GET"):
            lacking.update(manner.drops)
        told = {name: value for name, value in told.items() if name not in lacking}
        return answer.status, told, data

    def _say(self, answer: Answer) -> None:
        status, headers, data = answer
        has_body, has_length = self.command != "HEAD" and status != 204, "content-length" in headers
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if has_body and not has_length:
            self.send_header("transfer-encoding", "chunked")
            data = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        self.end_headers()
        if has_body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Tests look at `answers`."""


def _error(status: int) -> Answer:
    data = f"<Error><Code>{REASONS[status]}</Code></Error>".encode()
    return status, {"content-type": "application/xml", "content-length": str(len(data))}, data


def _listed(manner: Manner, tag: str) -> bytes:
    found = manner.tags(html.unescape(tag)) if manner.lists_tags else ""
    return f"<ETag>{html.escape(found)}</ETag>".encode() if found else b""


@contextmanager
def provider(target: str, buckets: Path, manner: Manner) -> Iterator[Provider]:
    """Before the S3 server at the URL, whose buckets are the folders in `buckets`."""
    server = Provider(target, buckets, manner)
    with answering(server):
        yield server
