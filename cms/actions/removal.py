"""Deletes an article, and with it the references to it if that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cms.actions import absorb, late, planning, references, together
from cms.actions.absorb import Origin
from cms.actions.absorb_images import settle_visibility
from cms.actions.references import Edit, Referrer
from cms.actions.save import absorb_unseen, check_edits, expected_bytes, stale
from cms.context import Context
from cms.database.engine import write
from cms.model.file_diff import unified_diff
from cms.model.ids import Name
from cms.model.scopes import Actor
from cms.store.base import Key, version_of


@dataclass(frozen=True, slots=True)
class Removal:
    """A deletion that was checked and is still to be made. `edits` take the references to the article out."""

    actor: Actor
    name: Name
    key: Key
    before: bytes
    edits: Sequence[Edit]

    @property
    def diff(self) -> str:
        """The lines that go, as a unified diff."""
        return unified_diff(self.before, None, self.key)


def plan(ctx: Context, actor: Actor, name: Name, expect: str, *, update_references: bool) -> Removal:
    """Return the deletion of the article; raises `Referenced` while others refer to it, unless they can be changed."""
    found = planning.find(ctx, actor, name)
    planning.require_publish(actor, name, found.row.status)
    before = planning.bytes_now(ctx, found)
    if version_of(before) != expect:
        raise stale(version_of(before))
    target = Referrer(found.row, found.rules, ())
    edits = references.plan(ctx, actor, target, None, update=update_references)
    return Removal(actor, name, found.key, before, edits)


def remove(ctx: Context, removal: Removal, message: str | None = None) -> None:
    """Remove the article's file; its text stays in the history. `message` is what the editor says of it."""
    key, expect = removal.key, version_of(removal.before)
    by = Origin(removal.actor.name, "api", message=message)
    with ctx.locks.hold([key, *(edit.key for edit in removal.edits)]):
        before = expected_bytes(ctx, key, expect)
        absorb_unseen(ctx, key, before)
        check_edits(ctx, key, removal.edits)
        if removal.edits:
            together.change(ctx, by, key, expect, None, removal.edits)
            return
        intent = late.delete(ctx, ctx.site, by.actor, key, expect=expect)
        with write(ctx.database) as tx:
            absorb.absorb_deletion(ctx, tx, key, by)
            settle_visibility(ctx, tx, by)
            late.end(ctx, tx, intent)
