"""S3, S4, S10, S11: whatever a token of one collection does, the other's photos stay as they are for the public; and
without `articles:publish`, all that the public sees does.

Each request is tried with each set of scopes, and sequences of two with the largest sets. A request that is refused
changes nothing, which is checked, so nothing follows it that is not tried without it. Sequences of three are chosen by
chance from all requests and all sets, the same each time. `CMS_TEST_SEQUENCES=20000` tries as many of these, and all
sequences of two where one request of each kind is tried otherwise.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from itertools import combinations
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select

from cms.database.derived import article_images, articles, images
from cms.database.engine import read
from cms.database.tables import draft_images, drafts, image_homes, trash
from tests.conftest import bearer
from tests.trust.photo_requests import FEW, SEND_THE_SAME, SOME, Request, requests, slow_requests
from tests.trust.photo_world import HERO, V1, Headers, Snapshot, World

IS_COMPLETE = "CMS_TEST_SEQUENCES" in os.environ
SEQUENCES = int(os.environ.get("CMS_TEST_SEQUENCES", "100"))

SCOPES = ("articles:write", "articles:read-drafts", "images:write", "articles:publish")
NARROW = tuple(
    tuple(f"{scope}:news" for scope in some)
    for number in range(1, 5)
    for some in combinations(SCOPES, number)
    if {"articles:write", "images:write"} & set(some)
)
WIDE = (SCOPES[:3], SCOPES[1:3], (SCOPES[0], SCOPES[2]))
MIXED = (
    (*(f"{scope}:news" for scope in SCOPES), "articles:read-drafts"),
    (*SCOPES[:3], "articles:publish:news"),
)
"""Somebody who sees all, but publishes in one collection alone."""
LARGEST = (NARROW[-1], tuple(f"{scope}:news" for scope in SCOPES[:3]), WIDE[0], *MIXED)


class View(NamedTuple):
    """What anonymous readers get: all of it, and what of it is the other collection's or nobody's."""

    whole: str
    others: str


class Prover:
    """Does requests with a set of scopes, and checks after each that nothing has changed that may not."""

    def __init__(self, world: World, snapshot: Snapshot, scopes: tuple[str, ...]) -> None:
        self.world, self.scopes = world, scopes
        snapshot.restore()
        self.headers: Headers = bearer(world.ctx, *scopes)
        self.start = Snapshot(world)
        self.hidden = self._hidden()
        self.view, self.state = view_of(world), state_of(world)
        self.first_state = self.state
        self.tried = self.done = 0

    def back(self) -> None:
        """To how it was in the beginning."""
        self.back_to(self.start, self.first_state)

    def back_to(self, snapshot: Snapshot, state: str) -> None:
        snapshot.restore()
        self.state = state

    def _hidden(self) -> dict[str, str]:
        """The digests of the photos that the token may not know of, by path."""
        with read(self.world.ctx.database) as tx:
            rows = tx.execute(select(images.c.path, images.c.sha256).where(images.c.visible.is_(False))).all()
        get = self.world.client.get
        return {path: sha for path, sha in rows if get(f"{V1}/images/{path}", headers=self.headers).status_code == 404}

    def does(self, names: tuple[str, ...], request: Request) -> bool:
        """Whether the request was done; `names` tell how it came to it."""
        response = request(self.world, self.headers)
        self.tried += 1
        where = (self.scopes, *names, response.status_code)
        assert response.status_code < 500, where
        sent = "places/wait.jpg" if names[-1] == SEND_THE_SAME else ""
        told = [path for path, sha in self.hidden.items() if path != sent and sha.encode() in response.data]
        assert not told, where
        if sent in self.hidden and response.status_code == 201:
            assert response.get_json()["items"][0]["path"] != sent, where
        if response.status_code >= 300:
            assert state_of(self.world) == self.state, where
            return False
        self.done, self.state = self.done + 1, state_of(self.world)
        now = view_of(self.world)
        may_publish = any("publish" in scope for scope in self.scopes)
        assert now.others == self.view.others, where
        assert may_publish or now.whole == self.view.whole, where
        return True


def view_of(world: World) -> View:
    found = {
        "sync": world.client.get(f"{V1}/sync"),
        "images": world.client.get(f"{V1}/images?limit=100"),
        "unused": world.client.get(f"{V1}/images?limit=100&unused=true"),
        "articles": world.client.get(f"{V1}/articles?limit=100&fields=body,html,images,data,digest,updated_at"),
    }
    whole = "\n".join(f"{response.headers['ETag']} {response.text}" for response in found.values())
    lines = [json.loads(line) for line in found["sync"].text.splitlines()[:-1]]
    items: list[dict[str, Any]] = [*lines, *found["images"].get_json()["items"], *found["articles"].get_json()["items"]]
    return View(whole, json.dumps([item for item in items if not _is_own(item)], sort_keys=True))


def _is_own(item: dict[str, Any]) -> bool:
    """Whether an article or a photo is of news, which the token is for."""
    path = str(item["path"]) if "collection" not in item else item["collection"]
    return path != HERO and not path.startswith("places")


def state_of(world: World) -> str:
    """All that a refused request must leave alone, and that decides what comes of the next one."""
    tables = (articles, images, article_images, image_homes, drafts, draft_images, trash)
    digest = hashlib.sha256()
    with read(world.ctx.database) as tx:
        for table in tables:
            digest.update(repr(sorted(map(repr, tx.execute(select(table)).all()))).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("scopes", LARGEST, ids=" ".join)
def test_every_sequence_of_two_requests(first_world: tuple[World, Snapshot], scopes: tuple[str, ...]) -> None:
    prover, named = Prover(*first_world, scopes), requests(SOME)
    every = named if IS_COMPLETE else {name: named[name] for name in FEW}
    for first, request in every.items():
        if not prover.does((first,), request):
            continue
        after, state = Snapshot(prover.world), prover.state
        for second, follows in every.items():
            if prover.does((first, second), follows):
                prover.back_to(after, state)
        after.close()
        prover.back()
    assert prover.tried > 4 * len(every)


@pytest.mark.parametrize("scopes", [one for one in (*NARROW, *WIDE) if one not in LARGEST], ids=" ".join)
def test_every_request(first_world: tuple[World, Snapshot], scopes: tuple[str, ...]) -> None:
    prover = Prover(*first_world, scopes)
    for name, request in requests(SOME).items():
        if prover.does((name,), request):
            prover.back()


def test_requests_that_send_photos(first_world: tuple[World, Snapshot]) -> None:
    for scopes in (NARROW[-1], *WIDE, *MIXED):
        prover = Prover(*first_world, scopes)
        for first, request in slow_requests().items():
            if prover.does((first,), request):
                prover.back()


def test_sequences_of_three(first_world: tuple[World, Snapshot]) -> None:
    chance = random.Random(20)
    every = {**requests(), **slow_requests()}
    names, weights = list(every), [1 if name in slow_requests() else 4 for name in every]
    sets = (*NARROW, *WIDE, *MIXED)
    tried = done = 0
    for scopes in sets:
        prover = Prover(*first_world, scopes)
        for _ in range(-(-SEQUENCES // len(sets))):
            sequence = tuple(chance.choices(names, weights, k=3))
            for place, name in enumerate(sequence, start=1):
                prover.does(sequence[:place], every[name])
            prover.back()
        tried, done = tried + prover.tried, done + prover.done
    assert done > tried / 10
