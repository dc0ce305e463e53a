"""S10: what the public sees of a photo is changed by who may publish."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.api.editing import MERGE_PATCH, problem
from tests.conftest import bearer
from tests.trust.photo_world import HERO, V1, World, picture_of

SAID: dict[str, Any] = {"json": {"alt": {"en": "other"}}, "content_type": MERGE_PATCH}
BYTES: dict[str, Any] = {"data": picture_of("other"), "content_type": "image/jpeg"}
PREPARES = ("articles:write", "articles:read-drafts", "images:write")
PUBLIC = (HERO, "news/seen.jpg", "news/old.jpg", "places/seen.jpg", "places/old.jpg")


def narrowed(scopes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{scope}:news" for scope in scopes)


WITHOUT_PUBLISH = [
    scopes
    for number in range(1, 4)
    for some in combinations(PREPARES, number)
    for scopes in (some, narrowed(some))
    if "images:write" in some
]


@pytest.mark.parametrize("scopes", WITHOUT_PUBLISH, ids=" ".join)
def test_without_the_right_to_publish_no_photo_changes_for_the_public(world: World, scopes: tuple[str, ...]) -> None:
    headers, before = bearer(world.ctx, *scopes), world.public()
    for path in (*PUBLIC, *world.secret["news"], *world.secret["places"]):
        for method, sent in (("PATCH", SAID), ("DELETE", {})):
            response = world.change(headers, method, path, **sent)
            if path in PUBLIC:
                problem(response, 403)
    for name in trashed(world, "lost"):
        problem(world.client.post(f"{V1}/trash/{name}", headers=headers), 403)
    assert world.public() == before


def test_nor_are_its_bytes_replaced(world: World) -> None:
    headers, before = bearer(world.ctx, *PREPARES), world.public()
    for path in PUBLIC:
        problem(world.change(headers, "PUT", path, **BYTES), 403)
    assert world.public() == before


def test_what_waits_for_its_article_is_changed_without_it(world: World) -> None:
    """But not what a scheduled article shows, which the public will see without anybody doing more."""
    headers, before = bearer(world.ctx, *narrowed(PREPARES)), world.public()
    draft, soon, wait, copy = world.secret["news"]
    for path in (draft, wait, copy):
        assert world.change(headers, "PATCH", path, **SAID).status_code == 200, path
    assert world.change(headers, "PUT", draft, **BYTES).status_code == 200
    problem(world.change(headers, "PATCH", soon, **SAID), 403)
    assert world.public() == before


def test_who_may_publish_where_it_is_shown_changes_it(world: World) -> None:
    news = ("images:write:news", "articles:publish:news")
    assert status(world, "news/seen.jpg", *news) == 200
    assert status(world, "news/old.jpg", *news) == 200
    assert status(world, "places/seen.jpg", *news) == 403
    assert status(world, HERO, *news) == 403
    assert status(world, HERO, "images:write", "articles:publish") == 200
    shown = {"body": "![](/src/assets/news/seen.jpg)\n"}
    assert world.patch(world.admin, "places/en/open", shown).status_code == 200
    assert status(world, "news/seen.jpg", *news) == 403
    assert status(world, "news/seen.jpg", *news, "images:write:places") == 403
    assert status(world, "news/seen.jpg", "images:write", "articles:publish") == 200


def test_a_public_photo_comes_back_by_who_may_publish(world: World) -> None:
    (lost,) = trashed(world, "lost")
    writer = bearer(world.ctx, "images:write", "articles:read-drafts")
    problem(world.client.post(f"{V1}/trash/{lost}", headers=writer), 403)
    (gone,) = trashed(world, "gone")
    before = world.public()
    back = world.client.post(f"{V1}/trash/{gone}", headers=writer)
    assert back.status_code == 200, back.text
    assert world.public() == before, "it was hidden, and is"
    reader = bearer(world.ctx, "articles:read-drafts:news")
    assert world.client.get(f"{V1}/images/{back.get_json()['path']}", headers=reader).status_code == 200
    publisher = bearer(world.ctx, "images:write", "articles:publish")
    back = world.client.post(f"{V1}/trash/{lost}", headers=publisher)
    assert back.status_code == 200, back.text
    assert world.is_public(back.get_json()["path"])


def status(world: World, path: str, *scopes: str) -> int:
    response: TestResponse = world.change(bearer(world.ctx, *scopes), "PATCH", path, **SAID)
    return response.status_code


def trashed(world: World, name: str) -> list[str]:
    """The ids of the photos of news in the trash that are called so."""
    items = world.client.get(f"{V1}/trash?limit=100", headers=world.admin).get_json()["items"]
    wanted = (f"news/{name}.jpg", f"news-{name}/{name}.jpg")
    return [item["id"] for item in items if item["path"] in wanted]
