"""Sends one POST to somebody else's server.

The address that was checked is the one that is connected to; redirects are not followed; little of the answer is read;
from the first byte of the connection to the last of the answer it takes `TOTAL_S` at most.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

from cms.actions import http_answer
from cms.errors import Invalid, Problem
from cms.model.address import is_public

CONNECT_S = 3.0
TOTAL_S = 15.0
SHOWN_BYTES = 1024
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None, and `error` says why, when there was no answer; `text` is how its body begins."""

    status: int | None
    error: str | None
    duration_ms: int
    retry_after: str | None = None
    text: str | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Place:
    """One address that a name leads to, as `getaddrinfo` gives it."""

    family: socket.AddressFamily
    address: tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where deliveries may go: to private addresses too, or else not there nor to `own_host`, which is ourselves."""

    allow_private: bool = False
    own_host: str | None = None


def check_url(url: str, bounds: Bounds) -> None:
    """Refuse a URL that deliveries must not go to; a name that does not resolve now may do so later."""
    with suppress(OSError):
        _places(_split(url, bounds), bounds)


def post(url: str, headers: Mapping[str, str], body: bytes, bounds: Bounds) -> Answer:
    """Send it and wait; never raises for what the other side does."""
    started = time.monotonic()
    try:
        parts = _split(url, bounds)
        places = _places(parts, bounds)
        status, retry_after, data = _exchange(parts, places, headers, body)
    except Invalid as error:
        return Answer(None, f"blocked_address: {error.problems[0].detail}", _since(started))
    except (http.client.HTTPException, OSError, ValueError) as error:
        return Answer(None, f"{type(error).__name__}: {http_answer.reason(error)}"[:300], _since(started))
    text = data[:SHOWN_BYTES].decode(errors="replace").replace("\0", "\ufffd")
    return Answer(status, None, _since(started), retry_after, text)


def _split(url: str, bounds: Bounds) -> SplitResult:
    try:
        parts = urlsplit(url)
        problem = _problem_of(url, parts, bounds)
    except ValueError:
        problem = "is no URL"
    if problem is not None:
        raise _blocked(problem)
    return parts


def _problem_of(url: str, parts: SplitResult, bounds: Bounds) -> str | None:
    # urlsplit itself takes line ends out of a URL, silently.
    if not url.isascii() or not url.isprintable() or " " in url:
        return "has characters that no URL has; write names in punycode and the rest with percent signs"
    if parts.scheme not in PORTS or not _host(parts) or "%" in _host(parts):
        return "is no https:// URL"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "has a user name, password or fragment"
    port = _port(parts)  # raises ValueError for one that no port can have
    if bounds.allow_private:
        return None
    if parts.scheme != "https" or port != PORTS["https"]:
        return "must be https:// on its usual port"
    return "is this service itself" if _host(parts) == bounds.own_host else None


def _places(parts: SplitResult, bounds: Bounds) -> list[_Place]:
    """Where the name leads to, all of it public; the only look-up there is."""
    try:
        found = socket.getaddrinfo(_host(parts), _port(parts), type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label is empty or too long
        raise _blocked("is no URL") from error
    places = [_Place(family, address) for family, _, _, _, address in found if isinstance(address[0], str)]
    if not bounds.allow_private and not all(is_public(place.address[0]) for place in places):
        raise _blocked("leads to an address that is not public")
    return places


def _blocked(detail: str) -> Invalid:
    return Invalid("Webhooks cannot go there.", problems=[Problem("/url", detail, "url")])


def _exchange(
    parts: SplitResult, places: list[_Place], headers: Mapping[str, str], body: bytes
) -> tuple[int, str | None, bytes]:
    """Status, `Retry-After` and the beginning of the body."""
    deadline = time.monotonic() + TOTAL_S
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    with _connect(places, deadline) as plain, _ended_at(deadline, plain):
        connection = http.client.HTTPConnection(parts.netloc, timeout=TOTAL_S)
        connection.sock = _tls().wrap_socket(plain, server_hostname=_host(parts)) if parts.scheme == "https" else plain
        with connection.sock as line:
            connection.putrequest("POST", target, skip_accept_encoding=True)
            sent = {**headers, "Accept-Encoding": "identity", "Content-Length": str(len(body)), "Connection": "close"}
            for name, value in sent.items():
                connection.putheader(name, value)
            with suppress(ConnectionError):  # who refuses the request may answer and close before it is all there
                connection.endheaders(body)
            with http_answer.read_head(line) as answer:
                return answer.status, answer.headers.get("Retry-After"), http_answer.read_beginning(answer)


def _connect(places: list[_Place], deadline: float) -> socket.socket:
    """A connection to the first of the addresses that takes one."""
    last: OSError = OSError("the name has no address")
    for place in places:
        connection = socket.socket(place.family, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(0.01, min(CONNECT_S, deadline - time.monotonic())))
            connection.connect(place.address)
        except OSError as error:
            connection.close()
            last = error
        else:
            connection.settimeout(TOTAL_S)
            return connection
    raise last


@contextmanager
def _ended_at(deadline: float, connection: socket.socket) -> Iterator[None]:
    """Cut the connection then: a time-out of the socket begins anew with each byte that drips in."""
    with connection.dup() as guard:

        def cut() -> None:
            with suppress(OSError):  # the other side was faster
                guard.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(0, deadline - time.monotonic()), cut)
        timer.start()
        try:
            yield
        except (http.client.HTTPException, OSError) as error:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"no answer within {TOTAL_S:g} s") from error
            raise
        finally:
            timer.cancel()
            timer.join()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _host(parts: SplitResult) -> str:
    """The name without the dot at its end, which certificates do not have."""
    return (parts.hostname or "").removesuffix(".")


def _port(parts: SplitResult) -> int:
    """Return the port; raise ValueError for a number that no port has."""
    if parts.port == 0:
        raise ValueError("0 is no port")
    return parts.port or PORTS[parts.scheme]


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
