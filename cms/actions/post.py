"""Sends one POST to somebody else's server.

The address that was checked is the one that is connected to; redirects are not followed; little of the answer is read.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import urllib3

from cms.errors import Invalid, Problem
from cms.model.address import is_public

CONNECT_S = 3.0
TOTAL_S = 15.0
READ_BYTES = 65_536
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None, and `error` says why, when there was no answer."""

    status: int | None
    error: str | None
    duration_ms: int
    retry_after: str | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def check_url(url: str, *, allow_private: bool) -> None:
    """Refuse a URL that deliveries must not go to; a name that does not resolve now may do so later."""
    try:
        parts = urlsplit(url)
        problem = _check_parts(parts, allow_private=allow_private)
    except ValueError:
        problem = "is no URL"
    if problem is None and not allow_private:
        try:
            public = all(is_public(address) for address in _resolve(parts))
        except OSError:
            public = True
        problem = None if public else "leads to an address that is not public"
    if problem is not None:
        raise Invalid("Webhooks cannot go there.", problems=[Problem("/url", problem, "url")])


def post(url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> Answer:
    """Send it and wait at most `TOTAL_S`; never raises for what the other side does."""
    started = time.monotonic()
    try:
        check_url(url, allow_private=allow_private)
        status, retry_after = _send(urlsplit(url), headers, body, allow_private=allow_private)
        return Answer(status, None, _since(started), retry_after)
    except Invalid as error:
        return Answer(None, f"blocked_address: {error.problems[0].detail}", _since(started))
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        return Answer(None, f"{type(error).__name__}: {error}"[:300], _since(started))


def _check_parts(parts: SplitResult, *, allow_private: bool) -> str | None:
    if parts.scheme not in PORTS or not parts.hostname or any(c.isspace() for c in parts.geturl()):
        return "is no https:// URL"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "has a user name, password or fragment"
    port = parts.port or PORTS[parts.scheme]
    if not allow_private and (parts.scheme != "https" or port != 443):
        return "must be https:// on its usual port"
    return None


def _resolve(parts: SplitResult) -> list[str]:
    port = parts.port or PORTS[parts.scheme]
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _send(
    parts: SplitResult, headers: Mapping[str, str], body: bytes, *, allow_private: bool
) -> tuple[int, str | None]:
    addresses = _resolve(parts)
    if not allow_private and not all(is_public(address) for address in addresses):
        raise Invalid("", problems=[Problem("/url", "leads to an address that is not public", "url")])
    timeout = urllib3.Timeout(connect=CONNECT_S, read=TOTAL_S - CONNECT_S, total=TOTAL_S)
    target = parts.path or "/"
    with _pool(parts, addresses[0], timeout) as pool:
        answer = pool.urlopen(
            "POST",
            f"{target}?{parts.query}" if parts.query else target,
            body=body,
            headers={**headers, "Host": parts.netloc, "Accept-Encoding": "identity"},
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        answer.read(READ_BYTES, decode_content=False)
        answer.close()
        return answer.status, answer.headers.get("Retry-After")


def _pool(parts: SplitResult, address: str, timeout: urllib3.Timeout) -> urllib3.HTTPConnectionPool:
    port = parts.port or PORTS[parts.scheme]
    if parts.scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    return urllib3.HTTPSConnectionPool(
        address, port, timeout=timeout, server_hostname=parts.hostname, assert_hostname=parts.hostname
    )


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
