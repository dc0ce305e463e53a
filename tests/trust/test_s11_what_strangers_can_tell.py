"""S11: what is hidden moves nothing that a stranger sees."""

from __future__ import annotations

import json

import pytest

from tests.api.editing import MERGE_PATCH, problem
from tests.conftest import bearer, reconcile
from tests.receiver import Receiver
from tests.telling import HOOKS, make_hook
from tests.trust.photo_world import V1, World, picture_of, text_of


def hidden_saves(world: World) -> None:
    """Some of each kind: of a draft, a new translation, a working copy, and what is said of their photos."""
    admin = world.admin
    assert world.patch(admin, "news/en/draft", {"data": {"title": "Other"}}).status_code == 200
    world.put("content/news/km/open.md", text_of("Twin", more="draft: true\n"))
    reconcile(world.ctx)
    text = {"data": text_of("Twin", more="draft: true\n").encode(), "content_type": "text/markdown"}
    made = world.client.put(f"{V1}/articles/news/km/past", headers={**admin, "If-None-Match": "*"}, **text)
    assert made.status_code == 201, made.text
    copied = {"body": "![](/src/assets/news/old.jpg)\n"}
    assert world.patch(admin, "news/en/open", copied, "?draft=true").status_code == 200
    said = {"json": {"alt": {"en": "other"}}, "content_type": MERGE_PATCH}
    for path in world.secret["news"]:
        assert world.change(admin, "PATCH", path, **said).status_code == 200
    assert world.send(admin, picture_of("new"), "new.jpg", article="news/en/draft").status_code == 201


def test_cursor_and_tag_of_the_feed_and_the_unused_photos_stay(world: World) -> None:
    before = world.public()
    cursor = world.sync()[-1]["cursor"]
    hidden_saves(world)
    assert world.public() == before
    assert world.sync(cursor=cursor) == [{"type": "cursor", "cursor": cursor}]
    assert world.patch(world.admin, "news/en/open", {"data": {"title": "Seen"}}).status_code == 200
    (line, last) = world.sync(cursor=cursor)
    assert (line["id"], line["data"]["title"]) == ("en/open", "Seen")
    assert last["cursor"] != cursor
    hidden_saves_again = world.patch(world.admin, "news/en/draft", {"data": {"title": "More"}})
    assert hidden_saves_again.status_code == 200
    assert world.sync(cursor=last["cursor"]) == [last]
    assert world.client.post(f"{V1}/builds", json={"cursor": last["cursor"]}, headers=world.admin).status_code == 201


def test_the_feed_of_drafts_goes_on_with_every_save(world: World) -> None:
    headers = bearer(world.ctx, "articles:read-drafts")

    def lines(**query: str) -> list[str]:
        response = world.client.get(f"{V1}/sync", query_string={"drafts": "true", **query}, headers=headers)
        return response.text.splitlines()

    cursor = json.loads(lines()[-1])["cursor"]
    assert world.patch(world.admin, "news/en/draft", {"data": {"title": "Other"}}).status_code == 200
    line, last = map(json.loads, lines(cursor=cursor))
    assert (line["id"], last["cursor"] != cursor) == ("en/draft", True)


def test_webhooks_are_given_cursors_that_stay_too(world: World, receiver: Receiver) -> None:

    hook = make_hook(world.client, world.admin, receiver.url)

    def tested() -> dict[str, str]:
        assert world.client.post(f"{HOOKS}/{hook['id']}/test", headers=world.admin).status_code == 200
        found: dict[str, str] = json.loads(receiver.messages[-1][1])
        return found

    first = tested()
    hidden_saves(world)
    assert tested()["cursor"] == first["cursor"] == world.sync()[-1]["cursor"]


def test_unused_photos_are_those_of_which_the_asker_sees_no_use(world: World) -> None:
    def unused(*scopes: str) -> set[str]:
        headers = bearer(world.ctx, *scopes) if scopes else {}
        items = world.client.get(f"{V1}/images?unused=true&limit=100", headers=headers).get_json()["items"]
        return {item["path"] for item in items}

    copied = {"body": "![](/src/assets/news/old.jpg)\n"}
    assert world.patch(world.admin, "news/en/open", copied, "?draft=true").status_code == 200
    assert "news/old.jpg" in unused()
    assert "news/old.jpg" in unused("articles:read-drafts:places")
    assert "news/old.jpg" not in unused("articles:read-drafts:news")
    assert "news/old.jpg" not in unused("articles:read-drafts")


@pytest.mark.parametrize("query", ["", "?draft=true"])
def test_a_reference_to_a_draft_that_one_may_not_read_is_missing(world: World, query: str) -> None:
    world.put("content/news.cms.json", '{"references": {"place": "places"}}')
    reconcile(world.ctx)
    news = bearer(world.ctx, "articles:write:news", "articles:read-drafts:news")
    told = []
    for name in ("en/draft", "en/never"):
        response = world.patch(news, "news/en/draft", {"data": {"place": name}}, query)
        found = response.get_json()["warnings"] if query else problem(response, 422)["errors"]
        told.append([(one["code"], one["detail"].replace(name, "ID")) for one in found])
    assert told[0] == told[1] == [("reference_missing", "there is no article places/ID")]
    both = bearer(world.ctx, "articles:write:news", "articles:read-drafts")
    assert world.patch(both, "news/en/draft", {"data": {"place": "en/draft"}}, query).status_code == 200


def test_photos_go_where_a_hidden_translation_has_them_for_its_readers_alone(world: World) -> None:
    world.put("content/news/km/past.md", text_of("Twin", "hush/hush.jpg", more="draft: true\n"))
    reconcile(world.ctx)
    sender = bearer(world.ctx, "images:write:news")
    sent = world.send(sender, picture_of("a"), "a.jpg", article="news/en/past").get_json()["items"][0]["path"]
    assert not sent.startswith("hush/")
    reader = bearer(world.ctx, "images:write:news", "articles:read-drafts:news")
    sent = world.send(reader, picture_of("b"), "b.jpg", article="news/en/past").get_json()["items"][0]["path"]
    assert sent.startswith("hush/")


def test_a_photo_that_comes_by_hand_with_its_draft_moves_nothing(world: World) -> None:
    before, cursor = world.public(), world.sync()[-1]["cursor"]
    world.put("assets/hush/new.jpg", picture_of("new"))
    world.put("content/news/en/hush.md", text_of("Hush", "hush/new.jpg", more="draft: true\n"))
    reconcile(world.ctx)
    assert world.public() == before
    assert world.sync(cursor=cursor) == [{"type": "cursor", "cursor": cursor}]
    assert not world.is_public("hush/new.jpg")
    assert world.client.get(f"{V1}/images/hush/new.jpg", headers=world.admin).status_code == 200
    assert world.patch(world.admin, "news/en/hush", {"data": {"draft": False}}).status_code == 200
    assert {line["type"] for line in world.sync(cursor=cursor)} == {"article", "image", "cursor"}
