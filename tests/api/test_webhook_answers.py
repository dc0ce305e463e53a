"""F11: a delivery is read to its final status, past interim answers; what is no answer is a failure with its reason."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions import post
from cms.context import Context
from tests.api.editing import create_text
from tests.conftest import both_databases
from tests.receiver import hear, speaking
from tests.telling import HOOKS, deliver_due, make_hook, retry_now

CONTINUE, PROCESSING = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n"
UNKNOWN = b"HTTP/1.1 199 Soon\r\nX-Progress: 1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 4000\r\nContent-Length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 308 Permanent Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
LATER = b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n"

ANSWERS = {
    "no interim answer": (OK, 200),
    "100": (CONTINUE + OK, 200),
    "102": (PROCESSING + OK, 200),
    "103": (HINTS + OK, 200),
    "an unknown one": (UNKNOWN + OK, 200),
    "several": (CONTINUE + PROCESSING * 3 + HINTS * 2 + CONTINUE + OK, 200),
    "before a refusal": (HINTS + TOO_MANY, 429),
    "before a redirect": (PROCESSING + MOVED, 308),
    "before an empty answer": (HINTS + b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    "no interim answer, but another protocol": (SWITCHING + OK, 101),
    "an interim answer after the final one": (LATER + HINTS + OK, 504),
    "no length": (b"HTTP/1.1 200 OK\r\n\r\nok", 200),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
    "chunks that are none": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok", 200),
    "crumbs": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1;x=yyyyy\r\nk\r\n" * 70_000, 200),
    "a length that is none": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", 200),
    "fewer bytes than promised": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 200),
}
FAILURES = {
    "nothing": (b"", "RemoteDisconnected: Remote end closed connection without response"),
    "nothing after an interim answer": (HINTS, "RemoteDisconnected: Remote end closed connection without response"),
    "half a head": (b"HTTP/1.1 200 OK\r\nX-A: b\r\n", "RemoteDisconnected: the answer ended in the middle"),
    "half an interim head": (HINTS + b"HTTP/1.1 102 Processing\r\nX", "RemoteDisconnected: Remote end closed"),
    "HTTP/0.9": (b"<html>\0\r\n</html>", "BadStatusLine: the answer is no HTTP/1: <html>\ufffd"),
    "HTTP/2": (b"HTTP/2.0 200 OK\r\n\r\n", "UnknownProtocol: the answer is no HTTP/1: HTTP/2.0"),
    "a status that is none": (b"HTTP/1.1 OK\r\n\r\n", "BadStatusLine: the answer is no HTTP/1: HTTP/1.1 OK"),
    "a body in an interim answer": (HINTS + b"{}\r\n" + OK, "BadStatusLine: the answer is no HTTP/1: {}"),
    "a long header": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "LineTooLong: got more than 65536"),
    "many headers": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n", "HTTPException: got more than 100"),
}  # fmt: skip


def saying(said: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(said)

    return speak


def try_it(client: FlaskClient, headers: dict[str, str], url: str) -> dict[str, Any]:
    """What `POST /webhooks/{id}/test` tells of a webhook to the URL."""
    hook = make_hook(client, headers, url)
    answer = client.post(f"{HOOKS}/{hook['id']}/test", headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_an_answer_is_read_to_its_final_status(client: FlaskClient, admin: dict[str, str]) -> None:
    for case, (said, status) in ANSWERS.items():
        with speaking(saying(said)) as url:
            tried = try_it(client, admin, url)
        assert (tried["status"], tried["error"]) == (status, None), case


@both_databases
def test_what_is_no_answer_is_a_failure_with_its_reason(client: FlaskClient, admin: dict[str, str]) -> None:
    for case, (said, error) in FAILURES.items():
        with speaking(saying(said)) as url:
            tried = try_it(client, admin, url)
        assert tried["status"] is None, case
        assert tried["error"].startswith(error), case


def test_interim_answers_without_end_are_a_failure_soon(
    client: FlaskClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "TOTAL_S", 600.0)  # it is their number that ends it
    sent = 0

    def flood(endless: bytes, connection: socket.socket) -> None:
        nonlocal sent
        hear(connection)
        while sent < 10**9:
            sent += connection.send(endless * 100)

    for endless in (CONTINUE, HINTS, UNKNOWN, CONTINUE + PROCESSING + HINTS):
        with speaking(partial(flood, endless)) as url:
            tried = try_it(client, admin, url)
        assert (tried["status"], tried["error"]) == (None, "HTTPException: the answer has more than 131072 bytes")
    assert sent < 10**9


@pytest.mark.parametrize("said", [TOO_MANY, HINTS + LATER], ids=["at once", "with hints"])
def test_an_answer_that_comes_before_the_body_counts(client: FlaskClient, admin: dict[str, str], said: bytes) -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(said)  # and closes with the request unread, which resets the connection

    with speaking(speak) as url:
        statuses = {try_it(client, admin, url)["status"] for _ in range(5)}
    assert statuses == {429 if said is TOO_MANY else 504}


def test_news_is_told_once_to_who_answers_by_hints_first(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    heard: list[bytes] = []
    said = [HINTS + LATER, CONTINUE + HINTS + OK]

    def speak(connection: socket.socket) -> None:
        heard.append(hear(connection))
        with suppress(IndexError):
            connection.sendall(said.pop(0))

    with speaking(speak) as url:
        hook = make_hook(client, admin, url)
        create_text(client, admin)
        assert deliver_due(ctx) == 1
        retry_now(ctx)
        assert [deliver_due(ctx), deliver_due(ctx)] == [1, 0]
    assert [json.loads(one.partition(b"\r\n\r\n")[2])["type"] for one in heard] == ["content.changed"] * 2
    attempts = client.get(f"{HOOKS}/{hook['id']}/deliveries", headers=admin).get_json()["items"]
    assert [attempt["status"] for attempt in attempts] == [200, 504]
    assert client.get(f"{HOOKS}/{hook['id']}", headers=admin).get_json()["failures"] == 0
