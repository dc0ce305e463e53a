"""Serves photos' bytes, where no bucket or CDN does."""

from __future__ import annotations

import os

from flask import Blueprint, request
from werkzeug.wrappers import Response as WsgiResponse
from werkzeug.wsgi import wrap_file

from cms.actions import photos
from cms.api import auth
from cms.api.parsing import context
from cms.model.photo import MEDIA_TYPES

blp = Blueprint("media", __name__, url_prefix="/media")


@blp.get("/<path:path>")
def get_media(path: str) -> WsgiResponse:
    """The photo itself, with ranges and 304."""
    auth.require_read()
    row, stream = photos.open_photo(context(), path)
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    media_type = MEDIA_TYPES.get(row.format, "application/octet-stream")
    response = WsgiResponse(wrap_file(request.environ, stream), mimetype=media_type, direct_passthrough=True)
    response.call_on_close(stream.close)
    response.content_length = size
    response.set_etag(row.sha256)
    response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
