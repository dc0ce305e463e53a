"""What is shown of one article: its JSON or its file, to those who may see it."""

from __future__ import annotations

import json

from sqlalchemy import Connection

from cms.actions import builds, lookup, translations
from cms.context import Context
from cms.database import history
from cms.database.tables import AnyRow
from cms.errors import NotFound
from cms.model.ids import Name
from cms.model.published import LIVE_SINCE, TRANSLATIONS, members_of, timestamp, to_json
from cms.model.scopes import Actor


def json_of(ctx: Context, tx: Connection, actor: Actor, name: Name) -> tuple[str, str]:
    """The article's JSON, and its version."""
    row = lookup.visible(tx, actor, name)
    return whole(ctx, tx, row), row.version


def file_of(tx: Connection, actor: Actor, name: Name) -> tuple[bytes, str]:
    """The article's file, and its version."""
    row = lookup.visible(tx, actor, name)
    text = history.text_of(tx, name, row.version)
    if text is None:
        raise NotFound("The text of this file is too large to be kept.")
    return text, row.version


def whole(ctx: Context, tx: Connection, row: AnyRow) -> str:
    """One article's JSON: the bytes that are kept, how far its translations are, which others' changes decide, and
    since when it is live, which builds decide."""
    members = members_of(row.lean, row.lengths, row.heavy)
    found = json.loads(f"{{{members[TRANSLATIONS]}}}")[TRANSLATIONS]
    live = builds.live_since(tx, row)
    since = to_json(None if live is None else timestamp(live))
    if found:
        states = translations.states_of(ctx, tx, row)
        told = [{**twin, "state": states.get(twin["id"], "current")} for twin in found]
        members[TRANSLATIONS] = f'"{TRANSLATIONS}":{to_json(told)}'
    return f'{{{",".join(members.values())},"{LIVE_SINCE}":{since}}}'
