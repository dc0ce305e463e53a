"""J12: whatever a path was and becomes, git goes on; what is in the way of a file is kept, and told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from tests.api.editing import TEXT
from tests.forge import Desk, desk, exchange

KINDS = ("absent", "file", "link", "folder", "submodule")
PLACES = ("src/content/news/en/{}.md", "src/assets/news/{}.png", "src/components/{}", "scripts/{}")
PAIRS = {place.format(f"{old}-{new}"): (old, new) for place in PLACES for old, new in permutations(KINDS, 2)}


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, "push") as made:
        yield made


def push(at: Desk, kinds: dict[str, str]) -> None:
    """Let a developer make each path what it is to be, in one commit."""
    other = at.developer.git("rev-parse", "HEAD")
    for path, kind in kinds.items():
        place = at.developer.folder / path
        if place.is_symlink() or place.is_file():
            place.unlink()
        elif place.is_dir():
            shutil.rmtree(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            place.write_text(TEXT)
        elif kind == "link":
            place.symlink_to("elsewhere")
        elif kind == "folder":
            place.mkdir()
            (place / "inner.md").write_text(TEXT)
    at.developer.git("rm", "-rqf", "--cached", "--ignore-unmatch", "--", *kinds)
    at.developer.git("add", "-A")
    for path, kind in kinds.items():
        if kind == "submodule":
            at.developer.git("update-index", "--add", "--cacheinfo", f"160000,{other},{path}")
    at.developer.git("commit", "-qm", "All kinds")
    at.developer.git("push", "-q", "origin", "HEAD:main")


def kind_of(place: Path) -> str:
    """Return what is there; a submodule is not followed, and nothing is there then."""
    if place.is_symlink():
        return "link"
    if place.is_file():
        return "file"
    return "folder" if (place / "inner.md").is_file() else "absent"


def shown(kind: str) -> str:
    return "absent" if kind == "submodule" else kind


def test_each_kind_of_path_may_become_each_other(at: Desk) -> None:
    push(at, {path: old for path, (old, _) in PAIRS.items()})
    exchange(at)
    push(at, {path: new for path, (_, new) in PAIRS.items()})
    exchange(at)
    found = {path: kind_of(at.site.folder / path) for path in PAIRS}
    assert found == {path: shown(new) for path, (_, new) in PAIRS.items()}
    assert at.notices() == {}
    assert at.get("conflicts")["items"] == []
    at.save("news/en/opening-day", {"data": {"title": "Later"}})
    exchange(at)
    at.developer.git("fetch", "-q")
    assert at.developer.git("rev-parse", "origin/main") == at.site.git("rev-parse", "HEAD")
    assert "Later" in at.developer.git("show", "origin/main:src/content/news/en/opening-day.md")


@pytest.mark.parametrize("path", ["src/content/news/en/new.md", "src/pages/new.astro"])
@pytest.mark.parametrize("is_above", [False, True])
def test_what_somebody_has_put_in_the_way_is_kept_and_the_rest_comes(at: Desk, path: str, is_above: bool) -> None:
    place = at.site.folder / path
    mine = place if is_above else place / "mine.txt"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("Nobody has committed this.\n")
    wanted = f"{path}/inner.md" if is_above else path
    at.developer.push({wanted: TEXT, "src/content/news/en/other.md": TEXT})
    exchange(at)
    assert mine.read_text() == "Nobody has committed this.\n"
    (found,) = at.get("conflicts")["items"]
    assert (found["path"], found["theirs"]) == (wanted, TEXT)
    assert list(at.notices()) == ["git_conflict"]
    assert at.get("articles/news/en/other")["id"] == "en/other"
    at.save("news/en/opening-day", {"data": {"title": "Later"}})
    exchange(at)
    assert len(at.get("conflicts")["items"]) == 1
    assert "Later" in at.site.git("show", "HEAD:src/content/news/en/opening-day.md")
