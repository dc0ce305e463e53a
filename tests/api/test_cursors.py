"""Whatever comes as a cursor is one that the list gave, or 400."""

from __future__ import annotations

import base64
import json
from typing import Any

from flask.testing import FlaskClient

from tests.api.editing import problem
from tests.api.test_images import picture, send
from tests.api.test_replace_images import TRASH, replace
from tests.conftest import both_databases

LISTS = ["/api/v1/articles", "/api/v1/images", TRASH]
RUBBISH: list[Any] = [
    [], {}, None, "x", 1, ["x"], [1], ["\0"], ["\ud800"], [True], [["x"]], [10**400, "x"], ["id", "\0"], ["id", 1],
    ["id", "a", "b", "c"], [1.5, "\ud800"], [1.5, "\0"], [1.5, 2], [10**309, "x"],
    [float("nan"), "x"], [float("inf"), "x"],
    ["id", "x", None], {"x": 1}, "[" * 500,
]  # fmt: skip


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@both_databases
def test_what_no_list_gave_is_400(client: FlaskClient, admin: dict[str, str]) -> None:
    cursors = ["none", "%", "Å", "W10", "0123456789abcdef01234567", encoded("not JSON"), *map(encoded, "[{\0")]
    cursors += [encoded(json.dumps(place)) for place in RUBBISH]
    for route in LISTS:
        for cursor in cursors:
            response = client.get(route, query_string={"cursor": cursor}, headers=admin)
            if route != "/api/v1/images" or cursor != encoded('["x"]'):
                problem(response, 400, "cursor")


@both_databases
def test_the_next_page_is_found_though_the_last_photo_of_this_one_is_gone(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    for size in (41, 42, 43):
        replace(client, admin, picture(size=(size, 40)), item["path"])
    first = client.get(f"{TRASH}?limit=2", headers=admin).get_json()
    assert client.delete(f"{TRASH}/{first['items'][-1]['id']}", headers=admin).status_code == 204
    rest = client.get(f"{TRASH}?limit=2&cursor={first['next_cursor']}", headers=admin).get_json()
    assert [one["width"] for one in rest["items"]] == [60]
