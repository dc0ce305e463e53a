"""Fetches from and pushes to the repository that developers share.

The site's own config names it, and is not trusted for more than that: a URL by https or ssh. Where it lies in a folder,
whose hooks would run here, the operator has to name it.

A remote may take as long as it likes: what waits for it runs in a repository of its own, in which no commit is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cms.errors import NotReady
from cms.store import contents
from cms.store.git import NETWORK_S, Place, failed, redacted, with_remote
from cms.store.repository import LOCK_BELIEVED_S, Head, Repository, break_lock

TRUSTED = "https:ssh:http:git:file"
FROM_CONFIG = "https:ssh"
ASIDE = "refs/heads/cms-conflict"
"""Where our side of a conflict stands for developers."""

_SEEN = "refs/cms/seen/"
_THEIRS = "refs/heads/theirs"
_URL = re.compile(r"(https|ssh)://[^-].*|[\w.-]+@[\w][\w.-]*:.+")


class Remote:
    """One at a time in all processes: whoever uses it holds a lock. What waits for the network is broken off once
    `is_stopped` says so, with `Unavailable`."""

    def __init__(self, repository: Repository, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._repository = repository
        self._is_stopped = is_stopped

    def fetch(self, head: Head) -> str | None:
        """Return the last commit of the branch at the remote, None when it has no such branch."""
        git, place = self._repository.git, self._repository.apart
        git.run(place, "update-ref", "refs/heads/ours", head.commit)  # what need not be sent
        name, theirs = self._upstream(head)
        listed = self._ask("ls-remote", "--refs", "site", theirs, name=name).decode().split()
        if theirs not in listed:
            return None
        commit = listed[listed.index(theirs) - 1]
        if git.attempt(place, "merge-base", "--is-ancestor", commit, head.commit).status != 0:
            options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
            self._ask("fetch", *options, "--no-recurse-submodules", "site", f"+{theirs}:{_THEIRS}", name=name)
            commit = git.run(place, "rev-parse", _THEIRS).decode().strip()
        return commit

    def push(self, head: Head, expected: str | None) -> None:
        """Make the remote's branch end in the commit; `Unavailable` when it does not end in `expected` any more (None:
        when there is such a branch)."""
        name, theirs = self._upstream(head)
        lease = f"--force-with-lease={theirs}:{expected or ''}"
        self._ask("push", "--quiet", lease, "site", f"{head.commit}:{theirs}", name=name)
        self.track(head, head.commit)

    def lost(self, head: Head, theirs: str | None) -> list[str]:
        """Return the commits of the site's branch in which the remote's branch has ended once, and which it does not
        have now that it ends in `theirs` (None: it has no such branch any more)."""
        found: list[str] = []
        for commit in self._known_ends(head):
            done = self._repository.git.attempt(self._repository.own, "merge-base", "--all", head.commit, commit)
            found += done.out.decode().split()
        return [
            one for one in dict.fromkeys(found) if theirs is None or not contents.has(self._repository, theirs, one)
        ]

    def push_aside(self, head: Head, commit: str | None) -> None:
        """Show developers our side of a conflict; None: there is none any more."""
        name, _ = self._upstream(head)
        there = self._ask("ls-remote", "--refs", "site", ASIDE, name=name)
        if commit is not None or there:
            self._ask("push", "--quiet", "site", f"+{commit}:{ASIDE}" if commit else f":{ASIDE}", name=name)

    def track(self, head: Head, commit: str | None) -> None:
        """Note in the site's repository where the remote's branch ends, as git itself does, and once more where no
        `git fetch` changes it; None: forget both."""
        place, common = self._repository.place, self._repository.found.common
        for ref in self._notes(head):
            break_lock(common / f"{ref}.lock", LOCK_BELIEVED_S)
            self._repository.git.run(place, "update-ref", "-m", "cms", *([ref, commit] if commit else ["-d", ref]))

    def unpushed(self, head: Head) -> list[int] | None:
        """Return when each commit that the remote does not have was made, in seconds since the epoch; None when what
        it has is not known. The remote is not asked, and no lock is needed."""
        name, theirs = self._upstream(head)
        git = self._repository.git
        there = git.attempt(self._repository.place, "rev-parse", "--verify", "--quiet", _tracking(name, theirs))
        if there.status != 0:
            return None
        found = git.run(self._repository.own, "rev-list", "--timestamp", head.commit, f"^{there.out.decode().strip()}")
        return [int(line.split()[0]) for line in found.splitlines()]

    def _known_ends(self, head: Head) -> list[str]:
        asked = [f"{ref}^{{commit}}" for ref in self._notes(head)]
        git, place = self._repository.git, self._repository.place
        return [
            done.out.decode().strip()
            for done in (git.attempt(place, "rev-parse", "--verify", "--quiet", one) for one in asked)
            if done.status == 0
        ]

    def _notes(self, head: Head) -> list[str]:
        """The refs that say where the remote's branch ends."""
        name, theirs = self._upstream(head)
        own = [_SEEN + theirs.removeprefix("refs/heads/")]
        return [*own, _tracking(name, theirs)] if re.fullmatch(r"[\w.-]+", name) else own

    def _ask(self, *arguments: str, name: str) -> bytes:
        """Run a command that speaks with the remote of this name."""
        place = self._place(name)
        return self._repository.git.run(place, *arguments, timeout_s=NETWORK_S, is_stopped=self._is_stopped)

    def _place(self, name: str) -> Place:
        apart = self._repository.apart
        if self._repository.remote is not None:
            return with_remote(apart, self._repository.remote, TRUSTED)
        url = self._config(f"remote.{name}.url")
        if url is None:
            detail = f"The site's repository has no remote {name}; set CMS_GIT_REMOTE to its URL."
            raise NotReady(detail, code="git_remote")
        if not _URL.fullmatch(url):
            detail = f"The site's repository names the remote {redacted(url)}, which is neither https nor ssh; "
            raise NotReady(f"{detail}set CMS_GIT_REMOTE to the URL that is meant.", code="git_remote")
        return with_remote(apart, url, FROM_CONFIG)

    def _upstream(self, head: Head) -> tuple[str, str]:
        """The remote's name, and what the branch is called there."""
        branch = head.branch.removeprefix("refs/heads/")
        name = self._config(f"branch.{branch}.remote")
        theirs = self._config(f"branch.{branch}.merge")
        if name is None or name == "." or theirs is None or not theirs.startswith("refs/heads/"):
            return "origin", head.branch
        return name, theirs

    def _config(self, name: str) -> str | None:
        file = str(self._repository.found.common / "config")
        place = self._repository.own
        done = self._repository.git.attempt(place, "config", "--file", file, "--no-includes", "-z", "--get", name)
        if done.status not in (0, 1):
            raise failed(["config"], done)
        return done.out.decode(errors="replace").removesuffix("\0") or None


def _tracking(name: str, theirs: str) -> str:
    return f"refs/remotes/{name}/{theirs.removeprefix('refs/heads/')}"
