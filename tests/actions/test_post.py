"""What the other side of a delivery can do to us: nothing, and not for long."""

from __future__ import annotations

import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cms.actions import post as sending
from cms.actions.post import Answer, Bounds, check_url, post
from cms.errors import Invalid
from tests.certificates import make_certificate
from tests.receiver import Receiver, hear, receiving, speaking

PUBLIC = "93.184.216.34"


def send(url: str) -> Answer:
    return post(url, {"x": "y"}, b"{}", Bounds(allow_private=True))


class Network:
    """Sees every connection that is begun, and lets none be made while it watches."""

    def __init__(self) -> None:
        self.is_watching = False
        self.reached: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_watching and event == "socket.connect":
            self.reached.append(arguments[1][0])
            raise ConnectionRefusedError("there is no network in this test")


NETWORK = Network()


@pytest.fixture
def network() -> Iterator[Network]:
    NETWORK.is_watching = True
    NETWORK.reached.clear()
    yield NETWORK
    NETWORK.is_watching = False


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str] | OSError) -> list[str]:
    """A name server with these answers, one after the other, the last without end; returns what it was asked."""
    asked: list[str] = []

    def answer(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        if isinstance(found, OSError):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_the_address_that_was_checked_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    """AC-22."""
    asked = resolve_to(monkeypatch, [PUBLIC], ["127.0.0.1"])
    answer = post("https://rebinding.example/", {}, b"", Bounds())
    assert answer.error == "ConnectionRefusedError: there is no network in this test"
    assert (asked, network.reached) == (["rebinding.example"], [PUBLIC])


def test_one_private_address_among_twenty_is_enough_to_be_blocked(
    monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    """AC-22."""
    resolve_to(monkeypatch, [PUBLIC] * 19 + ["10.0.0.1"])
    answer = post("https://mixed.example/", {}, b"", Bounds())
    assert (answer.status, answer.error) == (None, "blocked_address: leads to an address that is not public")
    with pytest.raises(Invalid):
        check_url("https://mixed.example/", Bounds())
    assert network.reached == []


def test_a_name_that_did_not_resolve_when_it_was_checked_is_checked_again(
    monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    """AC-22."""
    resolve_to(monkeypatch, socket.gaierror(-2, "Name or service not known"), ["169.254.169.254"])
    check_url("https://later.example/", Bounds())
    answer = post("https://later.example/", {}, b"", Bounds())
    assert answer.error is not None
    assert answer.error.startswith("blocked_address")
    assert network.reached == []


def test_the_next_address_is_tried_where_one_refuses(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    places = sending._places
    monkeypatch.setattr(
        sending, "_places", lambda *a, **o: [sending._Place(socket.AF_INET, ("127.0.0.1", 1)), *places(*a, **o)]
    )
    assert send(receiver.url).status == 204


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(receiver: Receiver, status: int) -> None:
    """AC-23."""
    with receiving() as elsewhere:
        receiver.statuses, receiver.headers = [status], {"Location": elsewhere.url}
        answer = send(receiver.url)
        assert (answer.status, answer.is_success) == (status, False)
        assert elsewhere.messages == []


def test_an_endless_answer_is_read_no_further_than_64_kilobytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """AC-24."""
    monkeypatch.setattr(sending, "TOTAL_S", 60.0)
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        hear(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\nContent-Encoding: gzip\r\n\r\n")
        while sent < 10**9:
            sent += connection.send(b"\0" * 65536)

    with speaking(flood) as url:
        answer = send(url)
    assert (answer.status, answer.text) == (200, "\ufffd" * 1024)
    assert sent < 10**9


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 100 Continue\r\n\r\n" * 3])
def test_an_answer_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    """AC-24."""
    monkeypatch.setattr(sending, "TOTAL_S", 0.4)

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(4000):
            connection.sendall(b"H")
            time.sleep(0.05)

    with speaking(drip) as url:
        answer = send(url)
    assert (answer.status, answer.error) == (None, "TimeoutError: no answer within 0.4 s")
    assert 300 < answer.duration_ms < 100_000


def test_a_body_that_drips_does_not_undo_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TOTAL_S", 0.4)

    def drip(connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(4000):
            connection.sendall(b"z")
            time.sleep(0.05)

    with speaking(drip) as url:
        answer = send(url)
    assert (answer.status, answer.error) == (202, None)
    assert answer.duration_ms < 100_000


@pytest.mark.parametrize(
    "said", [b"", b"\x00\xff" * 50, b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500]
)
def test_nonsense_is_an_attempt_with_an_error(said: bytes) -> None:
    def speak(connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(said)

    with speaking(speak) as url:
        answer = send(url)
    assert answer.status is None
    assert answer.error


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path)


def test_tls_is_verified_by_the_name_though_the_address_is_connected_to(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def speak(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            heard.append(hear(encrypted))
            encrypted.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with speaking(speak) as url:
        port = url.rstrip("/").rpartition(":")[2]
        answer = send(f"https://localhost:{port}/")
        assert answer.error is not None
        assert answer.error.startswith("SSLCertVerificationError")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        sending._tls.cache_clear()
        try:
            assert send(f"https://localhost:{port}/").status == 204
            other = send(f"https://127.0.0.1:{port}/")
        finally:
            sending._tls.cache_clear()
        assert other.status is None
    assert len(heard) == 1
    assert b"\r\nHost: localhost:" in heard[0]
