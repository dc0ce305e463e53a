"""What no well-meant client sends, byte by byte, to a running server and to the README's nginx in front of one.

The names are those of a catalogue of abuse: AC-29 to AC-33 are about headers and addresses, AC-49 about requests in
requests.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3

from tests.abuse.raw import Answers, ask, request
from tests.api.editing import TEXT
from tests.api.test_images import picture
from tests.api.test_upload_floods import peak_memory
from tests.components import CmsServer, cms, cms_server
from tests.conftest import copy_site, eventually
from tests.proxy import nginx_before

pytestmark = pytest.mark.xdist_group("raw")  # one process has the server

ARTICLE = b"/api/v1/articles/news/en/opening-day"
TOKENS = b"/api/v1/tokens"
WHOAMI = b"/api/v1/whoami"
JSON = b"Content-Type: application/json"
MOST_GROWTH = 50 << 20


class Running(NamedTuple):
    """A server, the port of the nginx in front of it, and the header of who may do everything."""

    server: CmsServer
    proxy: int
    admin: bytes

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def secret(self) -> str:
        return self.admin.decode().split("_", 2)[2]

    def state(self) -> dict[str, str]:
        """Every file of the site, and what the API tells of what is in no file."""
        found = {
            path.relative_to(self.server.site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.server.site / "src").rglob("*"))
            if path.is_file()
        }
        for name in ("changes", "tokens", "webhooks", "trash"):
            answer = ask(self.port, request(b"/api/v1/" + name.encode(), self.admin))
            assert answer.statuses == [200]
            items = json.loads(answer.text.partition(b"\r\n\r\n")[2])["items"]
            found[name] = str([{key: item[key] for key in item if key != "last_used_at"} for item in items])
        return found

    def logged(self, path: str) -> list[str]:
        """The lines of the log about requests whose path begins so, once there is one."""
        found: list[str] = eventually(lambda: [line for line in self._lines() if self._path(line).startswith(path)])
        return found

    def _path(self, line: str) -> str:
        return str(json.loads(line).get("path", ""))

    def _lines(self) -> list[str]:
        return [line for line in self.server.log.read_text().split("\n") if line.startswith("{")]


@pytest.fixture(scope="module")
def running(light_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("raw")
    site = copy_site(light_sample, folder / "a-folder-nobody-is-told-of")
    with ExitStack() as stack:
        server = stack.enter_context(cms_server(site, folder / "log", "--no-worker", CMS_PROXIES="1"))
        proxy = stack.enter_context(nginx_before([server.port], folder / "nginx"))
        token = cms(site, "token", "create", "--name", "raw", "--scope", "admin").stdout.strip()
        peak_memory(server.process.pid, is_forgotten=True)
        yield Running(server, int(proxy.rpartition(":")[2]), b"Authorization: Bearer " + token.encode())


@pytest.fixture(autouse=True)
def unharmed(running: Running) -> Iterator[None]:
    """After each test: nothing has changed, the same processes answer, hold hardly more memory, and told no secret."""
    before, memory = running.state(), peak_memory(running.server.process.pid, is_forgotten=True)
    yield
    assert ask(running.port, request(b"/healthz")).statuses == [200]
    assert running.state() == before
    assert peak_memory(running.server.process.pid) - memory < MOST_GROWTH
    assert running.server.process.poll() is None


def tells_nothing(running: Running, answer: Answers) -> bool:
    """Whether the answer names neither the site's folder, nor a secret, nor a line of code."""
    hidden = ("nobody-is-told", running.secret, "Traceback", 'File "', "site-packages", "sqlite")
    return not any(word.encode() in answer.text for word in hidden)


HIDDEN = b"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\nContent-Type: application/json\r\n"
HIDDEN_BODY = b'{"name": "smuggled", "scopes": ["admin"]}'

SMUGGLED: dict[str, tuple[bytes, bytes]] = {
    "length and chunks": (b"Content-Length: %(all)d\r\nTransfer-Encoding: chunked", b"0\r\n\r\n%(hidden)s"),
    "chunks and length": (b"Transfer-Encoding: chunked\r\nContent-Length: %(all)d", b"0\r\n\r\n%(hidden)s"),
    "a short length and chunks": (b"Content-Length: 4\r\nTransfer-Encoding: chunked", b"0\r\n\r\n%(hidden)s"),
    "two lengths": (b"Content-Length: 2\r\nContent-Length: %(all)d", b"{}%(hidden)s"),
    "two lengths in one": (b"Content-Length: 2, %(all)d", b"{}%(hidden)s"),
    "a length with a sign": (b"Content-Length: +2", b"{}%(hidden)s"),
    "a length below zero": (b"Content-Length: -2", b"{}%(hidden)s"),
    "a length in hexadecimal": (b"Content-Length: 0x2", b"{}%(hidden)s"),
    "a length with a space before the colon": (b"Content-Length : 2", b"{}%(hidden)s"),
    "a length on a line of its own": (b"Content-Length:\r\n 2", b"{}%(hidden)s"),
    "a length beyond all numbers": (b"Content-Length: 99999999999999999999", b"{}%(hidden)s"),
    "xchunked": (b"Transfer-Encoding: xchunked", b"0\r\n\r\n%(hidden)s"),
    "chunked, and then not": (b"Transfer-Encoding: chunked, identity", b"0\r\n\r\n%(hidden)s"),
    "chunks with a space before the colon": (b"Transfer-Encoding : chunked", b"0\r\n\r\n%(hidden)s"),
    "chunks with a line end in the header": (b"Transfer-Encoding:\r\n chunked", b"0\r\n\r\n%(hidden)s"),
    "chunks with a NUL": (b"Transfer-Encoding: chunked\0", b"0\r\n\r\n%(hidden)s"),
    "chunks after a carriage return": (b"X: y\rTransfer-Encoding: chunked", b"0\r\n\r\n%(hidden)s"),
    "a chunk of no size": (b"Transfer-Encoding: chunked", b"x\r\n\r\n%(hidden)s"),
    "a chunk of a negative size": (b"Transfer-Encoding: chunked", b"-1\r\n\r\n%(hidden)s"),
    "a chunk beyond all numbers": (b"Transfer-Encoding: chunked", b"fffffffffffffffff0\r\n%(hidden)s"),
}
TAKEN_APART_RIGHT = {"length and chunks", "chunks and length", "a short length and chunks"}
"""Where both are told, chunks count (RFC 9112, 6.3), and the connection ends with the request; nginx takes neither."""


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_request_in_a_request_is_never_done(running: Running, name: str) -> None:
    """AC-49."""
    framing, body = SMUGGLED[name]
    hidden = HIDDEN % running.admin + b"Content-Length: %d\r\n\r\n" % len(HIDDEN_BODY) + HIDDEN_BODY
    sent = body.replace(b"%(hidden)s", hidden)
    framing = framing.replace(b"%(all)d", b"%d" % len(sent))
    head = b"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\n%s\r\n%s\r\n%s\r\n\r\n" % (running.admin, JSON, framing)
    for port in (running.port, running.proxy):
        answer = ask(port, head + sent)
        is_right = port == running.port and name in TAKEN_APART_RIGHT
        assert answer.statuses in ([[411]] if is_right else [[400], [411], [501], [413]]), answer
        assert tells_nothing(running, answer)


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"GET /healthz\r\n\r\n", [400]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200, [400]),
        (b"\0" * 1000, [400]),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", [400]),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", [400]),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", [400]),
        (request(b"/a\0b"), [400]),
        (request(b"/\xff"), [400]),
        (request(b"/healthz?" + b"a=1&" * 50_000), [414]),
        (request(b"/" + b"a" * 100_000), [414]),
        (request(b"/healthz", b"X: " + b"y" * 1_000_000), [431]),
        (request(b"/healthz", *(b"X-%d: y" % number for number in range(5000))), [431]),
        (request(b"/api/v1/articles?" + b"a=1&" * 2000), [400]),
    ],
    ids=[
        "HTTP/0.9", "HTTP/2", "TLS", "NULs", "NUL in a header", "half a line end", "no name", "NUL in the path",
        "no UTF-8", "IB-40 50,000 parameters", "a path of 100 kB", "a header of 1 MB", "5,000 headers",
        "IB-40 2,000 parameters",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(running: Running, data: bytes, statuses: list[int]) -> None:
    answer = ask(running.port, data)
    assert answer.statuses == statuses
    assert tells_nothing(running, answer)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ([JSON, b"Content-Length: 9999999999"], b"{}", 413),
        ([JSON, b"Transfer-Encoding: chunked"], b"2\r\n{}\r\n0\r\n\r\n", 411),
        ([JSON, b"Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n", 411),
        ([JSON], b"", 400),
        ([JSON, b"Content-Length: 2", b"Expect: nonsense"], b"{}", 422),
        ([JSON, b"Content-Length: 2", b"Content-Encoding: gzip"], b"{}", 415),
        ([JSON, b"Content-Length: 2", b"Content-Encoding: identity"], b"{}", 422),
        ([b"Content-Type: text/plain", b"Content-Length: 2"], b"{}", 415),
        ([b"Content-Length: 2"], b"{}", 415),
    ],
    ids=[
        "IB-48 10 GB announced", "IB-48 chunks", "IB-48 no chunks", "IB-48 no length", "IB-48 Expect",
        "IB-47 a coded body", "IB-47 a plain one", "AC-34 text", "AC-34 no type",
    ],
)  # fmt: skip
def test_a_body_is_as_its_headers_say(running: Running, headers: list[bytes], body: bytes, status: int) -> None:
    head = request(TOKENS, running.admin, *headers, method=b"POST")
    answer = ask(running.port, head + body)
    assert answer.statuses == [status], answer
    assert tells_nothing(running, answer)


@pytest.mark.parametrize("kind", ["text/markdown", "application/json", "image/jpeg", "multipart/form-data; boundary=b"])
def test_ib_48_a_body_that_breaks_off_does_nothing(running: Running, kind: str) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    sent = {
        "text/markdown": (b"PUT", ARTICLE, TEXT.encode()),
        "application/json": (b"POST", TOKENS, HIDDEN_BODY),
        "image/jpeg": (b"PUT", b"/api/v1/images/news/river-bus/photo-1.jpg", picture()),
        "multipart/form-data; boundary=b": (
            b"POST",
            b"/api/v1/images",
            form % (b"folder", b"", b"new") + form % (b"files", b'; filename="a.jpg"', picture()) + b"--b--\r\n",
        ),
    }
    method, target, body = sent[kind]
    headers = [running.admin, b"Content-Type: " + kind.encode(), b"Content-Length: %d" % (len(body) + 1000)]
    (tag,) = ask(running.port, request(target)).header("etag")[:1] or [b'""']
    whole = request(target, *headers, b"If-Match: " + tag, method=method) + body
    for data in (whole, whole[:-5]):
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1 << 16)[:12] in (b"", b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([b"%(right)s", b"Authorization: Bearer x"], 401),
        ([b"Authorization: Bearer x", b"%(right)s"], 401),
        ([b"%(right)s", b"%(right)s"], 401),
        ([b"Authorization: Bearer cms_\xe1\x9e\x80_x"], 401),
        ([b"Authorization: Bearer \xff"], 401),
        ([b"Authorization: Bearer " + b"x" * 7000], 401),
        ([b"%(right)s", b"X_Authorization: x", b"Authorization_: x"], 200),
    ],
    ids=["two", "two, the wrong one first", "the same twice", "Khmer", "no UTF-8", "long", "others of like names"],
)
def test_ac_15_one_credential_or_none(running: Running, given: list[bytes], status: int) -> None:
    answer = ask(running.port, request(WHOAMI, *(header.replace(b"%(right)s", running.admin) for header in given)))
    assert answer.statuses == [status]
    assert tells_nothing(running, answer)
    assert status == 200 or answer.header("www-authenticate") == [b'Bearer realm="cms"']


def test_ac_16_a_token_in_the_query_is_refused_and_not_logged(running: Running) -> None:
    for name in (b"token", b"access_token", b"api_key"):
        answer = ask(running.port, request(WHOAMI + b"?" + name + b"=cms_x_" + running.secret.encode()))
        assert answer.statuses == [422]
        assert tells_nothing(running, answer)
    assert running.logged("/api/v1/whoami")
    assert running.secret not in running.server.log.read_text()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ([b"Host: evil.example"], 200), ([b"Host: evil.example:99"], 200), ([b"Host: [::1]:8000"], 200),
        ([b"Host: a_b.local"], 200), ([b"Host: x/../y"], 400), ([b"Host: x y"], 400), ([b"Host: a@b"], 400),
        ([b'Host: "><script>'], 400), ([b"Host: a", b"Host: b"], 400), ([b"Host: a:b"], 400), ([b"Host: a?b"], 400),
    ],
)  # fmt: skip
def test_ac_29_no_answer_is_made_from_the_host(running: Running, host: list[bytes], status: int) -> None:
    spoofed = [b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: https", b"Forwarded: host=evil.example"]
    for path in (ARTICLE, b"/api/v1/images", b"/docs", b"/api/v1/openapi.json", b"/healthz"):
        plain = ask(running.port, request(path))
        for _ in range(2):  # the second may come from memory
            answer = ask(running.port, request(path, *host, *spoofed))
            assert answer.statuses == [status]
            assert b"evil" not in answer.text
            assert status != 200 or bodies(answer) == bodies(plain)


def bodies(answer: Answers) -> bytes:
    return answer.text.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "target",
    [
        b"//evil.example/", b"//evil.example/..", b"/\\evil.example", b"/%5cevil.example", b"/%2f%2fevil.example",
        b"//evil.example/%2e%2e", b"/healthz/..", b"/docs/%2e%2e", b"/api/v1//articles", b"/api/v1/articles;x",
        b"/api/v1/articles/news//evil.example", b"/.//evil.example", b"http://evil.example/nowhere",
        b"/api/v1/articles/news/%0d%0aLocation:%20https://evil.example",
    ],
)  # fmt: skip
def test_ac_31_nobody_is_sent_elsewhere(running: Running, target: bytes) -> None:
    """AC-30, AC-32: what is no address of ours is 404, and its line ends are in no header."""
    answer = ask(running.port, request(target))
    assert answer.statuses == [404]
    assert not answer.header("location")
    assert tells_nothing(running, answer)


@pytest.mark.parametrize(
    ("target", "usual"),
    [
        (b"/healthz/", b"/healthz"),
        (b"//healthz", b"/healthz"),
        (b"http://evil.example/healthz", b"/healthz"),
        (b"/docs/", b"/docs"),
        (b"/api/v1/articles/", b"/api/v1/articles"),
        (b"/api/v1/%61rticles", b"/api/v1/articles"),
    ],
)
def test_ac_30_another_spelling_is_the_same_page_and_no_redirect(running: Running, target: bytes, usual: bytes) -> None:
    plain = ask(running.port, request(usual))
    answer = ask(running.port, request(target, b"Host: evil.example"))
    assert answer.statuses == plain.statuses == [200]
    assert bodies(answer) == bodies(plain)
    assert not answer.header("location")


def test_ac_33_no_other_origin_is_let_in(running: Running) -> None:
    origins = [
        b"null",
        b"https://evil.example",
        b"http://127.0.0.1:%d" % running.port,
        b"https://127.0.0.1.evil.example",
    ]
    for origin in origins:
        for path, method in ((ARTICLE, b"GET"), (TOKENS, b"GET"), (TOKENS, b"OPTIONS"), (ARTICLE, b"OPTIONS")):
            asked = [b"Access-Control-Request-Method: PUT", b"Access-Control-Request-Headers: authorization"]
            answer = ask(running.port, request(path, b"Origin: " + origin, *asked, method=method))
            assert len(answer.statuses) == 1
            assert b"access-control-" not in answer.text.lower()
            assert b"set-cookie" not in answer.text.lower()


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        (b"TRACE", b"/healthz", [b"X-Secret: echo"], 405), (b"TRACK", b"/healthz", [], 405),
        (b"CONNECT", b"127.0.0.1:22", [], 404), (b"DEBUG", ARTICLE, [], 405), (b"PROPFIND", b"/nowhere", [], 404),
        (b"POST", ARTICLE, [b"X-HTTP-Method-Override: DELETE", b"Content-Length: 0"], 405),
        (b"POST", ARTICLE, [b"X-Method-Override: PUT", b"Content-Length: 0"], 405),
        (b"GET", ARTICLE, [b"X-HTTP-Method: DELETE"], 200), (b"GET", ARTICLE + b"?_method=DELETE", [], 422),
        (b"OPTIONS", b"*", [], 404), (b"OPTIONS", ARTICLE, [], 200),
    ],
)  # fmt: skip
def test_ac_50_a_method_is_what_it_is(
    running: Running, method: bytes, target: bytes, headers: list[bytes], status: int
) -> None:
    answer = ask(running.port, request(target, running.admin, *headers, method=method))
    assert answer.statuses == [status]
    assert b"echo" not in answer.text
    assert tells_nothing(running, answer)


def test_ac_50_a_body_of_a_head_is_no_second_request(running: Running) -> None:
    hidden = request(b"/nowhere-smuggled")
    for method in (b"HEAD", b"GET", b"OPTIONS"):
        assert ask(running.port, request(b"/healthz", method=method, body=hidden)).statuses == [200]
    ask(running.port, request(b"/nowhere-last"))
    assert [json.loads(line)["path"] for line in running.logged("/nowhere-")] == ["/nowhere-last"]


def test_ac_42_whatever_is_asked_is_one_line_of_the_log(running: Running) -> None:
    odd = '\n{"levelname":"ERROR"}\r\n\x1b[31m\u202e\u2028\x00\x7f"\\'
    target = b"/odd/" + b"".join(b"%%%02x" % byte for byte in odd.encode())
    headers = ["User-Agent: \u202e\t".encode(), b"X-Request-Id: a b", "Referer: \u202e".encode()]
    answer = ask(running.port, request(target, *headers))
    assert answer.statuses == [404]
    assert re.fullmatch(rb"[0-9a-f]{32}", answer.header("x-request-id")[0])
    (line,) = running.logged("/odd/")
    assert line.isprintable()
    assert json.loads(line)["path"] == f"/odd/{odd}"


@pytest.mark.parametrize(
    "header",
    [
        b"Accept-Language: " + b",".join(b"aa-%d;q=0.%d" % (n, n) for n in range(600)),
        b"Accept: " + b",".join(b"a/%d;q=0.%d" % (n, n) for n in range(600)),
        b"Accept-Encoding: " + b",".join(b"c%d;q=0.%d" % (n, n) for n in range(600)),
        b"Accept: */*;q=" + b"9" * 5000, b"Accept: ;;;,,,===", b"Accept-Encoding: gzip;q=1e999, br;q=nan",
        b"If-None-Match: " + b", ".join(b'"%d"' % n for n in range(900)), b"If-None-Match: unquoted",
        b'If-None-Match: "' + b"x" * 7000 + b'"', b'If-None-Match: W/"', b"If-Modified-Since: yesterday",
        b"If-None-Match: " + b'W/"' * 2000, b"Cookie: " + b"a=b; " * 1400, b"Range: bytes=0-3,5-9",
        b"If-Range: x", b"Prefer: " + b"a=b," * 1500, b"Content-Length: 0",
        b"Content-Type: x/y; charset=" + b"z" * 5000,
        b"Cache-Control: no-store", b"X-Original-URL: /docs", b"X-Rewrite-URL: /docs", b"X-Forwarded-Prefix: /evil",
        b"X-Forwarded-For: " + b"1.1.1.1," * 800, b"X-Forwarded-For: nonsense", b"Upgrade: h2c", b"TE: trailers",
        b"Forwarded: for=evil", b"Via: 1.1 evil", b"User-Agent: evil", b"Accept-Charset: utf-7", b"Referer: evil",
    ],
    ids=lambda header: header[:30].decode(),
)  # fmt: skip
def test_ac_30_no_header_changes_what_others_are_told(running: Running, header: bytes) -> None:
    """IB-44, IB-49: a header as long as headers may be, or a list of nonsense, gets the answer that none gets."""
    for path in (ARTICLE, b"/api/v1/articles"):
        plain = ask(running.port, request(path))
        for _ in range(2):
            answer = ask(running.port, request(path, header))
            assert answer.statuses == [200]
            assert bodies(answer) == bodies(plain)
        assert bodies(ask(running.port, request(path))) == bodies(plain)


def test_ib_44_a_tag_among_hundreds_is_known(running: Running) -> None:
    (tag,) = ask(running.port, request(ARTICLE)).header("etag")
    others = [b'"%d"' % number for number in range(500)]
    assert ask(running.port, request(ARTICLE, b"If-None-Match: " + b", ".join([*others, tag]))).statuses == [304]


def test_ib_46_slow_clients_hold_nobody_up_behind_the_proxy(running: Running) -> None:
    with ExitStack() as stack:
        for number in range(300):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", running.proxy), timeout=30))
            whole = request(TOKENS, running.admin, JSON, b"Content-Length: 100", method=b"POST")
            slow.sendall(whole[:-1] if number % 2 else whole + b"{")
        for _ in range(20):
            answer = urllib3.request(
                "GET", f"http://127.0.0.1:{running.proxy}{ARTICLE.decode()}", timeout=30, retries=False
            )
            assert answer.status == 200
