"""Makes the site's files those of a commit that developers' work has come into.

What goes is removed before what comes is written. The content's files, which editors may be writing too, come in
batches, each under its own locks. A path that cannot be brought is kept as a conflict, and the rest comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from cms.actions import conflicts
from cms.context import Context
from cms.database.batches import in_steps
from cms.database.engine import write
from cms.errors import Stale
from cms.model import ids
from cms.store import contents
from cms.store.base import ABSENT, Key, is_key, version_of
from cms.store.contents import Change, Entry
from cms.store.repository import Repository
from cms.store.work_tree import blob_at, check_out, is_reachable, make_room

KEYS_AT_ONCE: Final = 50
"""So many files' locks are held at once, so that no editor waits for the rest of a large commit."""

Hold = Callable[[Sequence[str]], AbstractContextManager[None]]


@contextmanager
def holding(ctx: Context, keys: Sequence[str]) -> Iterator[Hold]:
    """Hold the keys for the whole block if they are few; give what holds those of a batch, where that is to be done
    batch by batch."""
    if len(set(keys)) > KEYS_AT_ONCE:
        yield ctx.locks.hold
        return
    with ctx.locks.hold(keys):
        yield lambda batch: nullcontext()


def key_of(repository: Repository, change: Change) -> Key | None:
    """Return the key of a file of the content, which editors may be writing too; None for any other."""
    key = change.path.removeprefix(repository.prefix)
    is_plain = all(entry is None or entry.is_plain for entry in (change.old, change.new))
    is_content = change.path.startswith((repository.prefix + ids.CONTENT, repository.prefix + ids.ASSETS))
    is_hidden = any(part.startswith(".") for part in key.split("/"))
    return Key(key) if is_content and is_plain and is_key(key) and not is_hidden else None


def keys_of(repository: Repository, changes: Iterable[Change]) -> list[str]:
    found = (key_of(repository, change) for change in changes)
    return [key for key in found if key is not None]


def bring(ctx: Context, repository: Repository, commit: str, moving: Sequence[Change], hold: Hold) -> list[str]:
    """Write the files; return the paths that are in conflict now."""
    disputed: list[str] = []
    gone = [change for change in moving if change.new is None]
    for changes in (gone, [change for change in moving if change.new is not None]):
        content = [change for change in changes if key_of(repository, change) is not None]
        others = [change for change in changes if key_of(repository, change) is None]
        for batch in in_steps(content, KEYS_AT_ONCE):
            with hold(keys_of(repository, batch)):
                disputed += _bring_content(ctx, repository, commit, batch)
        disputed += _bring_others(ctx, repository, commit, others)
    return disputed


def _bring_others(ctx: Context, repository: Repository, commit: str, changes: Sequence[Change]) -> list[str]:
    ready = [change for change in changes if blob_at(repository, change.path) == _blob(change.old)]
    blocked = [change for change in ready if change.new is not None and not make_room(repository, change.path)]
    check_out(repository, commit, [change for change in ready if change not in blocked])
    for change in blocked:
        _note(ctx, repository, commit, change, None)
    return [change.path for change in blocked]


def _bring_content(ctx: Context, repository: Repository, commit: str, batch: Sequence[Change]) -> list[str]:
    texts = [change.new for change in batch if change.new and change.path.startswith(repository.prefix + ids.CONTENT)]
    wanted = contents.blobs(repository, texts)
    texts_by_name = contents.text_paths(repository, [change.path for change in batch])
    disputed = []
    for change in batch:
        key = key_of(repository, change)
        assert key is not None
        try:
            # Photos may be large: one at a time is in memory.
            data = wanted[change.new] if change.new in wanted else contents.blob(repository, change.new)
            _bring_file(ctx, repository, change, key, data, is_text=change.path in texts_by_name)
        except Stale:
            there = ctx.site.read(key) if is_reachable(repository, change.path) else None
            _note(ctx, repository, commit, change, there)
            disputed.append(change.path)
    return disputed


def _bring_file(
    ctx: Context, repository: Repository, change: Change, key: Key, wanted: bytes | None, *, is_text: bool
) -> None:
    """Write or delete the file; with `is_text`, git may know it with other line ends.

    `Stale` when somebody has written the file meanwhile, or something else is in its place.
    """
    if not is_reachable(repository, change.path):
        if wanted is None:
            return
        if not make_room(repository, change.path):
            raise Stale("Something else is in its place.")
    data = ctx.site.read(key)
    there = (
        None
        if data is None
        else repository.blob_id(contents.as_kept(repository, change.old, data) if is_text else data)
    )
    if there == _blob(change.new):
        return
    if data is not None and there != _blob(change.old):
        raise Stale("Somebody has written it meanwhile.")
    if wanted is not None:
        ctx.site.write(key, wanted, expect=ABSENT if data is None else version_of(data))
    elif data is not None:
        ctx.site.delete(key, expect=version_of(data))


def _note(ctx: Context, repository: Repository, commit: str, change: Change, there: bytes | None) -> None:
    sides = (contents.blob(repository, change.old), there, contents.blob(repository, change.new))
    found = conflicts.of_file(repository, commit, change.path, sides)
    with write(ctx.database) as tx:
        conflicts.note(tx, [found])


def _blob(entry: Entry | None) -> str | None:
    return None if entry is None else entry.blob
