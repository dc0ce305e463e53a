"""Serves photos' bytes, where no bucket or CDN does."""

from __future__ import annotations

import io

from flask import Blueprint, request
from werkzeug.utils import send_file
from werkzeug.wrappers import Response as WsgiResponse

from cms.actions import photos
from cms.api import auth
from cms.api.parsing import context
from cms.model.photo import MEDIA_TYPES

blp = Blueprint("media", __name__, url_prefix="/media")


@blp.get("/<path:path>")
def get_media(path: str) -> WsgiResponse:
    """The photo itself, with ranges and 304."""
    auth.require_read()
    row, data = photos.open_photo(context(), path)
    response = send_file(
        io.BytesIO(data),
        request.environ,
        mimetype=MEDIA_TYPES.get(row.format, "application/octet-stream"),
        etag=row.sha256,
        conditional=True,
    )
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
