"""Keeps the site's git repository in step with the log: commits what editors wrote, and needs nobody else for that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cms.actions.commits import LOCK, commit_so_far
from cms.actions.notices import tell
from cms.actions.pull import recover
from cms.context import Context
from cms.database import changes, conflicts, git, notices
from cms.database.engine import read, write
from cms.errors import BUSY, CmsError
from cms.store.repository import Head, Repository
from cms.store.work_tree import refresh_index

LOOK_EVERY_S = 60.0
MOST_PAUSE_S = 300.0
FAILED = "git"
FAILED_REMOTE = "git_remote"
SLOW_REMOTE = "git_remote_slow"
CONFLICT = "git_conflict"
REWRITTEN = "git_rewritten"


def prepare(ctx: Context) -> None:
    """Begin with what the log holds from now on; or forget git, when the settings do."""
    with read(ctx.database) as tx:
        is_kept = git.state(tx) is not None
    if is_kept == (ctx.repository is not None):
        return
    with write(ctx.database) as tx:
        if is_kept:
            git.end(tx)
            for name in (FAILED, FAILED_REMOTE, SLOW_REMOTE, CONFLICT, REWRITTEN):
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
    """Commits, and remembers from one round to the next what fails. `head` is what was last seen to be checked
    out, None while commits fail."""

    def __init__(self, ctx: Context) -> None:
        self.head: Head | None = None
        self._ctx = ctx
        self._pause = Pause()
        self._look_due = 0.0

    def run(self) -> None:
        """One round; what fails is told in `/readyz`, and tried again."""
        repository = self._ctx.repository
        if repository is None or not self._pause.is_over() or not self._has_work():
            return
        attempt(self._ctx, LOCK, FAILED, self._pause, lambda: self._commit(repository))
        if self._pause.failures:
            self.head = None

    def _has_work(self) -> bool:
        """Whether anything is to be committed; that somebody else has moved the branch is seen now and then."""
        with read(self._ctx.database) as tx:
            state, (_, seq) = git.state(tx), changes.position(tx)
        is_due = time.monotonic() >= self._look_due
        return state is None or state.seq < seq or state.step_to is not None or is_due

    def _commit(self, repository: Repository) -> None:
        repository.tidy(repository.own)
        recover(self._ctx, repository)
        show_in_index(self._ctx, repository)
        commit_so_far(self._ctx, repository)
        is_shown = show_in_index(self._ctx, repository)
        self.head = repository.head()
        repository.pack()
        tell_conflicts(self._ctx)
        self._look_due = time.monotonic() + (LOOK_EVERY_S if is_shown else 1.0)


def attempt(ctx: Context, lock: str, notice: str, pause: Pause, step: Callable[[], None]) -> bool:
    """Take the step, unless another process holds the lock; a failure is told by the notice and lengthens the pause."""
    try:
        with ctx.locks.hold([lock], wait_s=0):
            step()
    except CmsError as error:
        if error.code != BUSY:
            pause.lengthen()
            tell(ctx, notice, error.detail)
        return False
    except OSError as error:
        pause.lengthen()
        tell(ctx, notice, f"The site's work tree cannot be written: {error.strerror}.")
        return False
    pause.end()
    tell(ctx, notice, None)
    return True


def show_in_index(ctx: Context, repository: Repository) -> bool:
    """Let the index show what was committed; whether it does. The caller holds LOCK."""
    commit = repository.head().commit
    with read(ctx.database) as tx:
        state = git.state(tx)
    shown = None if state is None else state.indexed
    if shown == commit:
        return True
    if shown is not None and not refresh_index(repository, shown, commit):
        return False
    with write(ctx.database) as tx:
        git.put(tx, indexed=commit)
    return True


def tell_conflicts(ctx: Context) -> bool:
    """Whether there are any."""
    with read(ctx.database) as tx:
        number = len(conflicts.all_of(tx))
    told = f"{number} file(s) were changed by an editor and by a developer both: GET /api/v1/conflicts."
    tell(ctx, CONFLICT, told if number else None)
    return bool(number)
