"""Routes of photos that clients put straight into the bucket."""

from __future__ import annotations

from typing import Any

from flask import Response

from cms.actions import direct_upload, places
from cms.actions.answers import Claim
from cms.actions.direct_upload import Announced, Begun
from cms.api import auth, idempotency
from cms.api.conditional import reply
from cms.api.images import shown
from cms.api.parsing import Blueprint, context
from cms.api.schemas import images as schemas
from cms.api.schemas.common import MessageQuery
from cms.model.published import timestamp

blp = Blueprint("uploads", __name__, url_prefix="/api/v1", description="Photos put straight into the bucket")


@blp.route("/uploads", methods=["POST"])
@blp.arguments(schemas.NewUploads)
@blp.response(201, schemas.BegunUploads)
def begin_uploads(body: dict[str, Any]) -> Response:
    """Announce photos; each gets a URL that takes a PUT of so many bytes of that type, for an hour."""
    actor = auth.actor()
    places.require(actor, body.get("article"))
    files = [Announced(**file) for file in body["files"]]

    def answer(_: Claim | None) -> Response:
        place = body.get("article"), body.get("folder")
        begun = direct_upload.begin(context(), actor, *place, files, body["keep_credit"])
        return reply({"items": [_shown(item) for item in begun]}, 201)

    # The answer is of use for as long as its URLs are.
    return idempotency.once(idempotency.body_digest, answer, direct_upload.URL_S / 2)


@blp.route("/uploads/<upload_id>/complete", methods=["POST"])
@blp.arguments(MessageQuery, location="query")
@blp.response(201, schemas.StoredImage)
def complete_upload(query: dict[str, Any], upload_id: str) -> Response:
    """Take in a photo that has arrived; to complete it again gives the same answer."""
    actor = auth.actor()
    actor.require_somewhere("images:write")
    return reply(shown(direct_upload.complete(context(), actor, upload_id, query.get("message"))), 201)


def _shown(item: Begun) -> dict[str, Any]:
    signed = {"method": "PUT", "url": item.url, "headers": item.headers}
    return {"id": item.id, **signed, "expires_at": timestamp(item.expires_at)}
