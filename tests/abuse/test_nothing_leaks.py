"""Nothing unpublished is told by any route to whom may read no drafts: each answer of a site full of it is the answer
of the same site without it.

The questions are made from the API's own description: a route or a parameter that is new there is asked with the
others, and the test says so when it does not know what to ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.abuse.operations import Operation, operations
from tests.abuse.planted import (
    FILES,
    KINDS,
    SEES_DRAFTS,
    SEES_NO_DRAFTS,
    Headers,
    Planted,
    id_of,
    photo_of,
    planted,
    word_of,
)
from tests.conftest import site_of

pytestmark = pytest.mark.xdist_group("abuse")  # one process makes the sites

WORDS = tuple(map(word_of, KINDS))
ASKED = tuple(map(word_of, (*FILES, "copy")))
PHOTOS = (*map(photo_of, FILES), "news/lonely/zqtrash.jpg", "news/river-bus/photo-1.jpg")

PATHS = {
    "collection": ("news", "places"),
    "article_id": (*map(id_of, (*FILES, "copy", "gone")), "km/river-bus"),
    "path": PHOTOS,
    "preview": ("preview", "x"),
    "webhook_id": ("webhook_id",),
    "sha256": ("0" * 64,),
    "name": ("60.webp",),
    "filename": ("start.js",),
}
"""What each part of a path is asked with; a name that stands in `Planted.own` stands for that."""

QUERIES: Mapping[str, tuple[str, ...]] = {
    "collection": ("news", "places"),
    "locale": ("km",),
    "fallback": ("en",),
    "q": ASKED,
    "sort": ("-date", "id"),
    "fields": ("body,html,images,translations,path",),
    "limit": ("1",),
    "actor": ("editor",),
    "since": ("2000-01-01T00:00:00Z",),
    "until": ("2999-01-01T00:00:00Z",),
    "seq": (),  # those that the history has are asked for
    "folder": ("hush", "news"),
    "path": PHOTOS,
    "cursor": (),  # those that answers give are followed
    "filter": (),
}

TOGETHER: Mapping[str, tuple[str, ...]] = {
    "list_articles": (
        "total=true",
        "collection=news&status=all&total=true&limit=1",
        "collection=news&status=draft&total=true",
        "collection=news&sort=title&limit=1&total=true",
        *(f"collection=news&filter[title][eq]={word} title&total=true" for word in ASKED),
        f"collection=news&filter[tags][in]={','.join(ASKED)}&total=true",
        "collection=news&filter[draft][exists]=true&total=true",
        "collection=news&filter[draft][eq]=true&total=true",
        "collection=news&filter[until][exists]=true&total=true",
        *(f"q={word}&total=true&status=all&collection=news" for word in ASKED),
        "locale=km&fallback=en&total=true&collection=news",
    ),
    "list_images": ("folder=hush&unused=true", "unused=true&limit=1"),
    "sync": ("drafts=true&collection=news", "drafts=true&collection=places", "fields=body,images,text"),
    "list_changes": ("collection=news&latest=true", "subject=image", "collection=news&action=deleted&latest=true"),
}

ACCEPTED = {"get_article": ("text/markdown",), "list_changes": ("application/x-ndjson",)}

CHANCE = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r'"(request_id|cursor|next_cursor)": ?"[^"]+"', r'"\1":"<chance>"'),
    (r'"(id)":"[\w=+-]{12,}"', r'"\1":"<chance>"'),
    (r'webhook="\w+"', 'webhook="<chance>"'),
    (r'"(seq|duration_ms)":\d+', r'"\1":0'),
    (r'"message_id":"msg_\w+_content.changed_\d+_\d+","(.*?)"reason":"\w+"', r'"message_id":"<chance>","\1'),
    (r'"url":"http://127[^"]+"', '"url":"<receiver>"'),
)
"""What differs between two sites of the same content."""

OF_NO_ONE = (
    "cms_request",
    "cms_changes_total",
    "cms_git_conflicts",
    'status="draft"',
    'status="scheduled"',
    'status="broken"',
)
"""A monitor is told how much there is, of each status, and never what: that is what the scope `metrics` is for."""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Planted, Planted]]:
    with planted(tmp_path_factory.mktemp("planted")) as found:
        yield found


Question = tuple[Operation, str, Headers]


@pytest.fixture(scope="module")
def questions(sites: tuple[Planted, Planted]) -> list[Question]:
    """Each address to ask, and the headers to ask with."""
    site, _ = sites
    return [
        (operation, url, more)
        for operation in operations(site.client, "GET")
        for url, more in questions_of(site, operation)
    ]


def questions_of(site: Planted, operation: Operation) -> Iterator[tuple[str, Headers]]:
    narrow = {"collection": ("news",)} if "article_id" in operation.names else {}
    for url in operation.urls({**PATHS, **narrow}):
        yield url, {}
        for name, schema in operation.parameters("query").items():
            values = schema.get("enum") or QUERIES.get(name)
            if schema["type"] == "boolean":
                values = ("true",)
            assert values is not None, f"{operation.name} has the new parameter {name}; say in QUERIES what to ask it"
            if name == "seq":
                values = _revisions(site, url)
            yield from ((f"{url}?{name}={value}", {}) for value in values)
        yield from ((f"{url}?{query}", {}) for query in TOGETHER.get(operation.name, ()))
        yield from ((url, {"Accept": kind}) for kind in ACCEPTED.get(operation.name, ()))
        # The feed's tag stands for its cursor, which is of one database alone.
        if operation.name != "sync" and ("If-None-Match" in operation.parameters("header") or not operation.described):
            tag = _own(site, url, site.tokens["admin"]).headers.get("ETag")
            yield from ((url, {"If-None-Match": given}) for given in ("*", tag) if given)


def _revisions(site: Planted, url: str) -> list[str]:
    items = _own(site, url, site.tokens["admin"]).get_json().get("items", ())
    return [str(item["seq"]) for item in items]


def _own(site: Planted, url: str, headers: Headers) -> TestResponse:
    for name, value in site.own.items():
        url = re.sub(rf"(?<=/){name}\b", value, url)
    return site.client.get(url, headers=headers)


OF_ONE_ANSWER = ("X-Request-Id", "Content-Length", "Date")


def answers(site: Planted, url: str, headers: Headers) -> list[dict[str, Any]]:
    """What the site says, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while len(found) < 30:
        more = "" if cursor is None else f"{'&' if '?' in url else '?'}cursor={cursor}"
        response = _own(site, url + more, headers)
        told = {
            name: value for name, value in response.headers if name not in ("X-Request-Id", "Content-Length", "Date")
        }
        found.append({"status": response.status_code, **told, "text": response.data.decode(errors="replace")})
        cursor = (response.get_json(silent=True) or {}).get("next_cursor")
        if not cursor or "limit=1" not in url:
            break
    return found


def usual(answer: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The answer without what chance put there."""
    text = str(answer["text"])
    for pattern, plain in CHANCE:
        text = re.sub(pattern, plain, text)
    if url.startswith("/metrics"):
        text = "\n".join(line for line in text.splitlines() if not any(name in line for name in OF_NO_ONE))
    timing = re.sub(r"(?<=dur=)[\d.]+", "<chance>", str(answer.get("Server-Timing")))
    found = {**answer, "text": text, "Server-Timing": timing}  # how many statements there were is no chance
    if url.startswith("/api/v1/sync"):
        found.pop("ETag", None)  # it stands for the cursor, which every change moves on
    return found


@pytest.mark.parametrize("who", SEES_NO_DRAFTS, ids=lambda who: who[:20])
def test_who_may_read_no_drafts_is_told_what_a_site_without_them_tells(
    sites: tuple[Planted, Planted], questions: list[Question], who: str
) -> None:
    """AC-10."""
    site, twin = sites
    leaks = {}
    for operation, url, more in questions:
        told = answers(site, url, {**site.tokens[who], **more})
        without = answers(twin, url, {**twin.tokens[who], **more})
        pair = [usual(answer, url) for answer in told], [usual(answer, url) for answer in without]
        if pair[0] != pair[1] or not _is_silent(told):
            leaks[operation.name, url, *more.items()] = differing(*pair)
    assert leaks == {}
    assert len(questions) > 200


def differing(told: list[dict[str, Any]], without: list[dict[str, Any]]) -> list[Any]:
    """What of the one is not in the other."""
    nothing: dict[str, Any] = {}
    pages = zip_longest(told, without, fillvalue=nothing)
    found = []
    for page, other in pages:
        names = sorted({*page, *other})
        found += [(name, page.get(name), other.get(name)) for name in names if page.get(name) != other.get(name)]
    return found


def _is_silent(told: list[dict[str, Any]]) -> bool:
    """Whether no word of what is hidden is told, unless in a refusal, which tells the question back."""
    return not any(word in str(answer) for answer in told if answer["status"] < 300 for word in WORDS)


def test_webhooks_are_told_of_what_is_public_alone(sites: tuple[Planted, Planted]) -> None:
    messages = [site.receiver.messages for site in sites]
    assert list(map(len, messages)) == [1, 1]
    assert not [word for word in WORDS if word in str(messages[0])]


@pytest.mark.parametrize("who", SEES_DRAFTS)
def test_who_may_read_drafts_is_told_of_each_kind(
    sites: tuple[Planted, Planted], questions: list[Question], who: str
) -> None:
    """So the words are where they could be told, and the silence above means something."""
    site, _ = sites
    told: dict[str, set[str]] = {}
    for operation, url, more in questions:
        for answer in answers(site, url, {**site.tokens[who], **more}):
            if answer["status"] < 300:
                found = {word for word in WORDS if re.search(rf"\b{word}", answer["text"])}
                told.setdefault(operation.name, set()).update(found)
    assert set().union(*told.values()) == set(WORDS)
    for name, kinds in {
        "list_articles": {"draft", "scheduled", "broken", "twin"},
        "get_article": {"draft", "scheduled", "broken", "twin"},
        "list_images": {"draft", "scheduled", "broken", "twin"},
        "sync": {"draft", "scheduled", "twin"},
        "get_draft": {"copy"},
        "get_history": {"draft", "scheduled", "twin", "gone"},
        "list_changes": {"draft", "scheduled", "broken", "gone"},
        "list_conflicts": {"conflict"},
        "list_translations": {"draft", "scheduled"},
    }.items():
        assert told[name] >= {word_of(kind) for kind in kinds}, name


def test_no_answer_tells_what_opens_something(sites: tuple[Planted, Planted], questions: list[Question]) -> None:
    """AC-41, AC-47: neither a secret, nor where the site lies, to anybody."""
    site, _ = sites
    hidden = [*site.secrets, str(site_of(site.ctx))]
    assert len(hidden) == len(SEES_NO_DRAFTS) + len(SEES_DRAFTS) - 1 + 3  # of all tokens, then webhook, preview, folder
    for _, url, more in questions:
        for answer in answers(site, url, {**site.tokens["admin"], **more}):
            assert not [secret for secret in hidden if secret in str(answer)], url


def test_a_new_route_is_asked_or_the_test_fails(sites: tuple[Planted, Planted]) -> None:
    every = operations(sites[0].client, "GET")
    assert {name for operation in every for name in operation.names} <= PATHS.keys()
    assert len(every) > 30
    with pytest.raises(KeyError):
        Operation("GET", "/api/v1/new/{thing}", {}).urls(PATHS)
