"""Work that is claimed is one process's, until its lease has run out or is given back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from cms.context import Context
from cms.database.engine import open_engine
from cms.database.leases import Lease
from cms.database.migrations import migrate
from tests.conftest import both_databases, eventually, with_sqlite
from tests.store.racing import race

LONG_S, OVER_S = 60.0, -1.0


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    engine = open_engine(postgres_url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_it_is_one_holders_until_it_has_run_out(postgres: Engine) -> None:
    mine, other, another_work = Lease(postgres, "work"), Lease(postgres, "work"), Lease(postgres, "other")
    assert [mine.claim(LONG_S), other.claim(LONG_S), another_work.claim(LONG_S)] == [True, False, True]
    assert mine.claim(OVER_S)
    assert [other.claim(LONG_S), mine.claim(LONG_S)] == [True, False]


def test_what_is_given_back_is_free_at_once_and_only_its_holder_gives_it(postgres: Engine) -> None:
    mine, other = Lease(postgres, "work"), Lease(postgres, "work")
    assert mine.claim(LONG_S)
    other.release()
    assert not other.claim(LONG_S)
    mine.release()
    assert other.claim(LONG_S)


@pytest.mark.parametrize("is_first", [True, False])
def test_of_many_who_claim_at_once_one_gets_it(postgres: Engine, is_first: bool) -> None:
    if not is_first:
        assert Lease(postgres, "work").claim(OVER_S)
    claimed = race(12, lambda _: Lease(postgres, "work").claim(LONG_S))
    assert sum(claimed) == 1


@both_databases
def test_claiming_makes_no_answer_stale(ctx: Context) -> None:
    assert eventually(lambda: ctx.generation.current() is not None)
    before = ctx.generation.current()
    assert Lease(ctx.database, "work").claim(LONG_S)
    assert ctx.generation.current() == before


@with_sqlite
def test_with_sqlite_there_is_nothing_to_be_claimed(ctx: Context) -> None:
    assert all(Lease(ctx.database, "work").claim(LONG_S) for _ in range(2))
