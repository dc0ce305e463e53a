"""S4: a reference gives a hidden photo another home only to those who may publish what it makes public."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from cms.actions.start import rebuild
from cms.database.engine import write
from cms.database.tables import image_homes
from tests.api.editing import problem
from tests.asking import listen
from tests.conftest import bearer, reconcile
from tests.trust.photo_world import V1, World, picture_of, text_of

NEW = "site/new.jpg"
WRITES = ("articles:write:news", "articles:read-drafts:news", "images:write:news")


def body(path: str) -> dict[str, str]:
    return {"body": f"![](/src/assets/{path})\n"}


@pytest.mark.parametrize("query", ["", "?draft=true"])
def test_a_draft_does_not_publish_what_a_visible_article_names_already(world: World, query: str) -> None:
    """The visible article's photo is missing; the token sends one of that name to a folder, and names it in a draft."""
    world.put("content/news/en/dangling.md", text_of("dangling", NEW))
    reconcile(world.ctx)
    sender = bearer(world.ctx, "images:write", *WRITES)
    sent = world.send(sender, picture_of("new"), "new.jpg", folder="site")
    assert sent.get_json()["items"][0]["path"] == NEW
    before = world.public()
    problem(world.patch(sender, "news/en/draft", body(NEW), query), 403)
    assert world.public() == before
    publisher = bearer(world.ctx, "articles:publish", "articles:read-drafts", *WRITES)
    assert world.patch(publisher, "news/en/draft", body(NEW)).status_code == 200
    assert world.is_public(NEW)


def test_a_photo_without_a_home_is_its_senders(world: World) -> None:
    """Others need the right to publish everywhere before an article of theirs gives it a home."""
    sender = bearer(world.ctx, "images:write", *WRITES)
    world.send(sender, picture_of("new"), "new.jpg", folder="site")
    reader = bearer(world.ctx, "articles:read-drafts", "articles:write:places", "articles:publish:places")
    problem(world.patch(reader, "places/en/draft", body(NEW)), 403)
    assert world.patch(sender, "news/en/draft", body(NEW)).status_code == 200
    assert not world.is_public(NEW)


def test_the_same_bytes_do_not_tell_of_a_hidden_photo(world: World) -> None:
    """A token that does not see the photo is given a place of its own, and nothing that was said of the other."""
    hidden = world.secret["news"][2]
    stranger = bearer(world.ctx, "images:write:news")
    sent = world.send(stranger, picture_of("news-wait"), "wait.jpg", article="news/en/open")
    assert sent.status_code == 201
    assert sent.get_json()["items"][0]["path"] != hidden


def test_publishing_many_photos_serialises_the_article_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [f"news/many/{number}.jpg" for number in range(40)]
    for path in paths:
        world.put(f"assets/{path}", picture_of(path))
    world.put("content/news/en/many.md", text_of("many", *paths, more="draft: true\n"))
    reconcile(world.ctx)
    asked: list[str] = []
    listen(world.ctx.database, monkeypatch, lambda statement, _: asked.append(statement))
    assert world.patch(world.admin, "news/en/many", {"data": {"draft": None}}).status_code == 200
    whole = [sql for sql in asked if sql.startswith("SELECT") and ".json" in sql and "article_images" in sql]
    assert len(whole) <= 1, "the article is read again for each photo"
    assert len(asked) < 5 * len(paths)
    assert all(map(world.is_public, paths))


def test_a_photo_that_only_a_working_copy_shows_is_at_home_in_its_collection(world: World) -> None:
    """As after an upgrade of a version that kept no homes, when the derived tables are made again."""
    copied = world.secret["news"][3]
    with write(world.ctx.database) as tx:
        tx.execute(delete(image_homes))
    rebuild(world.ctx)
    editor = bearer(world.ctx, "articles:read-drafts:news")
    other = bearer(world.ctx, "articles:read-drafts:places")
    url = f"{V1}/images/{copied}"
    assert [world.client.get(url, headers=headers).status_code for headers in (editor, other, {})] == [200, 404, 404]
