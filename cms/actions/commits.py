"""Makes one git commit of each editor's write, from the log: who, when, what they said, and the file as it became.

Nothing is committed while an editor waits, and nothing is lost when git fails: the log knows how far git is, and what
is missing is committed later. A move of the branch is noted before it is made, so that none is made twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection

from cms.actions import conflicts
from cms.actions.photo_files import key_of
from cms.context import Context
from cms.database import changes, git
from cms.database.changes import EDITORS
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.model import commit_message
from cms.model.image import bytes_of
from cms.model.slugger import slug
from cms.store import contents
from cms.store.base import version_of
from cms.store.commit import Commit, make
from cms.store.repository import Head, Repository

LOCK: Final = "git"
AT_ONCE = 100
MOST_BYTES = 1 << 26
BY_HAND: Final = ("files", "files@cms.invalid")


def commit_so_far(ctx: Context, repository: Repository) -> None:
    """Commit what editors have written up to now: this ends, however fast they go on. The caller holds LOCK."""
    with read(ctx.database) as tx:
        _, last = changes.position(tx)
        state = git.state(tx)
    while state is not None and state.seq < last and _commit_next(ctx, repository):
        with read(ctx.database) as tx:
            state = git.state(tx)


def _commit_next(ctx: Context, repository: Repository) -> int:
    """Make the next commits, and return the number of changes looked at."""
    with read(ctx.database) as tx:
        rows = _due(tx)
    if not rows:
        return 0
    head = repository.head()
    writes = _writes(rows)
    if len(rows) % AT_ONCE == 0 and len(writes) > 1:
        writes.pop()  # there may be more of it
    made, last = _commits(ctx, repository, head, writes)
    if made:
        tip = make(repository, head.commit, made)
        with write(ctx.database) as tx:
            git.put(tx, step_from=head.commit, step_to=tip, step_seq=last)
        repository.move(head.branch, head.commit, tip)
    committed(ctx, repository, last)
    return len(rows)


def committed(ctx: Context, repository: Repository, seq: int) -> None:
    """The branch holds the log up to `seq`; who saved a file that was in conflict has decided."""
    with write(ctx.database) as tx:
        rows = _due(tx)
        saved = [(repository.prefix + row.key, row.seq) for row in rows if _is_write(row) and row.seq <= seq]
        conflicts.forget(tx, conflicts.decided_by_saving(tx, saved))
        git.put(tx, seq=seq, step_from=None, step_to=None, step_seq=None)


def _due(tx: Connection) -> list[AnyRow]:
    """Return the next changes that git may not have; of an editor's write that has more than AT_ONCE, all."""
    state = git.state(tx)
    rows = more = [] if state is None else changes.since(tx, state.seq, AT_ONCE)
    while len(more) == AT_ONCE and len(_writes(rows)) == 1 and _is_write(rows[0]):
        more = changes.since(tx, rows[-1].seq, AT_ONCE)
        rows = [*rows, *more]
    return rows


def _name_of(row: AnyRow) -> str:
    return f"{row.collection}/{row.name}".lstrip("/")


def _writes(rows: Sequence[AnyRow]) -> list[list[AnyRow]]:
    """The changes of each write; of those that several have, which are made in one transaction."""
    writes: list[list[AnyRow]] = []
    for row in rows:
        last = writes[-1][-1] if writes else None
        if last is not None and (_is_rename(last, row) or _is_same(last, row)):
            writes[-1].append(row)
        else:
            writes.append([row])
    return writes


def _is_write(row: AnyRow) -> bool:
    return row.source in EDITORS and row.action != "confirmed"


def _is_of_visibility(row: AnyRow) -> bool:
    """Whether a photo has come into sight or gone out of it by what became of articles; its file is the same."""
    return bool(row.action == "updated" and row.visible_before != row.visible_after)


def _is_rename(old: AnyRow, new: AnyRow) -> bool:
    return old.action == "deleted" and new.action == "created" and (old.other, old.name) == (new.name, new.other)


def _is_same(one: AnyRow, other: AnyRow) -> bool:
    return (one.actor, one.source, one.time) == (other.actor, other.source, other.time)


def _commits(
    ctx: Context, repository: Repository, head: Head, writes: Sequence[list[AnyRow]]
) -> tuple[list[Commit], int]:
    """A commit for each write that changes files, and the last change that is in them."""
    files = _Files(ctx, repository, head, [row for rows in writes for row in rows])
    made: list[Commit] = []
    last, size = 0, 0
    for rows in writes:
        if size > MOST_BYTES:
            break
        last = rows[-1].seq
        if _is_write(rows[0]):
            for commit in (*_by_hand(ctx, files, rows), _of(ctx, files, rows)):
                if commit.files:
                    made.append(commit)
                    size += sum(len(data or b"") for data in commit.files.values())
    return made, last


def _by_hand(ctx: Context, files: _Files, rows: Sequence[AnyRow]) -> Iterator[Commit]:
    """What somebody changed in the file itself, and the editor found there: it is not the editor's."""
    for row in rows:
        with read(ctx.database) as tx:
            before = changes.before(tx, row)
            while before is not None and before.source == "clock":
                before = changes.before(tx, before)
        if before is not None and before.source == "files" and before.text is not None:
            found = files.differing([(before.key, bytes(before.text))])
            yield Commit(*BY_HAND, before.time, f"Update {_name_of(before)} by hand", found)


def _of(ctx: Context, files: _Files, rows: Sequence[AnyRow]) -> Commit:
    first = rows[0]
    found = files.differing(dict(file for row in rows for file in files.after(row)).items())
    message = next((row.message for row in rows if row.message), None) or _message(ctx, rows)
    return Commit(first.actor, _address_of(first.actor), first.time, message, found)


def _address_of(actor: str) -> str:
    plain = "".join(c for c in slug(actor) if c.isascii())
    return f"{plain.strip('-_') or 'editor'}@cms.invalid"


def _message(ctx: Context, rows: Sequence[AnyRow]) -> str:
    first = rows[0]
    row = rows[1] if len(rows) > 1 and _is_rename(*rows[:2]) else first  # others have followed it
    if row.subject == "image":
        verbs = {"created": "Add", "updated": "Replace", "deleted": "Delete"}
        verb = "Restore" if row.source == "restore" else verbs[row.action]
        return commit_message.of_photos(verb, [one.name for one in rows])
    if row.other is not None:
        return f"Rename {_name_of(first)} to {_name_of(row)}"
    if row.source == "restore" or row.action != "updated":
        verb = "Restore" if row.source == "restore" else {"created": "Create", "deleted": "Delete"}[row.action]
        return f"{verb} {_name_of(row)}"
    with read(ctx.database) as tx:
        before = changes.before(tx, row)
    old = None if before is None else before.text
    return commit_message.of_update(_name_of(row), old, row.text, ctx.settings.limits.front_matter)


class _Files:
    """The site's files as the commits so far have them."""

    def __init__(self, ctx: Context, repository: Repository, head: Head, rows: Sequence[AnyRow]) -> None:
        self._ctx = ctx
        self._repository = repository
        paths = {repository.prefix + row.key for row in rows if row.source in EDITORS}
        self._entries = contents.entries(repository, head.commit, paths)
        self._blobs = {path: entry.blob for path, entry in self._entries.items()}
        self._texts = contents.text_paths(repository, sorted(paths))
        new = sorted(paths - self._blobs.keys())
        self._ignored = contents.ignored(repository, new) if new else set()

    def after(self, row: AnyRow) -> Iterator[tuple[str, bytes | None]]:
        """The change's file with its bytes, None when it is not there; no file when nobody has its bytes any more."""
        if row.subject == "article" and row.action == "deleted":
            yield row.key, None
        elif row.subject == "article" and row.text is not None:
            yield row.key, bytes(row.text)
        elif row.subject == "image" and not _is_of_visibility(row):
            # The log does not keep photos, and the site has none where they go to a bucket.
            data = self._ctx.site.read(key_of(row.name))
            is_gone = data is None and (row.action == "deleted" or self._ctx.media is not self._ctx.site)
            if is_gone or (data is not None and version_of(data) == bytes_of(row.version)):
                yield row.key, data

    def differing(self, files: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes | None]:
        """Of the files, those that are not so already, by their paths in the repository; they are so from now on."""
        found: dict[str, bytes | None] = {}
        for key, whole in files:
            path = self._repository.prefix + key
            data = (
                whole
                if whole is None or path not in self._texts
                else contents.as_kept(self._repository, self._entries.get(path), whole)
            )
            blob = None if data is None else self._repository.blob_id(data)
            if path in self._ignored or self._blobs.get(path) == blob:
                continue
            found[path] = data
            self._blobs.pop(path, None)
            if blob is not None:
                self._blobs[path] = blob
        return found
