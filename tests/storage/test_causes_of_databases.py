"""Why PostgreSQL does not answer is told to operators in its own words, and never to the public."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, create_engine, make_url, text

from cms.actions.heal import heal
from cms.cli import main
from cms.context import Context
from cms.outages import of_errno, outages
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.components import cms
from tests.conftest import bearer, close, eventually, make_client, make_context, make_settings, reconcile
from tests.gateway import Gateway, gateway
from tests.postgres import Packaged, Postgres, postgres
from tests.storage.telling_causes import SECRETS, check_told
from tests.telling import HOOKS

pytestmark = pytest.mark.xdist_group("causes")  # one process starts the server

NAME = "news/en/a-day"
RIGHT, WRONG = "right-secret", "wrong-secret"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One whose role `cms` has to give a password."""
    with postgres(Packaged) as made:
        rules = made.data / "pg_hba.conf"
        rules.write_text(f"local all cms scram-sha-256\n{rules.read_text()}")
        with administered(made.url) as connection:
            connection.execute(text(f"CREATE ROLE cms LOGIN PASSWORD '{RIGHT}'"))
            connection.execute(text("CREATE DATABASE shop OWNER cms"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield made


@contextmanager
def administered(url: str, database: str = "postgres") -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(database=database), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def url_of(server: str, database: str = "shop", password: str = RIGHT) -> str:
    found = make_url(server).set(username="cms", password=password, database=database)
    return found.render_as_string(hide_password=False)


@pytest.fixture
def way(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(server.url, Path(tmp_path_factory.mktemp("w", numbered=True)) / "g") as made:
        yield made


@pytest.fixture
def ctx(way: Gateway, light_site: Path) -> Iterator[Context]:
    made = make_context(make_settings(light_site, url_of(way.url)))
    yield made
    way.open()
    close(made)


def refused(monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    """What `cms sync` says with that database."""
    monkeypatch.setenv("CMS_DATABASE", url)
    result = CliRunner().invoke(main, ["sync"])
    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    assert not [secret for secret in SECRETS if secret in result.output]
    return result.output


def test_commands_say_what_the_server_says(server: Postgres, light_site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMS_SITE", str(light_site))
    told = refused(monkeypatch, url_of(server.url, password=WRONG))
    assert "database shop, user cms: " in told
    assert 'password authentication failed for user "cms". Correct the user and the password' in told
    assert 'database "nowhere" does not exist. Create the database' in refused(
        monkeypatch, url_of(server.url, "nowhere")
    )
    with administered(server.url) as connection:
        connection.execute(text("ALTER ROLE cms CONNECTION LIMIT 0"))
        told = refused(monkeypatch, url_of(server.url))
        connection.execute(text("ALTER ROLE cms CONNECTION LIMIT -1"))
        assert 'too many connections for role "cms". Raise max_connections' in told
        connection.execute(text("ALTER DATABASE shop SET default_transaction_read_only = on"))
        told = refused(monkeypatch, url_of(server.url))
        connection.execute(text("ALTER DATABASE shop RESET default_transaction_read_only"))
        assert "25006 ReadOnlySqlTransaction" in told
    away = f"postgresql+psycopg://cms:{WRONG}@127.0.0.1:1/shop"
    assert "PostgreSQL at 127.0.0.1:1, database shop, user cms: " in refused(monkeypatch, away)
    served = cms(light_site, "serve", "--port", "0", CMS_DATABASE=away)
    assert served.returncode == 1
    assert "Connection refused. Start the database server, or correct CMS_DATABASE." in served.stderr
    assert "Traceback" not in served.stderr
    assert WRONG not in served.stderr


def test_a_right_that_was_taken_away_is_named(server: Postgres, ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    client, admin = make_client(ctx), bearer(ctx, "admin")
    etag = create_text(client, admin)
    before = client.get(f"{ARTICLES}/{NAME}").data
    hook = {"url": "https://93.184.216.34/"}
    with administered(server.url, "shop") as connection:
        connection.execute(text("REVOKE INSERT ON changes, webhooks FROM cms"))
        refusal = "permission denied for table webhooks"
        words = ("database shop, user cms", "42501 InsufficientPrivilege", refusal, "GRANT")
        check_told(client, admin, [partial(client.post, HOOKS, json=hook, headers=admin)], words, caplog)
        answer = patch(client, admin, NAME, etag, {"data": {"title": "Another"}})
        assert problem(answer, 503)["code"] == "database"
        assert "changes" not in answer.text
        assert client.get(f"{ARTICLES}/{NAME}").data == before
        connection.execute(text("GRANT INSERT ON changes, webhooks TO cms"))
    heal(ctx)
    reconcile(ctx)
    current = client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    assert patch(client, admin, NAME, current, {"data": {"title": "Another one"}}).status_code == 200
    assert client.get(HOOKS, headers=admin).get_json()["items"] == []


def _note_an_older_outage(ctx: Context) -> None:
    """As if the disk of the service's own folder had been full for two hours."""
    cause = of_errno(OSError(errno.ENOSPC, "No space left"), str(ctx.settings.own_folder))
    with pytest.MonkeyPatch.context() as patch:
        before = time.time() - 7200
        patch.setattr(time, "time", lambda: before)
        outages.note(cause, "storage_full")


def test_operators_are_told_while_the_database_cannot_say_who_asks(
    way: Gateway, ctx: Context, caplog: pytest.LogCaptureFixture
) -> None:
    client, admin, unseen = make_client(ctx), bearer(ctx, "admin"), bearer(ctx, "admin")
    editor, revoked = bearer(ctx, "articles:write"), bearer(ctx, "admin")
    for headers in (admin, editor, revoked):
        assert client.get("/readyz", headers=headers).status_code == 200
    token_id = revoked["Authorization"].split("_")[1]
    assert client.delete(f"/api/v1/tokens/{token_id}", headers=admin).status_code == 204
    assert client.get("/readyz", headers=revoked).status_code == 401
    way.close()
    words = ("database shop, user cms", "connect", "Start the database server")
    check_told(client, admin, [partial(client.get, f"{ARTICLES}?q=library")], words, caplog)
    for headers in ({}, unseen, editor, revoked, {"Authorization": f"Bearer cms_{'0' * 16}_{'x' * 43}"}):
        answer = client.get("/readyz", headers=headers)
        assert (answer.status_code, answer.get_json()["status"]) == (503, "degraded")
        assert all(notice.keys() == {"name", "since"} for notice in answer.get_json()["notices"])
    _note_an_older_outage(ctx)
    shown = client.get("/readyz", headers=admin).get_json()["notices"]
    assert {"No space left" in one["detail"] for one in shown} == {True, False}
    assert not [one for one in client.get("/readyz", headers=editor).get_json()["notices"] if "detail" in one]
    outages.answered(str(ctx.settings.own_folder), is_sure=True)
    way.open()
    assert eventually(lambda: client.get("/readyz").get_json()["status"] == "ready")
    assert any(record.getMessage().startswith("over: PostgreSQL at") for record in caplog.records)
