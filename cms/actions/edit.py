"""Plans an editor's change of an article: reads it, makes the new text, and checks it against the site's rules.

All of it happens before the lock (`save.py`). A save may add no new error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cms.actions import naming
from cms.actions.faults import added, faults_of
from cms.actions.rules import Rules, rules_of
from cms.actions.save import Plan, check_free, expected_bytes, stale
from cms.context import Context
from cms.database import articles, changes
from cms.database.changes import Source
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import Exists, Invalid, NotFound, Problem, Stale
from cms.model import article as article_file
from cms.model import document, ids, json_patch, merge, splice, three_way
from cms.model.article import Article
from cms.model.document import Document
from cms.model.ids import Name
from cms.model.pointer import pointer
from cms.model.scopes import Actor
from cms.store.base import Key, version_of


@dataclass(frozen=True, slots=True)
class Editing:
    """Who edits which article, and the version they started from. With `merge`, what others changed elsewhere in it
    since then is kept instead of refusing the edit."""

    actor: Actor
    name: Name
    expect: str
    merge: bool = False
    source: Source = "api"


Make = Callable[[Rules, Document], str]
"""The file's new text, given the collection's rules and the file as it is."""


def create(ctx: Context, actor: Actor, name: Name, data: dict[str, Any], body: str) -> Plan:
    """A new article; `Exists` when its id is taken, also by case or Unicode form."""

    def text(rules: Rules) -> bytes:
        return document.new(merge.carry_over({}, data, rules.revive), f"\n{body}" if body else "").encode()

    return _plan_new(ctx, actor, name, text, "api")


def create_text(ctx: Context, actor: Actor, name: Name, text: bytes, source: Source = "api") -> Plan:
    """A new article from its whole file."""
    return _plan_new(ctx, actor, name, lambda _rules: text, source)


def patch(ctx: Context, editing: Editing, data: Any = None, body: str | None = None) -> Plan:
    """The article after the merge patch `data` of its front matter, and with the body replaced, unless None."""

    def make(rules: Rules, before: Document) -> str:
        wanted = None if data is None else merge.merge_patch(before.data, data, rules.reviving(before))
        return splice.edit(before, wanted, None if body is None else before.margin + body)

    return _plan(ctx, editing, make)


def patch_json(ctx: Context, editing: Editing, operations: Any) -> Plan:
    """The article after the JSON Patch over its `data` and `body`."""

    def make(rules: Rules, before: Document) -> str:
        known = {"data": article_file.json_form(before.data)[0], "body": before.content}
        found = json_patch.apply(known, operations, allowed=("/data", "/body"))
        data, body = found.get("data"), found.get("body")
        if not isinstance(data, dict) or not isinstance(body, str):
            problem = Problem("", "data has to stay an object, and body a text", "json_patch")
            raise Invalid("The patch cannot be applied; nothing was saved.", problems=[problem])
        wanted = merge.carry_over(before.data, data, rules.reviving(before))
        return splice.edit(before, wanted, before.margin + body)

    return _plan(ctx, editing, make)


def replace(ctx: Context, editing: Editing, data: dict[str, Any], body: str) -> Plan:
    """The article with exactly this front matter and body; what is the same in both keeps its lines."""

    def make(rules: Rules, before: Document) -> str:
        wanted = merge.carry_over(before.data, data, rules.reviving(before))
        return splice.edit(before, wanted, before.margin + body)

    return _plan(ctx, editing, make)


def replace_text(ctx: Context, editing: Editing, text: bytes) -> Plan:
    """The article with this file in place of its own; the only edit that can mend a broken file."""
    row, key = find(ctx, editing.actor, editing.name)
    before = expected_bytes(ctx, key, editing.expect)
    return _check(ctx, editing, row, before, text)


def restore(ctx: Context, actor: Actor, name: Name, expect: str | None, seq: int) -> Plan:
    """The article as the change `seq` left it; `expect` is None for one that was deleted."""
    actor.require("articles:write", name.collection)
    with read(ctx.database) as tx:
        change = changes.one(tx, name, seq)
        exists = articles.get(tx, name) is not None
    if change is None or change.text is None:
        raise NotFound("There is no such revision with a text.")
    if not exists:
        return create_text(ctx, actor, name, change.text, "restore")
    if expect is None:
        raise Exists("The article is there; name its version in If-Match to replace it.")
    return replace_text(ctx, Editing(actor, name, expect, source="restore"), change.text)


def find(ctx: Context, actor: Actor, name: Name) -> tuple[AnyRow, Key]:
    """The article to be changed; nobody learns of a draft they may not read."""
    actor.require("articles:write", name.collection)
    with read(ctx.database) as tx:
        row = articles.get(tx, name)
    if row is None or not (row.visible or actor.may("articles:read-drafts", name.collection)):
        raise NotFound(f"There is no article {name}.")
    return row, Key(row.key)


def require_publish(actor: Actor, name: Name, *states: bool) -> None:
    """What the public sees, or saw, changes only by those who may publish; `states` say whether it does."""
    if any(states):
        actor.require("articles:publish", name.collection)


def _plan_new(ctx: Context, actor: Actor, name: Name, text: Callable[[Rules], bytes], source: Source) -> Plan:
    actor.require("articles:write", name.collection)
    rules = rules_of(ctx, name.collection)
    naming.check_new_id(ctx, name)
    key = Key(ids.key_of(name))
    data = text(rules)
    article = _read_back(ctx, key, data, name)
    require_publish(actor, name, article.is_visible)
    _refuse(faults_of(ctx, rules, article))
    check_free(ctx, name)
    return Plan(actor, source, key, None, data, article)


def _plan(ctx: Context, editing: Editing, make: Make) -> Plan:
    row, key = find(ctx, editing.actor, editing.name)
    rules = rules_of(ctx, editing.name.collection)
    limits = article_file.yaml_limits(ctx.settings.limits)
    before = ctx.site.read(key)
    if before is None:
        raise stale(None)
    if version_of(before) == editing.expect:
        after = make(rules, document.read(before, limits))
        return _check(ctx, editing, row, before, after.encode())
    base = _base(ctx, editing, before)
    current = document.read(before, limits)
    theirs = three_way.differences(three_way.content_of(base), three_way.content_of(current))
    mine_text = make(rules, base)
    mine = three_way.differences(
        three_way.content_of(base), three_way.content_of(document.read(mine_text.encode(), limits))
    )
    conflicts = three_way.overlap(mine, theirs)
    if not editing.merge or conflicts:
        raise _stale(before, theirs, conflicts if editing.merge else [])
    merged = three_way.applied(three_way.content_of(current), mine)
    after = splice.edit(current, merged["data"], current.margin + merged["body"])
    return _check(ctx, editing, row, before, after.encode())


def _base(ctx: Context, editing: Editing, before: bytes) -> Document:
    """The version that the editor started from, which only the log still has; `Stale` when it has not."""
    with read(ctx.database) as tx:
        text = changes.text_of(tx, editing.name, editing.expect)
    if text is None:
        raise stale(version_of(before))
    try:
        return document.read(bytes(text), article_file.yaml_limits(ctx.settings.limits))
    except Invalid as error:
        raise stale(version_of(before)) from error


def _stale(before: bytes, theirs: Mapping[three_way.Path, Any], conflicts: list[three_way.Path]) -> Stale:
    error = stale(version_of(before))
    error.changed = tuple(pointer(*path) for path in theirs)
    error.problems = tuple(
        Problem(pointer(*path), "was changed by somebody else since you read it", "conflict") for path in conflicts
    )
    return error


def _check(ctx: Context, editing: Editing, row: AnyRow, before: bytes, after: bytes) -> Plan:
    rules, key = rules_of(ctx, editing.name.collection), Key(row.key)
    was = article_file.read(key, before, version_of(before), ctx.settings.limits)
    article = _read_back(ctx, key, after, editing.name)
    require_publish(editing.actor, editing.name, was.is_visible, bool(row.visible), article.is_visible)
    problems = faults_of(ctx, rules, article, was)
    _refuse(added(problems, faults_of(ctx, rules, was, was)))
    return Plan(editing.actor, editing.source, key, before, after, article, tuple(problems))


def _read_back(ctx: Context, key: Key, data: bytes, name: Name) -> Article:
    """The article that the new bytes would be; refuses bytes that cannot be read or have another id."""
    article = article_file.read(key, data, version_of(data), ctx.settings.limits)
    if article.status == "broken":
        raise Invalid("The article could not be read again; nothing was saved.", problems=article.problems)
    if article.id != name.id:
        detail = f"would change the article's id from {name.id} to {article.id}; leave it as it is"
        raise Invalid("The id cannot be changed.", problems=[Problem("/data/slug", detail, "id_change")])
    return article


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Invalid("The article breaks rules of its collection; nothing was saved.", problems=problems)
