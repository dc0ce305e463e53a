"""Makes a planned save: the part of an edit that happens under the lock.

Read, absorb what the log has not seen, write by compare-and-set, commit. A save that changes nothing writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from cms.actions import absorb, late, references, together
from cms.actions.absorb import File, Origin
from cms.actions.absorb_images import settle_visibility
from cms.actions.faults import check_photos
from cms.actions.naming import key_of_new
from cms.actions.references import Edit, Target
from cms.actions.rename import rename
from cms.actions.rules import read_article
from cms.context import Context
from cms.database import articles, changes, drafts, shelves
from cms.database.changes import Source
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Exists, Gone, Invalid, Problem, Stale, Unavailable
from cms.model import ids
from cms.model.article import Article
from cms.model.file_diff import unified_diff
from cms.model.ids import Name
from cms.model.scopes import Actor
from cms.store.base import ABSENT, Key, version_of


@dataclass(frozen=True, slots=True)
class Plan:
    """A save that was checked and is still to be made. `before` is the file to be changed, None for a new one, and
    `old_key` where it lies, if that is to change. `is_rename` says that the article gets another id. `warnings` is what
    was wrong with it and still will be. `copy_version` is that of the working copy which is published, and so goes.
    `adopts` is as `File` has it, `edits` are made together with it, and `targets` have to stay until then."""

    actor: Actor
    source: Source
    key: Key
    before: bytes | None
    after: bytes
    article: Article
    warnings: tuple[Problem, ...] = ()
    old_key: Key | None = None
    is_rename: bool = False
    copy_version: str | None = None
    adopts: frozenset[str] = frozenset()
    edits: tuple[Edit, ...] = ()
    targets: tuple[Target, ...] = ()

    @property
    def file(self) -> File:
        # The store's mark stays unknown: should somebody write between our write and a look at it, a pass sees it.
        return File(self.article, self.after, "", self.adopts)

    def by(self, message: str | None) -> Origin:
        return Origin(self.actor.name, self.source, message=message)

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        return unified_diff(self.before, self.after, self.old_key or self.key, self.key)


@dataclass(frozen=True, slots=True)
class Saved:
    """The article's row after the save, and what is wrong with the file all the same."""

    row: AnyRow
    warnings: tuple[Problem, ...] = ()


def save(ctx: Context, plan: Plan, message: str | None = None) -> Saved:
    """Do it, `message` being what the editor says of it; `Stale` or `Exists` when somebody was faster."""
    home = plan.old_key or plan.key
    # Whoever deletes a photo holds its key, too: it is either shown or gone.
    photos = [ids.ASSETS + ref.path for ref in plan.article.refs if ref.path is not None]
    others = [*(target.key for target in plan.targets), *(edit.key for edit in plan.edits)]
    with ctx.locks.hold([plan.key, home, *photos, *others]):
        check_photos(ctx, plan.actor, plan.article, plan.warnings)
        references.check_targets(ctx, plan.targets)
        if plan.before is None:
            return _create(ctx, plan, message)
        expect = version_of(plan.before)
        expected_bytes(ctx, home, expect)
        _check_copy(ctx, plan)
        absorb_unseen(ctx, home, plan.before)
        if plan.is_rename:
            check_free(ctx, plan.article.name, besides=home)
            check_edits(ctx, home, plan.edits)
        if plan.old_key is not None:
            rename(ctx, plan.by(message), home, expect, plan.file, plan.edits)
        elif plan.edits:
            together.change(ctx, plan.by(message), plan.key, expect, plan.file, plan.edits)
        elif plan.after != plan.before:
            intent = late.write(ctx, ctx.site, plan.actor.name, plan.key, plan.after, expect=expect)
            return _commit(ctx, plan, message, intent)
        elif plan.copy_version is not None:
            with write(ctx.database) as tx:
                _forget_copy(tx, plan)
        with read(ctx.database) as tx:
            return Saved(_row(tx, plan.key), plan.warnings)


def done(ctx: Context, name: Name, version: str, since: int, extension: str = ids.EXTENSION) -> AnyRow | None:
    """Return the row of the new article, if its save as that version, begun after the seq, came so far; raise `Gone`
    when it was deleted or renamed since."""
    key = key_of_new(ctx, name, extension=extension)
    with ctx.locks.hold([key]):
        data = ctx.site.read(key)
        if data is not None and version_of(data) == version:
            absorb_unseen(ctx, key, data)
    with read(ctx.database) as tx:
        if not changes.was_made(tx, key, version, since):
            return None
        row = articles.get(tx, name)
    if row is None:
        raise Gone(f"This request has made {name}, which was deleted or renamed since.")
    return row


def check_free(ctx: Context, name: Name, besides: str = "") -> None:
    """Refuse an id that another file than `besides` has, also by case or Unicode form, and a collection whose folder
    is away."""
    with read(ctx.database) as tx:
        taken = articles.alike(tx, name, besides)
        others = shelves.all_of(tx, name.collection)
    if taken is not None:
        raise Exists(f"{name.collection}/{taken.id} is there already; choose another id.")
    if next(ctx.site.list(ids.CONTENT + name.collection if others else ids.CONTENT), None) is None:
        # An unmounted disk looks like this; what is written now would lie below it, unseen.
        raise Unavailable(f"The folder of {name.collection} is not there just now.", code="storage")


def expected_bytes(ctx: Context, key: Key, expect: str) -> bytes:
    """The file's bytes, if they are the version that the editor started from."""
    data = ctx.site.read(key)
    current = None if data is None else version_of(data)
    if data is None or current != expect:
        raise stale(current)
    return data


def absorb_unseen(ctx: Context, key: Key, data: bytes) -> None:
    """Bytes that are about to be overwritten become a revision first, should the log not have them."""
    with read(ctx.database) as tx:
        row = articles.by_key(tx, key)
    if row is not None and row.version == version_of(data):
        return
    article = read_article(ctx, key, data)
    with write(ctx.database) as tx:
        by = Origin("files", "files")
        absorb.absorb_article(ctx, tx, File(article, data, ""), by)
        settle_visibility(ctx, tx, by)


def check_edits(ctx: Context, key: Key, edits: Sequence[Edit]) -> None:
    """Refuse to rename or delete the article at the key when others than those that are edited refer to it by now."""
    for edit in edits:
        if ctx.site.read(edit.key) != edit.before:
            raise references.changed()
        absorb_unseen(ctx, edit.key, edit.before)
    references.check(ctx, key, edits)


def catch_up(ctx: Context, row: AnyRow, data: bytes) -> None:
    """Another version of this service may have saved the article, and so not into this one's tables: what the log knows
    as the last is taken into them, for who is told to read again has to find it."""
    key = Key(row.key)
    with read(ctx.database) as tx:
        latest = changes.latest(tx, "article", row.collection, row.id)
    if latest is None or latest.version != version_of(data):
        return
    with ctx.locks.hold([key]):
        if ctx.site.read(key) == data:
            absorb_unseen(ctx, key, data)


def stale(current: str | None) -> Stale:
    return Stale("The article has changed since you read it; read it again and repeat your edit.", current=current)


def stale_copy(current: str | None) -> Stale:
    return Stale("The working copy has changed since you read it; read it again.", current=current)


def _create(ctx: Context, plan: Plan, message: str | None) -> Saved:
    check_free(ctx, plan.article.name)
    try:
        intent = late.write(ctx, ctx.site, plan.actor.name, plan.key, plan.after, expect=ABSENT)
    except Stale as error:
        raise Exists(f"The file {plan.key} is there already.") from error
    return _commit(ctx, plan, message, intent)


def _commit(ctx: Context, plan: Plan, message: str | None, intent: AnyRow | None) -> Saved:
    """Commit the rows of the file that was written; when the database refuses a value of it, the file goes back."""
    try:
        with write(ctx.database) as tx:
            by = plan.by(message)
            absorb.absorb_article(ctx, tx, plan.file, by)
            settle_visibility(ctx, tx, by)
            _forget_copy(tx, plan)
            late.end(ctx, tx, intent)
            return Saved(_row(tx, plan.key), plan.warnings)
    except Invalid:
        late.undo(ctx, ctx.site, plan.key, plan.after, plan.before, intent)
        raise


def _check_copy(ctx: Context, plan: Plan) -> None:
    """Refuse to publish another text than the working copy has by now; whoever saves one holds the article's key."""
    if plan.copy_version is not None:
        with read(ctx.database) as tx:
            copy = drafts.get(tx, plan.article.name)
        if copy is None or copy.version != plan.copy_version:
            raise stale_copy(None if copy is None else copy.version)


def _forget_copy(tx: Connection, plan: Plan) -> None:
    if plan.copy_version is not None:
        drafts.remove(tx, plan.article.name, plan.copy_version)


def _row(tx: Connection, key: Key) -> AnyRow:
    row = articles.by_key(tx, key)
    if row is None:
        raise Unavailable("The article was changed by others just now.", code="busy", retry_after_s=1)
    return row
