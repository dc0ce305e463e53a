"""Keeps the site's git repository in step: commits what editors wrote, pulls what developers did, pushes both.

Committing needs nobody else; a remote that is away keeps it from nothing, and is tried again later and later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cms.actions.commits import LOCK, commit_due
from cms.actions.notices import tell
from cms.actions.pull import pull, recover
from cms.context import Context
from cms.database import changes, conflicts, git, notices
from cms.database.engine import read, write
from cms.errors import BUSY, CmsError
from cms.store.remote import push, push_aside
from cms.store.repository import Repository
from cms.store.work_tree import refresh_index

LOOK_EVERY_S = 60.0
FETCH_EVERY_S = 300.0
"""A forge tells of a push once; should that get lost, it is seen at the latest so long after."""

MOST_PAUSE_S = 300.0
FAILED = "git"
FAILED_REMOTE = "git_remote"
CONFLICT = "git_conflict"


def prepare(ctx: Context) -> None:
    """Begin with what the log holds from now on; or forget git, when the settings do."""
    with read(ctx.database) as tx:
        is_kept = git.state(tx) is not None
    if is_kept == (ctx.repository is not None):
        return
    with write(ctx.database) as tx:
        if is_kept:
            git.end(tx)
            for name in (FAILED, FAILED_REMOTE, CONFLICT):
                notices.remove(tx, name)
        else:
            git.begin(tx)


@dataclass(slots=True)
class Pause:
    """How long to leave alone what fails."""

    failures: int = 0
    until: float = 0.0

    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    def lengthen(self) -> None:
        self.failures += 1
        self.until = time.monotonic() + min(2.0**self.failures / 2, MOST_PAUSE_S)

    def end(self) -> None:
        self.failures, self.until = 0, 0.0


class Keeper:
    """Remembers from one round to the next what was pushed, and what fails."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._local = Pause()
        self._remote = Pause()
        self._look_due = 0.0
        self._fetch_due = 0.0
        self._head = ""
        self._pushed = ""
        self._aside: str | None = ""  # the commit that stands aside; None for none, "" when that is not known

    def run(self) -> None:
        """One round; what fails is told in `/readyz`, and tried again."""
        repository = self._ctx.repository
        if repository is None:
            return
        is_due = self._local.is_over() and self._has_work()
        if is_due and not self._attempt(FAILED, self._local, lambda: self._commit(repository)):
            return
        if self._remote.is_over() and self._local.is_over() and self._has_remote_work(repository):
            self._attempt(FAILED_REMOTE, self._remote, lambda: self._exchange(repository))

    def _has_work(self) -> bool:
        """Whether anything is to be committed; that somebody else has moved the branch is seen now and then."""
        with read(self._ctx.database) as tx:
            state, (_, seq) = git.state(tx), changes.position(tx)
        is_due = time.monotonic() >= self._look_due
        return state is None or state.seq < seq or state.step_to is not None or is_due

    def _commit(self, repository: Repository) -> None:
        repository.tidy()
        recover(self._ctx, repository)
        self._index(repository)
        while commit_due(self._ctx, repository):
            pass
        is_shown = self._index(repository)
        self._head = repository.head().commit
        repository.pack()
        self._tell_conflicts()
        self._look_due = time.monotonic() + (LOOK_EVERY_S if is_shown else 1.0)

    def _index(self, repository: Repository) -> bool:
        """Let the index show what was committed; whether it does."""
        commit = repository.head().commit
        with read(self._ctx.database) as tx:
            state = git.state(tx)
        shown = None if state is None else state.indexed
        if shown == commit:
            return True
        if shown is not None and not refresh_index(repository, shown, commit):
            return False
        with write(self._ctx.database) as tx:
            git.put(tx, indexed=commit)
        return True

    def _has_remote_work(self, repository: Repository) -> bool:
        with read(self._ctx.database) as tx:
            state = git.state(tx)
        if state is None or state.pull_asked is not None:
            return state is not None
        if self._ctx.settings.git != "push":
            return False
        return time.monotonic() >= self._fetch_due or self._head != self._pushed

    def _exchange(self, repository: Repository) -> None:
        asked = time.time()
        theirs = pull(self._ctx, repository)
        self._index(repository)
        with write(self._ctx.database) as tx:
            git.pulled(tx, asked)
        self._fetch_due = time.monotonic() + FETCH_EVERY_S
        is_disputed = self._tell_conflicts()
        if self._ctx.settings.git == "push":
            self._push(repository, theirs, is_disputed=is_disputed)

    def _push(self, repository: Repository, theirs: str | None, *, is_disputed: bool) -> None:
        head = repository.head()
        if is_disputed and self._aside != head.commit:
            push_aside(repository, head, head.commit)
            self._aside = head.commit
        elif not is_disputed:
            if head.commit != theirs:
                push(repository, head, head.commit)
            if self._aside is not None:
                push_aside(repository, head, None)
                self._aside = None
        self._head = self._pushed = head.commit

    def _attempt(self, name: str, pause: Pause, step: Callable[[], None]) -> bool:
        try:
            with self._ctx.locks.hold([LOCK], wait_s=0):
                step()
        except CmsError as error:
            if error.code != BUSY:
                pause.lengthen()
                tell(self._ctx, name, error.detail)
            return False
        except OSError as error:
            pause.lengthen()
            tell(self._ctx, name, f"The site's work tree cannot be written: {error.strerror}.")
            return False
        pause.end()
        tell(self._ctx, name, None)
        return True

    def _tell_conflicts(self) -> bool:
        """Whether there are any."""
        with read(self._ctx.database) as tx:
            number = len(conflicts.all_of(tx))
        told = f"{number} file(s) were changed by an editor and by a developer both: GET /api/v1/conflicts."
        tell(self._ctx, CONFLICT, told if number else None)
        return bool(number)
