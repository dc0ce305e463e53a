"""S4: to name a photo is not to have it. A photo that one does not see is one that is not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.editing import MERGE_PATCH, problem
from tests.conftest import bearer, reconcile, state_of
from tests.trust.photo_world import HERO, V1, Headers, World, picture_of, text_of

NEVER = "places/never.jpg"
ALL_OF_NEWS = ("articles:write:news", "articles:read-drafts:news", "articles:publish:news", "images:write:news")


def body(path: str) -> dict[str, str]:
    return {"body": f"![](/src/assets/{path})\n"}


def without_tokens(state: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in state.items() if not name.endswith(":tokens")}


def hidden_photos(world: World) -> list[str]:
    return world.secret["places"]


@pytest.mark.parametrize("more", ["", "draft: true\n", "until: 2999-01-01\n"])
def test_a_photo_that_one_does_not_see_is_missing(world: World, more: str) -> None:
    """Case 1: same status, same text, nothing saved."""
    news = bearer(world.ctx, *ALL_OF_NEWS)
    before = without_tokens(state_of(world.ctx))

    def create(path: str) -> dict[str, Any]:
        url, text = f"{V1}/articles/news/en/probe", text_of("probe", path, more=more)
        sent = {"data": text.encode(), "content_type": "text/markdown"}
        found = problem(world.client.put(url, headers={**news, "If-None-Match": "*"}, **sent), 422)
        return comparable(found, path)

    def change(path: str) -> dict[str, Any]:
        return comparable(problem(world.patch(news, "news/en/draft", body(path)), 422), path)

    for ask in (create, change):
        missing = ask(NEVER)
        assert missing["errors"][0]["code"] == "image_missing"
        for path in hidden_photos(world):
            assert ask(path) == missing
    assert without_tokens(state_of(world.ctx)) == before


def comparable(found: dict[str, Any], path: str) -> dict[str, Any]:
    text = {name: value for name, value in found.items() if name != "request_id"}
    text["errors"] = [{**error, "detail": error["detail"].replace(path, "PATH")} for error in found["errors"]]
    return text


def test_a_working_copy_that_names_it_is_told_what_one_of_a_missing_photo_is(world: World) -> None:
    news = bearer(world.ctx, *ALL_OF_NEWS)
    answers = []
    for path in (NEVER, *hidden_photos(world)):
        response = world.patch(news, "news/en/draft", body(path), "?draft=true")
        assert response.status_code == 200, response.text
        found = response.get_json()
        assert {image["missing"] for image in found["images"]} == {True}
        answers.append((response.text.count("null"), [warning["code"] for warning in found["warnings"]]))
        copy = f"{V1}/drafts/news/en/draft"
        tag = {"If-Match": world.etag(copy)}
        assert problem(world.client.post(copy, headers={**news, **tag}), 422)["errors"][0]["code"] == "image_missing"
        assert not world.is_public(path) or path == NEVER
    assert len({str(answer) for answer in answers}) == 1


@pytest.mark.parametrize("draft", ["", "?draft=true"])
def test_a_draft_takes_no_public_photo_down(world: World, draft: str) -> None:
    """Case 3, and its end: nothing changes with the deletion of the draft either."""
    writer = bearer(world.ctx, "articles:write:news", "articles:read-drafts:news", "images:write:news")
    before = world.public()
    for path in (HERO, "places/old.jpg", "news/old.jpg", "places/seen.jpg"):
        assert world.patch(writer, "news/en/draft", body(path), draft).status_code == 200
        assert world.public() == before
    url = f"{V1}/{'drafts' if draft else 'articles'}/news/en/draft"
    assert world.client.delete(url, headers={**writer, "If-Match": world.etag(url)}).status_code == 204
    assert world.public() == before


@pytest.mark.parametrize("path", [HERO, "places/old.jpg", "places/seen.jpg"])
@pytest.mark.parametrize("article", ["draft", "open"])
def test_to_show_a_photo_gives_no_right_to_change_it(world: World, path: str, article: str) -> None:
    """Case 4."""
    news = bearer(world.ctx, *ALL_OF_NEWS)
    assert world.patch(news, f"news/en/{article}", body(path)).status_code == 200
    before = world.public()
    said = {"json": {"alt": {"en": "mine"}}, "content_type": MERGE_PATCH}
    photo = {"data": picture_of("other"), "content_type": "image/jpeg"}
    for method, sent in (("PATCH", said), ("PUT", photo), ("DELETE", {})):
        assert problem(world.change(news, method, path, **sent), 403)
    assert world.public() == before


def test_who_sees_a_photo_of_another_collection_publishes_it_only_with_the_right_to(world: World) -> None:
    """Case 2, of somebody who may read the drafts of both."""
    path = hidden_photos(world)[0]
    sees = bearer(world.ctx, *ALL_OF_NEWS, "articles:read-drafts:places")
    before = without_tokens(state_of(world.ctx))
    for article, query in (("open", ""), ("draft", ""), ("open", "?draft=true")):
        if query:
            discard(world, "news/en/open")
            before = without_tokens(state_of(world.ctx))
        assert "places" in problem(world.patch(sees, f"news/en/{article}", body(path), query), 403)["detail"]
        assert without_tokens(state_of(world.ctx)) == before
    may = bearer(world.ctx, *ALL_OF_NEWS, "articles:read-drafts:places", "articles:publish:places")
    assert world.patch(may, "news/en/draft", body(path)).get_json()["images"][0]["missing"] is False
    assert not world.is_public(path)
    assert world.patch(may, "news/en/open", body(path)).status_code == 200
    assert world.is_public(path)


def discard(world: World, article: str) -> None:
    url = f"{V1}/drafts/{article}"
    assert world.client.delete(url, headers={**world.admin, "If-Match": world.etag(url)}).status_code == 204


def test_what_somebody_else_has_prepared_publishes_no_photo_of_another_collection(world: World) -> None:
    """A draft of news shows a public photo of places, which places then takes back."""
    news = bearer(world.ctx, *ALL_OF_NEWS)
    path = "places/seen.jpg"
    assert world.patch(news, "news/en/draft", body(path)).get_json()["images"][0]["missing"] is False
    assert world.patch(world.admin, "places/en/open", {"data": {"draft": True}}).status_code == 200
    shown = world.client.get(f"{V1}/articles/news/en/draft", headers=news).get_json()
    assert shown["images"][0]["missing"] is True
    assert "/media/" not in shown["html"]
    assert world.client.get(f"{V1}/images/{path}", headers=news).status_code == 404
    response = world.patch(news, "news/en/draft", {"data": {"draft": None}})
    assert response.status_code == 200, response.text
    assert [warning["code"] for warning in response.get_json()["warnings"]] == ["image_missing"]
    assert not world.is_public(path)
    told = world.client.get(f"{V1}/articles/news/en/draft").get_json()
    assert told["images"][0]["missing"] is True
    assert world.patch(world.admin, "places/en/open", {"data": {"draft": None}}).status_code == 200
    assert world.is_public(path)
    told = world.client.get(f"{V1}/articles/news/en/draft").get_json()
    assert told["images"][0]["missing"] is False


def test_the_same_bytes_sent_for_another_collection_tell_nothing(world: World) -> None:
    """Nor does the place of a photo that one sends: one's own copy is stored beside the other."""
    news = bearer(world.ctx, *ALL_OF_NEWS)
    assert world.patch(world.admin, "news/en/open", body("places/seen.jpg")).status_code == 200
    response = world.send(news, picture_of("places-wait"), "wait.jpg", article="news/en/open")
    assert response.status_code == 201, response.text
    assert response.get_json()["items"][0]["path"] not in world.secret["places"]


def test_who_sends_a_photo_sees_it_and_may_show_it(world: World) -> None:
    """Without the right to read drafts."""
    direct = bearer(world.ctx, "articles:write:news", "articles:publish:news", "images:write:news")
    other = bearer(world.ctx, "articles:write:news", "articles:publish:news", "images:write:news")
    response = world.send(direct, picture_of("mine"), "mine.jpg", article="news/en/open")
    path = response.get_json()["items"][0]["path"]
    for headers, status in ((direct, 200), (other, 404), ({}, 404)):
        assert world.client.get(f"{V1}/images/{path}", headers=headers).status_code == status
    assert problem(world.patch(other, "news/en/open", body(path)), 422)["errors"][0]["code"] == "image_missing"
    again = world.send(direct, picture_of("mine"), "mine.jpg", article="news/en/open")
    assert again.get_json()["items"][0]["path"] == path
    assert world.patch(direct, "news/en/open", body(path)).status_code == 200
    assert world.is_public(path)


def test_a_photo_sent_to_a_folder_is_public_by_who_may_publish(world: World) -> None:
    before = world.public()
    sender = bearer(world.ctx, "images:write", "articles:write", "articles:read-drafts")
    response = world.send(sender, picture_of("folder"), "folder.jpg", folder="pages")
    path = response.get_json()["items"][0]["path"]
    assert world.public() == before
    assert world.patch(sender, "news/en/draft", body(path)).status_code == 200
    assert world.public() == before
    assert world.patch(world.admin, "news/en/draft", {"data": {"draft": None}}).status_code == 200
    assert world.is_public(path)
    publisher = bearer(world.ctx, "images:write", "articles:publish")
    response = world.send(publisher, picture_of("page"), "page.jpg", folder="pages")
    assert world.is_public(response.get_json()["items"][0]["path"])


def test_a_photo_does_not_fill_a_place_that_a_visible_article_has_for_it(world: World) -> None:
    """Unless the sender may publish; the article was written by hand before its photo was there."""

    world.put("content/news/en/open.md", text_of("open", "news/soon-here.jpg"))
    reconcile(world.ctx)
    before = world.public()
    headers: Headers = bearer(world.ctx, "images:write:news", "articles:read-drafts:news")
    response = world.send(headers, picture_of("fill"), "soon-here.jpg", article="news/en/open")
    assert response.get_json()["items"][0]["path"] != "news/soon-here.jpg"
    assert world.public() == before
    response = world.send(world.admin, picture_of("filled"), "soon-here.jpg", article="news/en/open")
    path = response.get_json()["items"][0]["path"]
    assert (path, world.is_public(path)) == ("news/soon-here.jpg", True)
