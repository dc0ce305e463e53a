"""F2: a commit never waits for the git remote; one that takes long is broken off when the service ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cms.actions.exchange_git import Exchange
from tests.actions.test_git_pull import OPENING, RIVER, log_of, titled
from tests.conftest import eventually, reconcile
from tests.forge import Desk, desk
from tests.trust.held_remote import HeldRemote, url_of


@pytest.fixture
def remote(tmp_path: Path) -> HeldRemote:
    made = HeldRemote(tmp_path / "ssh")
    made.hold()
    return made


@pytest.fixture
def at(remote: HeldRemote, tmp_path: Path) -> Iterator[Desk]:
    """An editor at a site that pulls and pushes, whose remote does not answer so far."""
    url = url_of(tmp_path / "remote.git")
    with desk(tmp_path, "push", git_remote=url, git_environment=remote.environment) as made:
        made.keeper.run()
        yield made


@contextmanager
def beside(work: Callable[[], None], end: Callable[[], None]) -> Iterator[None]:
    """Do the work in another thread during the block, and then `end`, after which it ends."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end()
        thread.join()


def test_saves_are_committed_while_the_remote_is_waited_for(at: Desk, remote: HeldRemote) -> None:
    at.developer.push({RIVER: titled(at.developer.read(RIVER), "By Dara")})
    with beside(at.exchange.run, remote.release):
        assert eventually(remote.asked) == 1
        for number, title in enumerate(("One", "Two"), start=1):
            at.save("news/en/opening-day", {"data": {"title": title}})
            at.keeper.run()
            assert log_of(at.site)[:number] == [("Front Desk", "Update news/en/opening-day: title")] * number
            assert at.site.git("status", "--porcelain") == ""
        assert remote.asked() == 1, "it has not answered yet"
        assert at.notices() == {}
    at.exchange.run()
    assert at.notices() == {}
    at.developer.git("pull", "-q", "--ff-only")
    assert "Two" in at.developer.read(OPENING)
    assert "By Dara" in at.site.read(RIVER)
    assert at.developer.git("rev-parse", "HEAD") == at.site.git("rev-parse", "HEAD")
    assert at.site.git("fsck", "--strict") == ""
    reconcile(at.ctx)
    assert at.get("history/news/en/river-bus")["items"][0]["actor"] == "Dara Dev"


def test_what_is_committed_while_a_push_is_waited_for_is_pushed_next(at: Desk, remote: HeldRemote) -> None:
    remote.release()
    at.exchange.run()
    at.save("news/en/opening-day", {"data": {"title": "One"}})
    at.keeper.run()
    remote.hold()
    before = remote.asked()
    with beside(at.exchange.run, remote.release):
        assert eventually(lambda: remote.asked() > before)
        at.save("news/en/opening-day", {"data": {"title": "Two"}})
        at.keeper.run()
    at.exchange.run()
    at.developer.git("pull", "-q", "--ff-only")
    assert "Two" in at.developer.read(OPENING)
    asked = remote.asked()
    at.exchange.run()
    assert remote.asked() == asked, "nothing is new"


def test_an_exchange_is_broken_off_when_the_service_ends(at: Desk, remote: HeldRemote) -> None:
    stop = threading.Event()
    at.save("news/en/opening-day", {"data": {"title": "One"}})
    at.keeper.run()
    with beside(Exchange(at.ctx, at.keeper, stop.is_set).run, stop.set):
        assert eventually(remote.asked) == 1
    assert at.notices() == {}, "that the service ends says nothing of the remote"
    remote.release()
    at.exchange.run()
    at.developer.git("pull", "-q", "--ff-only")
    assert "One" in at.developer.read(OPENING)


def test_commits_of_one_branch_are_not_merged_into_another_that_is_checked_out_meanwhile(
    at: Desk, remote: HeldRemote
) -> None:
    at.developer.push({RIVER: titled(at.developer.read(RIVER), "By Dara")})
    with beside(at.exchange.run, remote.release):
        assert eventually(remote.asked) == 1
        before = at.site.git("rev-parse", "HEAD")
        at.site.git("checkout", "-q", "-b", "other")
    assert at.site.git("rev-parse", "HEAD") == before
    assert at.notices() == {}
    assert "other" not in at.developer.git("ls-remote", "origin")
