"""Writes an article's file together with those that refer to it: all of them, or none.

The head is the article itself, which is renamed, saved or deleted. All is written down first: an intent for the head,
and one for each edit, which is part of it. The edits are written before the head. What was broken off is finished when
the head is written, and else undone, with the texts that the log has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Connection

from cms.actions import absorb, late, references
from cms.actions.absorb import File, Origin
from cms.actions.absorb_images import settle_visibility
from cms.actions.late import NOTHING, UNWANTED
from cms.actions.references import Edit
from cms.actions.rules import read_article
from cms.context import Context
from cms.database import articles, clock, history, intents
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Stale
from cms.model.ids import Name
from cms.store.base import Key, Version, version_of


def change(ctx: Context, by: Origin, key: Key, expect: Version, file: File | None, edits: Sequence[Edit]) -> None:
    """Make the file at the key this one (None: delete it), and make the edits; the caller holds all keys."""
    text = None if file is None else file.text or b""
    with write(ctx.database) as tx:
        version = NOTHING if text is None else version_of(text)
        head = begin(ctx, tx, by, (key, expect), (key, version), edits)
    write_edits(ctx, head, edits)
    try:
        if text is None:
            ctx.site.delete(key, expect=expect)
        else:
            ctx.site.write(key, text, expect=expect)
    except Stale:
        undo(ctx, head)
        raise
    with write(ctx.database) as tx:
        by = at_once(tx, by)
        if file is None:
            absorb.absorb_deletion(ctx, tx, key, by)
        else:
            absorb.absorb_article(ctx, tx, file, by)
        end(ctx, tx, head, edits, by)
        late.end(ctx, tx, head)


def begin(
    ctx: Context, tx: Connection, by: Origin, old: tuple[str, str], new: tuple[str, str], edits: Sequence[Edit]
) -> AnyRow:
    """Write down what is about to happen: `old` and `new` are pairs of key and version; return the head."""
    late.give_up(tx, ctx.site, old[0], new[0], *(edit.key for edit in edits))
    head = intents.add(tx, by.actor, old, new)
    for edit in edits:
        before, after = version_of(edit.before), version_of(edit.after)
        intents.add(tx, by.actor, (edit.key, before), (edit.key, after), part_of=head.id)
    return head


def write_edits(ctx: Context, head: AnyRow, edits: Sequence[Edit]) -> None:
    """Write the files of the edits; when one has changed meanwhile, put back the others and raise `Unavailable`."""
    try:
        for edit in edits:
            ctx.site.write(edit.key, edit.after, expect=version_of(edit.before))
    except Stale as error:
        undo(ctx, head)
        raise references.changed() from error


def at_once(tx: Connection, by: Origin) -> Origin:
    """Return the origin with the time of now, by which git sees that its changes belong together."""
    return dataclasses.replace(by, time=clock.now(tx))


def end(ctx: Context, tx: Connection, head: AnyRow, edits: Sequence[Edit], by: Origin) -> None:
    """Take the edits into the index and the log, and the photos of all; raises `Unavailable` as `late.end` does."""
    for edit in edits:
        absorb.absorb_article(ctx, tx, edit.file, by)
    settle_visibility(ctx, tx, by)
    for part in intents.parts(tx, head.id):
        late.end(ctx, tx, part)
    intents.take_apart(tx, head.id)


def undo(ctx: Context, head: AnyRow) -> None:
    """Put back what edits have replaced, unless others have written since, and forget the head."""
    with read(ctx.database) as tx:
        parts = intents.parts(tx, head.id)
        texts = {part.id: _text_before(tx, part) for part in parts}
    for part in parts:
        text, data = texts[part.id], ctx.site.read(Key(part.new_key))
        if text is not None and data is not None and version_of(data) == part.new_version:
            with suppress(Stale):
                ctx.site.write(Key(part.new_key), text, expect=Version(part.new_version))
    with write(ctx.database) as tx:
        intents.forget(tx, head.id)
        if ctx.site.may_be_late:
            intents.add_given_up(tx, head.actor, UNWANTED, [(part.new_key, part.new_version) for part in parts])


def settle(ctx: Context, head: AnyRow) -> None:
    """Finish or undo a save or a deletion that was broken off; the caller holds all keys."""
    with read(ctx.database) as tx:
        parts = intents.parts(tx, head.id)
    data = ctx.site.read(Key(head.new_key))
    is_written = (NOTHING if data is None else version_of(data)) == head.new_version
    if not is_written or any(ctx.site.version(Key(part.new_key)) == part.old_version for part in parts):
        undo(ctx, head)
        return
    with write(ctx.database) as tx:
        by = at_once(tx, Origin(head.actor, "api"))
        if data is None:
            absorb.absorb_deletion(ctx, tx, head.new_key, by)
        else:
            article = read_article(ctx, head.new_key, data)
            absorb.absorb_article(ctx, tx, File(article, data, ""), by)
        finish_parts(ctx, tx, head, by)
        intents.forget(tx, head.id)


def finish_parts(ctx: Context, tx: Connection, head: AnyRow, by: Origin) -> None:
    """Take the files of the parts into the index and the log as they are now."""
    for part in intents.parts(tx, head.id):
        data = ctx.site.read(Key(part.new_key))
        if data is not None:
            article = read_article(ctx, part.new_key, data)
            absorb.absorb_article(ctx, tx, File(article, data, ""), by)
    settle_visibility(ctx, tx, by)


def _text_before(tx: Connection, part: AnyRow) -> bytes | None:
    row = articles.by_key(tx, part.old_key)
    return None if row is None else history.text_of(tx, Name(row.collection, row.id), part.old_version)
