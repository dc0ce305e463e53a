"""A site is at home in whatever git makes of a clone: shallow, a linked work tree, or with SHA-256."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from tests.actions.test_git_pull import OPENING, RIVER, log_of, titled
from tests.api.editing import TEXT
from tests.forge import Clone, Kind, desk, exchange

KINDS = get_args(Kind)[1:]
NEW = "src/content/news/en/from-dev.md"


@pytest.mark.parametrize("kind", KINDS)
def test_editors_and_developers_share_a_branch(tmp_path: Path, kind: Kind) -> None:
    with desk(tmp_path, "push", kind=kind) as at:
        assert at.get("history/news/en/opening-day")["items"][0]["actor"] == "Sokha Start"
        at.developer.push({NEW: TEXT, OPENING: at.developer.read(OPENING) + "\nDara.\n", "a.txt": "a"})
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        at.save("news/en/river-bus", {"data": {"title": "By the editor"}})
        exchange(at)
        assert at.notices() == {}
        assert at.get("history/news/en/from-dev")["items"][0]["actor"] == "Dara Dev"
        assert [item["actor"] for item in at.get("history/news/en/opening-day")["items"]] == [
            "Dara Dev", "Front Desk", "Sokha Start",
        ]  # fmt: skip
        at.developer.git("pull", "-q", "--ff-only")
        for clone in (at.site, at.developer):
            assert "By the editor" in clone.read(OPENING)
            assert clone.read(OPENING).endswith("Dara.\n")
            assert clone.git("status", "--porcelain") == ""
            assert clone.git("fsck", "--strict") == ""
        assert {author for author, _ in log_of(at.developer)} >= {"Front Desk", "Sokha Start"}
        assert_as_it_was(at.site, tmp_path, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_both_changed_waits_for_a_decision(tmp_path: Path, kind: Kind) -> None:
    with desk(tmp_path, "push", kind=kind) as at:
        at.developer.push({OPENING: titled(at.developer.read(OPENING), "By Dara"), RIVER: None})
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        exchange(at)
        (conflict,) = at.get("conflicts")["items"]
        assert ("By the editor" in conflict["ours"], "By Dara" in conflict["theirs"]) == (True, True)
        assert not (at.site.folder / RIVER).exists()
        at.save("news/en/opening-day", {"data": {"title": "By both"}})
        exchange(at)
        assert at.get("conflicts")["items"] == []
        at.developer.git("pull", "-q", "--ff-only")
        assert "By both" in at.developer.read(OPENING)
        assert_as_it_was(at.site, tmp_path, kind)


def test_a_shallow_clone_may_get_the_rest_of_its_history(tmp_path: Path) -> None:
    with desk(tmp_path, "push", kind="shallow") as at:
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        exchange(at)
        at.site.git("fetch", "-q", "--unshallow", "origin")
        at.developer.git("pull", "-q", "--ff-only")
        at.developer.push({RIVER: titled(at.developer.read(RIVER), "By Dara")})
        exchange(at)
        assert at.notices() == {}
        assert log_of(at.site)[-1] == ("Sokha Start", "Before the site")
        assert at.get("history/news/en/river-bus")["items"][0]["actor"] == "Dara Dev"


def assert_as_it_was(site: Clone, folder: Path, kind: Kind) -> None:
    """The clone is still what it was, and whom it shares git's folder with has noticed nothing."""
    assert (site.git("rev-parse", "--is-shallow-repository") == "true") == (kind == "shallow")
    assert site.git("rev-parse", "--show-object-format") == ("sha256" if kind == "sha256" else "sha1")
    assert (site.folder / ".git").is_file() == (kind == "worktree")
    if kind == "worktree":
        trunk = Clone(folder / "trunk")
        assert trunk.git("status", "--porcelain") == ""
        assert trunk.git("symbolic-ref", "HEAD") == "refs/heads/other"
        assert trunk.git("worktree", "list", "--porcelain").count("worktree ") == 2
