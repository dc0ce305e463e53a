"""Gives an article's file another place, in steps of which each may be the last before the power fails.

What is about to happen is written down first; whoever finds such a note with nobody at work on it (`heal.py`)
finishes the rename, or undoes it when the article has moved on.
"""

from __future__ import annotations

from collections.abc import Sequence

from cms.actions import absorb, late_articles, moved_copies, together
from cms.actions.absorb import File, Origin
from cms.actions.references import Edit
from cms.context import Context
from cms.database import changes, intents
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Exists, Stale
from cms.model import article as article_file
from cms.store.base import ABSENT, Key, Version, version_of


def rename(ctx: Context, by: Origin, old: Key, expect: Version, file: File, edits: Sequence[Edit] = ()) -> None:
    """Put the file in place of the one at `old`, at a key of its own, together with the edits of articles that refer to
    it; the caller holds all keys' locks."""
    new = Key(file.article.key)
    data = file.text or b""
    with write(ctx.database) as tx:
        intent = together.begin(ctx, tx, by, (old, expect), (new, version_of(data)), edits)
    together.write_edits(ctx, intent, edits)
    try:
        ctx.site.write(new, data, expect=ABSENT)
    except Stale as error:
        together.undo(ctx, intent)
        raise Exists(f"The file {new} is there already.") from error
    try:
        ctx.site.delete(old, expect=expect)
    except Stale:
        settle(ctx, intent)
        raise
    with read(ctx.database) as tx:
        copy = moved_copies.relocated(ctx, tx, old, new, data)
    with write(ctx.database) as tx:
        by = together.at_once(tx, by)
        absorb.absorb_article(ctx, tx, file, by, moved_from=old)
        moved_copies.set_relocated(tx, file.article.name, copy)
        together.end(ctx, tx, intent, edits, by)
        late_articles.end_rename(ctx, tx, intent)


def settle(ctx: Context, intent: AnyRow) -> None:
    """Finish or undo a rename that was left half done; the caller holds both keys' locks.

    One that was given up can only be undone: somebody else has written since, or was about to. What they have put in
    its new place stays, though it is the same.
    """
    with read(ctx.database) as tx:
        found = intents.get(tx, intent.id)
        if found is None:
            return  # others have settled it
        is_open = found.given_up_at is None
        is_others = not is_open and changes.last_at(tx, found.new_key, found.seq) is not None
    old, new = Key(intent.old_key), Key(intent.new_key)
    left_data, made = ctx.site.read(old), ctx.site.read(new)
    left = None if left_data is None else version_of(left_data)
    is_made = made is not None and version_of(made) == intent.new_version
    if is_open and is_made and left is not None and left == intent.old_version:
        ctx.site.delete(old, expect=left)
        left = None
    elif is_made and not is_others and (left is not None or not is_open):
        # Somebody has edited the article where it was, or was about to: that counts, and the copy goes.
        ctx.site.delete(new, expect=Version(intent.new_version))
    is_finished = is_open and is_made and left is None
    if made is None or not is_finished:
        together.undo(ctx, intent)
    with write(ctx.database) as tx:
        if made is not None and is_finished:
            article = article_file.read(new, made, intent.new_version, ctx.settings.limits)
            by = together.at_once(tx, Origin(intent.actor, "api"))
            copy = moved_copies.relocated(ctx, tx, old, new, made)
            absorb.absorb_article(ctx, tx, File(article, made, ""), by, moved_from=old)
            moved_copies.set_relocated(tx, article.name, copy)
            together.finish_parts(ctx, tx, intent, by)
            intents.forget(tx, intent.id)
        late_articles.expect_none(ctx, tx, intent, is_undone=not is_finished)
