"""Route of a collection's translations: what is missing, and what is behind its source."""

from __future__ import annotations

from itertools import islice
from typing import Any

from flask import Response

from cms.actions import translations
from cms.actions.translations import Translation
from cms.api import auth, cursors
from cms.api.collections import require_collection
from cms.api.conditional import reply
from cms.api.parsing import Blueprint, context
from cms.api.schemas import translations as schemas
from cms.api.schemas.common import MessageQuery
from cms.database.engine import read
from cms.model.ids import Name

blp = Blueprint("translations", __name__, url_prefix="/api/v1", description="What is translated, and what is not")


@blp.route("/collections/<collection>/translations")
@blp.arguments(schemas.TranslationQuery, location="query")
@blp.response(200, schemas.TranslationPage)
def list_translations(query: dict[str, Any], collection: str) -> Response:
    """List the collection's translations with their state, and what changed in the source since, drafts too."""
    auth.actor().require("articles:read-drafts", collection)
    require_collection(collection)
    state, limit = query.get("state"), query["limit"]
    place = cursors.decode(query["cursor"], [str, str]) if "cursor" in query else None
    after = None if place is None else (place[0], place[1])
    with read(context().database) as tx:
        every = translations.worklist(context(), tx, collection, query.get("locale"), after)
        found = list(islice((item for item in every if state in (None, item.state)), limit + 1))
    cursor = cursors.encode([found[limit - 1].twin, found[limit - 1].locale]) if len(found) > limit else None
    return reply({"items": [_shown(item) for item in found[:limit]], "next_cursor": cursor})


@blp.route("/collections/<collection>/translations", methods=["POST"])
@blp.arguments(MessageQuery, location="query")
@blp.arguments(schemas.Confirmation)
@blp.response(200, schemas.WantedTranslation)
def confirm_translation(query: dict[str, Any], body: dict[str, Any], collection: str) -> Response:
    """Say that a stale translation is right as it is, for this version of its source; it stands in the history."""
    name = Name(collection, body["id"])
    item = translations.confirm(context(), auth.actor(), name, body["source_version"], query.get("message"))
    return reply(_shown(item))


def _shown(item: Translation) -> dict[str, Any]:
    names = ("locale", "id", "state", "status", "source", "source_version", "changed")
    return {name: getattr(item, name) for name in names}
