"""What a transaction promises on both databases."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import IntegrityError

from cms.database import commits, notices
from cms.database import engine as module
from cms.database.engine import filling, open_engine, read, write
from cms.database.tables import notices as table
from cms.errors import Stale, Unavailable
from tests.components import free_port
from tests.conftest import both_databases, with_sqlite
from tests.database.conftest import end_all_sessions
from tests.store.racing import race


def names(engine: Engine) -> list[str]:
    with read(engine) as tx:
        return [row.name for row in notices.all_of(tx)]


def put(engine: Engine, name: str) -> None:
    with write(engine) as tx:
        notices.put(tx, name, "")


@both_databases
def test_the_commits_of_a_filling_are_counted_with_the_others(database: Engine) -> None:
    put(database, "before")
    before = commits.of(database).quiet()
    with filling(database) as own:
        put(own, "filled")
        assert commits.of(database).quiet() not in (before, None)
    assert names(database) == ["before", "filled"]


@both_databases
def test_a_read_sees_one_moment_while_a_write_commits(database: Engine) -> None:
    put(database, "before")
    with read(database) as tx:
        first = [row.name for row in notices.all_of(tx)]
        # On one thread: a write that waited for the reader would never come back.
        put(database, "meanwhile")
        again = [row.name for row in notices.all_of(tx)]
        counted = tx.execute(select(func.count()).select_from(table)).scalar_one()
    assert first == again == ["before"]
    assert counted == 1
    assert names(database) == ["before", "meanwhile"]


@both_databases
def test_a_reader_does_not_wait_for_a_writer_and_sees_nothing_of_it(database: Engine) -> None:
    with write(database) as tx:
        notices.put(tx, "not yet", "")
        # On one thread: a reader that waited for the writer would never come back.
        assert names(database) == []
    assert names(database) == ["not yet"]


@both_databases
def test_a_write_sees_what_was_committed_before_it_and_what_it_wrote_itself(database: Engine) -> None:
    put(database, "before")
    with write(database) as tx:
        notices.put(tx, "mine", "")
        assert [row.name for row in notices.all_of(tx)] == ["before", "mine"]


@both_databases
def test_an_error_in_the_block_undoes_all_of_it_and_is_passed_on(database: Engine) -> None:
    put(database, "before")
    with pytest.raises(Stale) as caught, write(database) as tx:  # noqa: PT012  what is tested is the whole block
        notices.put(tx, "half", "")
        notices.remove(tx, "before")
        raise Stale("lost", current="v")
    assert caught.value.current == "v"
    assert names(database) == ["before"]
    put(database, "after")
    assert names(database) == ["after", "before"]


@both_databases
def test_a_constraint_that_is_broken_is_not_taken_for_a_database_that_is_down(database: Engine) -> None:
    insert = text("INSERT INTO notices (name, detail, since) VALUES ('twice', '', 0)")
    with pytest.raises(IntegrityError), write(database) as tx:  # noqa: PT012  what is tested is the whole block
        tx.execute(insert)
        tx.execute(insert)
    assert names(database) == []


@both_databases
def test_no_increment_of_many_writers_is_lost(database: Engine) -> None:
    put(database, "0")

    def add(_number: int) -> None:
        for _ in range(5):
            with write(database) as tx:
                tx.execute(text("UPDATE log SET seq = seq + 1"))

    race(6, add)
    with read(database) as tx:
        assert tx.execute(text("SELECT seq FROM log")).scalar_one() == 30


@with_sqlite
def test_sqlite_is_durable_and_lets_readers_read(database: Engine) -> None:
    for begin in (read, write):
        with begin(database) as tx:
            assert tx.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
            assert tx.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
            assert tx.execute(text("PRAGMA busy_timeout")).scalar_one() == module.BUSY_MS


def test_sqlite_makes_the_folder_and_the_file_of_a_new_database(tmp_path: Path) -> None:
    path = tmp_path / "a b/ភាសា/cms.db"
    engine = open_engine(f"sqlite:///{path}")
    with write(engine) as tx:
        tx.execute(text("CREATE TABLE t (x INTEGER)"))
    engine.dispose()
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_a_new_sqlite_file_that_another_is_writing_is_waited_for(tmp_path: Path) -> None:
    # Before the file has a write-ahead log, SQLite itself does not wait here.
    other = sqlite3.connect(tmp_path / "cms.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE t (x INTEGER)")
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO t VALUES (1)")
    finish = threading.Timer(0.3, other.execute, ["COMMIT"])
    finish.start()
    engine = open_engine(f"sqlite:///{tmp_path}/cms.db")
    with read(engine) as tx:
        assert tx.execute(text("SELECT x FROM t")).scalar_one() == 1
    finish.join()
    engine.dispose()
    other.close()


@with_sqlite
def test_a_second_sqlite_writer_waits_for_the_first(database: Engine) -> None:
    finished = threading.Event()

    def second() -> None:
        put(database, "second")
        finished.set()

    thread = threading.Thread(target=second, daemon=True)
    with write(database):
        thread.start()
        assert not finished.wait(0.3)
    assert finished.wait(60)
    thread.join(60)
    assert names(database) == ["second"]


@pytest.fixture
def hurried(database_url: str, database: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The same database for somebody who waits 100 ms for other writers."""
    assert database.url.database is not None
    monkeypatch.setattr(module, "BUSY_MS", 100)
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@with_sqlite
def test_a_sqlite_writer_that_waits_too_long_is_unavailable(database: Engine, hurried: Engine) -> None:
    with write(database), pytest.raises(Unavailable) as caught:
        put(hurried, "late")
    assert caught.value.code == "database"
    put(hurried, "in time")
    assert names(database) == ["in time"]


@both_databases
def test_a_database_with_all_its_connections_taken_is_unavailable(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database.pool, "_timeout", 0.1)
    with ExitStack() as taken:
        for _ in range(15):
            taken.enter_context(read(database))
        with pytest.raises(Unavailable):
            names(database)
    assert names(database) == []


def test_a_postgresql_snapshot_cannot_write(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with pytest.raises(Unavailable, match="read-only"), read(engine) as tx:
        tx.execute(text("CREATE TABLE t (x INTEGER)"))
    with write(engine) as tx:
        tx.execute(text("CREATE TABLE t (x INTEGER)"))
    engine.dispose()


def test_a_postgresql_that_cannot_be_reached_is_unavailable() -> None:
    engine = open_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    for begin in (read, write):
        with pytest.raises(Unavailable) as caught, begin(engine):
            pytest.fail("it answered")
        assert caught.value.code == "database"
        assert caught.value.__cause__ is not None
    engine.dispose()


def test_a_sqlite_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path}/folder.db")
    for begin in (read, write):
        with pytest.raises(Unavailable), begin(engine):
            pytest.fail("it answered")
    engine.dispose()


def test_a_postgresql_that_was_restarted_is_used_again_at_once(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with write(engine) as tx:
        tx.execute(text("CREATE TABLE t (x INTEGER)"))
    end_all_sessions(postgres_url)
    with read(engine) as tx:
        assert tx.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    engine.dispose()


def test_a_postgresql_that_goes_away_in_the_block_is_unavailable_and_commits_nothing(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with write(engine) as tx:
        tx.execute(text("CREATE TABLE t (x INTEGER)"))
    with pytest.raises(Unavailable), write(engine) as tx:  # noqa: PT012  what is tested is the whole block
        tx.execute(text("INSERT INTO t VALUES (1)"))
        end_all_sessions(postgres_url)
    with read(engine) as tx:
        assert tx.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    engine.dispose()
