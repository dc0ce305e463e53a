"""Serves photos' bytes, where no bucket or CDN does."""

from __future__ import annotations

import re
from typing import IO, cast

from flask import Blueprint, request
from werkzeug.wrappers import Response as WsgiResponse
from werkzeug.wsgi import FileWrapper, LimitedStream, wrap_file

from cms.actions import media
from cms.actions.media import Found
from cms.api import auth
from cms.api.parsing import context
from cms.model.photo import MEDIA_TYPES

_DIGEST = re.compile(r"[0-9a-f]{64}")
_VARIANT = re.compile(r"[0-9]{2,5}(?:-2)?\.(webp|avif)")

blp = Blueprint("media", __name__, url_prefix="/media")


@blp.get("/variants/<sha256>/<name>")
def get_variant(sha256: str, name: str) -> WsgiResponse:
    """A photo's variant; what has this address never changes."""
    auth.require_read()
    variant = _VARIANT.fullmatch(name)
    if not _DIGEST.fullmatch(sha256) or variant is None:
        return get_media(f"variants/{sha256}/{name}")
    response = _sent(media.find_variant(context(), auth.actor(), sha256, name), MEDIA_TYPES[variant[1]])
    if context().settings.public_read:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@blp.get("/<path:path>")
def get_media(path: str) -> WsgiResponse:
    """The photo itself, with ranges and 304."""
    auth.require_read()
    found, kind = media.find_photo(context(), auth.actor(), path)
    return _sent(found, MEDIA_TYPES.get(kind, "application/octet-stream"))


def _sent(found: Found, media_type: str) -> WsgiResponse:
    response = WsgiResponse(mimetype=media_type, direct_passthrough=True)
    response.content_length = found.size
    response.set_etag(found.etag)
    response.make_conditional(request.environ, accept_ranges=True, complete_length=found.size)
    if request.method == "GET" and response.status_code in (200, 206):
        _fill(response, found)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _fill(response: WsgiResponse, found: Found) -> None:
    """Fetch what the answer holds, and no more."""
    start, stop = response.content_range.start, response.content_range.stop
    if start is None or stop is None:
        stream = found.open()
        response.response = wrap_file(request.environ, stream)
    else:
        stream = found.open(start, stop)
        # Handed to the server as it is, the limited stream would leave the other one open.
        response.direct_passthrough = False
        response.response = FileWrapper(cast(IO[bytes], LimitedStream(stream, stop - start)))
    response.call_on_close(stream.close)
