"""J7: a wrong clock empties no trash and ends no token, upload or preview, on a node of many or after a step."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from cms.actions.sweep import FEW, HELD, sweep
from cms.context import Context
from cms.database import clock
from cms.database.engine import write
from cms.database.leases import Lease
from cms.database.tables import leases
from cms.database.tables import trash as trash_table
from tests.api.copying import Editor
from tests.api.editing import create_text
from tests.api.test_images import IMAGES, picture, send
from tests.api.test_uploads import announce, complete, file, put
from tests.beyond.clocks import DAY_S, OwnClock, own_clock
from tests.conftest import close, make_client, make_context, with_postgres, with_sqlite

__all__ = ["own_clock"]

TRASH = "/api/v1/trash"
MANY = FEW + 1


def throw_away(client: FlaskClient, headers: dict[str, str], number: int) -> None:
    """Send so many photos, which the log has not seen yet, and delete them."""
    folder = secrets.token_hex(4)
    files = [(picture(size=(8, 8 + one)), f"{one}.jpg") for one in range(number)]
    for item in send(client, headers, *files, folder=folder).get_json()["items"] if files else []:
        path = item["path"]
        tag = client.get(f"{IMAGES}/{path}").headers["ETag"]
        assert client.delete(f"{IMAGES}/{path}", headers={**headers, "If-Match": tag}).status_code == 204


def lying(ctx: Context) -> int:
    return len(list(ctx.private.list("trash")))


def notices(client: FlaskClient, headers: dict[str, str]) -> set[str]:
    return {one["name"] for one in client.get("/readyz", headers=headers).get_json()["notices"]}


@with_sqlite
def test_a_step_ahead_empties_no_trash(
    ctx: Context, client: FlaskClient, admin: dict[str, str], own_clock: OwnClock
) -> None:
    throw_away(client, admin, 1)
    for ahead_s in (40 * DAY_S, 3650 * DAY_S, -40 * DAY_S):
        own_clock.ahead_s = ahead_s
        sweep(ctx)
        assert lying(ctx) == 1
    own_clock.ahead_s = 0
    assert client.post(f"{TRASH}/{_trash(client, admin)[0]['id']}", headers=admin).status_code == 200


def _trash(client: FlaskClient, headers: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(TRASH, headers=headers).get_json()["items"]
    return found


@with_sqlite
def test_of_much_trash_nothing_goes_for_a_day_in_which_the_operator_is_told(
    ctx: Context, client: FlaskClient, admin: dict[str, str], own_clock: OwnClock
) -> None:
    """A process that begins with a wrong clock sees no step."""
    throw_away(client, admin, MANY)
    own_clock.ahead_s = 40 * DAY_S
    fresh = make_context(ctx.settings)
    sweep(fresh)
    assert (lying(fresh), HELD in notices(client, admin)) == (MANY, True)
    own_clock.ahead_s = 0
    sweep(ctx)
    assert (lying(ctx), HELD in notices(client, admin)) == (MANY, False)
    own_clock.passed_s = 40 * DAY_S
    sweep(ctx)
    own_clock.passed_s += DAY_S - 3600
    sweep(ctx)
    assert (lying(ctx), HELD in notices(client, admin)) == (MANY, True)
    own_clock.passed_s += 3601
    sweep(ctx)
    assert (lying(ctx), HELD in notices(client, admin)) == (0, False)
    close(fresh)


@with_sqlite
@pytest.mark.parametrize(("old", "fresh", "left"), [(FEW, 0, 0), (MANY, MANY, MANY)])
def test_few_photos_and_less_than_half_of_the_trash_go_at_once(
    ctx: Context, client: FlaskClient, admin: dict[str, str], old: int, fresh: int, left: int
) -> None:
    throw_away(client, admin, old)
    with write(ctx.database) as tx:
        tx.execute(update(trash_table).values(time=trash_table.c.time - 31 * DAY_S))
    throw_away(client, admin, fresh)
    sweep(ctx)
    assert (lying(ctx), HELD in notices(client, admin)) == (left, False)


@with_postgres
@pytest.mark.parametrize("days", [40, -40])
def test_a_node_with_a_wrong_clock_does_as_one_with_a_right_one(
    ctx: Context, client: FlaskClient, admin: dict[str, str], own_clock: OwnClock, days: int
) -> None:
    """All is made on a right node and judged on a wrong one, and the other way round."""
    made = create_text(client, admin)
    assert Editor(client, admin).save(made, {"body": "*New.*\n"}).status_code == 200
    for right_first in (True, False):
        own_clock.ahead_s = 0 if right_first else days * DAY_S
        begun = _begin(ctx, client, admin)
        own_clock.ahead_s = days * DAY_S if right_first else 0
        node = make_context(ctx.settings)
        sweep(node)
        _check(make_client(node), begun)
        if own_clock.ahead_s:
            assert "clock_stepped" in notices(make_client(node), admin)
        close(node)
        own_clock.ahead_s = 0
        assert "clock_stepped" not in notices(client, admin)


def _begin(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> dict[str, Any]:
    """One of each thing that ends, all of them as long as they may last."""
    throw_away(client, admin, 1)
    expires_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.of(ctx.database)() + DAY_S))
    token = client.post(
        "/api/v1/tokens", json={"name": "n", "scopes": ["admin"], "expires_at": expires_at}, headers=admin
    )
    assert token.status_code == 201, token.text
    link = Editor(client, admin).preview(expires_s=86_400)
    assert link.status_code == 201, link.text
    (upload,) = announce(client, admin, file()).get_json()["items"]
    assert put(upload) == 200
    return {
        "upload": upload,
        "trash": _trash(client, admin)[0]["id"],
        "headers": {"Authorization": f"Bearer {token.get_json()['token']}"},
        "preview": link.get_json()["url"],
    }


def _check(client: FlaskClient, begun: dict[str, Any]) -> None:
    assert client.get("/api/v1/whoami", headers=begun["headers"]).status_code == 200
    assert client.get(begun["preview"]).status_code == 200
    assert begun["trash"] in [one["id"] for one in _trash(client, begun["headers"])]
    assert client.post(f"{TRASH}/{begun['trash']}", headers=begun["headers"]).status_code == 200
    assert complete(client, begun["headers"], begun["upload"]).status_code == 201


@with_sqlite
def test_a_link_lasts_no_longer_than_links_may_whatever_the_clock_was(
    client: FlaskClient, admin: dict[str, str], own_clock: OwnClock
) -> None:
    made = create_text(client, admin)
    assert Editor(client, admin).save(made, {"body": "*New.*\n"}).status_code == 200
    right = Editor(client, admin).preview(expires_s=86_400).get_json()["url"]
    own_clock.ahead_s = 3650 * DAY_S
    wrong = Editor(client, admin).preview(expires_s=86_400).get_json()["url"]
    assert client.get(wrong).status_code == 200
    own_clock.ahead_s = 0
    assert client.get(wrong).status_code == 404
    assert Editor(client, admin).preview(expires_s=86_400).status_code == 201
    assert len(client.get("/api/v1/previews", headers=admin).get_json()["items"]) == 2
    assert client.get(right).status_code == 200


@with_postgres
def test_a_lease_from_a_clock_that_was_ahead_is_nobodys(ctx: Context) -> None:
    assert Lease(ctx.database, "work").claim(30)
    assert not Lease(ctx.database, "work").claim(30)
    with write(ctx.database) as tx:
        tx.execute(update(leases).values(until=leases.c.until + 3650 * DAY_S))
    assert Lease(ctx.database, "work").claim(30)
    assert not Lease(ctx.database, "work").claim(30)
