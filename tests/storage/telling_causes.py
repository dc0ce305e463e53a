"""What tests of causes ask: that operators are told them, the log has them once, and the public has none of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.editing import problem
from tests.loopback import answering

Ask = Callable[[], TestResponse]
SECRETS = ("wrong-secret", "right-secret", "s3cret-in-url", "REQUESTKEY", "X-Amz-Signature", "StringToSign", "bearer")
"""What nobody is told, and no log has."""


def check_told(
    client: FlaskClient,
    admin: dict[str, str],
    asked: Sequence[Ask],
    words: Sequence[str],
    caplog: pytest.LogCaptureFixture,
    status: int = 503,
) -> None:
    """Each of `asked` is answered with the status and with none of the words; operators and the log are told all."""
    caplog.clear()
    public = [ask() for ask in asked for _ in range(3)]
    for answer in public:
        problem(answer, status)
    log = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [all(word in line for word in words) for line in log] == [True], log
    ready = client.get("/readyz")
    assert all(notice.keys() == {"name", "since"} for notice in ready.get_json()["notices"])
    assert ready.get_json()["status"] == "degraded"
    for answer in (*public, ready):
        told = f"{answer.text} {answer.headers}"
        assert not [word for word in (*words, *SECRETS) if word in told], told
    shown = client.get("/readyz", headers=admin).get_json()["notices"]
    assert any(all(word in notice.get("detail", "") for word in words) for notice in shown), shown
    assert not [word for word in SECRETS if word in f"{shown}{caplog.text}"]


class Refusing(HTTPServer):
    """An S3 server that has no objects, and answers all requests with `status` and `code` once these are set, those for
    lists with `list_status` if that is set. It tells of the request what no log is to have, as some servers do."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.list_status, self.code = 0, 0, ""


class _Handler(BaseHTTPRequestHandler):
    server: Refusing

    def do_GET(self) -> None:
        if self.server.status:
            body = (
                f"<Error><Code>{self.server.code}</Code><Message>{' '.join(SECRETS)}</Message><StringToSign>x"
                "</StringToSign><AWSAccessKeyId>REQUESTKEY</AWSAccessKeyId></Error>"
            )
            is_list = "list-type" in self.path
            self._answer((is_list and self.server.list_status) or self.server.status, body)
        else:
            self._answer(200 if "list-type" in self.path else 404, "<ListBucketResult></ListBucketResult>")

    do_HEAD = do_PUT = do_GET  # noqa: N815  as http.server calls them

    def _answer(self, status: int, body: str) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The test reads answers, not a log."""


@contextmanager
def refusing() -> Iterator[tuple[Refusing, str]]:
    """Such a server and its URL."""
    server = Refusing()
    with answering(server) as url:
        yield server, url
