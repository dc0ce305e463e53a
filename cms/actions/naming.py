"""Chooses the id of a new article, and the place of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from cms.actions.rules import rules_of
from cms.context import Context
from cms.database import articles, changes, shelves
from cms.database.engine import read
from cms.errors import Invalid, Problem
from cms.model import ids, slugger
from cms.model.ids import Name
from cms.model.locales import Named, id_in_locale, localize, spelled
from cms.model.scopes import Actor
from cms.store.base import Key

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
    if locale is not None or locales_of(ctx, collection):
        _check_locale(ctx, collection, locale)
    start = "" if locale is None else f"{locale.lower()}/"
    if slug is not None:
        is_known = locale is not None and spelled(locale, _known(ctx, collection)) is not None
        return id_in_locale(str(locale), str(slug)) if is_known else f"{start}{slug}"
    title = next((request["data"][name] for name in TITLES if isinstance(request["data"].get(name), str)), "")
    made = ids.new_slug(title, ctx.settings.limits)
    if not made:
        raise _wrong("/slug", "there is no title to make an id from; give a slug or an id")
    return _free(ctx, collection, start + made)


def _check_locale(ctx: Context, collection: str, locale: str | None) -> None:
    known, named = locales_of(ctx, collection), _named(ctx, collection)
    if known and (locale is None or spelled(locale, known) is None):
        raise _wrong("/locale", f"name the article's language, {_languages(collection, known, named)}")
    if locale is not None and localize(f"{locale}/x", "", named).locale is None:
        raise _wrong("/locale", f"leave it out, or name this language in `locales` in {_annotation(collection)}")


def locales_of(ctx: Context, collection: str) -> list[str]:
    """The locales of which an article has to have one; empty where it needs none."""
    known = _known(ctx, collection)
    return [] if "" in known else known


def _known(ctx: Context, collection: str) -> list[str]:
    """Return the locales that the annotation names, or else those of articles; "" stands for articles without one."""
    if (named := _named(ctx, collection)) is not None:
        return list(named)
    with read(ctx.database) as tx:
        return sorted({shelf.locale or "" for shelf in shelves.all_of(tx, collection)}, key=str.lower)


def _named(ctx: Context, collection: str) -> Named:
    return rules_of(ctx, collection).annotation.locales


def check_new_id(ctx: Context, name: Name, key: str) -> None:
    """Refuse an id that no article can have, or of a language that the collection does not know; the article's file is
    to be at `key`."""
    problems = ids.check_new_id(name.id, ctx.settings.limits)
    known, named = locales_of(ctx, name.collection), _named(ctx, name.collection)
    locale = localize(name.id, ids.split_key(key)[1], named).locale
    if known and (locale is None or spelled(locale, known) is None):
        detail = f"begin the id with the article's language, {_languages(name.collection, known, named)}"
        problems.append(Problem("/id", detail, "locale_unknown"))
    if problems:
        raise Invalid("The article cannot have this id.", problems=problems)


def _languages(collection: str, known: Sequence[str], named: Named) -> str:
    guessed = "" if named is not None else "; [] there says that these folders are no languages"
    return f"one of {', '.join(known)}; `locales` in {_annotation(collection)} opens another{guessed}"


def _annotation(collection: str) -> str:
    return f"{ids.CONTENT}{collection}.cms.json"


def key_of_new(ctx: Context, name: Name, old_key: str = "", extension: str = ids.EXTENSION) -> Key:
    """Return where the file goes of an article that is to have this id, and whose file is at `old_key` if it has one.
    Else it has the ending `extension`.

    An article that has the name of a locale is the `index` in its folder.
    """
    key = ids.moved_key(old_key, name.id) if old_key else ids.key_of(name, extension)
    if ids.check_new_id(name.id, ctx.settings.limits):
        return Key(key)
    if not old_key and spelled(name.id, _known(ctx, name.collection)) is not None:
        key = ids.key_of(name._replace(id=f"{name.id}/{ids.INDEX}"), extension)
    *folders, file = ids.split_key(key)[1].split("/")
    with read(ctx.database) as tx:
        there = _folders_there(tx, name, folders, old_key)
    if folders and not there:
        there = [spelled(folders[0], _named(ctx, name.collection) or ()) or folders[0]]
    return Key(f"{ids.CONTENT}{name.collection}/{'/'.join([*there, *folders[len(there) :], file])}")


def _folders_there(tx: Connection, name: Name, wanted: list[str], own: str) -> list[str]:
    """Return the folders of the site that give the first of the wanted segments of an id, as `pt-BR` gives `pt-br`.

    Where there are two, that of the file `own` is taken, else that of the article whose id is the first; where there is
    none any more, the one that the log has for this id.
    """
    change = None if own else changes.latest(tx, "article", *name)
    found: list[str] = []
    for depth in range(1, len(wanted) + 1):
        keys = articles.keys_below(tx, Name(name.collection, "/".join(wanted[:depth])))
        known = [key for key in (own, *keys, "" if change is None else change.key) if key]
        here = (ids.split_key(key)[1].split("/")[:-1][:depth] for key in known)
        same = next((one for one in here if [slugger.slug(part) for part in one] == wanted[:depth]), None)
        if same is None:
            break
        found = same
    return found


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
