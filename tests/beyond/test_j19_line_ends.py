"""J19: line ends that the site's .gitattributes ask for make no conflict that nobody made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import reconcile
from tests.forge import Desk, desk, exchange

OPENING = "src/content/news/en/opening-day.md"
RIVER = "src/content/news/en/river-bus.md"


@pytest.fixture(params=["*.md text eol=crlf", "*.md eol=crlf", "* text=auto eol=crlf"])
def at(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A site whose developers want CRLF in work trees: git's own checkout has written its files so."""
    with desk(tmp_path, "push") as made:
        made.developer.push({".gitattributes": f"{request.param}\n"})
        made.site.git("pull", "-q", "--ff-only")
        shutil.rmtree(made.site.folder / "src/content")
        made.site.git("checkout", "-q", "--", "src/content")
        assert b"\r\n" in (made.site.folder / OPENING).read_bytes()
        reconcile(made.ctx)
        yield made


def test_what_a_developer_changes_comes_and_an_editor_changes_one_line_of_it(at: Desk) -> None:
    at.developer.push({OPENING: at.developer.read(OPENING) + "\nDara.\n", RIVER: at.developer.read(RIVER) + "\nToo.\n"})
    at.save("news/en/river-bus", {"data": {"title": "By the editor"}})
    exchange(at)
    assert at.get("conflicts")["items"] == []
    assert at.notices() == {}
    assert at.get("articles/news/en/opening-day")["body"].endswith("Dara.\n")
    assert at.get("articles/news/en/river-bus")["data"]["title"] == "By the editor"
    assert at.site.git("status", "--porcelain") == ""
    at.developer.git("pull", "-q", "--ff-only")
    assert at.developer.git("log", "--format=%an", "--author=files") == ""
    changed = at.developer.git("log", "--format=", "--numstat", "--author=Front Desk").split("\t")
    assert changed[:2] == ["1", "1"]
    assert "By the editor" in at.developer.read(RIVER)
    assert "Too." in at.developer.read(RIVER)


def test_files_that_were_committed_with_crlf_stay_so(tmp_path: Path) -> None:
    with desk(tmp_path, "push") as at:
        old = at.developer.read(OPENING).replace("\n", "\r\n").encode()
        at.developer.push({OPENING: old})
        exchange(at)
        at.developer.commit({".gitattributes": "* text=auto\n"})
        at.developer.push({OPENING: old + b"\r\nDara.\r\n"})
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        exchange(at)
        assert at.get("conflicts")["items"] == []
        assert at.notices() == {}
        assert "By the editor" in at.site.git("show", f"HEAD:{OPENING}")
        assert (at.site.folder / OPENING).read_bytes().endswith(b"\r\nDara.\r\n")
        assert at.site.git("log", "--format=%an", "--author=files") == ""
