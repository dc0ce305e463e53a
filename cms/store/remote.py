"""Fetches from and pushes to the repository that developers share.

The site's own config names it, and is not trusted for more than that: a URL by https or ssh. Where it lies in a folder,
whose hooks would run here, the operator has to name it.
"""

from __future__ import annotations

import re

from cms.errors import NotReady
from cms.store.git import NETWORK_S, Place, failed, redacted, with_remote
from cms.store.repository import LOCK_BELIEVED_S, Head, Repository, break_lock

TRUSTED = "https:ssh:http:git:file"
FROM_CONFIG = "https:ssh"
ASIDE = "refs/heads/cms-conflict"
"""Where our side of a conflict stands for developers."""

_THEIRS = "refs/heads/theirs"
_URL = re.compile(r"(https|ssh)://[^-].*|[\w.-]+@[\w][\w.-]*:.+")


def fetch(repository: Repository, head: Head) -> str | None:
    """The last commit of the branch at the remote, None when it has no such branch."""
    git, own = repository.git, repository.own
    git.run(own, "update-ref", "refs/heads/ours", head.commit)  # what need not be sent
    name, theirs = _upstream(repository, head)
    place = _place(repository, name)
    listed = git.run(place, "ls-remote", "--refs", "site", theirs, timeout_s=NETWORK_S).decode()
    if theirs not in listed.split():
        return None
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")
    git.run(place, "fetch", *options, "site", f"+{theirs}:{_THEIRS}", timeout_s=NETWORK_S)
    commit = git.run(own, "rev-parse", _THEIRS).decode().strip()
    _track(repository, name, theirs, commit)
    return commit


def push(repository: Repository, head: Head, commit: str) -> None:
    """Make the remote's branch end in the commit; `Unavailable` when it has something else by now."""
    name, theirs = _upstream(repository, head)
    place = _place(repository, name)
    repository.git.run(place, "push", "--quiet", "site", f"{commit}:{theirs}", timeout_s=NETWORK_S)
    _track(repository, name, theirs, commit)


def push_aside(repository: Repository, head: Head, commit: str | None) -> None:
    """Show developers our side of a conflict; None: there is none any more."""
    place = _place(repository, _upstream(repository, head)[0])
    there = repository.git.run(place, "ls-remote", "--refs", "site", ASIDE, timeout_s=NETWORK_S)
    if commit is not None or there:
        wanted = f"+{commit}:{ASIDE}" if commit else f":{ASIDE}"
        repository.git.run(place, "push", "--quiet", "site", wanted, timeout_s=NETWORK_S)


def _place(repository: Repository, name: str) -> Place:
    if repository.remote is not None:
        return with_remote(repository.own, repository.remote, TRUSTED)
    url = _config(repository, f"remote.{name}.url")
    if url is None:
        raise NotReady(f"The site's repository has no remote {name}; set CMS_GIT_REMOTE to its URL.", code="git_remote")
    if not _URL.fullmatch(url):
        detail = f"The site's repository names the remote {redacted(url)}, which is neither https nor ssh; "
        raise NotReady(f"{detail}set CMS_GIT_REMOTE to the URL that is meant.", code="git_remote")
    return with_remote(repository.own, url, FROM_CONFIG)


def _upstream(repository: Repository, head: Head) -> tuple[str, str]:
    """The remote's name, and what the branch is called there."""
    branch = head.branch.removeprefix("refs/heads/")
    name = _config(repository, f"branch.{branch}.remote")
    theirs = _config(repository, f"branch.{branch}.merge")
    if name is None or name == "." or theirs is None or not theirs.startswith("refs/heads/"):
        return "origin", head.branch
    return name, theirs


def _track(repository: Repository, name: str, theirs: str, commit: str) -> None:
    """Note in the site's repository where the remote's branch stands, as git itself does."""
    if re.fullmatch(r"[\w.-]+", name):
        own = f"refs/remotes/{name}/{theirs.removeprefix('refs/heads/')}"
        break_lock(repository.found.common / f"{own}.lock", LOCK_BELIEVED_S)
        repository.git.run(repository.place, "update-ref", "-m", "cms", own, commit)


def _config(repository: Repository, name: str) -> str | None:
    file = str(repository.found.common / "config")
    done = repository.git.attempt(repository.own, "config", "--file", file, "--no-includes", "-z", "--get", name)
    if done.status not in (0, 1):
        raise failed(["config"], done)
    return done.out.decode(errors="replace").removesuffix("\0") or None
