"""Chooses the id of a new article."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cms.actions.rules import rules_of
from cms.context import Context
from cms.database import articles
from cms.database.engine import read
from cms.errors import Invalid, Problem
from cms.model import ids
from cms.model.ids import Name
from cms.model.scopes import Actor

TITLES = ("title", "name")
MOST_ALIKE = 1000


def choose_id(ctx: Context, actor: Actor, collection: str, request: Mapping[str, Any]) -> str:
    """The id that was asked for, or one from `slug` or the title; made ones get a number until they are free."""
    actor.require("articles:write", collection)
    rules_of(ctx, collection)
    given, locale, slug = request.get("id"), request.get("locale"), request.get("slug")
    if given is not None:
        if locale is not None or slug is not None:
            raise _wrong("/id", "give either id, or slug and locale")
        return str(given)
    start = _start(ctx, collection, locale)
    if slug is not None:
        return start + str(slug)
    title = next((request["data"][name] for name in TITLES if isinstance(request["data"].get(name), str)), "")
    made = ids.new_slug(title, ctx.settings.limits)
    if not made:
        raise _wrong("/slug", "there is no title to make an id from; give a slug or an id")
    return _free(ctx, collection, start + made)


def _start(ctx: Context, collection: str, locale: str | None) -> str:
    """The id's first segment, where the collection's articles have locales."""
    with read(ctx.database) as tx:
        known = articles.locales(tx, collection)
    if locale is None and known and None not in known:
        raise _wrong("/locale", f"name the article's language, one of {', '.join(sorted(map(str, known)))}")
    return "" if locale is None else f"{locale}/"


def _free(ctx: Context, collection: str, wanted: str) -> str:
    with read(ctx.database) as tx:
        for number in range(1, MOST_ALIKE):
            name = wanted if number == 1 else f"{wanted}-{number}"
            if articles.alike(tx, Name(collection, name)) is None:
                return name
    raise _wrong("/slug", "too many articles have this title; give a slug")


def _wrong(where: str, detail: str) -> Invalid:
    return Invalid("The article needs an id.", problems=[Problem(where, detail, "id")])
