"""What is not published is told to nobody but those who may read drafts, by no channel: not that it is there either."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.actions import renditions
from cms.context import Context
from cms.database import changes
from cms.database.engine import read
from tests.api.editing import ARTICLES, TEXT, patch, problem
from tests.api.test_images import IMAGES, picture, send
from tests.api.test_sync import feed
from tests.conftest import (
    bearer,
    close,
    copy_site,
    make_client,
    make_context,
    make_settings,
    reconcile,
    site_of,
)
from tests.receiver import Receiver, receiving
from tests.telling import deliver_due, make_hook

pytestmark = pytest.mark.xdist_group("leaks")  # one process makes the site

STATES = ("published", "draft", "scheduled", "broken")
PHOTO = "hush/sekret.jpg"
Headers = dict[str, str]


class Site(NamedTuple):
    """A site in which each state has one article, `en/sekret-<state>`, with a photo of its own, and an open twin."""

    ctx: Context
    client: FlaskClient
    tokens: dict[str, Headers]
    etags: dict[str, str]
    receiver: Receiver


def name_of(state: str) -> str:
    return f"en/sekret-{state}"


def photo_of(state: str) -> str:
    return PHOTO.replace("sekret", f"sekret-{state}")


def text_of(state: str) -> str:
    text = TEXT.replace("A day at the library", f"Sekret {state}")
    text = text.replace("news/river-bus/photo-1.jpg", photo_of(state))
    more = {"draft": "draft: true\n", "scheduled": "until: 2999-01-01\n", "broken": "x: {\n"}.get(state, "")
    return text.replace("tags:", f"{more}tags:")


@pytest.fixture(scope="module")
def leaky(light_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("leaks")
    root = copy_site(light_sample, folder / "site")
    settings = make_settings(root, f"sqlite:///{folder}/cms.db", webhooks_allow_private=True)
    ctx = make_context(settings)
    client = make_client(ctx)
    scopes = {
        "none": (), "read": ("read",), "other": ("articles:read-drafts:places",),
        "writer": ("articles:write", "images:write", "webhooks"),
        "own": ("articles:read-drafts:news",), "all": ("articles:read-drafts",), "admin": ("admin",),
    }  # fmt: skip
    tokens = {name: bearer(ctx, *own) if own else {} for name, own in scopes.items()}
    with receiving() as receiver:
        make_hook(client, tokens["admin"], receiver.url)
        _fill(root, ctx)
        while deliver_due(ctx):
            pass
        etags = {
            state: client.get(f"{ARTICLES}/news/{name_of(state)}", headers=tokens["admin"]).headers["ETag"]
            for state in STATES
        }
        yield Site(ctx, client, tokens, etags, receiver)
    close(ctx)


def _fill(root: Path, ctx: Context) -> None:
    (root / "src/content/news.cms.json").write_text('{"publish": "until"}')
    (root / "src/assets/hush").mkdir()
    for number, state in enumerate(STATES):
        (root / "src/assets" / photo_of(state)).write_bytes(picture(size=(400 + number, 300)))
        (root / f"src/content/news/{name_of(state)}.md").write_text(text_of(state))
        twin = TEXT.replace("A day at the library", f"Open {state}")
        (root / f"src/content/news/{name_of(state).replace('en/', 'km/')}.md").write_text(twin)
    reconcile(ctx)
    with pytest.MonkeyPatch.context() as patched:
        patched.delitem(renditions.NAMES, "avif")  # WebP alone takes a fifth of the time
        renditions.make(ctx)


def _json(site: Site, headers: Headers, url: str, **query: str) -> str:
    text, cursor = "", ""
    while True:
        given = {**query, **({"cursor": cursor} if cursor else {})}
        response = site.client.get(url, query_string=given, headers=headers)
        if response.status_code in (401, 403, 404):
            return text
        assert response.status_code == 200, response.text
        text += response.text
        cursor = response.get_json().get("next_cursor") or ""
        if not cursor:
            return text


def _status(state: str) -> str:
    return "all" if state != "published" else "published"


def _filtered(site: Site, state: str, headers: Headers) -> str:
    title = {"filter[title][eq]": f"Sekret {state}"}
    return _json(site, headers, ARTICLES, collection="news", status=_status(state), **title)


Channel = Callable[[Site, str, Headers], bool]
"""Whether the channel tells somebody of the article in that state, or of its photo."""


def _says(text: str, state: str) -> bool:
    return any(told in text for told in (name_of(state), photo_of(state), f"Sekret {state}"))


def _ok(response: TestResponse) -> bool:
    assert response.status_code in (200, 304, 401, 403, 404), response.text
    return response.status_code in (200, 304)


CHANNELS: dict[str, Channel] = {
    "list": lambda s, state, h: _says(_json(s, h, ARTICLES, status=_status(state)), state),
    "list of those who ask for nothing": lambda s, state, h: _says(_json(s, {}, ARTICLES), state),
    "fields": lambda s, state, h: _says(
        _json(s, h, ARTICLES, status=_status(state), collection="news", fields="html,images,path"), state
    ),
    "filter": lambda s, state, h: _says(_filtered(s, state, h), state),
    "search": lambda s, state, h: _says(_json(s, h, ARTICLES, q=f"sekret {state}", status=_status(state)), state),
    "get": lambda s, state, h: _ok(s.client.get(f"{ARTICLES}/news/{name_of(state)}", headers=h)),
    "file": lambda s, state, h: _ok(
        s.client.get(f"{ARTICLES}/news/{name_of(state)}", headers={**h, "Accept": "text/markdown"})
    ),
    "etag": lambda s, state, h: _ok(
        s.client.get(f"{ARTICLES}/news/{name_of(state)}", headers={**h, "If-None-Match": s.etags[state]})
    ),
    "any etag": lambda s, state, h: _ok(
        s.client.get(f"{ARTICLES}/news/{name_of(state)}", headers={**h, "If-None-Match": "*"})
    ),
    "counts": lambda s, state, h: (
        json.loads(_json(s, h, "/api/v1/collections/news")).get(state, 0) > (6 if state == "published" else 0)
    ),
    "total": lambda s, state, h: (
        '"total":1' in _json(s, h, ARTICLES, q=f"sekret {state}", status=_status(state), total="true")
    ),
    "sync": lambda s, state, h: _says(_json_lines(s, h, {}), state),
    "sync of drafts": lambda s, state, h: _says(_json_lines(s, h, {"drafts": "true", "collection": "news"}), state),
    "history": lambda s, state, h: _ok(s.client.get(f"/api/v1/history/news/{name_of(state)}", headers=h)),
    "changes": lambda s, state, h: _says(_json(s, h, "/api/v1/changes", limit="100"), state),
    "export": lambda s, state, h: _says(
        s.client.get("/api/v1/changes", headers={**h, "Accept": "application/x-ndjson"}).text, state
    ),
    "images": lambda s, state, h: _says(_json(s, h, IMAGES), state),
    "images of a folder": lambda s, state, h: _says(_json(s, h, IMAGES, folder="hush"), state),
    "image": lambda s, state, h: _ok(s.client.get(f"{IMAGES}/{photo_of(state)}", headers=h)),
    "used by": lambda s, state, h: _says(
        json.dumps((s.client.get(f"{IMAGES}/{photo_of(state)}", headers=h).get_json() or {}).get("used_by")), state
    ),
    "media": lambda s, state, h: _ok(s.client.get(f"/media/{photo_of(state)}", headers=h)),
    "media's etag": lambda s, state, h: _ok(
        s.client.get(f"/media/{photo_of(state)}", headers={**h, "If-None-Match": "*"})
    ),
    "variants": lambda s, state, h: _ok(s.client.get(_variant(s, state), headers=h)),
    "translations": lambda s, state, h: _says(
        _json(s, h, f"{ARTICLES}/news/{name_of(state).replace('en/', 'km/')}"), state
    ),
    "worklist": lambda s, state, h: _says(_json(s, h, "/api/v1/collections/news/translations"), state),
    "webhooks": lambda s, state, h: any(_says(body.decode(), state) for _, body in s.receiver.messages),
}

ANYBODY = {"list of those who ask for nothing", "sync", "translations", "webhooks"}
"""Channels that tell only what is published, whoever asks."""

ONLY_EDITORS = {"sync of drafts", "history", "changes", "export", "worklist"}
"""Channels that tell nothing at all to those who may read no drafts."""

NEVER_BROKEN = {"search", "total", "filter", "sync of drafts"}
"""Channels that need to know what the article says."""


def _json_lines(site: Site, headers: Headers, query: dict[str, str]) -> str:
    response = site.client.get("/api/v1/sync", query_string=query, headers=headers)
    return response.text if response.status_code == 200 else ""


def _variant(site: Site, state: str) -> str:
    image = site.client.get(f"{IMAGES}/{photo_of(state)}", headers=site.tokens["admin"]).get_json()
    return str(image["variants"][0]["url"])


def _expected(channel: str, state: str, who: str) -> bool:
    may_read_drafts = who in ("own", "all", "admin")
    if channel in ONLY_EDITORS and not may_read_drafts:
        return False
    if state == "published":
        return True
    if state == "broken" and channel in NEVER_BROKEN:
        return False
    return may_read_drafts and channel not in ANYBODY


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("state", STATES)
def test_a_channel_tells_only_those_who_may_know(leaky: Site, channel: str, state: str) -> None:
    told = {who: CHANNELS[channel](leaky, state, headers) for who, headers in leaky.tokens.items()}
    assert told == {who: _expected(channel, state, who) for who in leaky.tokens}


@pytest.mark.parametrize("state", STATES[1:])
def test_who_may_write_but_not_read_drafts_learns_nothing_by_writing(leaky: Site, state: str) -> None:
    client, writer, tag = leaky.client, leaky.tokens["writer"], leaky.etags[state]
    name, photo = f"news/{name_of(state)}", f"{IMAGES}/{photo_of(state)}"
    never = problem(client.delete(f"{IMAGES}/hush/never.jpg", headers={**writer, "If-Match": '"x"'}), 404)["code"]
    for response in (
        patch(client, writer, name, tag, {"body": "x"}),
        client.delete(f"{ARTICLES}/{name}", headers={**writer, "If-Match": tag}),
        client.delete(photo, headers={**writer, "If-Match": '"x"'}),
        client.patch(
            photo, json={"credit": "x"}, headers={**writer, "If-Match": '"x"'},
            content_type="application/merge-patch+json",
        ),
        client.put(photo, data=picture(), headers={**writer, "If-Match": '"x"'}, content_type="image/jpeg"),
    ):  # fmt: skip
        assert problem(response, 404)["code"] == never


def test_a_photo_comes_into_sight_and_goes_with_the_articles_that_show_it(
    client: FlaskClient, admin: Headers, ctx: Context, receiver: Receiver, few_photos: None, without_avif: None
) -> None:
    name = "news/en/a-day"
    draft = TEXT.replace("tags:", "draft: true\ntags:")
    (site_of(ctx) / f"src/content/{name}.md").write_text(draft.replace("news/river-bus/", "news/day/"))
    reconcile(ctx)
    make_hook(client, admin, receiver.url)
    _, cursor = feed(client)
    (item,) = send(client, admin, (picture(), "photo-1.jpg"), article=name).get_json()["items"]
    (apart,) = send(client, admin, (picture(size=(70, 50)), "later.jpg"), article=name).get_json()["items"]
    urls = [f"{IMAGES}/{item['path']}", item["url"], f"{IMAGES}/{apart['path']}"]
    for url in urls:
        problem(client.get(url), 404)
        assert client.get(url, headers=admin).status_code == 200
    assert (deliver_due(ctx), feed(client, cursor)[0]) == (0, [])
    etag = client.get(f"{ARTICLES}/{name}", headers=admin).headers["ETag"]
    etag = patch(client, admin, name, etag, {"data": {"draft": None}}).headers["ETag"]
    assert client.get(urls[2]).status_code == 404, "no article shows it yet"
    etag = patch(client, admin, name, etag, {"body": f"![](/src/assets/{apart['path']})\n"}).headers["ETag"]
    lines, cursor = feed(client, cursor)
    assert [line.get("path") if line["type"] == "image" else line["id"] for line in lines] == [
        apart["path"], item["path"], "en/a-day",
    ]  # fmt: skip
    assert all(client.get(url).status_code == 200 for url in urls)
    renditions.make(ctx)
    assert deliver_due(ctx) == 1
    etag = patch(client, admin, name, etag, {"data": {"draft": True}}).headers["ETag"]
    lines, cursor = feed(client, cursor)
    assert {(line["type"], line["subject"], line.get("path") or line["id"]) for line in lines} == {
        ("deleted", "article", "en/a-day"), ("deleted", "image", apart["path"]), ("deleted", "image", item["path"]),
    }  # fmt: skip
    assert all(client.get(url).status_code == 404 for url in urls)
    assert deliver_due(ctx) == 1
    tag = client.get(urls[0], headers=admin).headers["ETag"]
    said = {"headers": {**admin, "If-Match": tag}, "content_type": "application/merge-patch+json"}
    assert client.patch(urls[0], json={"credit": "x"}, **said).status_code == 200
    assert (deliver_due(ctx), feed(client, cursor)[0]) == (0, [])
    assert client.delete(f"{ARTICLES}/{name}", headers={**admin, "If-Match": etag}).status_code == 204
    assert all(client.get(url).status_code == 404 for url in urls), "who deletes a draft publishes nothing"
    assert feed(client, cursor)[0] == []


def test_a_photo_of_a_draft_and_of_a_published_article_is_public(client: FlaskClient, admin: Headers) -> None:
    path = "news/river-bus/photo-1.jpg"
    draft = TEXT.replace("tags:", "draft: true\ntags:")
    put = {"headers": {**admin, "If-None-Match": "*"}, "content_type": "text/markdown"}
    assert client.put(f"{ARTICLES}/news/en/a-day", data=draft.encode(), **put).status_code == 201
    assert client.get(f"{IMAGES}/{path}").status_code == 200
    assert client.get(f"/media/{path}").status_code == 200


def test_the_tables_made_again_say_the_same_and_the_log_grows_by_nothing(
    client: FlaskClient, admin: Headers, ctx: Context
) -> None:
    name, photo = "news/en/sekret-draft", photo_of("draft")
    (site_of(ctx) / "src/assets/hush").mkdir()
    (site_of(ctx) / "src/assets" / photo).write_bytes(picture())
    (site_of(ctx) / f"src/content/{name}.md").write_text(text_of("draft"))
    reconcile(ctx)
    with read(ctx.database) as tx:
        before = changes.position(tx)
    problem(client.get(f"{IMAGES}/{photo}"), 404)
    settings = make_settings(site_of(ctx), ctx.settings.database, timezone="Europe/Berlin")
    again = make_context(settings)
    problem(make_client(again).get(f"{IMAGES}/{photo}"), 404)
    with read(again.database) as tx:
        assert changes.position(tx) == before
    close(again)
