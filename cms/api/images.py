"""Routes of photos: list, one, upload, delete."""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
from pathlib import Path
from typing import Any

from flask import Response, request
from werkzeug.datastructures import FileStorage

from cms.actions import lookup, photos
from cms.actions.photos import Place, Stored, Upload
from cms.api import auth, schemas
from cms.api.conditional import expected_version, reply, respond
from cms.api.parsing import Blueprint, context
from cms.database import articles, images
from cms.database.engine import read
from cms.errors import Invalid, Malformed, NotFound, Problem, TooLarge, UnsupportedType
from cms.model.limits import MIB
from cms.model.pointer import pointer
from cms.model.published import to_json

blp = Blueprint("images", __name__, url_prefix="/api/v1", description="Photos")

_FORM = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "article": {"type": "string", "description": "the article they belong to, as in blog/en/14-post"},
        "folder": {"type": "string", "description": "or a folder below src/assets"},
    },
}


@blp.route("/images")
@blp.arguments(schemas.ImageQuery, location="query")
@blp.response(200, schemas.ImagePage)
@blp.alt_response(304, description="You have it already")
def list_images(query: dict[str, Any]) -> Response:
    """List photos in the order of their paths, a page at a time."""
    auth.require_read()
    limit = query["limit"]
    with read(context().database) as tx:
        after = _decode_cursor(query.get("cursor"))
        rows = images.page(tx, query.get("folder"), after, limit + 1, is_unused=query["unused"])
    cursor = _encode_cursor(rows[limit - 1].path) if len(rows) > limit else None
    items = ",".join(row.json for row in rows[:limit])
    return respond(f'{{"items":[{items}],"next_cursor":{to_json(cursor)}}}')


@blp.route("/images/<path:path>")
@blp.response(200, schemas.UsedImage)
@blp.alt_response(304, description="You have it already")
def get_image(path: str) -> Response:
    """Get what is known of one photo, and which articles show it."""
    auth.require_read()
    with read(context().database) as tx:
        row = images.get(tx, path)
        users = [user for user in articles.showing(tx, path) if lookup.is_visible(auth.actor(), user)]
    if row is None:
        raise NotFound(f"There is no photo {path}.")
    shown = {**json.loads(row.json), "used_by": [f"{user.collection}/{user.id}" for user in users]}
    return respond(to_json(shown), version=row.sha256)


@blp.route("/images", methods=["POST"])
@blp.doc(requestBody={"required": True, "content": {"multipart/form-data": {"schema": _FORM}}})
@blp.response(201, schemas.StoredImages)
def upload_images() -> Response:
    """Upload photos for an article or into a folder; all are stored, or none."""
    actor = auth.actor()
    if not actor.may_somewhere("images:write"):
        actor.require("images:write")
    sent = _files()
    with tempfile.TemporaryDirectory(prefix="cms-upload-") as folder:
        files = [_saved(file, Path(folder) / str(number)) for number, file in enumerate(sent)]
        stored = photos.upload(context(), actor, _place(), files)
    return reply({"items": [_shown(item) for item in stored]}, 201)


@blp.route("/images/<path:path>", methods=["DELETE"])
@blp.response(204)
def delete_image(path: str) -> Response:
    """Delete a photo (If-Match) that no article shows."""
    auth.actor().require("images:write")
    photos.delete(context(), auth.actor(), path, expected_version())
    return Response(status=204)


def _files() -> list[FileStorage]:
    limits = context().settings.limits
    if request.mimetype != "multipart/form-data":
        raise UnsupportedType("Send the photos as multipart/form-data, each as a part named files.")
    request.max_content_length = limits.request_files * limits.photo_bytes + MIB
    request.max_form_parts = limits.request_files + 10
    others = sorted({*request.files, *request.form} - {"files", "article", "folder"})
    if others:
        found = [Problem(pointer(name), "is no part of this", "unknown") for name in others]
        raise Invalid("The form has parts that cannot be accepted.", problems=found)
    files = request.files.getlist("files")
    if not files:
        raise Invalid("There are no photos.", problems=[Problem("/files", "send at least one file", "required")])
    if len(files) > limits.request_files:
        raise TooLarge(f"At most {limits.request_files} photos are taken at once; send the others after them.")
    return files


def _saved(file: FileStorage, path: Path) -> Upload:
    """The sent photo in a file, one byte more of it than is accepted at most."""
    left = context().settings.limits.photo_bytes + 1
    with path.open("wb") as out:
        while chunk := file.stream.read(min(left, MIB)):
            out.write(chunk)
            left -= len(chunk)
    return Upload(file.filename or "photo", path)


def _place() -> Place:
    article, folder = request.form.get("article"), request.form.get("folder")
    if "\0" in f"{article}{folder}":
        raise Invalid(
            "No name holds NUL.", problems=[Problem("/article" if article else "/folder", "holds NUL", "nul")]
        )
    if (article is None) == (folder is None):
        detail = "name the article the photos are for, or a folder"
        raise Invalid("Where do the photos go?", problems=[Problem("/article", detail, "required")])
    if article is not None:
        return photos.place_for_article(context(), auth.actor(), article)
    return photos.place_for_folder(context(), auth.actor(), str(folder))


def _shown(stored: Stored) -> dict[str, Any]:
    return {**json.loads(stored.row.json), "ref": stored.ref, "markdown": stored.markdown}


def _encode_cursor(path: str) -> str:
    return base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")


def _decode_cursor(text: str | None) -> str | None:
    try:
        return None if text is None else base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
    except (ValueError, binascii.Error) as error:
        raise Malformed("This cursor belongs to no such list; start again without one.", code="cursor") from error
