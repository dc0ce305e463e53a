"""What developers share: a bare repository, the site's own clone of it, and a developer's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flask.testing import FlaskClient

from cms.actions import tokens
from cms.actions.exchange_git import Exchange
from cms.actions.keep_git import Keeper
from cms.context import Context
from cms.database import notices
from cms.database.engine import read, write
from cms.database.git import ask_for_pull
from cms.model.limits import Limits
from cms.model.scopes import SERVICE
from tests.api.editing import ARTICLES, MERGE_PATCH
from tests.conftest import SAMPLE, close, copy_site, make_client, make_context, make_settings, reconcile

SECRET = "a secret of the forge's and ours"
ENVIRONMENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "PATH": os.environ["PATH"]}


Kind = Literal["whole", "shallow", "worktree", "sha256"]
"""What the site's clone is: with all of the history, with its end alone, a work tree linked to another clone, or with
objects named by SHA-256."""


@dataclass(frozen=True)
class Clone:
    """A work tree, used as people use it: by git's own commands."""

    folder: Path
    name: str = "Dara Dev"

    def git(self, *arguments: str, check: bool = True) -> str:
        who = ["-c", f"user.name={self.name}", "-c", "user.email=dev@example.org", "-c", "core.quotePath=false"]
        command = ["git", *who, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, files: dict[str, str | bytes | None], message: str = "Work") -> str:
        """Commit the files, those with None deleted; returns the commit."""
        for path, data in files.items():
            place = self.folder / path
            if data is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data.encode() if isinstance(data, str) else data)
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")

    def push(self, files: dict[str, str | bytes | None], message: str = "Work") -> str:
        made = self.commit(files, message)
        self.git("push", "-q", "origin", "HEAD:main")
        return made

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def commits(self) -> list[tuple[str, str, list[str]]]:
        """Author, subject and paths of each commit, the newest first."""
        out = self.git("log", "--no-renames", "--name-only", "--format=%x00%an%x00%s%x00", "-m", "--first-parent")
        words = [word.strip("\n") for word in out.split("\0")[1:]]
        return [(words[n], words[n + 1], words[n + 2].split("\n")) for n in range(0, len(words), 3)]


def share(sample: Path, folder: Path, below: str, kind: Kind = "whole") -> tuple[Path, Clone, Clone]:
    """The bare repository with the sample site in its folder `below`, the site's clone, a developer's clone."""
    first = Clone(folder / "first", "Sokha Start")
    first.folder.mkdir()
    first.git("init", "-q", "-b", "main", f"--object-format={'sha256' if kind == 'sha256' else 'sha1'}")
    if kind == "shallow":
        first.commit({"README.md": "Before the site"}, "Before the site")
    copy_site(sample, first.folder / below)
    first.git("add", "-A")
    first.git("commit", "-qm", "The site")
    remote = folder / "remote.git"
    first.git("clone", "-q", "--bare", str(first.folder), str(remote))
    site, developer = Clone(folder / "site"), Clone(folder / "developer")
    first.git("clone", "-q", str(remote), str(developer.folder))
    if kind == "worktree":
        trunk = Clone(folder / "trunk")
        first.git("clone", "-q", str(remote), str(trunk.folder))
        trunk.git("checkout", "-q", "-b", "other")
        trunk.git("worktree", "add", "-q", str(site.folder), "main")
    else:
        depth = ["--depth=1"] if kind == "shallow" else []
        first.git("clone", "-q", *depth, remote.as_uri(), str(site.folder))
    return remote, site, developer


def keep(ctx: Context) -> None:
    """What a worker that has just been started does in its first round: commit, then exchange with the remote."""
    keeper = Keeper(ctx)
    keeper.run()
    Exchange(ctx, keeper).run()


@dataclass
class Desk:
    """A site in git, its service, and an editor at it."""

    ctx: Context
    client: FlaskClient
    keeper: Keeper
    exchange: Exchange
    editor: dict[str, str]
    site: Clone
    developer: Clone
    remote: Path

    def keep(self) -> None:
        """A round of each of the two: commit, then exchange with the remote."""
        self.keeper.run()
        self.exchange.run()

    def save(self, name: str, body: Any, **query: str) -> str:
        """Change the article; returns its new tag."""
        response = self.client.patch(
            f"{ARTICLES}/{name}",
            json=body,
            headers={**self.editor, "If-Match": self.tag(name)},
            content_type=MERGE_PATCH,
            query_string=query,
        )
        assert response.status_code == 200, response.text
        return response.headers["ETag"]

    def tag(self, name: str) -> str:
        return self.client.get(f"{ARTICLES}/{name}").headers["ETag"]

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}", headers=self.editor).get_json()

    def notices(self) -> dict[str, str]:
        with read(self.ctx.database) as tx:
            return {row.name: row.detail for row in notices.all_of(tx)}


@contextmanager
def desk(
    folder: Path, mode: str = "commit", name: str = "Front Desk", below: str = "", kind: Kind = "whole", **settings: Any
) -> Iterator[Desk]:
    """The sample site in a clone, its service set up for git."""
    remote, site, developer = share(SAMPLE, folder, below, kind)
    database = f"sqlite:///{folder}/cms.db"
    limits = Limits(auth_failures_per_minute=1000)
    chosen = {"git": mode, "git_remote": str(remote), "git_hook_secret": SECRET, "limits": limits, **settings}
    ctx = make_context(make_settings(site.folder / below, database, **chosen))
    try:
        editor = {"Authorization": f"Bearer {tokens.create(ctx, SERVICE, name, ['admin'])[1]}"}
        keeper = Keeper(ctx)
        yield Desk(ctx, make_client(ctx), keeper, Exchange(ctx, keeper), editor, site, developer, remote)
    finally:
        close(ctx)


def exchange(at: Desk) -> None:
    """Do what a service that has just been started does, after a call of the forge: it remembers nothing itself."""
    with write(at.ctx.database) as tx:
        ask_for_pull(tx)
    keep(at.ctx)
    reconcile(at.ctx)
