"""Entity tags: `"<version>-<digest of this representation>"`.

`If-None-Match` compares all of it; `If-Match` the version alone, so that a new representation of the same version
never makes a save fail. Marks that proxies add (`W/`, coding suffixes) are ignored.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from flask import Response, request

from cms.errors import Invalid, Malformed, VersionRequired
from cms.model.published import to_json

_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*')


def etag_of(version: str | None, body: bytes) -> str:
    """Weak where there is no version."""
    digest = hashlib.sha256(body).hexdigest()
    return f'"{version}-{digest[:16]}"' if version else f'W/"{digest[:32]}"'


def respond(
    body: str | bytes, *, version: str | None = None, etag: str | None = None, media_type: str = "application/json"
) -> Response:
    """The body with its tag (weak where there is no version), or 304 when the client has it already."""
    data = body.encode() if isinstance(body, str) else body
    if etag is None:
        etag = etag_of(version, data)
    response = Response(data, content_type=media_type)
    response.headers["ETag"] = etag
    return not_modified(response) if is_known(etag) else response


def reply(value: dict[str, Any], status: int = 200) -> Response:
    """JSON that nobody caches, without a tag."""
    return Response(to_json(value), status, content_type="application/json")


def reply_list(items: list[dict[str, Any]]) -> Response:
    """A list that has no further pages."""
    return reply({"items": items, "next_cursor": None})


def is_known(etag: str) -> bool:
    """Whether the client says that it has this representation."""
    return request.method in ("GET", "HEAD") and matches(request.headers.get("If-None-Match", ""), etag)


def matches(header: str, etag: str) -> bool:
    """Whether `If-None-Match` names the entity tag."""
    if not header or len(header) > 8000:
        return False
    return header.strip() == "*" or _plain(etag) in {_plain(tag) for tag in re.findall(r'(?:W/)?"[^"]*"', header)}


def not_modified(response: Response) -> Response:
    response.status_code = 304
    response.set_data(b"")
    del response.headers["Content-Length"], response.headers["Content-Type"]
    return response


def expected_version() -> str:
    """The version that `If-Match` names; `VersionRequired` when it names none."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        new = " To create it, send If-None-Match: *." if request.method == "PUT" else ""
        raise VersionRequired(f"Name the version you start from: send its ETag as If-Match.{new}")
    match = _TAG.fullmatch(header)
    if match is None:
        raise Malformed('If-Match takes one entity tag in quotes, as in If-Match: "…".', code="if_match")
    return match[1].partition("-")[0]


def preferences() -> set[str]:
    """What `Prefer` (RFC 7240) asks for, as in `return=minimal`; unknown preferences are ignored, as they must be."""
    given = ",".join(request.headers.getlist("Prefer"))
    return {part.replace(" ", "").replace('"', "").lower() for part in re.split("[,;]", given)}


def minimal(status: int = 204) -> Response:
    """The answer to `Prefer: return=minimal`."""
    return Response(status=status, headers={"Preference-Applied": "return=minimal"})


def wants_new() -> bool:
    """Whether the client asks to create only: `If-None-Match: *`."""
    header = request.headers.get("If-None-Match")
    if header is None:
        return False
    if header.strip() != "*":
        raise Invalid("To create, send If-None-Match: *; to change, If-Match with the version.", code="if_none_match")
    return True


def _plain(tag: str) -> str:
    return re.sub(r"-(gzip|br|zstd)$", "", tag.removeprefix("W/").strip('"'))
