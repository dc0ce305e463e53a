"""Chooses the id of a new article."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cms.actions.rules import rules_of
from cms.context import Context
from cms.database import articles, shelves
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
    given, locale, slug = request.get("id"), request.get("locale"), request.get("slug")
    if given is not None:
        if locale is not None or slug is not None:
            raise _wrong("/id", "give either id, or slug and locale")
        return str(given)
    known = locales_of(ctx, collection)
    if known and locale not in known:
        raise _wrong("/locale", f"name the article's language, {_languages(collection, known)}")
    start = "" if locale is None else f"{locale}/"
    if slug is not None:
        return start + str(slug)
    title = next((request["data"][name] for name in TITLES if isinstance(request["data"].get(name), str)), "")
    made = ids.new_slug(title, ctx.settings.limits)
    if not made:
        raise _wrong("/slug", "there is no title to make an id from; give a slug or an id")
    return _free(ctx, collection, start + made)


def locales_of(ctx: Context, collection: str) -> list[str]:
    """The locales of which an article has to have one; empty where it needs none."""
    if named := rules_of(ctx, collection).annotation.locales:
        return [locale.lower() for locale in named]
    with read(ctx.database) as tx:
        known = {shelf.locale for shelf in shelves.all_of(tx, collection)}
    return [] if None in known else sorted(str(locale).lower() for locale in known)


def check_new_id(ctx: Context, name: Name) -> None:
    """Refuse an id that no article can have, or of a language that the collection does not know."""
    problems = ids.check_new_id(name.id, ctx.settings.limits)
    known = locales_of(ctx, name.collection)
    if known and ids.locale_of(name.id) not in known:
        detail = f"begin the id with the article's language, {_languages(name.collection, known)}"
        problems.append(Problem("/id", detail, "locale_unknown"))
    if problems:
        raise Invalid("The article cannot have this id.", problems=problems)


def _languages(collection: str, known: Sequence[str]) -> str:
    new = f"`locales` in {ids.CONTENT}{collection}.cms.json opens another"
    return f"one of {', '.join(known)}; {new}"


def _free(ctx: Context, collection: str, wanted: str) -> str:
    with read(ctx.database) as tx:
        for number in range(1, MOST_ALIKE):
            name = wanted if number == 1 else f"{wanted}-{number}"
            if number == 1 and ids.check_new_id(name, ctx.settings.limits):
                continue  # a reserved name, like that of the title "Index"
            if articles.alike(tx, Name(collection, name)) is None:
                return name
    raise _wrong("/slug", "too many articles have this title; give a slug")


def _wrong(where: str, detail: str) -> Invalid:
    return Invalid("The article needs an id.", problems=[Problem(where, detail, "id")])
