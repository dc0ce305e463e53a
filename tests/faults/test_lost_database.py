"""The database is lost beside a running service, or between two runs: what was acknowledged is not forgotten unnoticed,
nothing more is acknowledged, and the operator says how it goes on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from cms.actions.archive import check
from cms.actions.backup import backup
from cms.actions.examine import Examiner
from cms.actions.fresh_start import fresh_start
from cms.actions.restore import restore
from cms.actions.start import prepare
from cms.app import create_context
from cms.cli import main
from cms.context import Context
from cms.errors import DATABASE_LOST, Exists, Unavailable
from tests.actions.test_backup import tree
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.conftest import bearer, close, make_client, make_settings, site_of

HISTORY = "/api/v1/history/news/en/a-day"


def path_of(ctx: Context) -> Path:
    return Path(str(ctx.database.url.database))


def public(client: FlaskClient) -> dict[str, Any]:
    """What the public reads, when articles were made and changed aside: the log alone knows that."""
    found: dict[str, Any] = {}
    for line in client.get("/api/v1/sync?fields=data,body,html,images,translations").data.splitlines():
        item = json.loads(line)
        if item["type"] != "cursor":
            found[str(item.get("id", item.get("path")))] = {**item, "seq": None}
    return found


def deleted(path: Path) -> None:
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()


def deleted_alone(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"no database" * 10_000)


def another(path: Path) -> None:
    deleted(path)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE log (x)")


LOSSES = [deleted, deleted_alone, emptied, garbage, another]


@pytest.mark.parametrize("lose", LOSSES)
def test_lost_beside_a_running_service_nothing_is_acknowledged_until_it_is_brought_back(
    ctx: Context, admin: dict[str, str], lose: Callable[[Path], None], tmp_path: Path
) -> None:
    client = make_client(ctx)
    etag = create_text(client, admin)
    backup(ctx, tmp_path / "site.tar")
    before, history, files = (
        public(client),
        client.get(HISTORY, headers=admin).get_json(),
        tree(site_of(ctx)),
    )
    cursor = json.loads(client.get("/api/v1/sync").data.splitlines()[-1])["cursor"]
    lose(path_of(ctx))

    for _ in range(2):
        answer = problem(patch(client, admin, "news/en/a-day", etag, {"body": "Lost?"}), 503, DATABASE_LOST)
        assert "cms restore FILE" in answer["detail"]
        assert "cms fresh-start" in answer["detail"]
        problem(
            client.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}, headers=admin), 503, DATABASE_LOST
        )
    for url in ("/api/v1/articles", f"{ARTICLES}/news/en/a-day", "/api/v1/images"):
        assert client.get(url).status_code in (200, 503)
    if lose in (deleted, deleted_alone):
        assert public(client) == before
    assert client.get("/readyz").status_code == (503 if lose is another else 200)
    assert [told["name"] for told in client.get("/readyz").get_json()["notices"]] == [DATABASE_LOST]
    with pytest.raises(Unavailable, match="lost"):
        Examiner(ctx).run()
    assert tree(site_of(ctx)) == files

    there = create_context(ctx.settings)
    with pytest.raises(Unavailable, match="lost"):
        prepare(there)
    restore(there, check(tmp_path / "site.tar"), keeps_content=True)
    close(there)
    # The same service goes on, with what was brought back.
    assert client.get(HISTORY, headers=admin).get_json() == history
    assert public(client) == before
    assert patch(client, admin, "news/en/a-day", etag, {"body": "Found."}).status_code == 200
    problem(client.get(f"/api/v1/sync?cursor={cursor}"), 410)


@pytest.mark.parametrize("lose", [deleted, garbage])
def test_lost_between_two_runs_the_service_does_not_start_until_it_is_told_to_start_afresh(
    ctx: Context, admin: dict[str, str], lose: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(ctx)
    create_text(client, admin)
    before, files = public(client), tree(site_of(ctx))
    cursor = json.loads(client.get("/api/v1/sync").data.splitlines()[-1])["cursor"]
    close(ctx)
    lose(path_of(ctx))
    left = path_of(ctx).read_bytes() if path_of(ctx).exists() else None

    monkeypatch.setenv("CMS_SITE", str(site_of(ctx)))
    monkeypatch.setenv("CMS_DATABASE", ctx.settings.database)
    for command in (["sync"], ["token", "list"], ["serve", "--port", "0"]):
        refused = CliRunner().invoke(main, command)
        assert refused.exit_code == 1
        assert "cms fresh-start" in refused.output
    assert (path_of(ctx).read_bytes() if path_of(ctx).exists() else None) == left

    done = CliRunner().invoke(main, ["fresh-start"])
    assert done.exit_code == 0, done.output
    assert left is None or left in [aside.read_bytes() for aside in path_of(ctx).parent.glob("cms.db.lost-*")]
    there = create_context(ctx.settings)
    prepare(there)
    again = make_client(there)
    assert public(again) == before
    assert tree(site_of(ctx)) == files
    problem(again.get(f"/api/v1/sync?cursor={cursor}"), 410)
    problem(again.get(HISTORY, headers=admin), 401)
    assert len(again.get(HISTORY, headers=bearer(there, "admin")).get_json()["items"]) == 1
    with pytest.raises(Exists):
        fresh_start(there)
    close(there)


def test_a_first_start_needs_nothing(site: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        made = create_context(make_settings(site, f"sqlite:///{tmp_path}/{name}/new.db"))
        prepare(made)
        assert make_client(made).get("/readyz").status_code == 200
        close(made)
    # A copy of all that is there is no loss, and neither is a place from which all was taken.
    shutil.copytree(site, tmp_path / "copy")
    made = create_context(make_settings(tmp_path / "copy", f"sqlite:///{tmp_path}/copy/.cms/cms.db"))
    prepare(made)
    close(made)
    shutil.rmtree(tmp_path / "copy/.cms")
    made = create_context(make_settings(tmp_path / "copy", f"sqlite:///{tmp_path}/copy/.cms/cms.db"))
    prepare(made)
    close(made)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_postgresql_database_that_is_dropped(
    ctx: Context, admin: dict[str, str], postgres_server: Engine, is_made_again: bool
) -> None:
    client = make_client(ctx)
    etag = create_text(client, admin)
    before = public(client)
    with postgres_server.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{ctx.database.url.database}" WITH (FORCE)'))
        if is_made_again:
            connection.execute(text(f'CREATE DATABASE "{ctx.database.url.database}"'))
    answer = problem(patch(client, admin, "news/en/a-day", etag, {"body": "Lost?"}), 503)
    if not is_made_again:
        assert answer["code"] in (DATABASE_LOST, "database")
        with postgres_server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{ctx.database.url.database}"'))
        return
    assert answer["code"] == DATABASE_LOST
    with pytest.raises(Unavailable, match="lost"):
        prepare(ctx)
    fresh_start(ctx)
    assert public(client) == before
    problem(patch(client, admin, "news/en/a-day", etag, {"body": "New."}), 401)
    assert patch(client, bearer(ctx, "admin"), "news/en/a-day", etag, {"body": "New."}).status_code == 200
