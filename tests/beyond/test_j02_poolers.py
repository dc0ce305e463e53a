"""J2, J14, J16: what the service relies on in PostgreSQL is proved, at its start and later, or refused by name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from cms.actions import notices
from cms.context import Context
from cms.database.derived import articles
from cms.database.sessions import POOLED
from tests.api.editing import problem
from tests.beyond.pooler import Relay, pgbouncer, relay, through
from tests.components import cms
from tests.conftest import close, eventually, make_client, make_context, make_settings
from tests.postgres import Debian, postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres(Debian) as found:
        yield found.url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    below = tmp_path / "site/src/content/news"
    below.mkdir(parents=True)
    (below / "a.md").write_text("---\ntitle: A\n---\n")
    return tmp_path / "site"


@pytest.fixture
def database(server: str) -> Iterator[str]:
    """An empty database of the server. Gives its URL."""
    with made(server, "sessions", "TEMPLATE template1") as url:
        yield url


def refused(folder: Path, url: str) -> str:
    """Return what a command says that does not start."""
    done = cms(folder, "sync", CMS_DATABASE=url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize("ignored", ["options", "extra_float_digits"])
def test_a_pooler_that_keeps_no_sessions_is_refused_by_name(folder: Path, database: str, ignored: str) -> None:
    """As Debian has it, it does not take the service's start-up parameters either."""
    with pgbouncer(database, ignored=ignored) as port:
        assert refused(folder, through(database, port)) == f"Error: {POOLED}"
    engine = create_engine(database)
    with engine.connect() as connection:
        assert not connection.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).scalar()
    engine.dispose()


def test_a_pooler_that_keeps_sessions_is_taken(folder: Path, database: str) -> None:
    with pgbouncer(database, mode="session") as port:
        done = cms(folder, "sync", CMS_DATABASE=through(database, port))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_another_encoding_than_utf_8_is_refused(folder: Path, server: str, encoding: str) -> None:
    with made(server, "encoded", f"TEMPLATE template0 LOCALE 'C' ENCODING '{encoding}'") as url:
        expected = f"Error: The database's encoding is {encoding}; create it anew with ENCODING 'UTF8'."
        assert refused(folder, url) == expected


@pytest.fixture
def way(database: str) -> Iterator[Relay]:
    with relay(database) as found:
        yield found


@pytest.fixture
def node(folder: Path, database: str, way: Relay) -> Iterator[Context]:
    """A node whose database is behind the way."""
    ctx = make_context(make_settings(folder, through(database, way.port)))
    assert eventually(lambda: ctx.generation.current() is not None)
    yield ctx
    close(ctx)


def test_a_pooler_that_takes_the_servers_place_ends_answers_from_memory_and_is_told(
    node: Context, database: str, way: Relay
) -> None:
    with pgbouncer(database) as port:
        way.lead_to(("127.0.0.1", port))
        assert eventually(lambda: any(one.cause and POOLED in str(one.cause) for one in notices.troubles(node)))
        for _ in range(20):
            assert node.generation.current() is None
            time.sleep(0.05)
    way.lead_to(f"{database.rpartition('=')[2]}/.s.PGSQL.5432")
    assert eventually(lambda: node.generation.current() is not None)


def test_a_reader_waits_for_no_table_that_somebody_has_locked(node: Context, database: str) -> None:
    """J15."""
    client, engine = make_client(node), create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(f"LOCK TABLE {articles.name} IN ACCESS EXCLUSIVE MODE"))
        found = problem(client.get("/api/v1/articles?limit=7"), 503, "database")
    assert found["detail"] == "The database does not answer; try again."
    assert client.get("/api/v1/articles?limit=7").status_code == 200
    engine.dispose()


@contextmanager
def made(server: str, name: str, how: str) -> Iterator[str]:
    """Make a database in this way for the block; gives its URL."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} {how}"))
        yield server.replace("@/postgres", f"@/{name}")
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
