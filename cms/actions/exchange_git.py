"""Exchanges commits with the site's git remote: fetches and merges what developers made, pushes what editors wrote.

While the remote is waited for, no lock is held that a commit needs. A remote that is away is tried again later and
later; one that is slow is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from cms.actions.commits import LOCK
from cms.actions.keep_git import FAILED_REMOTE, SLOW_REMOTE, Keeper, Pause, attempt, show_in_index, tell_conflicts
from cms.actions.notices import tell
from cms.actions.pull import recover, take_in
from cms.actions.rewritten import LOCK_REMOTE, tell_rewritten
from cms.context import Context
from cms.database import clock, git
from cms.database.engine import read, write
from cms.errors import BUSY, CmsError, Unavailable
from cms.model.published import timestamp
from cms.store.remote import Remote
from cms.store.repository import Head, Repository

FETCH_EVERY_S = 300.0
"""A forge tells of a push once; should that get lost, it is seen at the latest so long after."""

SLOW_S = 10.0
"""A usual remote takes a second or two for a fetch and a push."""


class Exchange:
    """Remembers from one round to the next what was pushed, what fails, and how long the remote takes."""

    def __init__(self, ctx: Context, keeper: Keeper, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._ctx = ctx
        self._keeper = keeper
        self._is_stopped = is_stopped
        self._pause = Pause()
        self._fetch_due = 0.0
        self._pushed: Head | None = None
        self._aside: str | None = ""  # the commit that stands aside; None for none, "" when that is not known
        self._began: tuple[float, float] | None = None  # on the monotonic clock, and the time
        self._took = 0.0
        self._told: str | None = ""

    def run(self) -> None:
        """Do one round, once commits are made. A failure is told in `/readyz`, and the round is tried again."""
        repository = self._ctx.repository
        if repository is None or self._keeper.head is None or not self._pause.is_over() or not self._has_work():
            return
        remote, started = Remote(repository, self._is_stopped), time.monotonic()
        self._began = started, clock.of(self._ctx.database)()
        try:
            is_done = attempt(
                self._ctx, LOCK_REMOTE, FAILED_REMOTE, self._pause, lambda: self._exchange(repository, remote)
            )
        finally:
            self._began = None
        self._took = time.monotonic() - started if is_done else 0.0

    def tell_slow(self) -> None:
        """Tell operators when the remote takes long; called while `run` may be waiting for it."""
        repository, began, head = self._ctx.repository, self._began, self._keeper.head
        if repository is None:
            return
        detail = None
        if began is not None and time.monotonic() - began[0] > SLOW_S:
            detail = f"The git remote is slow: a fetch and push that began at {timestamp(began[1])} is not done yet."
        elif self._took > SLOW_S:
            detail = f"The git remote is slow: the last fetch and push took {self._took:.0f} s."
        if detail is not None and head is not None and self._ctx.settings.git == "push":
            detail += f" {_unpushed(repository, head)}"
        if detail != self._told:
            tell(self._ctx, SLOW_REMOTE, detail)
            self._told = detail

    def _has_work(self) -> bool:
        with read(self._ctx.database) as tx:
            state = git.state(tx)
        if state is None or state.pull_asked is not None:
            return state is not None
        if self._ctx.settings.git != "push":
            return False
        return time.monotonic() >= self._fetch_due or self._keeper.head != self._pushed

    def _exchange(self, repository: Repository, remote: Remote) -> None:
        with read(self._ctx.database) as tx:
            state = git.state(tx)
        head = repository.head()
        repository.tidy(repository.apart)
        try:
            theirs = remote.fetch(head)
            with self._ctx.locks.hold([LOCK]):
                is_rewritten = tell_rewritten(self._ctx, remote, repository.head(), theirs)
                if not is_rewritten:
                    head = self._merge(repository, head, theirs)
                    remote.track(head, theirs)
                is_disputed = tell_conflicts(self._ctx)
            with write(self._ctx.database) as tx:
                git.pulled(tx, None if state is None else state.pull_asked)
            self._fetch_due = time.monotonic() + FETCH_EVERY_S
            if is_rewritten:
                self._pushed = head  # until there is something new
            elif self._ctx.settings.git == "push":
                self._push(remote, head, theirs, is_disputed=is_disputed)
        except CmsError as error:
            if self._is_stopped():
                raise Unavailable(error.detail, code=BUSY) from error  # it says nothing of the remote
            raise

    def _merge(self, repository: Repository, fetched: Head, theirs: str | None) -> Head:
        """Merge the remote's commits, and return the head that is checked out then."""
        recover(self._ctx, repository)
        head = repository.head()
        if head.branch != fetched.branch:
            raise Unavailable("Somebody has checked out another branch meanwhile.", code=BUSY)
        if theirs is not None:
            take_in(self._ctx, repository, head, theirs)
        show_in_index(self._ctx, repository)
        head = self._keeper.head = repository.head()
        return head

    def _push(self, remote: Remote, head: Head, theirs: str | None, *, is_disputed: bool) -> None:
        if is_disputed and self._aside != head.commit:
            remote.push_aside(head, head.commit)
            self._aside = head.commit
        elif not is_disputed:
            if head.commit != theirs:
                remote.push(head, theirs)
            if self._aside is not None:
                remote.push_aside(head, None)
                self._aside = None
        self._pushed = head


def _unpushed(repository: Repository, head: Head) -> str:
    times = Remote(repository).unpushed(head)
    if times is None:
        return "Nothing was pushed so far; commits are made all the same."
    if not times:
        return "All commits are pushed."
    since = timestamp(min(times))
    return f"{len(times)} commit(s) are not pushed yet, the first of {since}; commits are made all the same."
