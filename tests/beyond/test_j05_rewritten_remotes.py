"""J5, J19: a remote's branch is never pushed over, and what developers took out of it does not come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cms.actions.rewritten import accept
from cms.errors import NotReady
from tests.conftest import reconcile
from tests.forge import Desk, desk, exchange

OPENING = "src/content/news/en/opening-day.md"
RIVER = "src/content/news/en/river-bus.md"
SECRET = "hunter2-of-the-old-line"
NAMES = ("news/en/opening-day", "news/en/4-post", "news/en/river-bus")


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, "push") as made:
        yield made


def rewind(at: Desk) -> None:
    at.developer.git("reset", "-q", "--hard", "HEAD~2")
    at.developer.git("push", "-qf", "origin", "HEAD:main")


def squash(at: Desk) -> None:
    at.developer.git("reset", "-q", "--soft", "HEAD~2")
    at.developer.commit({OPENING: at.developer.read(OPENING).replace(SECRET, "corrected")}, "Both in one")
    at.developer.git("push", "-qf", "origin", "HEAD:main")


def amend(at: Desk) -> None:
    (at.developer.folder / OPENING).write_text(at.developer.read(OPENING).replace(SECRET, "corrected"))
    at.developer.git("commit", "-qam", "corrected", "--amend")
    at.developer.git("push", "-qf", "origin", "HEAD:main")


def objects(at: Desk, *commits: str) -> set[str]:
    """Return the names of all commits, folders and files that the commits lead to."""
    return {line.split()[0] for line in at.site.git("rev-list", "--objects", *commits).splitlines()}


def at_remote(at: Desk) -> set[str]:
    branches = at.site.git("ls-remote", str(at.remote)).split()[::2]
    return objects(at, *branches) if branches else set()


def old_line(at: Desk) -> str:
    """Let a developer push two commits, the last with a secret, and the site pull them; return the last."""
    at.developer.push({RIVER: at.developer.read(RIVER) + "\nSecond thoughts.\n"})
    text = at.developer.read(OPENING) + f"\nThe password is {SECRET}.\n"
    old = at.developer.push({OPENING: text})
    exchange(at)
    assert at.site.git("rev-parse", "HEAD") == old
    return old


def save(at: Desk, number: int) -> None:
    for name in NAMES[:number]:
        at.save(name, {"data": {"title": f"By the editor of {name}"}})
    at.keeper.run()  # they are committed, and not pushed


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("rewrite", [rewind, squash, amend])
def test_what_was_taken_out_never_comes_back(at: Desk, rewrite: Callable[[Desk], None], number: int) -> None:
    old = old_line(at)
    save(at, number)
    rewrite(at)
    new = at.developer.git("rev-parse", "HEAD")
    with_site = at.site.git("rev-parse", "HEAD")
    gone = objects(at, old) - {line.split()[0] for line in at.developer.git("rev-list", "--objects", new).splitlines()}
    for _ in range(2):
        exchange(at)
        assert "cms git accept" in at.notices()["git_rewritten"]
        assert at.client.get("/readyz").status_code == 200
        assert at.developer.git("ls-remote", "origin", "refs/heads/*").split()[::2] == [new]
        assert at.site.git("rev-parse", "HEAD") == with_site
    save(at, number)

    done = accept(at.ctx)
    assert (done.replayed, done.conflicts) == (number, ())
    exchange(at)
    assert at.notices() == {}
    assert not gone & at_remote(at)
    assert at.get("conflicts")["items"] == []
    at.developer.git("pull", "-q", "--ff-only")
    made = at.developer.commits()[:number]
    assert [(author, paths) for author, _, paths in reversed(made)] == [
        ("Front Desk", [f"src/content/{name}.md"]) for name in NAMES[:number]
    ]
    assert at.developer.git("rev-parse", f"HEAD~{number}") == new
    for name in NAMES[:number]:
        assert at.get(f"articles/{name}")["data"]["title"] == f"By the editor of {name}"
        assert f"By the editor of {name}" in at.developer.read(f"src/content/{name}.md")
    assert SECRET not in at.get("articles/news/en/opening-day")["body"]
    assert at.site.git("status", "--porcelain") == ""
    with pytest.raises(NotReady):
        accept(at.ctx)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_deleted_branch_comes_back_when_a_person_says_so(at: Desk, number: int) -> None:
    old_line(at)
    save(at, number)
    at.developer.git("-C", str(at.remote), "update-ref", "-d", "refs/heads/main")
    head = at.site.git("rev-parse", "HEAD")
    for _ in range(2):
        exchange(at)
        assert "has no branch main any more" in at.notices()["git_rewritten"]
        assert at_remote(at) == set()
    assert accept(at.ctx).commit is None
    exchange(at)
    assert at.notices() == {}
    assert at.site.git("rev-parse", "HEAD") == head
    assert at.developer.git("ls-remote", "origin", "refs/heads/main").split()[0] == head


def test_a_remote_that_is_put_back_needs_no_decision(at: Desk) -> None:
    old = old_line(at)
    save(at, 1)
    rewind(at)
    exchange(at)
    assert list(at.notices()) == ["git_rewritten"]
    at.developer.git("push", "-q", "origin", f"{old}:main")
    exchange(at)
    assert at.notices() == {}
    at.developer.git("pull", "-q", "--ff-only")
    assert at.developer.git("rev-parse", "HEAD~1") == old


def test_a_fetch_by_hand_hides_nothing(at: Desk) -> None:
    old_line(at)
    rewind(at)
    at.site.git("fetch", "-q", "--prune")
    exchange(at)
    assert list(at.notices()) == ["git_rewritten"]
    at.site.git("reset", "-q", "--hard", "origin/main")  # that is a decision, too
    exchange(at)
    assert at.notices() == {}
    assert at_remote(at) == objects(at, at.developer.git("rev-parse", "HEAD"))


def test_what_somebody_pulled_by_hand_is_not_pushed_back_either(at: Desk) -> None:
    exchange(at)
    at.developer.push({OPENING: at.developer.read(OPENING) + f"\n{SECRET}\n"})
    old = at.developer.push({RIVER: at.developer.read(RIVER) + "\nMore.\n"})
    at.site.git("pull", "-q", "--ff-only")
    reconcile(at.ctx)
    rewind(at)
    save(at, 1)
    exchange(at)
    assert list(at.notices()) == ["git_rewritten"]
    assert old not in at_remote(at)


def test_a_branch_that_is_rewound_just_before_a_push_is_not_pushed_over(at: Desk) -> None:
    old_line(at)
    save(at, 1)
    head, remote = at.site.git("rev-parse", "HEAD"), at.developer.git("rev-parse", "HEAD~2")
    hook = at.remote / "hooks/pre-receive"
    assert head != remote
    # The remote's answer to `git ls-remote` is older than the push when this hook runs; the lease is looked at later.
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main {remote}\n")
    hook.chmod(0o755)
    exchange(at)
    hook.unlink()
    exchange(at)
    assert list(at.notices()) == ["git_rewritten"]
    assert at.developer.git("ls-remote", "origin", "refs/heads/main").split()[0] == remote


def test_an_edit_of_what_the_new_line_changed_too_waits_for_a_decision(at: Desk) -> None:
    old_line(at)
    at.save("news/en/opening-day", {"body": "The editor's own words.\n"})
    at.keeper.run()
    squash(at)
    new = at.developer.git("rev-parse", "HEAD")
    exchange(at)
    done = accept(at.ctx)
    assert done.conflicts == (OPENING,)
    exchange(at)
    (found,) = at.get("conflicts")["items"]
    assert (found["path"], found["commit"]) == (OPENING, new)
    assert "The editor's own words." in found["ours"]
    assert "corrected" in found["theirs"]
    assert at.developer.git("ls-remote", "origin", "refs/heads/main").split()[0] == new
    assert "The editor's own words." in at.get("articles/news/en/opening-day")["body"]
