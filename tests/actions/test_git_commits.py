"""Each write of an editor is one commit, by that editor, of just the files that it changes."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from cms.store import contents, repository
from tests.api.editing import ARTICLES, TEXT, create_text, problem
from tests.conftest import close, make_client, make_context, reconcile, state_of
from tests.forge import Desk, desk, keep

DATA = {"title": "New", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}
OPENING = "src/content/news/en/opening-day.md"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    """An editor at a site whose writes are committed."""
    with desk(tmp_path) as made:
        yield made


def photo(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, "JPEG")
    return out.getvalue()


def upload(at: Desk, *colours: str) -> list[dict[str, Any]]:
    files = [(io.BytesIO(photo(colour)), f"{colour}.jpg") for colour in colours]
    response = at.client.post(
        "/api/v1/images", data={"article": "news/en/opening-day", "files": files}, headers=at.editor
    )
    assert response.status_code == 201, response.text
    items: list[dict[str, Any]] = response.get_json()["items"]
    return items


def new_commits(at: Desk) -> list[tuple[str, str, list[str]]]:
    """Those on top of the first, the oldest first."""
    return at.site.commits()[:-1][::-1]


def test_each_kind_of_write_is_one_commit_by_its_editor(at: Desk) -> None:
    at.client.post(f"{ARTICLES}/news", json={"id": "en/new", "data": DATA, "body": "Text"}, headers=at.editor)
    at.save("news/en/new", {"data": {"title": "Newer"}, "body": "Other text"})
    at.save("news/en/new", {"data": {"author": "A"}}, message="Who wrote it\n\nAs she asked.")
    at.save("news/en/new", {"id": "en/newer"})
    response = at.client.delete(f"{ARTICLES}/news/en/newer", headers={**at.editor, "If-Match": at.tag("news/en/newer")})
    assert response.status_code == 204
    seq = at.get("history/news/en/newer")["items"][1]["seq"]
    assert at.client.post(f"/api/v1/history/news/en/newer?seq={seq}", headers=at.editor).status_code == 201
    first, second = upload(at, "red", "blue")
    image = f"/api/v1/images/{first['path']}"
    tag = at.client.get(image, headers=at.editor).headers["ETag"]  # until it is shown, it is hidden
    replaced = at.client.put(
        image, data=photo("green"), headers={**at.editor, "If-Match": tag}, content_type="image/jpeg"
    )
    assert replaced.status_code == 200, replaced.text
    tag = replaced.headers["ETag"]
    keep(at.ctx)
    described = at.client.patch(
        image, json={"credit": "A"}, headers={**at.editor, "If-Match": tag}, content_type="application/merge-patch+json"
    )
    deleted = at.client.delete(image, headers={**at.editor, "If-Match": described.headers["ETag"]})
    assert deleted.status_code == 204, deleted.text
    at.keep()
    paths = [f"src/assets/{item['path']}" for item in (first, second)]
    article, moved = "src/content/news/en/new.md", "src/content/news/en/newer.md"
    assert new_commits(at) == [
        ("Front Desk", "Create news/en/new", [article]),
        ("Front Desk", "Update news/en/new: title, body", [article]),
        ("Front Desk", "Who wrote it", [article]),
        ("Front Desk", "Rename news/en/new to news/en/newer", [article, moved]),
        ("Front Desk", "Delete news/en/newer", [moved]),
        ("Front Desk", "Restore news/en/newer", [moved]),
        # The first of them was another photo by the time it could be committed.
        ("Front Desk", f"Add photos {first['path']}, {second['path']}", [paths[1]]),
        ("Front Desk", f"Replace photo {first['path']}", [paths[0]]),
        ("Front Desk", f"Delete photo {first['path']}", [paths[0]]),
    ]
    assert at.site.git("status", "--porcelain") == ""
    assert "As she asked." in at.site.git("log", "-1", "--format=%b", "HEAD~6")
    assert at.site.git("log", "-1", "--format=%ae %cn") == "front-desk@cms.invalid Markdown CMS"
    assert at.site.git("fsck", "--strict") == ""
    assert at.notices() == {}


def test_what_an_editor_says_of_photos_is_the_commits_message(at: Desk) -> None:
    form = {"files": [(io.BytesIO(photo(colour)), f"{colour}.jpg") for colour in ("red", "blue")], "folder": "said"}
    sent = at.client.post("/api/v1/images?message=From the opening", data=form, headers=at.editor)
    assert sent.status_code == 201, sent.text
    at.keep()
    path = sent.get_json()["items"][0]["path"]
    image = f"/api/v1/images/{path}"

    def change(method: str, message: str, url: str = image, **body: Any) -> TestResponse:
        tag = {"If-Match": at.client.get(image).headers["ETag"]} if url == image else {}
        query = {"message": message}
        response = at.client.open(url, method=method, headers={**at.editor, **tag}, query_string=query, **body)
        assert response.status_code < 300, response.text
        at.keep()
        return response

    change("PUT", "A sharper one", data=photo("green"), content_type="image/jpeg")
    change("PATCH", "Whose it is", json={"credit": "A"}, content_type="application/merge-patch+json")
    change("DELETE", "She asked for it")
    (gone,) = at.get(f"trash?path={path}")["items"][:1]
    change("POST", "She is fine with it\n\nAfter all.", f"/api/v1/trash/{gone['id']}")
    subjects = [subject for _, subject, _ in new_commits(at)]
    assert subjects == ["From the opening", "A sharper one", "She asked for it", "She is fine with it"]
    changes = [item for item in at.get("changes?subject=image&limit=100")["items"] if item["path"] == path]
    assert [item.get("message") for item in changes] == [
        "She is fine with it\n\nAfter all.", "She asked for it", "Whose it is", "A sharper one", "From the opening",
    ]  # fmt: skip
    before = state_of(at.ctx)
    for method, url in (("POST", "/api/v1/images"), ("PUT", image), ("PATCH", image), ("DELETE", image)):
        response = at.client.open(f"{url}?message=%1b", method=method, headers={**at.editor, "If-Match": '"x"'})
        assert problem(response, 422)["errors"][0]["pointer"] == "/message"
    assert state_of(at.ctx) == before


def test_photos_that_came_together_are_one_commit(at: Desk) -> None:
    first, second = upload(at, "red", "blue")
    at.keep()
    paths = [f"src/assets/{item['path']}" for item in (first, second)]
    assert new_commits(at) == [("Front Desk", f"Add photos {first['path']}, {second['path']}", sorted(paths))]


def test_a_commit_holds_the_file_byte_for_byte_and_when_it_was_written(at: Desk) -> None:
    create_text(at.client, at.editor, text=TEXT.replace("\n", "\r\n"))
    at.keep()
    kept = at.ctx.repository
    assert kept is not None
    entry = contents.entries(kept, kept.head().commit, ["src/content/news/en/a-day.md"])
    assert contents.blob(kept, entry["src/content/news/en/a-day.md"]) == TEXT.replace("\n", "\r\n").encode()
    assert abs(int(at.site.git("log", "-1", "--format=%at")) - time.time()) < 600


def test_a_message_stands_in_the_history_and_is_plain_text(at: Desk) -> None:
    """AC-43."""
    at.save("news/en/opening-day", {"data": {"title": "T"}}, message="បានកែ <b>title</b>")
    assert at.get("history/news/en/opening-day")["items"][0]["message"] == "បានកែ <b>title</b>"
    assert "message" not in at.get("history/news/en/opening-day")["items"][1]
    before = state_of(at.ctx)
    for bad in ("", " ", "a\x1b[31mb", "a\rb", "x" * 501):
        response = at.client.patch(
            f"{ARTICLES}/news/en/opening-day",
            json={"data": {"title": "U"}},
            headers={**at.editor, "If-Match": at.tag("news/en/opening-day")},
            content_type="application/merge-patch+json",
            query_string={"message": bad},
        )
        assert problem(response, 422)["errors"][0]["pointer"] == "/message"
    assert state_of(at.ctx) == before
    at.keep()
    assert at.site.git("log", "-1", "--format=%B") == "បានកែ <b>title</b>"


@pytest.mark.parametrize(
    ("name", "author", "email"),
    [
        ("ចាន់ ដារ៉ា", "ចាន់ ដារ៉ា", "editor@cms.invalid"),
        ("Eve <root@example.org>\nfrom x", "Eve root@example.org from x", "eve-rootexampleorgfrom-x@cms.invalid"),
        ("<>", "cms", "editor@cms.invalid"),
    ],
)
def test_names_are_what_git_can_hold(tmp_path: Path, name: str, author: str, email: str) -> None:
    """AC-43."""
    with desk(tmp_path, name=name) as at:
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        at.keep()
        assert at.site.git("log", "-1", "--format=%an|%ae") == f"{author}|{email}"


def test_only_what_was_written_is_committed(at: Desk) -> None:
    staged, changed = at.site.folder / "package.json", at.site.folder / "src/content/places/en/river-house.md"
    staged.write_text("{}")
    at.site.git("add", "package.json")
    changed.write_text(changed.read_text() + "\nHalf an edit")
    (at.site.folder / "notes.txt").write_text("mine")
    before = at.site.git("status", "--porcelain")
    at.save("news/en/opening-day", {"data": {"title": "T"}})
    at.keep()
    assert new_commits(at) == [("Front Desk", "Update news/en/opening-day: title", [OPENING])]
    assert at.site.git("status", "--porcelain") == before


def test_what_was_written_by_hand_is_not_the_editors(at: Desk) -> None:
    path = at.site.folder / OPENING
    path.write_text(path.read_text() + "\nBy hand.\n")
    reconcile(at.ctx)
    at.save("news/en/opening-day", {"data": {"title": "T"}})
    at.keep()
    assert new_commits(at) == [
        ("files", "Update news/en/opening-day by hand", [OPENING]),
        ("Front Desk", "Update news/en/opening-day: title", [OPENING]),
    ]
    assert "+By hand" not in at.site.git("show", "--format=", "HEAD")


def test_paths_are_literal(at: Desk) -> None:
    """AC-43."""
    for number, name in enumerate(["a[b]c*", ":(top)x", "ភាសា ខ្មែរ", '"q"', "-rf"]):
        path = f"src/content/news/en/{name}.md"
        (at.site.folder / path).write_text(TEXT)
        (at.site.folder / f"src/content/news/en/axc{number}.md").write_text(TEXT)
    reconcile(at.ctx)
    ids = [item["id"] for item in at.get("articles?collection=news&limit=100")["items"]]
    odd = [found for found in ids if found in ("en/abc", "en/topx", "en/ភាសា-ខ្មែរ", "en/q", "en/-rf")]
    assert len(odd) == 5
    for found in odd:
        at.save(f"news/{found}", {"data": {"title": "Literal"}})
    at.keep()
    by_editor = [paths for author, _, paths in new_commits(at) if author == "Front Desk"]
    assert len(by_editor) == 5
    assert all(len(paths) == 1 and "axc" not in paths[0] for paths in by_editor)
    assert at.site.git("ls-files", "src/content/news/en/axc*") == ""


def test_what_the_site_keeps_out_of_git_stays_out(at: Desk) -> None:
    (at.site.folder / ".gitignore").write_text("src/assets/\n.cms/\n")
    (stored,) = upload(at, "red")
    at.keep()
    assert new_commits(at) == []
    assert (at.site.folder / "src/assets" / stored["path"]).exists()
    assert at.notices() == {}


def test_a_save_that_changes_nothing_makes_no_commit(at: Desk) -> None:
    at.save("news/en/opening-day", {"data": {}})
    at.keep()
    assert new_commits(at) == []


def test_without_the_setting_nothing_is_committed(tmp_path: Path) -> None:
    with desk(tmp_path, "off") as at:
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        at.keep()
        assert new_commits(at) == []
        response = at.client.post("/hooks/git", data=b"{}")
        problem(response, 501, "not_offered")


@pytest.mark.parametrize("below", ["web site", ":(top)x", "ភាសា[a-z]*"])
def test_a_site_in_a_folder_of_a_repository(tmp_path: Path, below: str) -> None:
    with desk(tmp_path, below=below) as at:
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        at.keep()
        assert new_commits(at) == [("Front Desk", "Update news/en/opening-day: title", [f"{below}/{OPENING}"])]
        assert at.site.git("status", "--porcelain") == ""


class TestWhenGitIsKilled:
    """A lock that it left stops no commit."""

    def test_the_index_is_locked(self, at: Desk) -> None:
        lock = at.site.folder / ".git/index.lock"
        lock.touch()
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        at.keep()
        assert [subject for _, subject, _ in new_commits(at)] == ["Update news/en/opening-day: title"]
        assert at.notices() == {}
        lock.unlink()
        keep(at.ctx)
        assert at.site.git("status", "--porcelain") == ""

    def test_old_locks_are_broken(self, at: Desk) -> None:
        locks = [at.site.folder / ".git" / name for name in ("index.lock", "HEAD.lock", "refs/heads/main.lock")]
        own = at.site.folder / ".cms/git/refs/heads/cms.lock"
        for lock in [*locks, own]:
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.touch()
            os.utime(lock, (0, 0))
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        keep(at.ctx)
        assert at.notices() == {}
        assert at.site.git("status", "--porcelain") == ""
        assert len(new_commits(at)) == 1

    @pytest.mark.parametrize("after", ["fast-import", "update-ref", "update-index"])
    def test_it_dies_between_two_steps(self, at: Desk, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
        at.save("news/en/opening-day", {"data": {"title": "One"}})
        at.save("news/en/opening-day", {"data": {"title": "Two"}})
        repository = at.ctx.repository
        assert repository is not None
        attempt = repository.git.attempt

        def dying(place: Any, *arguments: str, **options: Any) -> Any:
            done = attempt(place, *arguments, **options)
            if arguments[0] == after:
                raise SystemExit  # as a signal would end it: no clean-up of ours runs
            return done

        monkeypatch.setattr(repository.git, "attempt", dying)
        with pytest.raises(SystemExit):
            keep(at.ctx)
        monkeypatch.undo()
        at.save("news/en/opening-day", {"data": {"title": "Three"}})
        keep(at.ctx)
        assert len(new_commits(at)) == 3
        assert at.site.git("status", "--porcelain") == ""
        assert [at.site.git("show", f"HEAD~{n}:{OPENING}").split("title: ")[1].split("\n")[0] for n in (2, 1, 0)] == [
            "One",
            "Two",
            "Three",
        ]


def test_a_save_is_answered_when_git_fails_and_committed_later(at: Desk) -> None:
    aside = (at.site.folder / ".git").rename(at.site.folder / "git-aside")
    at.save("news/en/opening-day", {"data": {"title": "T"}})
    keep(at.ctx)
    told = at.client.get("/readyz", headers=at.editor).get_json()
    assert told["status"] == "degraded"
    assert told["notices"][0]["name"] == "git"
    assert "detail" not in at.client.get("/readyz").get_json()["notices"][0]
    aside.rename(at.site.folder / ".git")
    keep(at.ctx)
    assert at.client.get("/readyz").get_json()["status"] == "ready"
    assert len(new_commits(at)) == 1


def test_the_objects_of_many_commits_become_one_file(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        create_text(at.client, at.editor, f"news/en/many-{number}")
        at.keep()
    assert "count: 0\n" not in at.site.git("count-objects", "-v")
    monkeypatch.setattr(repository, "MOST_LOOSE", -1)
    keep(at.ctx)
    assert "count: 0\n" in at.site.git("count-objects", "-v")
    assert len(new_commits(at)) == 5
    assert at.site.git("fsck", "--strict") == ""


def test_what_was_written_while_git_was_off_is_nobodys_commit(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        off = make_context(replace(at.ctx.settings, git="off"))
        client = make_client(off)
        create_text(client, at.editor)
        close(off)
        on = make_context(at.ctx.settings)
        create_text(make_client(on), at.editor, "news/en/another")
        keep(on)
        close(on)
        assert [subject for _, subject, _ in new_commits(at)] == ["Create news/en/another"]


def test_a_merge_that_somebody_is_at_is_waited_for(at: Desk) -> None:
    (at.site.folder / ".git/MERGE_HEAD").write_text(at.site.git("rev-parse", "HEAD"))
    at.save("news/en/opening-day", {"data": {"title": "T"}})
    keep(at.ctx)
    assert "in the middle of a merge" in at.notices()["git"]
    assert new_commits(at) == []
    (at.site.folder / ".git/MERGE_HEAD").unlink()
    keep(at.ctx)
    assert len(new_commits(at)) == 1
    assert at.notices() == {}
