"""Databases of the make that the test asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from cms.database.engine import open_engine
from cms.database.migrations import migrate
from tests.conftest import postgres_database


@pytest.fixture(scope="session")
def one_postgres(postgres_server: Engine) -> Iterator[str]:
    with postgres_database(postgres_server, "database_room") as url:
        yield url


@pytest.fixture
def postgres_url(one_postgres: str) -> str:
    """One database for all tests of this room, emptied for each: making one takes longer than most tests."""
    engine = create_engine(one_postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return one_postgres


def end_all_sessions(url: str) -> None:
    """As when the PostgreSQL server restarts, for all connections to this database."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"))  # noqa: S608
    engine.dispose()


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """A database in which nothing is yet."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def database(empty: Engine) -> Engine:
    """A database with all tables, and nothing in them."""
    migrate(empty)
    return empty
