"""Requests that change photos, or articles that show them, as a token of the collection `news` makes them.

Each takes the tag that a client needs from an administrator, so that only rights decide whether it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from werkzeug.test import TestResponse

from tests.api.editing import MERGE_PATCH
from tests.trust.photo_world import HERO, V1, Headers, World, picture_of, text_of

Request = Callable[[World, Headers], TestResponse]

OTHERS = tuple(f"places/{name}.jpg" for name in ("draft", "soon", "wait", "copy", "seen", "old"))
OWN = tuple(f"news/{name}.jpg" for name in ("draft", "wait", "copy", "seen", "old"))
SOME = ("places/draft.jpg", "places/seen.jpg", "places/old.jpg", HERO, "news/wait.jpg")
"""Hidden, public, and public without an article, of the other collection; at home nowhere; one's own that waits."""


def requests(photos: tuple[str, ...] = (*OTHERS, *OWN, HERO)) -> dict[str, Request]:
    """All requests by name; those that name a photo name each of these."""
    return dict(_named(photos))


FEW = (
    *(f"show {path} in open" for path in ("places/draft.jpg", "places/seen.jpg", HERO, "news/wait.jpg")),
    *(f"show {path} in a copy" for path in ("places/draft.jpg", "news/wait.jpg")),
    *(f"describe {path}" for path in ("places/draft.jpg", "places/seen.jpg", HERO, "news/wait.jpg")),
    *(f"delete {path}" for path in (HERO, "news/wait.jpg")),
    f"show {HERO} in draft",
    "create a draft with places/draft.jpg",
    "set {'draft': True} in open",
    "set {'draft': None} in draft",
    "delete article draft",
    "publish the copy",
    "restore news-lost/lost.jpg",
)
"""One of each kind, for photos in each state, of which all sequences of two are tried."""


def _named(photos: tuple[str, ...]) -> Iterator[tuple[str, Request]]:
    for path in photos:
        for article in ("open", "draft"):
            yield f"show {path} in {article}", partial(_show, article, path, "")
        yield f"show {path} in a copy", partial(_show, "open", path, "?draft=true")
        yield f"create a draft with {path}", partial(_create, path, "draft: true\n")
        yield f"create an article with {path}", partial(_create, path, "")
        yield f"describe {path}", partial(_describe, path)
        yield f"delete {path}", partial(_delete_photo, path)
    for article, data in _STATES:
        yield f"set {data} in {article}", partial(_set, article, data)
    for article in ("open", "draft"):
        yield f"delete article {article}", partial(_delete, f"{V1}/articles/news/en/{article}")
    yield "publish the copy", _publish
    yield "discard the copy", partial(_delete, f"{V1}/drafts/news/en/open")
    yield "restore the article", _restore
    yield "rename the draft", partial(_rename, "draft")
    yield "rename the article", partial(_rename, "open")
    yield "show one in an article of the other", partial(_show_elsewhere, "news/wait.jpg")
    for place in ("news/gone.jpg", "places/gone.jpg", "news-lost/lost.jpg", "places-lost/lost.jpg"):
        yield f"restore {place}", partial(_restore_photo, place)


_STATES: tuple[tuple[str, dict[str, object]], ...] = (
    ("open", {"draft": True}),
    ("open", {"until": "2999-01-01"}),
    ("draft", {"draft": None}),
    ("draft", {"draft": None, "until": "2999-01-01"}),
    ("soon", {"until": None}),
)


SEND_THE_SAME = "send what others have"
"""The bytes of `places/wait.jpg`, to its folder."""


def slow_requests() -> dict[str, Request]:
    """Those that a process apart has to look at a photo for."""
    found: dict[str, Request] = {
        f"send for {article}": partial(_send, f"sent-{article}", {"article": f"news/en/{article}"})
        for article in ("open", "draft")
    }
    found["send to a folder"] = partial(_send, "folder", {"folder": "places"})
    found[SEND_THE_SAME] = partial(_send, "places-wait", {"folder": "places"})
    for path in ("places/seen.jpg", "places/old.jpg", "places/draft.jpg", HERO, "news/seen.jpg", "news/wait.jpg"):
        found[f"replace {path}"] = partial(_replace, path)
    return found


def _show(article: str, path: str, query: str, world: World, headers: Headers) -> TestResponse:
    return world.patch(headers, f"news/en/{article}", {"body": f"![x](/src/assets/{path})\n"}, query)


def _show_elsewhere(path: str, world: World, headers: Headers) -> TestResponse:
    return world.patch(headers, "places/en/open", {"body": f"![x](/src/assets/{path})\n"})


def _create(path: str, more: str, world: World, headers: Headers) -> TestResponse:
    text, condition = text_of("new", path, more=more), {"If-None-Match": "*"}
    sent = {"data": text.encode(), "content_type": "text/markdown"}
    return world.client.put(f"{V1}/articles/news/en/new", headers={**headers, **condition}, **sent)


def _set(article: str, data: dict[str, object], world: World, headers: Headers) -> TestResponse:
    return world.patch(headers, f"news/en/{article}", {"data": data})


def _rename(article: str, world: World, headers: Headers) -> TestResponse:
    return world.patch(headers, f"news/en/{article}", {"id": f"en/{article}-other"})


def _delete(url: str, world: World, headers: Headers) -> TestResponse:
    return world.client.delete(url, headers={**headers, "If-Match": world.etag(url)})


def _publish(world: World, headers: Headers) -> TestResponse:
    url = f"{V1}/drafts/news/en/open"
    return world.client.post(url, headers={**headers, "If-Match": world.etag(url)})


def _restore(world: World, headers: Headers) -> TestResponse:
    url = f"{V1}/history/news/en/open"
    items = world.client.get(f"{url}?limit=100", headers=world.admin).get_json()["items"]
    tag = {"If-Match": world.etag(f"{V1}/articles/news/en/open")}
    if world.client.get(f"{V1}/articles/news/en/open", headers=world.admin).status_code != 200:
        tag = {}
    return world.client.post(f"{url}?seq={items[-1]['seq']}", headers={**headers, **tag})


def _describe(path: str, world: World, headers: Headers) -> TestResponse:
    return world.change(headers, "PATCH", path, json={"alt": {"en": "said"}}, content_type=MERGE_PATCH)


def _delete_photo(path: str, world: World, headers: Headers) -> TestResponse:
    return world.change(headers, "DELETE", path)


def _replace(path: str, world: World, headers: Headers) -> TestResponse:
    return world.change(headers, "PUT", path, data=picture_of("another"), content_type="image/jpeg")


def _send(name: str, form: dict[str, str], world: World, headers: Headers) -> TestResponse:
    return world.send(headers, picture_of(name), f"{name}.jpg", **form)


def _restore_photo(path: str, world: World, headers: Headers) -> TestResponse:
    items = world.client.get(f"{V1}/trash?path={path}", headers=world.admin).get_json()["items"]
    gone = items[0]["id"] if items else "0" * 24
    there = world.client.get(f"{V1}/images/{path}", headers=world.admin)
    tag = {"If-Match": there.headers["ETag"]} if there.status_code == 200 else {}
    return world.client.post(f"{V1}/trash/{gone}", headers={**headers, **tag})
