"""Working copies: changes to an article that wait in the database until they are published or discarded.

A copy is compared and set under the lock of its article's file, which a publish holds too. It may break the rules of
its collection; then it has warnings, and cannot be published.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from cms.actions import absorb, code_rights, lookup, photo_rights, planning
from cms.actions.absorb import Origin
from cms.actions.absorb_images import settle_visibility
from cms.actions.faults import faults_of
from cms.actions.planning import Editing, Made, Make
from cms.actions.rules import judged_now, read_article, rules_of
from cms.actions.save import Plan, absorb_unseen, expected_bytes, stale, stale_copy
from cms.context import Context
from cms.database import articles, changes, clock, collections, drafts, photo_visibility
from cms.database.articles import Place
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Invalid, NotFound, Problem, Stale
from cms.model import article as article_file
from cms.model import document, ids
from cms.model.article import Article
from cms.model.file_diff import unified_diff
from cms.model.ids import Name
from cms.model.published import to_json
from cms.model.scopes import Actor
from cms.store.base import Key, version_of

MOST_WARNINGS = 100
"""That are kept of one working copy."""


@dataclass(frozen=True, slots=True)
class Start:
    """What an edit of a working copy begins with: the copy's version and text, or None and the article's own text.
    `published` is the article as its file has it now."""

    key: Key
    version: str | None
    base_version: str
    text: bytes
    published: Article


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """A working copy that was checked and is still to be saved; `adopts` is as `absorb.File` has it."""

    actor: Actor
    name: Name
    start: Start
    after: bytes
    article: Article
    warnings: tuple[Problem, ...]
    adopts: frozenset[str]

    @property
    def diff(self) -> str:
        """What this save changes, as a unified diff."""
        return unified_diff(self.start.text, self.after, self.start.key)


def plan_change(ctx: Context, editing: Editing, make: Make) -> CopyPlan:
    """What `make` makes of the working copy, or of the article when there is none yet; `expect` names the version of
    that which is edited."""
    start = _start(ctx, editing)
    before = document.read(start.text, ctx.settings.limits.front_matter)
    made = make(rules_of(ctx, editing.name.collection), before)
    if made.id not in (None, editing.name.id):
        raise _other_id("/id")
    return _plan(ctx, editing, start, made.text.encode())


def plan_text(ctx: Context, editing: Editing, text: bytes) -> CopyPlan:
    """The working copy with this whole file for its text."""
    return _plan(ctx, editing, _start(ctx, editing), text)


def save(ctx: Context, plan: CopyPlan) -> AnyRow:
    """Keep it; `Stale` when somebody was faster. One that says what it said before is left alone."""
    start, name = plan.start, plan.name
    with ctx.locks.hold([start.key]):
        if start.version is None:
            absorb_unseen(ctx, start.key, expected_bytes(ctx, start.key, start.base_version))
        with write(ctx.database) as tx:
            row = articles.get(tx, name)
            if row is None or row.key != start.key:
                raise stale(None)
            copy = drafts.get(tx, name)
            is_same = copy is not None and copy.version == start.version == version_of(plan.after)
            if not is_same and not drafts.put(tx, name, start.version, _values(tx, plan)):
                raise stale_copy(None if copy is None else copy.version)
            drafts.set_images(tx, name, plan.article.photos)
            photo_visibility.adopt(tx, plan.adopts, name.collection)
            settle_visibility(ctx, tx, Origin(plan.actor.name, "api"))
            saved = drafts.get(tx, name)
    assert saved is not None
    return saved


def find(ctx: Context, actor: Actor, name: Name) -> AnyRow:
    """The article's working copy; `NotFound` when it has none, `Moved` when the article has another id now."""
    actor.require("articles:read-drafts", name.collection)
    with read(ctx.database) as tx:
        copy = drafts.get(tx, name)
        if copy is None:
            lookup.visible(tx, actor, name)
            raise NotFound(f"There is no working copy of {name}.")
    return copy


def plan_publish(ctx: Context, actor: Actor, name: Name, expect: str, *, merge: bool = False) -> Plan:
    """The article with its working copy's text; `Stale` when the article is not what the copy was begun with, unless
    `merge` can have both."""
    actor.require("articles:publish", name.collection)
    actor.require("articles:write", name.collection)
    copy = _expected(find(ctx, actor, name), expect)
    with read(ctx.database) as tx:
        row = articles.get(tx, name)
    # A publish that was broken off has left its copy behind, and the file says what that says.
    is_done = row is not None and row.version == copy.version
    editing = Editing(actor, name, copy.version if is_done else copy.base_version, merge=merge)
    text = bytes(copy.text).decode()
    try:
        plan = planning.plan_change(ctx, editing, lambda _rules, _before: Made(text))
    except Stale as error:
        error.code = "base_changed"
        error.detail = "The article has changed since this working copy was begun; Prefer: handling=merge keeps both."
        raise
    return dataclasses.replace(plan, copy_version=copy.version)


def discard(ctx: Context, actor: Actor, name: Name, expect: str) -> None:
    """Remove the working copy, and the links to it."""
    actor.require("articles:write", name.collection)
    _expected(find(ctx, actor, name), expect)
    with read(ctx.database) as tx:
        row = articles.get(tx, name)
    with ctx.locks.hold([] if row is None else [row.key]), write(ctx.database) as tx:
        if not drafts.remove(tx, name, expect):
            left = drafts.get(tx, name)
            raise stale_copy(None if left is None else left.version)


def document_of(ctx: Context, tx: Connection, copy: AnyRow) -> dict[str, Any]:
    """The article's JSON as it would be with the working copy's text."""
    name = Name(copy.collection, copy.name)
    row = articles.get(tx, name)
    # A deleted article's copy stays, and what of it is rendered depends on what file it was.
    known = changes.latest(tx, "article", name.collection, name.id) if row is None else row
    key = ids.key_of(name) if known is None else known.key
    article = article_file.read(key, bytes(copy.text), copy.version, ctx.settings.limits)
    article = judged_now(ctx, collections.get(tx, copy.collection), article, was_seen=False)
    place = Place(0, copy.time if row is None else row.created_at, copy.time)
    shown = absorb.content_of(ctx, tx, dataclasses.replace(article, id=name.id), place)
    found: dict[str, Any] = json.loads(shown.json)
    return found


def _start(ctx: Context, editing: Editing) -> Start:
    name = editing.name
    found = planning.find(ctx, editing.actor, name)
    row, key = found.row, found.key
    editing.actor.require("articles:read-drafts", name.collection)
    with read(ctx.database) as tx:
        copy = drafts.get(tx, name)
    data = ctx.site.read(key)
    if data is None:
        raise stale(None)
    published = read_article(ctx, key, data)
    if "broken" in (row.status, published.status):
        raise Invalid("The article cannot be read as it is; mend it before you begin a working copy of it.")
    if copy is not None:
        _expected(copy, editing.expect)
        return Start(key, copy.version, copy.base_version, bytes(copy.text), published)
    if published.version != editing.expect:
        raise stale(published.version)
    return Start(key, None, published.version, data, published)


def _plan(ctx: Context, editing: Editing, start: Start, text: bytes) -> CopyPlan:
    article = planning.read_back(ctx, start.key, text)
    was = planning.read_back(ctx, start.key, start.text)
    if article.id != was.id:
        raise _other_id("/data/slug")
    actor, name = editing.actor, editing.name
    code_rights.require(actor, article, was)
    found = faults_of(ctx, actor, rules_of(ctx, name.collection), article, start.published)
    adopts = photo_rights.adopted(ctx, actor, article, was)
    return CopyPlan(actor, name, start, text, article, _first(found), adopts)


def _first(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return the first problems, and how many more there are: they are kept with the copy and told in each list."""
    rest = len(problems) - MOST_WARNINGS
    more = [Problem("", f"and {rest} more, which are not listed", "more")] if rest > 0 else []
    return (*problems[:MOST_WARNINGS], *more)


def _values(tx: Connection, plan: CopyPlan) -> dict[str, Any]:
    return {
        "base_version": plan.start.base_version,
        "version": version_of(plan.after),
        "text": plan.after,
        "warnings": to_json([asdict(problem) for problem in plan.warnings]),
        "actor": plan.actor.name,
        "time": clock.now(tx),
    }


def _expected(copy: AnyRow, expect: str) -> AnyRow:
    if copy.version != expect:
        raise stale_copy(copy.version)
    return copy


def _other_id(where: str) -> Invalid:
    problem = Problem(where, "a working copy keeps the article's id; rename the article itself", "id_change")
    return Invalid("The working copy cannot have this id.", problems=[problem])
