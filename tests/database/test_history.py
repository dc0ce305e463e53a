"""An article's history is found under every id that it has had."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, Engine

from cms.database import changes, history
from cms.database.engine import read, write
from cms.model.ids import Name
from tests.conftest import both_databases
from tests.database.test_changes import ARTICLE, BORN, EDITED, REMOVED, log


@both_databases
def test_an_articles_history_is_its_own_and_newest_first(database: Engine) -> None:
    log(database, ("blog/en/a", BORN), ("blog/en/b", BORN), ("blog/en/a", EDITED), ("news/en/a", BORN))
    log(database, ("blog/en/a", REMOVED), ("blog/en/a", BORN))
    name = Name("blog", "en/a")
    with read(database) as tx:
        assert [row.seq for row in history.page(tx, name, before=None, limit=10)] == [6, 5, 3, 1]
        assert [row.seq for row in history.page(tx, name, before=6, limit=2)] == [5, 3]
        assert history.born(tx, name) == 6.0
        assert history.born(tx, Name("blog", "en/none")) is None
        assert history.one(tx, name, 2) is None
        third = history.one(tx, name, 3)
        assert third is not None
        earlier = history.before(tx, name, third)
        assert earlier is not None
        assert earlier.seq == 1
        assert history.before(tx, name, earlier) is None


def rename(engine: Engine, old: str, new: str) -> None:
    """As the log tells it: two changes."""
    with write(engine) as tx:
        changes.append(tx, replace(ARTICLE, name=old, action="deleted", text=None, visible_after=False, other=new))
        changes.append(tx, replace(ARTICLE, name=new, action="created", visible_before=False, other=old))


def seqs(tx: Connection, own_id: str) -> list[int]:
    return [row.seq for row in history.page(tx, Name("blog", own_id), before=None, limit=100)]


@both_databases
def test_a_renamed_articles_history_goes_on(database: Engine) -> None:
    log(database, ("blog/en/a", BORN), ("blog/en/a", EDITED))
    rename(database, "en/a", "en/b")
    log(database, ("blog/en/b", EDITED))
    rename(database, "en/b", "en/c")
    with read(database) as tx:
        assert seqs(tx, "en/c") == [7, 5, 4, 2, 1]
        assert history.born(tx, Name("blog", "en/c")) == 1.0
        second = history.one(tx, Name("blog", "en/c"), 2)
        fourth = history.one(tx, Name("blog", "en/c"), 4)
        assert fourth is not None
        assert history.before(tx, Name("blog", "en/c"), fourth) == second
        assert [seqs(tx, "en/a"), seqs(tx, "en/b")] == [[3, 2, 1], [6, 5, 4, 2, 1]]
        moved = [history.moved_to(tx, Name("blog", own_id)) for own_id in ("en/a", "en/b", "en/c", "en/d")]
        assert [row and row.other for row in moved] == ["en/b", "en/c", None, None]


@both_databases
def test_an_id_that_is_used_again_has_a_history_of_its_own(database: Engine) -> None:
    log(database, ("blog/en/a", BORN))
    rename(database, "en/a", "en/b")
    log(database, ("blog/en/a", BORN), ("blog/en/a", REMOVED), ("blog/en/a", BORN))
    rename(database, "en/a", "en/c")
    rename(database, "en/b", "en/a")
    with read(database) as tx:
        assert seqs(tx, "en/c") == [8, 6, 5, 4]
        assert seqs(tx, "en/a") == [10, 3, 1]
        assert history.moved_to(tx, Name("blog", "en/a")) is None
