"""Asks for what lies in a bucket or behind its CDN as the public does: over HTTP, without credentials."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import HTTPError

_TIMEOUT = urllib3.Timeout(connect=5, read=10)
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """The status, None when no answer came and `cause` names the error; the SHA-256 of the body in hex."""

    status: int | None
    cause: str = ""
    sha256: str = ""

    def __str__(self) -> str:
        return self.cause if self.status is None else str(self.status)


def get(url: str, size: int) -> Answer:
    """Fetch the URL, following redirects; of a body that is longer than `size` bytes, little more than these."""
    digest = hashlib.sha256()
    try:
        answer = urllib3.request("GET", url, timeout=_TIMEOUT, preload_content=False, decode_content=False)
        with answer:
            for chunk in answer.stream(_CHUNK):
                digest.update(chunk)
                size -= len(chunk)
                if size < 0:
                    break
    except HTTPError as error:
        return Answer(None, _name(error))
    return Answer(answer.status, sha256=digest.hexdigest())


def put(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        answer = urllib3.request("PUT", url, body=body, headers=headers, timeout=_TIMEOUT, retries=False)
    except HTTPError as error:
        return Answer(None, _name(error))
    return Answer(answer.status)


def may_put_from(url: str, origin: str, headers: Mapping[str, str]) -> bool:
    """Return whether a browser lets a page of the origin PUT there with these headers (a CORS preflight)."""
    names = ", ".join(headers).lower()
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": names}
    try:
        answer = urllib3.request("OPTIONS", url, headers=asked, timeout=_TIMEOUT, retries=False)
    except HTTPError:
        return False
    allowed = {
        what: {word.strip().lower() for word in answer.headers.get(f"Access-Control-Allow-{what}", "").split(",")}
        for what in ("Origin", "Methods", "Headers")
    }
    return (
        200 <= answer.status < 300
        and not allowed["Origin"].isdisjoint({"*", origin.lower()})
        and not allowed["Methods"].isdisjoint({"*", "put"})
        and all(name.lower() in allowed["Headers"] or "*" in allowed["Headers"] for name in headers)
    )


def _name(error: Exception) -> str:
    """Return the name of the error that began it: those of urllib3 wrap it, and repeat the URL."""
    reason = getattr(error, "reason", None)
    return _name(reason) if isinstance(reason, Exception) else type(error).__name__
