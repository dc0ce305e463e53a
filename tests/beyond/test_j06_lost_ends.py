"""J6: a log that lost its last changes and has grown again lets no old cursor miss a change: it is 410, or right."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from cms.context import Context
from cms.database.engine import write
from cms.database.tables import changes
from tests.api.editing import ARTICLES, patch, problem
from tests.conftest import bearer, close, make_client, make_context, reconcile, with_sqlite
from tests.receiver import Receiver
from tests.telling import deliver_due, make_hook

pytestmark = with_sqlite

MOST = 6
FIRST, SECOND = "news/en/river-bus", "news/en/opening-day"


class Follower:
    """A client of the feed that asks for what has changed, and begins anew when it is told to."""

    def __init__(self, client: FlaskClient) -> None:
        self.held: dict[tuple[str, str], Any] = {}
        self.cursor = ""
        self.follow(client)

    def copy(self) -> Follower:
        made = Follower.__new__(Follower)
        made.held, made.cursor = dict(self.held), self.cursor
        return made

    def follow(self, client: FlaskClient) -> bool:
        """Whether the cursor was of use."""
        answer = client.get("/api/v1/sync", query_string={"cursor": self.cursor} if self.cursor else {})
        if answer.status_code == 410:
            problem(answer, 410, "cursor_gone")
            self.held, self.cursor = {}, ""
            self.follow(client)
            return False
        assert answer.status_code == 200
        for line in map(json.loads, answer.text.splitlines()):
            name = line.get("subject", line["type"]), line.get("id") or line.get("path") or ""
            if line["type"] == "deleted":
                self.held.pop(name, None)
            elif line["type"] == "cursor":
                self.cursor = line["cursor"]
            else:
                self.held[name] = line
        return True


def save(client: FlaskClient, headers: dict[str, str], name: str, title: str) -> None:
    etag = client.get(f"{ARTICLES}/{name}").headers["ETag"]
    assert patch(client, headers, name, etag, {"data": {"title": title}}).status_code == 200


def copied(ctx: Context, site: Path, to: Path) -> None:
    """Copy the whole site with its database, as a snapshot of the machine does."""
    shutil.copytree(site, to / "site")
    database = str(ctx.database.url.database)
    with sqlite3.connect(database) as source, sqlite3.connect(to / "cms.db") as target:
        source.backup(target)
    source.close()
    target.close()


@pytest.fixture
def back(ctx: Context, admin: dict[str, str], site: Path, tmp_path: Path) -> Iterator[Any]:
    """Puts the site and its database back to where they are now, with that token; gives a client each time."""
    (tmp_path / "copy").mkdir()
    copied(ctx, site, tmp_path / "copy")
    opened: list[Context] = []

    def put_back(*, keeps_content: bool) -> tuple[Context, FlaskClient]:
        database = Path(str(ctx.database.url.database))
        for old in (ctx, *opened):
            close(old)
        for ending in ("", "-wal", "-shm", "-commits"):
            database.with_name(database.name + ending).unlink(missing_ok=True)
        shutil.copy(tmp_path / "copy/cms.db", database)
        if not keeps_content:
            shutil.rmtree(site)
            shutil.copytree(tmp_path / "copy/site", site)
        opened.append(make_context(ctx.settings))
        reconcile(opened[-1])
        return opened[-1], make_client(opened[-1])

    yield put_back
    for one in opened:
        close(one)


@pytest.mark.parametrize("lost", range(MOST + 1))
def test_whatever_was_lost_and_came_since_a_follower_ends_with_the_feed(
    back: Any, ctx: Context, client: FlaskClient, admin: dict[str, str], lost: int
) -> None:
    followers = [Follower(client)]
    for number in range(lost):
        save(client, admin, FIRST, f"lost {number}")
        followers.append(followers[-1].copy())
        followers[-1].follow(client)
    for keeps_content in (False, True):
        _, client = back(keeps_content=keeps_content)
        for new in range(MOST + 1):
            whole = Follower(client).held
            for at, follower in enumerate(followers):
                one = follower.copy()
                was_of_use = one.follow(client)
                assert one.held == whole, (lost, at, new, keeps_content)
                assert was_of_use or at, "the first cursor points to what was not lost"
            save(client, admin, SECOND, f"{keeps_content} {new}")


def test_neither_builds_nor_messages_nor_pages_go_by_what_was_lost(
    back: Any, ctx: Context, client: FlaskClient, admin: dict[str, str], receiver: Receiver
) -> None:
    save(client, admin, FIRST, "lost")
    lost = Follower(client).cursor
    save(client, admin, FIRST, "lost, too")
    lost_page = client.get("/api/v1/changes?limit=1", headers=admin).get_json()["next_cursor"]
    ctx, client = back(keeps_content=False)
    make_hook(client, bearer(ctx, "admin"), receiver.url)
    save(client, admin, SECOND, "new")
    save(client, admin, SECOND, "newer")
    problem(client.post("/api/v1/builds", json={"cursor": lost}, headers=admin), 410, "cursor_gone")
    problem(client.get(f"/api/v1/changes?cursor={lost_page}", headers=admin), 400, "cursor")
    deliver_due(ctx)
    told = json.loads(receiver.messages[-1][1])
    for name in ("cursor", "previous_cursor"):
        assert client.get(f"/api/v1/sync?cursor={told[name]}").status_code == 200
    assert client.post("/api/v1/builds", json={"cursor": told["cursor"]}, headers=admin).status_code == 201


def test_a_cursor_from_before_there_were_nonces_goes_on(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    with write(ctx.database) as tx:
        tx.execute(update(changes).values(nonce=""))
    follower = Follower(client)
    save(client, admin, FIRST, "new")
    assert follower.follow(client)
    assert follower.held == Follower(client).held
