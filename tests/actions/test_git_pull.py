"""Developers and editors share a branch: commits come and go, and nobody's work is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cms.actions import bring, exchange_git, keep_git
from tests.api.editing import ARTICLES, TEXT, create_text
from tests.conftest import eventually, reconcile
from tests.forge import Clone, Desk, desk, exchange, keep

OPENING = "src/content/news/en/opening-day.md"
RIVER = "src/content/news/en/river-bus.md"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    """An editor at a site that pulls and pushes."""
    with desk(tmp_path, "push") as made:
        yield made


def titled(text: str, title: str) -> str:
    lines = [f"title: {title}" if line.startswith("title:") else line for line in text.splitlines(keepends=True)]
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def log_of(clone: Clone) -> list[tuple[str, str]]:
    return [(author, subject) for author, subject, _ in clone.commits()]


def test_developers_commits_become_revisions_with_their_names(at: Desk) -> None:
    new = "src/content/news/en/from-dev.md"
    first = Clone(at.developer.folder, "Dara Dev")
    second = Clone(at.developer.folder, "សុភា")
    first.push({new: TEXT, OPENING: titled(first.read(OPENING), "By Dara"), "src/pages/a.astro": "---\n---\n"})
    second.push({RIVER: None, ".github/x.yml": "on: push\n"})
    exchange(at)
    history = at.get("history/news/en/opening-day")["items"]
    assert (history[0]["actor"], history[0]["source"], history[0]["action"]) == ("Dara Dev", "git", "updated")
    assert at.get("history/news/en/from-dev")["items"][0]["actor"] == "Dara Dev"
    gone = at.get("history/news/en/river-bus")["items"][0]
    assert (gone["actor"], gone["source"], gone["action"]) == ("សុភា", "git", "deleted")
    assert at.get("articles/news/en/opening-day")["data"]["title"] == "By Dara"
    assert at.site.git("status", "--porcelain") == ""
    assert at.site.git("rev-parse", "HEAD") == at.developer.git("rev-parse", "HEAD")
    assert at.site.read(".github/x.yml") == "on: push\n"
    assert at.notices() == {}


def test_the_first_look_at_a_site_tells_who_wrote_it(at: Desk) -> None:
    assert {item["actor"] for item in at.get("history/news/en/opening-day")["items"]} == {"Sokha Start"}


def test_commits_that_somebody_pulls_by_hand_have_names_too(at: Desk) -> None:
    at.developer.push({OPENING: titled(at.developer.read(OPENING), "By Dara")})
    at.site.git("pull", "-q", "--ff-only")
    reconcile(at.ctx)
    assert at.get("history/news/en/opening-day")["items"][0]["actor"] == "Dara Dev"


def test_editors_commits_are_pushed(at: Desk) -> None:
    at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
    at.keep()
    at.developer.git("pull", "-q", "--ff-only")
    assert log_of(at.developer)[0] == ("Front Desk", "Update news/en/opening-day: title")
    assert "By the editor" in at.developer.read(OPENING)
    assert "ahead" not in at.site.git("status", "--branch", "--porcelain")


def test_a_branch_that_the_remote_does_not_have_is_made_there(at: Desk) -> None:
    at.site.git("checkout", "-q", "-b", "editors")
    at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
    at.keep()
    at.developer.git("fetch", "-q")
    assert at.developer.git("rev-parse", "origin/editors") == at.site.git("rev-parse", "HEAD")
    assert at.developer.git("log", "--oneline", "origin/main..origin/editors").count("\n") == 0
    assert at.notices() == {}


def test_both_sides_are_merged(at: Desk) -> None:
    longer = at.developer.read(OPENING) + "\nDara.\n"
    at.developer.push({RIVER: titled(at.developer.read(RIVER), "By Dara"), OPENING: longer})
    at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
    at.save("news/en/river-bus", {"data": {"author": "By the editor"}})
    at.keep()
    reconcile(at.ctx)
    at.developer.git("pull", "-q", "--ff-only")
    for clone in (at.site, at.developer):
        assert "By the editor" in clone.read(OPENING)
        assert clone.read(OPENING).endswith("Dara.\n")
        assert "By Dara" in clone.read(RIVER)
    assert at.site.git("status", "--porcelain") == ""
    assert at.get("articles/news/en/opening-day")["body"].endswith("Dara.\n")
    history = at.get("history/news/en/opening-day")["items"]
    assert [item["actor"] for item in history] == ["Dara Dev", "Front Desk", "Sokha Start"]
    assert at.get("conflicts")["items"] == []
    assert at.site.git("fsck", "--strict") == ""


def test_more_deletions_than_an_unmounted_disk_would_explain_are_believed(at: Desk) -> None:
    folder = at.site.folder / "src/content/news/en"
    names = sorted(path.relative_to(at.site.folder).as_posix() for path in folder.parent.rglob("*.md"))[:6]
    at.developer.push(dict.fromkeys(names))
    exchange(at)
    assert at.notices() == {}
    assert at.client.get("/api/v1/articles?collection=news&total=true").get_json()["total"] == 1


class TestConflict:
    """An editor and a developer change the same line."""

    @pytest.fixture
    def theirs(self, at: Desk) -> str:
        text = titled(at.developer.read(OPENING), "By Dara")
        at.developer.push({OPENING: text, RIVER: titled(at.developer.read(RIVER), "By Dara")})
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        exchange(at)
        return text

    def test_it_is_told_with_both_texts_and_the_service_goes_on(self, at: Desk, theirs: str) -> None:
        (found,) = at.get("conflicts")["items"]
        assert found["theirs"] == theirs
        assert found["ours"] == at.site.read(OPENING)
        assert "By the editor" in found["ours"]
        assert "garden library" in found["base"]
        assert (found["article"], found["path"], found["author"]) == ("news/en/opening-day", OPENING, "Dara Dev")
        assert found["commit"] == at.developer.git("rev-parse", "HEAD")
        assert "git_conflict" in at.notices()
        assert at.client.get("/readyz").status_code == 200
        # What the two agree on has come, and editors go on.
        assert at.get("articles/news/en/river-bus")["data"]["title"] == "By Dara"
        at.save("news/en/river-bus", {"data": {"title": "Later"}})
        exchange(at)
        assert len(at.get("conflicts")["items"]) == 1
        # Developers keep their branch, and find ours beside it.
        at.developer.git("fetch", "-q")
        assert at.developer.git("rev-parse", "origin/main") == found["commit"]
        assert at.developer.git("show", f"origin/cms-conflict:{OPENING}") + "\n" == at.site.read(OPENING)
        assert "Later" in at.developer.git("show", f"origin/cms-conflict:{RIVER}")

    def test_the_editors_next_save_decides(self, at: Desk, theirs: str) -> None:
        at.save("news/en/opening-day", {"data": {"title": "By both"}})
        exchange(at)
        self.is_settled(at, "By both")
        # The developer's text is in the history that both share.
        assert at.developer.git("show", f"HEAD~1^2:{OPENING}") + "\n" == theirs

    def test_an_editor_says_that_it_stays(self, at: Desk, theirs: str) -> None:
        refused = at.client.delete(f"/api/v1/conflicts/{OPENING}")
        assert refused.status_code == 401
        assert at.client.get("/api/v1/conflicts").status_code == 401
        assert at.client.delete(f"/api/v1/conflicts/{RIVER}", headers=at.editor).status_code == 404
        assert len(at.get("conflicts")["items"]) == 1
        assert at.client.delete(f"/api/v1/conflicts/{OPENING}", headers=at.editor).status_code == 204
        keep(at.ctx)
        self.is_settled(at, "By the editor")

    def test_a_developer_merges(self, at: Desk, theirs: str) -> None:
        at.developer.git("fetch", "-q")
        at.developer.git("merge", "-q", "origin/cms-conflict", check=False)
        at.developer.push({OPENING: titled(theirs, "By both")}, "Merged")
        exchange(at)
        self.is_settled(at, "By both")
        assert at.get("articles/news/en/opening-day")["data"]["title"] == "By both"

    def test_a_developer_takes_ours(self, at: Desk, theirs: str) -> None:
        at.developer.push({OPENING: at.site.read(OPENING)}, "Ours")
        exchange(at)
        self.is_settled(at, "By the editor")

    def is_settled(self, at: Desk, title: str) -> None:
        assert at.get("conflicts")["items"] == []
        assert at.notices() == {}
        at.developer.git("pull", "-q", "--ff-only", "origin", "main")
        for clone in (at.developer, at.site):
            assert f"title: {title}\n" in clone.read(OPENING)
        assert at.developer.git("ls-remote", "origin", "cms-conflict") == ""
        assert at.site.git("status", "--porcelain") == ""


def test_one_side_deletes_what_the_other_changes(at: Desk) -> None:
    at.developer.push({OPENING: None})
    at.save("news/en/opening-day", {"data": {"title": "Still here"}})
    response = at.client.delete(
        f"{ARTICLES}/news/en/river-bus", headers={**at.editor, "If-Match": at.tag("news/en/river-bus")}
    )
    assert response.status_code == 204
    exchange(at)
    text = titled(at.developer.read(RIVER), "By Dara")
    at.developer.push({RIVER: text})
    exchange(at)
    first, second = at.get("conflicts")["items"]
    assert (first["path"], first["theirs"]) == (OPENING, None)
    assert "Still here" in first["ours"]
    assert (second["path"], second["ours"], second["theirs"]) == (RIVER, None, text)
    assert at.get("articles/news/en/opening-day")["data"]["title"] == "Still here"
    assert at.client.get(f"{ARTICLES}/news/en/river-bus").status_code == 404


def test_what_was_written_by_hand_is_merged_too(at: Desk) -> None:
    path = at.site.folder / OPENING
    path.write_text(path.read_text() + "\nBy hand.\n")
    at.developer.push({OPENING: titled(at.developer.read(OPENING), "By Dara")})
    exchange(at)
    assert "By Dara" in path.read_text()
    assert path.read_text().endswith("By hand.\n")
    assert ("files", "Take over what was written by hand") in log_of(at.site)


def test_a_developers_uncommitted_file_is_not_overwritten(at: Desk) -> None:
    at.developer.push({"package.json": '{"a": 1}', OPENING: titled(at.developer.read(OPENING), "By Dara")})
    (at.site.folder / "package.json").write_text('{"b": 2}')
    at.save("news/en/river-bus", {"data": {"title": "Goes on"}})
    keep(at.ctx)
    assert "package.json" in at.notices()["git_remote"]
    assert at.site.read("package.json") == '{"b": 2}'
    assert log_of(at.site)[0] == ("Front Desk", "Update news/en/river-bus: title")
    (at.site.folder / "package.json").unlink()
    exchange(at)
    assert at.site.read("package.json") == '{"a": 1}'
    assert at.notices() == {}


def test_a_pull_that_was_broken_off_is_finished(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    at.developer.push({OPENING: titled(at.developer.read(OPENING), "By Dara"), "b.txt": "b", RIVER: None})

    def dying(*_: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(bring, "check_out", dying)
    with pytest.raises(SystemExit):
        keep(at.ctx)
    monkeypatch.undo()
    assert not (at.site.folder / "b.txt").exists()
    keep(at.ctx)
    assert at.site.read("b.txt") == "b"
    assert at.site.git("status", "--porcelain") == ""
    assert at.get("conflicts")["items"] == []


def test_a_remote_that_is_away_is_waited_for(at: Desk) -> None:
    aside = at.remote.rename(at.remote.with_name("away"))
    at.save("news/en/opening-day", {"data": {"title": "One"}})
    at.keep()
    at.save("news/en/opening-day", {"data": {"title": "Two"}})
    at.keep()
    assert set(at.notices()) == {"git_remote"}
    assert [subject for _, subject in log_of(at.site)[:2]] == ["Update news/en/opening-day: title"] * 2
    aside.rename(at.remote)

    def is_well() -> bool:
        at.keep()
        return at.notices() == {}

    assert eventually(is_well)
    at.developer.git("pull", "-q", "--ff-only")
    assert "Two" in at.developer.read(OPENING)


def test_editors_and_developers_at_once_lose_nothing(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_git, "MOST_PAUSE_S", 0.05)
    monkeypatch.setattr(exchange_git, "FETCH_EVERY_S", 0.0)
    stop = threading.Event()

    def repeat(work: Callable[[], None]) -> None:
        while not stop.wait(0.02):
            work()

    threads = [threading.Thread(target=repeat, args=(work,)) for work in (at.keeper.run, at.exchange.run)]
    for thread in threads:
        thread.start()
    try:
        for number in range(8):
            create_text(at.client, at.editor, f"news/en/editor-{number}")
            at.developer.commit({f"src/content/news/en/dev-{number}.md": TEXT}, f"Dev {number}")
            at.developer.git("pull", "-q", "--no-rebase", "--no-edit", check=False)
            at.developer.git("push", "-q", "origin", "HEAD:main", check=False)
        at.developer.git("pull", "-q", "--no-rebase", "--no-edit")
        assert eventually(lambda: at.developer.git("push", "-q", "origin", "HEAD:main", check=False) == "")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    exchange(at)
    exchange(at)
    at.developer.git("pull", "-q", "--no-rebase", "--no-edit")
    for clone in (at.site, at.developer):
        names = {path.stem for path in (clone.folder / "src/content/news/en").iterdir()}
        assert {f"{who}-{number}" for who in ("editor", "dev") for number in range(8)} <= names
    subjects = [subject for _, subject in log_of_all(at.site)]
    assert sorted(one for one in subjects if one.startswith("Create")) == sorted(
        f"Create news/en/editor-{number}" for number in range(8)
    )
    assert at.site.git("status", "--porcelain") == ""


def log_of_all(clone: Clone) -> list[tuple[str, str]]:
    lines = clone.git("log", "--format=%an%x00%s").splitlines()
    return [(line.split("\0")[0], line.split("\0")[1]) for line in lines]
