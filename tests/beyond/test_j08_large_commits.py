"""J8: a large commit of a developer's holds few files' locks at once, and loses nothing that is saved meanwhile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cms.actions.bring import KEYS_AT_ONCE
from cms.actions.exchange_git import Exchange
from cms.actions.keep_git import Keeper
from cms.context import Context
from cms.database.locks import Locks
from tests.api.editing import TEXT
from tests.conftest import reconcile
from tests.forge import Desk, desk

OPENING = "src/content/news/en/opening-day.md"
FILES = {f"src/content/news/en/many-{n:03}.md": TEXT for n in range(120)}


@dataclasses.dataclass
class Counted:
    """The site's locks; notes of which files they were held at once, and calls `between` when none is held any more."""

    locks: Locks
    held: list[list[str]] = dataclasses.field(default_factory=list)
    between: Callable[[], None] = lambda: None

    @contextmanager
    def hold(self, keys: Iterable[str], wait_s: float | None = None) -> Iterator[None]:
        files = [key for key in keys if "/" in key]
        with self.locks.hold([*files, *(key for key in keys if "/" not in key)], wait_s):
            self.held.append(files)
            yield
        if files:
            self.between()

    def close(self) -> None:
        self.locks.close()


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, "push") as made:
        yield made


def counted(at: Desk) -> tuple[Context, Counted]:
    locks = Counted(at.ctx.locks)
    return dataclasses.replace(at.ctx, locks=locks), locks


def exchange(ctx: Context) -> None:
    keeper = Keeper(ctx)
    keeper.run()
    Exchange(ctx, keeper).run()


def test_few_files_are_locked_at_once(at: Desk) -> None:
    at.developer.push({**FILES, OPENING: at.developer.read(OPENING) + "\nDara.\n"})
    ctx, locks = counted(at)
    exchange(ctx)
    assert max(len(files) for files in locks.held) == KEYS_AT_ONCE
    assert {key for files in locks.held for key in files} == {*FILES, OPENING}
    reconcile(at.ctx)
    assert at.client.get("/api/v1/articles?collection=news&total=true").get_json()["total"] > len(FILES)
    assert at.site.git("status", "--porcelain") == ""
    assert at.notices() == {}
    at.developer.push(dict.fromkeys(FILES))
    locks.held.clear()
    exchange(ctx)
    assert max(len(files) for files in locks.held) == KEYS_AT_ONCE
    assert not any((at.site.folder / path).exists() for path in FILES)


def test_a_save_between_two_batches_is_kept_with_the_developers_text_beside_it(at: Desk) -> None:
    theirs = at.developer.read(OPENING) + "\nDara.\n"
    at.developer.push({**FILES, OPENING: theirs})
    ctx, locks = counted(at)

    def save() -> None:
        if at.site.git("rev-parse", "HEAD") == at.developer.git("rev-parse", "HEAD"):
            locks.between = lambda: None
            at.save("news/en/opening-day", {"data": {"title": "Saved meanwhile"}})

    locks.between = save
    exchange(ctx)
    reconcile(at.ctx)
    assert at.get("articles/news/en/opening-day")["data"]["title"] == "Saved meanwhile"
    (found,) = at.get("conflicts")["items"]
    assert (found["path"], found["theirs"]) == (OPENING, theirs)
    assert "Saved meanwhile" in found["ours"]
    at.keep()
    assert "Saved meanwhile" in at.site.git("show", f"HEAD:{OPENING}")
    assert all(at.site.read(path) == TEXT for path in FILES)
