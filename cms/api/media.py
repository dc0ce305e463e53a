"""Serves photos' bytes, where no bucket or CDN does."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from flask import Blueprint, request
from werkzeug.wrappers import Response as WsgiResponse
from werkzeug.wsgi import wrap_file

from cms.actions import photo_files, renditions
from cms.api import auth
from cms.api.parsing import context
from cms.model.photo import MEDIA_TYPES

_DIGEST = re.compile(r"[0-9a-f]{64}")
_VARIANT = re.compile(r"[0-9]{2,5}\.(webp|avif)")

blp = Blueprint("media", __name__, url_prefix="/media")


@blp.get("/variants/<sha256>/<name>")
def get_variant(sha256: str, name: str) -> WsgiResponse:
    """A photo's variant; what has this address never changes."""
    auth.require_read()
    variant = _VARIANT.fullmatch(name)
    if not _DIGEST.fullmatch(sha256) or variant is None:
        return get_media(f"variants/{sha256}/{name}")
    response = _sent(renditions.open_variant(context(), sha256, name), MEDIA_TYPES[variant[1]], sha256[:32] + name)
    if context().settings.public_read:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@blp.get("/<path:path>")
def get_media(path: str) -> WsgiResponse:
    """The photo itself, with ranges and 304."""
    auth.require_read()
    row, stream = photo_files.open_photo(context(), path)
    return _sent(stream, MEDIA_TYPES.get(row.format, "application/octet-stream"), row.sha256)


def _sent(stream: BinaryIO, media_type: str, etag: str) -> WsgiResponse:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    response = WsgiResponse(wrap_file(request.environ, stream), mimetype=media_type, direct_passthrough=True)
    response.call_on_close(stream.close)
    response.content_length = size
    response.set_etag(etag)
    response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
