"""The counter of commits, as the processes of a machine share it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cms.database import commits, notices
from cms.database.engine import open_engine, read, write
from cms.database.generation import LOOK_EVERY_S, Generation, watch
from tests.conftest import ROOT, both_databases, eventually, with_sqlite

DIES = """
import os, signal, sys
from sqlalchemy import event
from cms.database import notices
from cms.database.engine import open_engine, write

engine = open_engine(sys.argv[1])
event.listen(engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))
with write(engine) as tx:
    notices.put(tx, "never", "")
"""


@pytest.fixture
def generation(database: Engine, database_url: str) -> Iterator[Generation]:
    made = watch(database, database_url)
    assert eventually(lambda: made.current() is not None)
    yield made
    made.close()


def put(engine: Engine, name: str) -> None:
    with write(engine) as tx:
        notices.put(tx, name, "")


@both_databases
def test_while_a_commit_is_under_way_nobody_can_tell(database: Engine, generation: Generation) -> None:
    before = generation.current()
    counter = commits.of(database)
    with write(database) as tx:
        notices.put(tx, "one", "")
        assert generation.current() == before, "nothing is visible yet"
        counter.announce()
        assert generation.current() is None
    assert generation.current() not in (None, before)


@both_databases
def test_a_process_that_dies_while_it_commits_keeps_nobody_from_the_memory(
    database: Engine, database_url: str, generation: Generation
) -> None:
    died = subprocess.run([sys.executable, "-c", DIES, database_url], cwd=ROOT, check=False, timeout=120)
    assert died.returncode == -9
    assert eventually(lambda: generation.current() is not None)
    with read(database) as tx:
        assert notices.all_of(tx) == []


@with_sqlite
def test_a_counter_that_was_removed_is_made_again_and_shared_again(
    database: Engine, database_url: str, generation: Generation
) -> None:
    file, other = counter_of(database_url), open_engine(database_url)
    put(other, "one")
    file.unlink()
    put(other, "two")
    time.sleep(LOOK_EVERY_S)
    before = generation.current()
    put(other, "three")
    assert generation.current() not in (None, before)
    other.dispose()


@with_sqlite
def test_without_a_counter_to_share_own_commits_count_at_once_and_others_soon(
    database: Engine, database_url: str, generation: Generation, caplog: pytest.LogCaptureFixture
) -> None:
    file, other = counter_of(database_url), open_engine(database_url)
    file.unlink()
    file.mkdir()
    own = watch(other, database_url)
    assert eventually(lambda: own.current() is not None)
    before, others = own.current(), generation.current()
    put(other, "one")
    assert own.current() not in (None, before)
    assert eventually(lambda: generation.current() not in (None, others))
    told = [record.getMessage() for record in caplog.records]
    put(other, "two")
    assert [record.getMessage() for record in caplog.records] == told, "each engine tells it once"
    assert told
    assert all(str(file) in message for message in told)
    own.close()
    other.dispose()


def counter_of(database_url: str) -> Path:
    return commits.file_of(database_url, None)
