"""Decides where an editor's photos go, and how an article refers to them: as the site does it already."""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cms.actions import lookup
from cms.actions.rules import rules_of
from cms.context import Context
from cms.database import listing, translations
from cms.database.engine import read
from cms.database.listing import Filter
from cms.database.photo_visibility import NOWHERE
from cms.database.tables import AnyRow
from cms.errors import Invalid, Moved, NotFound, Problem
from cms.model import refs
from cms.model.ids import Name
from cms.model.scopes import Actor
from cms.model.slugger import slug


@dataclass(frozen=True, slots=True)
class Place:
    """The folder below `src/assets` that photos go to, and how they are referred to in the article at `key`, which is
    of the `collection`; both are "" for a folder that somebody names."""

    folder: str
    spelling: refs.Spelling
    key: str
    collection: str


def require(actor: Actor, article: str | None) -> None:
    """Require the right to send photos for the article (`collection/id`), or into a folder."""
    actor.require("images:write", None if article is None else article.partition("/")[0])


def choose(ctx: Context, actor: Actor, article: str | None, folder: str | None) -> Place:
    """The place for an article's photos, or a folder; `Invalid` unless it is one of both, and a possible one."""
    if "\0" in f"{article}{folder}":
        problem = Problem("/article" if article else "/folder", "holds NUL", "nul")
        raise Invalid("No name holds NUL.", problems=[problem])
    if article is not None and folder is None:
        return _for_article(ctx, actor, article)
    if folder is not None and article is None:
        return _for_folder(ctx, actor, folder)
    problem = Problem("/article", "name the article the photos are for, or a folder", "required")
    raise Invalid("Where do the photos go?", problems=[problem])


def _for_article(ctx: Context, actor: Actor, name: str) -> Place:
    """Beside the photos that the article shows already, else in a folder named after it."""
    require(actor, name)
    collection, _, article_id = name.partition("/")
    with read(ctx.database) as tx:
        try:
            row = lookup.visible(tx, actor, Name(collection, article_id))
        except (NotFound, Moved) as error:
            problem = Problem("/article", error.detail, error.code)
            raise Invalid("Photos cannot be stored for this article.", problems=[problem]) from error
        own = _mentions([row])
        twins = [twin for twin in translations.twins(tx, row) if lookup.is_visible(actor, twin)]
        shown = own or _mentions(twins)
        others = _mentions(listing.first(tx, Filter(collection), 50))
    folders = Counter(folder for path, _ in shown if path and (folder := posixpath.dirname(path)))
    usual_folder = rules_of(ctx, collection).annotation.folder or collection
    folder = folders.most_common(1)[0][0] if folders else f"{usual_folder}/{row.twin}"
    safe: tuple[refs.Spelling, ...] = (*refs.ALIASES, "relative")
    spelling = refs.usual_spelling(ref for _, ref in own) or refs.usual_spelling((ref for _, ref in others), safe)
    return Place(folder, spelling or "relative", row.key, collection)


def _for_folder(ctx: Context, actor: Actor, folder: str) -> Place:
    """A folder below `src/assets` that the editor names; the references are good in every article."""
    require(actor, None)
    segments = folder.strip("/").split("/")
    plain = (segment == segment.strip() and slug(segment) == segment.lower() for segment in segments)
    if not all(plain) or not all(segments) or any(s.startswith(("_", "-")) for s in segments) or len(folder) > 200:
        problem = Problem("/folder", "use letters, digits and dashes, with / between folders", "folder")
        raise Invalid("The folder cannot have this name.", problems=[problem])
    with read(ctx.database) as tx:
        shown = _mentions(listing.first(tx, Filter(), 50))
    return Place("/".join(segments), refs.usual_spelling((ref for _, ref in shown), refs.ALIASES) or "@/", "", NOWHERE)


def _mentions(rows: Iterable[AnyRow]) -> list[tuple[str | None, str]]:
    """Path and reference of every photo that the articles mention."""
    return [(item["path"], item["ref"]) for row in rows for item in json.loads(row.lean)["images"]]
