"""S3: a photo that is sent for an article is hidden until a visible article shows it."""

from __future__ import annotations

import json
import re
from io import BytesIO

import pytest
from PIL import Image

from cms.actions import renditions
from tests.conftest import ClosingClient, bearer, close, make_client, make_context, make_settings, reconcile
from tests.receiver import Receiver
from tests.telling import deliver_due, make_hook
from tests.trust.photo_world import V1, World, picture_of, text_of

DRAFT = {"news/en/draft": {"draft": None}, "news/en/soon": {"until": None}}
"""What publishes each of the hidden articles."""


def upload(world: World, article: str, name: str = "embargo", content: bytes | None = None) -> str:
    response = world.send(world.admin, content or picture_of(name), f"{name}.jpg", article=article)
    assert response.status_code == 201, response.text
    return str(response.get_json()["items"][0]["path"])


def body(path: str) -> dict[str, str]:
    return {"body": f"![](/src/assets/{path})\n"}


@pytest.mark.parametrize("article", ["news/en/open", "news/en/draft", "news/en/soon"])
@pytest.mark.parametrize("query", ["", "?draft=true"])
def test_a_photo_is_hidden_until_a_visible_article_shows_it(world: World, article: str, query: str) -> None:
    before = world.public()
    path = upload(world, article)
    assert world.public() == before
    assert world.patch(world.admin, article, body(path), query).status_code == 200
    if article in DRAFT or query:
        assert not world.is_public(path)
        assert world.public() == before, "nor does the feed's cursor move"
    if query:
        copy = f"{V1}/drafts/{article}"
        tag = {"If-Match": world.etag(copy)}
        assert world.client.post(copy, headers={**world.admin, **tag}).status_code == 200
    if article in DRAFT:
        assert not world.is_public(path)
        assert world.patch(world.admin, article, {"data": DRAFT[article]}).status_code == 200
    assert world.is_public(path)
    assert path in world.public()["articles"]


def test_a_photo_that_was_public_stays_so_when_its_article_is_as_it_was(world: World) -> None:
    path, history = world.secret["news"][3], f"{V1}/history/news/en/open"
    first = world.client.get(history, headers=world.admin).get_json()["items"][-1]["seq"]
    copy = f"{V1}/drafts/news/en/open"
    published = world.client.post(copy, headers={**world.admin, "If-Match": world.etag(copy)})
    assert published.status_code == 200, published.text
    assert world.is_public(path)
    tag = {"If-Match": published.headers["ETag"]}
    assert world.client.post(f"{history}?seq={first}", headers={**world.admin, **tag}).status_code == 200
    assert world.is_public(path), "everybody has seen it"


def test_a_photo_is_hidden_with_the_article_that_stops_being_visible(world: World) -> None:
    assert world.patch(world.admin, "news/en/open", {"data": {"draft": True}}).status_code == 200
    assert not world.is_public("news/seen.jpg")
    etag = world.etag(f"{V1}/articles/news/en/open")
    url = f"{V1}/articles/news/en/open"
    assert world.client.delete(url, headers={**world.admin, "If-Match": etag}).status_code == 204
    assert not world.is_public("news/seen.jpg"), "to delete a draft publishes nothing"


def test_webhooks_and_variants_tell_of_it_when_it_is_published(
    world: World, receiver: Receiver, without_avif: None
) -> None:
    make_hook(world.client, world.admin, receiver.url)
    content = large()
    path = upload(world, "news/en/open", content=content)
    renditions.make(world.ctx)
    assert world.patch(world.admin, "news/en/open", body(path), "?draft=true").status_code == 200
    told = world.client.get(f"{V1}/images/{path}", headers=world.admin).get_json()
    variant = told["variants"][0]["url"]
    while deliver_due(world.ctx):
        pass
    assert (receiver.messages, world.client.get(variant).status_code) == ([], 404)
    assert world.patch(world.admin, "news/en/open", body(path)).status_code == 200
    while deliver_due(world.ctx):
        pass
    ((_, told_body),) = receiver.messages
    assert set(json.loads(told_body)["ids"]) == {"news/en/open", path}
    assert world.client.get(variant).status_code == 200


def large() -> bytes:
    out = BytesIO()
    Image.new("RGB", (900, 700), "teal").save(out, "JPEG")
    return out.getvalue()


def test_all_is_as_it_was_when_the_tables_are_made_again(world: World) -> None:
    """What waits, too; what a visible article names and may not show; what was given another home."""
    taken_back, given = "places/seen.jpg", world.secret["places"][2]
    assert world.patch(world.admin, "news/en/draft", body(taken_back)).status_code == 200
    assert world.patch(world.admin, "places/en/open", {"data": {"draft": True}}).status_code == 200
    news = bearer(world.ctx, "articles:write:news", "articles:publish:news", "articles:read-drafts:news")
    assert world.patch(news, "news/en/draft", {"data": {"draft": None}}).status_code == 200
    assert world.patch(world.admin, "news/en/soon", body(given)).status_code == 200
    paths = [taken_back, *world.secret["news"], *world.secret["places"]]
    reader = bearer(world.ctx, "articles:read-drafts:news")

    def told(client: ClosingClient) -> list[str]:
        lists = ("images?limit=100", "articles?limit=100&fields=body,html,images,data,digest,updated_at")
        urls = [*lists, *(f"images/{path}" for path in paths)]
        answers = [client.get(f"{V1}/{url}", headers=headers) for headers in ({}, reader) for url in urls]
        return [f"{answer.status_code} {re.sub(CHANCE, '', answer.text)}" for answer in answers]

    before = told(world.client)
    again = make_context(make_settings(world.root, world.ctx.settings.database, timezone="Europe/Berlin"))
    application = make_client(again).application
    assert told(ClosingClient(application, application.response_class)) == before
    close(again)


CHANCE = r'"request_id": ?"[^"]+"'


def test_a_photo_put_by_hand_with_the_draft_that_shows_it_is_hidden(world: World) -> None:

    world.put("assets/news/hand.jpg", picture_of("hand"))
    world.put("assets/news/free.jpg", picture_of("free"))
    text = text_of("hand", "news/hand.jpg", more="draft: true\n")
    world.put("content/news/en/hand.md", text)
    reconcile(world.ctx)
    assert (world.is_public("news/hand.jpg"), world.is_public("news/free.jpg")) == (False, True)
    world.put("content/news/en/later.md", text.replace("news/hand", "news/free"))
    reconcile(world.ctx)
    assert world.is_public("news/free.jpg"), "what is hidden hides nothing"
