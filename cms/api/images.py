"""Routes of photos: list, one, upload, replace, say what they show, delete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from flask import Response, request
from werkzeug.datastructures import FileStorage

from cms.actions import lookup, photos, places, scratch, upload
from cms.actions.answers import Claim
from cms.actions.develop import Upload
from cms.actions.upload import Stored
from cms.api import auth, cursors, idempotency
from cms.api.cache import keep
from cms.api.conditional import etag_of, expected_version, reply, respond
from cms.api.parsing import MERGE_PATCH, Blueprint, context, load, strict_json
from cms.api.schemas import images as schemas
from cms.api.schemas.common import MessageQuery
from cms.database import images
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import Invalid, Malformed, Problem, TooLarge, UnsupportedType
from cms.model.limits import MIB
from cms.model.photo import ACCEPTED_TYPES
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
        "keep_credit": {"enum": ["true", "false"], "description": "keep who took it and whose it is, as fields"},
    },
}
_PHOTO = {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ACCEPTED_TYPES}}


@blp.route("/images")
@blp.arguments(schemas.ImageQuery, location="query")
@blp.response(200, schemas.ImagePage)
@blp.alt_response(304, description="You have it already")
def list_images(query: dict[str, Any]) -> Response:
    """List photos in the order of their paths, a page at a time."""
    auth.require_read()
    limit = query["limit"]
    after = cursors.decode(query["cursor"], [str])[0] if "cursor" in query else None
    wanted = images.Wanted(query.get("folder"), query["unused"], lookup.sight(auth.actor()))
    with read(context().database) as tx:
        rows = images.page(tx, wanted, after, limit + 1)
    cursor = cursors.encode([rows[limit - 1].path]) if len(rows) > limit else None
    items = ",".join(row.json for row in rows[:limit])
    return keep(respond(f'{{"items":[{items}],"next_cursor":{to_json(cursor)}}}'))


@blp.route("/images/<path:path>")
@blp.response(200, schemas.UsedImage)
@blp.alt_response(304, description="You have it already")
def get_image(path: str) -> Response:
    """Get what is known of one photo, and which articles show it."""
    auth.require_read()
    with read(context().database) as tx:
        row = lookup.photo(tx, auth.actor(), path)
        users = lookup.users(tx, auth.actor(), path)
    shown = {**json.loads(row.json), "used_by": users}
    return keep(respond(to_json(shown), version=shown["version"]))


@blp.route("/images", methods=["POST"])
@blp.doc(requestBody={"required": True, "content": {"multipart/form-data": {"schema": _FORM}}})
@blp.arguments(MessageQuery, location="query")
@blp.response(201, schemas.StoredImages)
def upload_images(query: dict[str, Any]) -> Response:
    """Upload photos for an article or into a folder; all are stored, or none."""
    actor = auth.actor()
    actor.require_somewhere("images:write")
    sent, form = _files(), request.form
    places.require(actor, form.get("article"))
    keep_credit = _keep_credit()
    with scratch.folder() as folder:
        files = [_saved(file, number, folder / str(number)) for number, file in enumerate(sent)]

        def answer(_: Claim | None) -> Response:
            place = places.choose(context(), actor, form.get("article"), form.get("folder"))
            sending = upload.Sending(actor, keep_credit, query.get("message"))
            stored = upload.upload(context(), sending, place, files)
            return reply({"items": [shown(item) for item in stored]}, 201)

        def asked() -> list[str]:
            fields = [f"{name}={value}" for name, value in sorted(form.items())]
            return [*fields, *map(idempotency.file_digest, files)]

        return idempotency.once(asked, answer)


@blp.route("/images/<path:path>", methods=["PUT"])
@blp.doc(requestBody={"required": True, **_PHOTO})
@blp.arguments(MessageQuery, location="query")
@blp.response(200, schemas.Image)
def replace_image(query: dict[str, Any], path: str) -> Response:
    """Put another photo in its place (If-Match); the old one can be restored for 30 days."""
    auth.actor().require_somewhere("images:write")
    expect = expected_version()
    if request.mimetype not in ACCEPTED_TYPES:
        raise UnsupportedType(f"Send the photo itself as the body, as {', '.join(ACCEPTED_TYPES)}.")
    most = context().settings.limits.photo_bytes
    request.max_content_length = most + MIB
    with scratch.folder() as folder:
        file = Upload(path.rpartition("/")[2], folder / "photo")
        _copy(request.stream, file.path, most + 1)
        return changed(photos.replace(context(), auth.actor(), path, expect, file, query.get("message")))


@blp.route("/images/<path:path>", methods=["PATCH"])
@blp.doc(
    requestBody={
        "required": True,
        "content": {MERGE_PATCH: {"schema": {"$ref": "#/components/schemas/ImagePatch"}}},
    }
)
@blp.arguments(MessageQuery, location="query")
@blp.response(200, schemas.Image)
def describe_image(query: dict[str, Any], path: str) -> Response:
    """Say what a photo shows and whose it is (If-Match): alt texts, captions, credit, copyright, focal point."""
    auth.actor().require_somewhere("images:write")
    said = load(schemas.ImagePatch(), strict_json(request, MERGE_PATCH))
    message = query.get("message")
    return changed(photos.describe(context(), auth.actor(), path, expected_version(), said, message))


@blp.route("/images/<path:path>", methods=["DELETE"])
@blp.arguments(MessageQuery, location="query")
@blp.response(204)
def delete_image(query: dict[str, Any], path: str) -> Response:
    """Delete a photo (If-Match) that no article shows; it can be restored for 30 days."""
    auth.actor().require("images:write")
    photos.delete(context(), auth.actor(), path, expected_version(), query.get("message"))
    return Response(status=204)


def changed(row: AnyRow) -> Response:
    """The photo after a change, with its new tag."""
    response = Response(row.json, content_type="application/json")
    response.headers["ETag"] = etag_of(json.loads(row.json)["version"], row.json.encode())
    return response


def shown(stored: Stored) -> dict[str, Any]:
    return {**json.loads(stored.row.json), "ref": stored.ref, "markdown": stored.markdown}


def _files() -> list[FileStorage]:
    limits = context().settings.limits
    if request.mimetype != "multipart/form-data":
        raise UnsupportedType("Send the photos as multipart/form-data, each as a part named files.")
    if not request.mimetype_params.get("boundary"):
        raise Malformed("The Content-Type of the form names no boundary; let the client write that header.")
    request.max_content_length = limits.form_bytes
    request.max_form_parts = limits.request_files + 10
    names = {name or "" for name in (*request.files, *request.form)}  # a part may have none
    others = sorted(names - {"files", "article", "folder", "keep_credit"})
    if others:
        found = [Problem(pointer(name), "is no part of this", "unknown") for name in others]
        raise Invalid("The form has parts that cannot be accepted.", problems=found)
    files = request.files.getlist("files")
    if not files:
        raise Invalid("There are no photos.", problems=[Problem("/files", "send at least one file", "required")])
    if len(files) > limits.request_files:
        raise TooLarge(f"At most {limits.request_files} photos are taken at once; send the others after them.")
    return files


def _keep_credit() -> bool:
    value = request.form.get("keep_credit", "false")
    if value not in ("true", "false"):
        raise Invalid("Is the credit kept?", problems=[Problem("/keep_credit", "write true or false", "invalid")])
    return value == "true"


def _saved(file: FileStorage, number: int, path: Path) -> Upload:
    """The sent photo in a file, one byte more of it than is accepted at most."""
    _copy(file.stream, path, context().settings.limits.photo_bytes + 1)
    return Upload(file.filename or "photo", path, f"/files/{number}")


def _copy(source: IO[bytes], path: Path, most: int) -> None:
    left = most
    with path.open("wb") as out:
        while left and (chunk := source.read(min(left, MIB))):
            out.write(chunk)
            left -= len(chunk)
