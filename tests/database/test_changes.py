"""The log is numbered in the order of commit, and answers what a reader missed since it last looked."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import Engine, select

from cms.database import changes
from cms.database.changes import Action, Change
from cms.database.engine import read, write
from cms.database.tables import changes as table
from tests.conftest import both_databases
from tests.store.racing import race

ARTICLE = Change(
    actor="editor",
    source="api",
    subject="article",
    collection="blog",
    name="en/a",
    key="src/content/blog/en/a.md",
    action="updated",
    version="v",
    digest="d",
    text=b"---\n---\n",
    visible_before=True,
    visible_after=True,
)
IMAGE = replace(ARTICLE, subject="image", collection="", name="x/photo.jpg", key="src/assets/x/photo.jpg", text=None)

# What can happen to a subject, and whether the public sees it before and after.
BORN: tuple[Action, bool, bool] = ("created", False, True)
DRAFTED: tuple[Action, bool, bool] = ("created", False, False)
EDITED: tuple[Action, bool, bool] = ("updated", True, True)
REWORKED: tuple[Action, bool, bool] = ("updated", False, False)
SHOWN: tuple[Action, bool, bool] = ("updated", False, True)
HIDDEN: tuple[Action, bool, bool] = ("updated", True, False)
REMOVED: tuple[Action, bool, bool] = ("deleted", True, False)
DISCARDED: tuple[Action, bool, bool] = ("deleted", False, False)


def log(engine: Engine, *history: tuple[str, tuple[Action, bool, bool]]) -> None:
    """Append what happened to articles (`blog/en/a`) and images (`x/photo.jpg`), each at the time of its seq."""
    with write(engine) as tx:
        for name, (action, before, after) in history:
            collection, _, rest = name.partition("/")
            who = IMAGE if name.endswith(".jpg") else replace(ARTICLE, collection=collection)
            who = replace(who, name=name if who.subject == "image" else rest, action=action)
            moment = float(changes.position(tx)[1] + 1)
            changes.append(tx, replace(who, visible_before=before, visible_after=after, time=moment))


def gone(engine: Engine, seq: int, collection: str | None = None, *, drafts: bool = False) -> list[str]:
    with read(engine) as tx:
        found = changes.gone_since(tx, seq, collection, drafts=drafts)
    return [f"{row.collection}/{row.name}".lstrip("/") for row in found]


def noticed(engine: Engine, seq: int) -> tuple[int, int] | None:
    """First and last; the times are those of the log's own clock."""
    with read(engine) as tx:
        row = changes.visible_since(tx, seq)
    if row is None:
        return None
    assert time.time() - 3600 < row.first_time <= row.last_time <= time.time()
    return row.first_seq, row.last_seq


def told(engine: Engine, seq: int, up_to: int = 100, limit: int = 100) -> list[str]:
    with read(engine) as tx:
        return changes.ids_since(tx, seq, up_to, limit)


def all_seqs(engine: Engine) -> list[int]:
    with read(engine) as tx:
        return list(tx.execute(select(table.c.seq).order_by(table.c.seq)).scalars())


@both_databases
def test_a_change_is_kept_as_it_was_given(database: Engine) -> None:
    text = "---\r\ntitle: ភ្នំពេញ\n---\n\0".encode()
    with write(database) as tx:
        assert changes.append(tx, replace(ARTICLE, text=text, time=12.5)) == (1, 12.5)
    with read(database) as tx:
        row = changes.latest(tx, "article", "blog", "en/a")
        assert changes.latest(tx, "article", "blog", "en/b") is None
        assert changes.latest(tx, "image", "blog", "en/a") is None
    assert row is not None
    assert Change(**{name: getattr(row, name) for name in Change.__slots__}) == replace(ARTICLE, text=text, time=12.5)


@both_databases
def test_a_change_without_a_time_happens_now(database: Engine) -> None:
    before = time.time()
    with write(database) as tx:
        _, moment = changes.append(tx, ARTICLE)
    assert before <= moment <= time.time()


@both_databases
def test_numbers_have_no_gap_and_never_appear_out_of_order(database: Engine) -> None:
    writers, each = 8, 6
    stopped = threading.Event()
    looks: list[list[int]] = []

    def watch() -> None:
        while not stopped.is_set():
            looks.append(all_seqs(database))
            time.sleep(0.002)

    def append(number: int) -> list[int]:
        mine = []
        for turn in range(each):
            with write(database) as tx:
                seq, _ = changes.append(tx, replace(ARTICLE, name=f"en/{number}-{turn}"))
                # The more time between number and commit, the likelier another overtakes.
                time.sleep(0.003 * (number % 3))
            mine.append(seq)
        return mine

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        found = race(writers, append)
    finally:
        stopped.set()
        watcher.join(60)
    assert sorted(seq for mine in found for seq in mine) == list(range(1, writers * each + 1))
    assert all(mine == sorted(mine) for mine in found)
    assert len({len(seen) for seen in looks}) > 3
    assert all(seen == list(range(1, len(seen) + 1)) for seen in looks)
    with read(database) as tx:
        assert changes.position(tx)[1] == writers * each


@both_databases
def test_who_appends_second_waits_for_the_commit_of_the_first(database: Engine) -> None:
    finished = threading.Event()
    seqs: list[int] = []

    def append() -> None:
        with write(database) as tx:
            seqs.append(changes.append(tx, ARTICLE)[0])
        finished.set()

    other = threading.Thread(target=append, daemon=True)
    with write(database) as tx:
        seqs.append(changes.append(tx, ARTICLE)[0])
        other.start()
        assert not finished.wait(0.3)
    assert finished.wait(60)
    other.join(60)
    assert seqs == [1, 2]


@both_databases
def test_an_append_that_is_rolled_back_leaves_no_gap(database: Engine) -> None:
    log(database, ("blog/en/a", BORN))
    with pytest.raises(RuntimeError), write(database) as tx:  # noqa: PT012  what is tested is the whole block
        assert changes.append(tx, ARTICLE)[0] == 2
        assert changes.append(tx, ARTICLE)[0] == 3
        raise RuntimeError("changed its mind")
    log(database, ("blog/en/b", BORN))
    assert all_seqs(database) == [1, 2]


@both_databases
def test_what_was_seen_and_then_deleted_is_gone(database: Engine) -> None:
    log(database, ("blog/en/a", BORN), ("blog/en/b", BORN), ("blog/en/a", EDITED), ("blog/en/a", REMOVED))
    assert gone(database, 1) == ["blog/en/a"]
    assert gone(database, 3) == ["blog/en/a"]
    assert gone(database, 4) == []


@both_databases
def test_what_came_and_went_since_the_cursor_is_absent(database: Engine) -> None:
    log(database, ("blog/en/b", BORN), ("blog/en/a", BORN), ("blog/en/a", EDITED), ("blog/en/a", REMOVED))
    assert gone(database, 0) == []
    assert gone(database, 1) == []
    assert gone(database, 1, drafts=True) == []
    assert gone(database, 2) == ["blog/en/a"]


@both_databases
def test_what_was_deleted_and_created_again_is_not_gone(database: Engine) -> None:
    log(database, ("blog/en/a", BORN), ("blog/en/a", REMOVED), ("blog/en/a", BORN))
    assert gone(database, 1) == []
    assert gone(database, 1, drafts=True) == []
    log(database, ("blog/en/a", REMOVED))
    assert gone(database, 1) == ["blog/en/a"]
    assert gone(database, 2) == []
    assert gone(database, 2, drafts=True) == []


@both_databases
def test_what_is_hidden_is_gone_for_the_public_and_not_for_who_sees_drafts(database: Engine) -> None:
    log(database, ("blog/en/a", BORN), ("blog/en/a", HIDDEN))
    assert gone(database, 1) == ["blog/en/a"]
    assert gone(database, 1, drafts=True) == []
    log(database, ("blog/en/a", SHOWN))
    assert gone(database, 1) == []
    assert gone(database, 2) == []


@both_databases
def test_a_draft_that_nobody_saw_is_gone_only_for_who_sees_drafts(database: Engine) -> None:
    log(database, ("blog/en/a", DRAFTED), ("blog/en/a", REWORKED), ("blog/en/a", DISCARDED))
    assert gone(database, 1) == []
    assert gone(database, 1, drafts=True) == ["blog/en/a"]
    assert gone(database, 0, drafts=True) == []


@both_databases
def test_what_was_hidden_before_the_cursor_and_deleted_after_it_is_not_told_again(database: Engine) -> None:
    log(database, ("blog/en/a", BORN), ("blog/en/a", HIDDEN), ("blog/en/a", DISCARDED))
    assert gone(database, 2) == []
    assert gone(database, 2, drafts=True) == ["blog/en/a"]
    assert gone(database, 1) == ["blog/en/a"]


@both_databases
def test_a_draft_shown_and_hidden_again_since_the_cursor_is_absent(database: Engine) -> None:
    log(database, ("blog/en/a", DRAFTED), ("blog/en/a", SHOWN), ("blog/en/a", HIDDEN))
    assert gone(database, 1) == []
    assert gone(database, 2) == ["blog/en/a"]


@both_databases
def test_a_collections_view_knows_nothing_of_others_and_of_images(database: Engine) -> None:
    subjects = ("blog/en/a", "news/en/a", "x/photo.jpg")
    log(database, *((name, BORN) for name in subjects))
    log(database, *((name, REMOVED) for name in subjects))
    for drafts in (False, True):
        assert gone(database, 3, "blog", drafts=drafts) == ["blog/en/a"]
        assert gone(database, 3, "news", drafts=drafts) == ["news/en/a"]
        assert gone(database, 3, "none", drafts=drafts) == []
        assert gone(database, 3, drafts=drafts) == list(subjects)


@both_databases
def test_what_is_gone_is_told_in_the_order_it_went(database: Engine) -> None:
    names = [f"blog/en/{letter}" for letter in "abc"]
    log(database, *((name, BORN) for name in names))
    log(database, (names[2], HIDDEN), (names[0], REMOVED), (names[1], REMOVED), (names[2], DISCARDED))
    assert gone(database, 3) == ["blog/en/a", "blog/en/b", "blog/en/c"]


@both_databases
def test_the_public_notices_nothing_of_drafts(database: Engine) -> None:
    assert noticed(database, 0) is None
    log(database, ("blog/en/a", DRAFTED), ("blog/en/a", REWORKED), ("blog/en/a", DISCARDED))
    assert noticed(database, 0) is None
    assert told(database, 0) == []


@both_databases
def test_the_public_notices_from_the_first_to_the_last_change_that_it_could_see(database: Engine) -> None:
    log(database, ("blog/en/d", DRAFTED), ("blog/en/a", BORN), ("blog/en/d", REWORKED), ("blog/en/a", HIDDEN))
    log(database, ("blog/en/a", REWORKED), ("x/photo.jpg", EDITED), ("blog/en/d", DISCARDED))
    assert noticed(database, 0) == (2, 6)
    assert noticed(database, 2) == (4, 6)
    assert noticed(database, 4) == (6, 6)
    assert noticed(database, 6) is None


@both_databases
def test_ids_are_told_once_in_the_order_they_first_changed(database: Engine) -> None:
    log(database, ("blog/en/b", BORN), ("blog/en/d", DRAFTED), ("x/photo.jpg", BORN), ("blog/km/a", BORN))
    log(database, ("blog/en/b", REMOVED), ("news/en/b", HIDDEN))
    assert told(database, 0) == ["blog/en/b", "x/photo.jpg", "blog/km/a", "news/en/b"]
    assert told(database, 1) == ["x/photo.jpg", "blog/km/a", "blog/en/b", "news/en/b"]
    assert told(database, 1, up_to=4) == ["x/photo.jpg", "blog/km/a"]
    assert told(database, 0, limit=2) == ["blog/en/b", "x/photo.jpg"]
    assert told(database, 6) == []
