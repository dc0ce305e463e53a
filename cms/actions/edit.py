"""Creates, changes and deletes articles for an editor.

What is slow is done before the lock. Under it: read, absorb what the log has not seen, write by compare-and-set,
commit. A save may add no new error, and a save that changes nothing writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cms.actions import absorb
from cms.actions.absorb import Origin
from cms.actions.rules import Rules, rules_of
from cms.context import Context
from cms.database import articles, changes
from cms.database.changes import Source
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Exists, Invalid, NotFound, Problem, Stale, Unavailable
from cms.model import article as article_file
from cms.model import document, ids, merge, splice
from cms.model.article import Article
from cms.model.document import Document
from cms.model.ids import Name
from cms.model.scopes import Actor
from cms.store.base import ABSENT, Key, Version, version_of


@dataclass(frozen=True, slots=True)
class Editing:
    """Who edits which article, and the version they started from."""

    actor: Actor
    name: Name
    expect: str
    source: Source = "api"


@dataclass(frozen=True, slots=True)
class Saved:
    """The article's row after the save, and what was wrong with the file before and still is."""

    row: AnyRow
    warnings: tuple[Problem, ...] = ()


Make = Callable[[Rules, bytes], bytes]
"""The file's new bytes, given the collection's rules and the bytes as they are."""


def create(ctx: Context, actor: Actor, name: Name, data: dict[str, Any], body: str) -> Saved:
    """A new article; `Exists` when its id is taken, also by case or Unicode form."""

    def text(rules: Rules) -> bytes:
        return document.new(merge.carry_over({}, data, rules.revive), f"\n{body}" if body else "").encode()

    return _create(ctx, actor, name, text, "api")


def create_text(ctx: Context, actor: Actor, name: Name, text: bytes, source: Source = "api") -> Saved:
    """A new article from its whole file."""
    return _create(ctx, actor, name, lambda _rules: text, source)


def patch(ctx: Context, editing: Editing, data: Any = None, body: str | None = None) -> Saved:
    """The article after the merge patch `data` of its front matter, and with the body replaced, unless None."""

    def make(rules: Rules, before: Document) -> str:
        wanted = None if data is None else merge.merge_patch(before.data, data, rules.reviving(before))
        return splice.edit(before, wanted, None if body is None else before.margin + body)

    return _save(ctx, editing, _spliced(ctx, make))


def replace(ctx: Context, editing: Editing, data: dict[str, Any], body: str) -> Saved:
    """The article with exactly this front matter and body; what is the same in both keeps its lines."""

    def make(rules: Rules, before: Document) -> str:
        wanted = merge.carry_over(before.data, data, rules.reviving(before))
        return splice.edit(before, wanted, before.margin + body)

    return _save(ctx, editing, _spliced(ctx, make))


def replace_text(ctx: Context, editing: Editing, text: bytes) -> Saved:
    """The article with this file in place of its own; the only edit that can mend a broken file."""
    return _save(ctx, editing, lambda _rules, _before: text)


def delete(ctx: Context, editing: Editing) -> None:
    """Remove the article's file; its text stays in the history."""
    row, key = _find(ctx, editing)
    if row.visible:
        editing.actor.require("articles:publish", editing.name.collection)
    with ctx.locks.hold([key]):
        before = _expected(ctx, key, editing.expect)
        _absorb_unseen(ctx, key, before)
        ctx.site.delete(key, expect=Version(editing.expect))
        with write(ctx.database) as tx:
            absorb.absorb_deletion(ctx, tx, key, Origin(editing.actor.name, "api"))


def restore(ctx: Context, actor: Actor, name: Name, expect: str | None, seq: int) -> Saved:
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
    return replace_text(ctx, Editing(actor, name, expect, "restore"), change.text)


def _create(ctx: Context, actor: Actor, name: Name, text: Callable[[Rules], bytes], source: Source) -> Saved:
    actor.require("articles:write", name.collection)
    rules = rules_of(ctx, name.collection)
    if problems := ids.check_new_id(name.id, ctx.settings.limits):
        raise Invalid("The article cannot have this id.", problems=problems)
    key = Key(ids.key_of(name))
    data = text(rules)
    article = _read_back(ctx, key, data, name)
    _require_publish(actor, article, was_visible=False)
    _refuse(rules.problems(article))
    with ctx.locks.hold([key]):
        _check_free(ctx, name)
        try:
            ctx.site.write(key, data, expect=ABSENT)
        except Stale as error:
            raise Exists(f"The file {key} is there already.") from error
        return Saved(_commit(ctx, article, data, Origin(actor.name, source)))


def _save(ctx: Context, editing: Editing, make: Make) -> Saved:
    row, key = _find(ctx, editing)
    rules = rules_of(ctx, editing.name.collection)
    before = _expected(ctx, key, editing.expect)
    data = make(rules, before)
    was = article_file.read(key, before, editing.expect, ctx.settings.limits)
    article = _read_back(ctx, key, data, editing.name)
    _require_publish(editing.actor, article, was_visible=was.is_visible or bool(row.visible))
    old_problems = rules.problems(was)
    problems = rules.problems(article, known=was.data)
    _refuse([problem for problem in problems if problem not in old_problems])
    with ctx.locks.hold([key]):
        _expected(ctx, key, editing.expect)
        _absorb_unseen(ctx, key, before)
        if data == before:
            return Saved(_row(ctx, key), tuple(problems))
        ctx.site.write(key, data, expect=Version(editing.expect))
        return Saved(_commit(ctx, article, data, Origin(editing.actor.name, editing.source)), tuple(problems))


def _spliced(ctx: Context, make: Callable[[Rules, Document], str]) -> Make:
    limits = article_file.yaml_limits(ctx.settings.limits)
    return lambda rules, before: make(rules, document.read(before, limits)).encode()


def _read_back(ctx: Context, key: Key, data: bytes, name: Name) -> Article:
    """The article that the new bytes would be; refuses bytes that cannot be read or have another id."""
    article = article_file.read(key, data, version_of(data), ctx.settings.limits)
    if article.status == "broken":
        raise Invalid("The article could not be read again; nothing was saved.", problems=article.problems)
    if article.id != name.id:
        detail = f"would change the article's id from {name.id} to {article.id}; leave it as it is"
        raise Invalid("The id cannot be changed.", problems=[Problem("/data/slug", detail, "id_change")])
    return article


def _require_publish(actor: Actor, article: Article, *, was_visible: bool) -> None:
    """What the public sees, or saw, changes only by those who may publish."""
    if was_visible or article.is_visible:
        actor.require("articles:publish", article.collection)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Invalid("The article breaks rules of its collection; nothing was saved.", problems=problems)


def _find(ctx: Context, editing: Editing) -> tuple[AnyRow, Key]:
    """The article to be changed; nobody learns of a draft they may not read."""
    actor, name = editing.actor, editing.name
    actor.require("articles:write", name.collection)
    with read(ctx.database) as tx:
        row = articles.get(tx, name)
    if row is None or not (row.visible or actor.may("articles:read-drafts", name.collection)):
        raise NotFound(f"There is no article {name}.")
    return row, Key(row.key)


def _check_free(ctx: Context, name: Name) -> None:
    with read(ctx.database) as tx:
        taken = articles.alike(tx, name)
    if taken is not None:
        raise Exists(f"{name.collection}/{taken.id} is there already; choose another id.")
    if next(ctx.site.list(ids.CONTENT + name.collection), None) is None:
        # An unmounted disk looks like this; what is written now would lie below it, unseen.
        raise Unavailable(f"The folder of {name.collection} is not there just now.", code="storage")


def _row(ctx: Context, key: Key) -> AnyRow:
    with read(ctx.database) as tx:
        row = articles.by_key(tx, key)
    if row is None:
        raise Unavailable("The article was changed by others just now.", code="busy", retry_after_s=1)
    return row


def _expected(ctx: Context, key: Key, expect: str) -> bytes:
    """The file's bytes, if they are the version that the editor started from."""
    data = ctx.site.read(key)
    current = None if data is None else version_of(data)
    if data is None or current != expect:
        raise Stale("The article has changed since you read it; read it again and repeat your edit.", current=current)
    return data


def _absorb_unseen(ctx: Context, key: Key, data: bytes) -> None:
    """Bytes that are about to be overwritten become a revision first, should the log not have them."""
    with read(ctx.database) as tx:
        row = articles.by_key(tx, key)
    if row is not None and row.version == version_of(data):
        return
    article = article_file.read(key, data, version_of(data), ctx.settings.limits)
    with write(ctx.database) as tx:
        absorb.absorb_article(ctx, tx, article, data, "", Origin("files", "files"))


def _commit(ctx: Context, article: Article, data: bytes, by: Origin) -> AnyRow:
    # The store's mark stays unknown: should somebody write between our write and a look at it, the next pass sees it.
    with write(ctx.database) as tx:
        absorb.absorb_article(ctx, tx, article, data, "", by)
    return _row(ctx, Key(article.key))
