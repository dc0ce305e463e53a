"""Plans the save of an article: reads the file, has the new text made of it, and checks that by the site's own rules.

All of it happens before the lock (`save.py`). A save may add no new error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cms.actions import code_rights, lookup, naming, photo_rights, references
from cms.actions.faults import added, faults_of, missing
from cms.actions.references import Edit
from cms.actions.rules import Rules, judged, read_article, row_of, rules_in, rules_of
from cms.actions.save import Plan, catch_up, check_free, stale
from cms.context import Context
from cms.database import history
from cms.database.changes import Source
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import Invalid, Problem, Stale
from cms.model import document, ids, relocation, splice, three_way
from cms.model.article import Article
from cms.model.article_id import own_slug
from cms.model.document import Document
from cms.model.ids import Name
from cms.model.pointer import pointer
from cms.model.scopes import Actor
from cms.model.visibility import will_be_seen
from cms.store.base import Key, version_of


@dataclass(frozen=True, slots=True)
class Editing:
    """Who edits which article, and the version they started from. With `merge`, what others changed elsewhere in it
    since then is kept instead of refusing the edit. With `update_references`, articles that refer to it follow when it
    is renamed."""

    actor: Actor
    name: Name
    expect: str
    merge: bool = False
    source: Source = "api"
    update_references: bool = False


class Made(NamedTuple):
    """The file's new text, and the article's new id, None for the one it has."""

    text: str
    id: str | None = None


Make = Callable[[Rules, Document], Made]
"""What is made of the file as it is, given the collection's rules."""


class Found(NamedTuple):
    """An article's row, and the rules of its collection."""

    row: AnyRow
    rules: Rules

    @property
    def key(self) -> Key:
        return Key(self.row.key)


def find(ctx: Context, actor: Actor, name: Name) -> Found:
    """The article to be changed; nobody learns of a draft they may not read."""
    actor.require("articles:write", name.collection)
    with read(ctx.database) as tx:
        return Found(lookup.visible(tx, actor, name), rules_in(row_of(tx, name.collection)))


def require_publish(actor: Actor, name: Name, *states: str) -> None:
    """What the public sees, saw or is going to see changes only by those who may publish; `states` are the article's
    before and after."""
    if any(map(will_be_seen, states)):
        actor.require("articles:publish", name.collection)


def plan_new(
    ctx: Context,
    actor: Actor,
    name: Name,
    text: Callable[[Rules], bytes],
    source: Source,
    extension: str = ids.EXTENSION,
) -> Plan:
    """Plan a new article; raise `Exists` when its id is taken, also by case or Unicode form."""
    actor.require("articles:write", name.collection)
    rules = rules_of(ctx, name.collection)
    key = naming.key_of_new(ctx, name, extension=extension)
    naming.check_new_id(ctx, name, key)
    data = text(rules)
    article = judged(ctx, rules, read_back(ctx, key, data))
    if article.id != name.id:
        raise _other_id("/data/slug", f"would make the id {article.id}; leave it out, or ask for that id")
    require_publish(actor, name, article.status)
    code_rights.require(actor, article, None)
    _refuse(faults_of(ctx, actor, rules, article))
    check_free(ctx, name)
    adopted = photo_rights.adopted(ctx, actor, article, None)
    targets = references.targets(ctx, rules, article, None)
    return Plan(actor, source, key, None, data, article, adopts=adopted, targets=targets)


def plan_change(ctx: Context, editing: Editing, make: Make) -> Plan:
    """What `make` makes of the article, merged with what others made of it meanwhile if that was asked for."""
    found = find(ctx, editing.actor, editing.name)
    require_publish(editing.actor, editing.name, found.row.status)  # before any work is done on what was sent
    limits = ctx.settings.limits.front_matter
    before = bytes_now(ctx, found)
    if version_of(before) == editing.expect:
        made = make(found.rules, document.read(before, limits))
        return plan_bytes(ctx, editing, found, before, made.text.encode(), made.id)
    base = _base(ctx, editing, before)
    current = document.read(before, limits)
    theirs = three_way.differences(three_way.content_of(base), three_way.content_of(current))
    made = make(found.rules, base)
    mine = three_way.differences(
        three_way.content_of(base), three_way.content_of(document.read(made.text.encode(), limits))
    )
    conflicts = three_way.overlap(mine, theirs)
    if not editing.merge or conflicts:
        raise _stale(before, theirs, conflicts if editing.merge else [])
    merged = three_way.applied(three_way.content_of(current), mine)
    after = splice.edit(current, merged["data"], current.margin + merged["body"])
    return plan_bytes(ctx, editing, found, before, after.encode(), made.id)


def bytes_now(ctx: Context, found: Found) -> bytes:
    """What the article's file holds; `Stale` when it is gone."""
    data = ctx.site.read(found.key)
    if data is None:
        raise stale(None)
    if version_of(data) != found.row.version:
        catch_up(ctx, found.row, data)
    return data


def _base(ctx: Context, editing: Editing, before: bytes) -> Document:
    """The version that the editor started from, which only the log still has; `Stale` when it has not."""
    with read(ctx.database) as tx:
        text = history.text_of(tx, editing.name, editing.expect)
    if text is None:
        raise stale(version_of(before))
    try:
        return document.read(bytes(text), ctx.settings.limits.front_matter)
    except Invalid as error:
        raise stale(version_of(before)) from error


def _stale(before: bytes, theirs: Mapping[three_way.Path, Any], conflicts: list[three_way.Path]) -> Stale:
    error = stale(version_of(before))
    error.changed = tuple(pointer(*path) for path in theirs)
    error.problems = tuple(
        Problem(pointer(*path), "was changed by somebody else since you read it", "conflict") for path in conflicts
    )
    return error


def plan_bytes(
    ctx: Context, editing: Editing, found: Found, before: bytes, after: bytes, new_id: str | None = None
) -> Plan:
    """The article with these bytes in place of its own, which are `before`; with `new_id`, renamed."""
    rules, old_key = found.rules, found.key
    limits = ctx.settings.limits.front_matter
    was = judged(ctx, rules, read_article(ctx, old_key, before))
    key = old_key
    if new_id is not None and new_id != editing.name.id:
        new = Name(editing.name.collection, new_id)
        naming.check_new_id(ctx, new, naming.key_of_new(ctx, new, old_key))
        own_id = own_slug(document.read(after, limits).data)
        if own_id not in (None, editing.name.id, new_id):
            raise _other_id("/id", f"the file's slug would make it {own_id}; change either, or both alike")
        key, after = _renamed(ctx, was, after, new_id)
    article = judged(ctx, rules, read_back(ctx, key, after))
    is_rename = article.id != editing.name.id
    if is_rename:
        naming.check_new_id(ctx, article.name, key)
        check_free(ctx, article.name, besides=old_key)
    require_publish(editing.actor, editing.name, was.status, found.row.status, article.status)
    edits: tuple[Edit, ...] = ()
    if is_rename:
        target = references.target_of(ctx, found.row, rules, article.data)
        update = editing.update_references
        edits = references.plan(ctx, editing.actor, target, article.name, update=update)
        if target.places:
            after = references.edited(ctx, after, target.places, article.name)
            article = judged(ctx, rules, read_back(ctx, key, after))
    code_rights.require(editing.actor, article, was)
    base = _at(ctx, rules, was, before, key)
    problems = faults_of(ctx, editing.actor, rules, article, base)
    if problems:
        _refuse(added(problems, article, faults_of(ctx, editing.actor, rules, base, base), base))
    adopts = photo_rights.adopted(ctx, editing.actor, article, was)
    moved = None if key == old_key else old_key
    plan = Plan(editing.actor, editing.source, key, before, after, article, tuple(problems), moved, is_rename)
    return replace(plan, adopts=adopts, edits=edits, targets=references.targets(ctx, rules, article, was))


def read_back(ctx: Context, key: Key, data: bytes) -> Article:
    """The article that the new bytes would be; refuses bytes that cannot be read."""
    article = read_article(ctx, key, data)
    if article.status == "broken":
        raise Invalid("The article could not be read again; nothing was saved.", problems=article.problems)
    return article


def _renamed(ctx: Context, was: Article, data: bytes, new_id: str) -> tuple[Key, bytes]:
    """Return where the article's file goes, and its bytes there; one that has a slug of its own gets another and stays.

    References to photos that are relative to the file lead to the same photos from there.
    """
    found = document.read(data, ctx.settings.limits.front_matter)
    if own_slug(found.data) is not None:
        return Key(was.key), splice.edit(found, {**found.data, "slug": new_id}, None).encode()
    key = naming.key_of_new(ctx, Name(was.collection, new_id), was.key)
    if was.status == "broken":  # by its file's name, perhaps
        return key, data
    before = read_back(ctx, Key(was.key), data)
    code_rights.check_move(before, key)
    moved = relocation.relocated(found, was.shown_refs, was.key, key).encode()
    after = read_back(ctx, key, moved)
    _refuse(
        [missing(ref) for ref in relocation.lost(was.shown_refs, before.shown_refs, after.shown_refs, (was.key, key))]
    )
    return key, moved


def _at(ctx: Context, rules: Rules, was: Article, before: bytes, key: Key) -> Article:
    """Return the article as it was, in another place, with its photos."""
    if was.key == key or was.status == "broken":
        return was
    found = document.read(before, ctx.settings.limits.front_matter)
    moved = relocation.relocated(found, was.shown_refs, was.key, key).encode()
    return judged(ctx, rules, read_back(ctx, key, moved))


def _other_id(where: str, detail: str) -> Invalid:
    return Invalid("The article cannot have this id.", problems=[Problem(where, detail, "id_change")])


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Invalid("The article breaks rules of its collection; nothing was saved.", problems=problems)
