"""Who refers to an article: such articles keep it from being renamed or deleted, or change together with it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import Connection

from cms.actions import code_rights, lookup
from cms.actions.absorb import File
from cms.actions.faults import Content, added, against_rules, existing
from cms.actions.rules import Rules, judged, read_article, rules_in
from cms.context import Context
from cms.database import articles, collections
from cms.database import references as index
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import BUSY, Invalid, Problem, Referenced, ReferencePlace, Unavailable
from cms.model import document, references, splice
from cms.model.article import Article
from cms.model.file_diff import unified_diff
from cms.model.ids import Name
from cms.model.pointer import pointer
from cms.model.references import Reference
from cms.model.scopes import Actor
from cms.model.visibility import will_be_seen
from cms.store.base import Key

MOST_UPDATED = 100
"""Articles that change together with the one to which they refer."""
MOST_READ = 1_000
"""Articles that are counted; that there are more is all that is said of others."""
MOST_TOLD = 100
MOST_HELD = 100
"""New references of one save that are held on to until it is made."""


class Referrer(NamedTuple):
    """An article's row, the rules of its collection, and its references to the article in question."""

    row: AnyRow
    rules: Rules
    places: Sequence[Reference]

    @property
    def name(self) -> Name:
        return Name(self.row.collection, self.row.id)


class Target(NamedTuple):
    """A new reference, and the key of the article that it leads to."""

    reference: Reference
    key: Key


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to the file of an article that is made together with that of another."""

    key: Key
    before: bytes
    after: bytes
    article: Article

    @property
    def file(self) -> File:
        return File(self.article, self.after, "")

    @property
    def diff(self) -> str:
        return unified_diff(self.before, self.after, self.key)


def referrers(tx: Connection, name: Name, key: str) -> list[Referrer]:
    """Return the articles in other files than `key` that refer to the article, at most one more than MOST_READ; none
    while another file has its id, too."""
    other = articles.alike(tx, name, besides=key)
    if other is not None and other.id == name.id:
        return []
    found: list[Referrer] = []
    is_elsewhere = _is_elsewhere(tx, name)
    for collection in collections.all_of(tx):
        rules = rules_in(collection)
        fields = rules.references.towards(name.collection)
        for row in index.candidates(tx, collection.name, fields, name.id) if fields else ():
            places = _places(rules, json.loads(row.lean)["data"], name, is_elsewhere=is_elsewhere)
            if places and row.key != key:
                found.append(Referrer(row, rules, places))
            if len(found) > MOST_READ:
                return found
    return found


def target_of(ctx: Context, row: AnyRow, rules: Rules, data: dict[str, Any]) -> Referrer:
    """Return the article with those references in its data, as it is to be saved, that lead to itself."""
    with read(ctx.database) as tx:
        return Referrer(row, rules, places_of(tx, rules, data, Name(row.collection, row.id)))


def places_of(tx: Connection, rules: Rules, data: dict[str, Any], name: Name) -> list[Reference]:
    """Return the references to the article of that name in front matter.

    One of which nothing tells the collection counts when no other collection has an article of that id.
    """
    return _places(rules, data, name, is_elsewhere=_is_elsewhere(tx, name))


def _places(rules: Rules, data: dict[str, Any], name: Name, *, is_elsewhere: bool) -> list[Reference]:
    led_to = (name.collection,) if is_elsewhere else ("", name.collection)
    return [one for one in rules.references.find(data) if one.id == name.id and one.collection in led_to]


def _is_elsewhere(tx: Connection, name: Name) -> bool:
    """Return whether another collection has an article of that id."""
    others = (row.name for row in collections.all_of(tx) if row.name != name.collection)
    return any(articles.get(tx, Name(other, name.id)) is not None for other in others)


def plan(ctx: Context, actor: Actor, target: Referrer, new: Name | None, *, update: bool) -> tuple[Edit, ...]:
    """Return the edits that keep references to an article right when it is called `new` (None: when it goes).

    `target` is the article with its references to itself, which are the caller's to edit. Raises `Referenced` when
    there are references and `update` does not ask for that, or they cannot be edited.
    """
    name = target.name
    with read(ctx.database) as tx:
        found = referrers(tx, name, target.row.key)
    if not update and (found or target.places):
        refuse(actor, name, [target, *found] if target.places else found)
    if len(found) > MOST_UPDATED:
        refuse(actor, name, found, f"at most {MOST_UPDATED} articles change together; change some of them first")
    if not all(lookup.is_visible(actor, one.row) for one in found):
        refuse(actor, name, found, "this token may not see all of them")
    edits = (_edit(ctx, actor, referrer, name, new) for referrer in found)
    return tuple(edit for edit in edits if edit.after != edit.before)


def refuse(actor: Actor, name: Name, found: Sequence[Referrer], why: str | None = None) -> NoReturn:
    """Raise `Referenced`; articles that the actor may not see are counted and not named, as of photos in use."""
    seen = [one for one in found if lookup.is_visible(actor, one.row)][:MOST_TOLD]
    places = [
        ReferencePlace(str(one.name), one.row.key, pointer("data", *place.where))
        for one in seen
        for place in one.places
    ]
    number = len(found) if len(found) <= MOST_READ else f"More than {MOST_READ}"
    what_now = why or "change them first, or send update_references=true to have them changed together with it"
    detail = f"{number} article(s) refer to {name}: {what_now}."
    raise Referenced(detail, places=places[:MOST_TOLD], used_by=[str(one.name) for one in seen], total=len(found))


def check(ctx: Context, key: Key, edits: Collection[Edit]) -> None:
    """Refuse to go on when others than the edited articles refer to the one at the key, which the caller holds."""
    with read(ctx.database) as tx:
        row = articles.by_key(tx, key)
        found = [] if row is None else referrers(tx, Name(row.collection, row.id), key)
    if {one.row.key for one in found} - {edit.key for edit in edits}:
        raise changed()


def targets(ctx: Context, rules: Rules, article: Article, was: Article | None) -> tuple[Target, ...]:
    """Return the articles to which this one refers and `was` did not: they have to stay until it is saved."""
    known = set(rules.references.find(was.data)) if was is not None else set()
    ids = {(one.collection, one.id) for one in known}
    found = [one for one in rules.references.find(article.data) if (one.collection, one.id) not in ids]
    with read(ctx.database) as tx:
        rows = ((one, articles.get(tx, Name(one.collection, one.id))) for one in found)
        return tuple(Target(one, Key(row.key)) for one, row in rows if row is not None)[:MOST_HELD]


def check_targets(ctx: Context, found: Collection[Target]) -> None:
    """Refuse references to articles that have gone, or are called otherwise; the caller holds their keys."""
    if not found:
        return
    gone: list[Problem] = []
    with read(ctx.database) as tx:
        for reference, key in found:
            name = Name(reference.collection, reference.id)
            row = articles.get(tx, name)
            if row is None or row.key != key:
                place = pointer("data", *reference.where)
                gone.append(Problem(place, f"there is no article {name}", "reference_missing"))
    if gone:
        raise Invalid("An article has gone while you wrote; nothing was saved.", problems=gone)


def changed() -> Unavailable:
    detail = "Articles that refer to this one were changed by others just now; try again."
    return Unavailable(detail, code=BUSY, retry_after_s=1)


def edited(ctx: Context, data: bytes, places: Sequence[Reference], new: Name | None) -> bytes:
    """Return the file with these references leading to `new`, or without them."""
    found = document.read(data, ctx.settings.limits.front_matter)
    wanted = (
        references.without(found.data, places) if new is None else references.retargeted(found.data, places, new.id)
    )
    return splice.edit(found, wanted, None).encode()


def _edit(ctx: Context, actor: Actor, referrer: Referrer, name: Name, new: Name | None) -> Edit:
    row, rules = referrer.row, referrer.rules
    actor.require("articles:write", row.collection)
    key, data = Key(row.key), ctx.site.read(Key(row.key))
    if data is None:
        raise changed()
    was = judged(ctx, rules, read_article(ctx, key, data))
    with read(ctx.database) as tx:
        places = places_of(tx, rules, was.data, name)
    try:
        after = edited(ctx, data, places, new)
    except Invalid as error:
        refuse(actor, name, [referrer], f"its file cannot be changed ({error.detail})")
    article = judged(ctx, rules, read_article(ctx, key, after))
    if article.status != "broken" and article.id != was.id:
        refuse(actor, name, [referrer], f"its own id would change to {article.id}; change its slug by itself first")
    if any(map(will_be_seen, (row.status, was.status, article.status))):
        actor.require("articles:publish", row.collection)
    code_rights.require(actor, article, was)
    if problems := _problems(ctx, rules, article, was, new):
        refuse(actor, name, [referrer], f"it needs the reference ({problems[0].pointer}: {problems[0].detail})")
    return Edit(key, data, after, article)


def _problems(ctx: Context, rules: Rules, article: Article, was: Article, new: Name | None) -> Sequence[Problem]:
    """Return what is wrong with the article that was not wrong with it before."""
    if article.status == "broken":
        return article.problems
    with read(ctx.database) as tx:
        is_there = existing(tx, None, *([] if new is None else [new]))
        found = [*against_rules(tx, rules, Content.of(article), known=was.data, is_there=is_there)]
        return added(found, article, against_rules(tx, rules, Content.of(was), known=was.data), was) if found else ()
