"""Edits an article: each verb says what the new text is, which `planning.py` checks before `save.py` saves it, or
`drafts.py` keeps it as a working copy."""

from __future__ import annotations

from typing import Any

from cms.actions import lookup
from cms.actions.planning import Editing, Made, Make, bytes_now, find, plan_bytes, plan_new, require_publish
from cms.actions.rules import Rules
from cms.actions.save import Plan, stale
from cms.context import Context
from cms.database import articles, history
from cms.database.changes import Source
from cms.database.engine import read
from cms.errors import Gone, Invalid, NotFound, Problem, VersionRequired
from cms.model import article as article_file
from cms.model import document, ids, json_bounds, json_patch, line_ends, merge, splice
from cms.model.document import Document
from cms.model.ids import Name
from cms.model.scopes import Actor
from cms.store.base import version_of


def create(
    ctx: Context, actor: Actor, name: Name, data: dict[str, Any], body: str, extension: str = ids.EXTENSION
) -> Plan:
    """Plan a new article; raise `Exists` when its id is taken, also by case or Unicode form."""
    limits = ctx.settings.limits.front_matter
    json_bounds.check_front_matter(data, limits)

    def text(rules: Rules) -> bytes:
        below = line_ends.kept("", f"\n{body}" if body else "", "\n")
        return document.new(merge.carry_over({}, data, rules.revive), below, limits).encode()

    return plan_new(ctx, actor, name, text, "api", extension)


def create_text(
    ctx: Context, actor: Actor, name: Name, text: bytes, source: Source = "api", extension: str = ids.EXTENSION
) -> Plan:
    """Plan a new article from its whole file."""
    return plan_new(ctx, actor, name, lambda _rules: text, source, extension)


def patch(*, data: Any = None, body: str | None = None, new_id: str | None = None) -> Make:
    """The merge patch `data` of the front matter, another body and another id, unless None."""

    def make(rules: Rules, before: Document) -> Made:
        json_bounds.check_front_matter(data, before.limits)
        wanted = None if data is None else merge.merge_patch(before.data, data, rules.reviving(before))
        return Made(splice.edit(before, wanted, None if body is None else before.margin + body), new_id)

    return make


def patch_json(name: Name, operations: Any) -> Make:
    """The JSON Patch over the `id`, `data` and `body` of the article of that name."""

    def make(rules: Rules, before: Document) -> Made:
        known = {"id": name.id, "data": article_file.json_form(before.data)[0], "body": before.content}
        found = json_patch.apply(known, operations, ("/id", "/data", "/body"), before.limits)
        new_id, data, body = found.get("id"), found.get("data"), found.get("body")
        if not isinstance(new_id, str) or not isinstance(data, dict) or not isinstance(body, str):
            problem = Problem("", "data has to stay an object, id and body texts", "json_patch")
            raise Invalid("The patch cannot be applied; nothing was saved.", problems=[problem])
        json_bounds.check_front_matter(data, before.limits)
        wanted = merge.carry_over(before.data, data, rules.reviving(before))
        return Made(splice.edit(before, wanted, before.margin + body), new_id)

    return make


def replace(data: dict[str, Any], body: str) -> Make:
    """Exactly this front matter and body; what is the same in both keeps its lines."""

    def make(rules: Rules, before: Document) -> Made:
        json_bounds.check_front_matter(data, before.limits)
        wanted = merge.carry_over(before.data, data, rules.reviving(before))
        return Made(splice.edit(before, wanted, before.margin + body))

    return make


def replace_text(ctx: Context, editing: Editing, text: bytes) -> Plan:
    """The article with this file in place of its own; the only edit that can mend a broken file."""
    found = find(ctx, editing.actor, editing.name)
    require_publish(editing.actor, editing.name, found.row.status)
    before = bytes_now(ctx, found)
    if version_of(before) != editing.expect:
        raise stale(version_of(before))
    return plan_bytes(ctx, editing, found, before, text)


def restore(
    ctx: Context, actor: Actor, name: Name, expect: str | None, seq: int, *, update_references: bool = False
) -> Plan:
    """The article as the change `seq` left it, or as it was when that deleted it; `expect` is None for one that is not
    there. `update_references` is as `Editing` has it."""
    actor.require("articles:write", name.collection)
    with read(ctx.database) as tx:
        exists = articles.get(tx, name) is not None
        if not exists and history.moved_to(tx, name) is not None:
            lookup.visible(tx, actor, name)
        change = history.one(tx, name, seq)
        if change is None:
            raise NotFound("There is no such revision.")
        is_end = change.action == "deleted"
        text = history.text_of(tx, name, change.version) if is_end else change.text
        is_purged = text is None and history.is_purged(tx, name, change.version)
    if is_purged:
        raise Gone("The text of this revision was purged, for it held a secret; restore another one.", code="purged")
    if text is None:
        raise Invalid("This revision has no text; restore one before it.", code="no_text")
    if not exists:
        return create_text(ctx, actor, name, text, "restore", ids.extension_of(change.key))
    if expect is None:
        raise VersionRequired("The article is there; send its ETag as If-Match to replace it.")
    editing = Editing(actor, name, expect, source="restore", update_references=update_references)
    return replace_text(ctx, editing, text)
