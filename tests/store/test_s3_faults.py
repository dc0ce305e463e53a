"""A bucket whose server is slow, fails, or breaks off: tried again for a while, then 503, and nothing is half done."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.config import Config

from cms.actions.reconcile import Reconciler
from cms.app import create_context
from cms.database import intents
from cms.database.engine import write
from cms.errors import Unavailable
from cms.store import open_store, s3_client
from cms.store.base import ABSENT, Key, version_of
from tests.api.editing import problem
from tests.api.test_images import picture, send
from tests.conftest import bearer, close, eventually, make_client, make_context, make_settings, state_of
from tests.faulty import Fault, Proxy, faulty

KEY = Key("src/assets/photo.jpg")
DATA = os.urandom(300_000)


@pytest.fixture
def proxy(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A real S3 server behind a proxy; the client loses its patience sooner than outside tests."""
    monkeypatch.setattr(s3_client, "PORTABLE", s3_client.PORTABLE.merge(Config(read_timeout=2)))
    with faulty(s3_url) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", made.url)
        yield made


def a_bucket() -> str:
    return f"s3://photos/{uuid.uuid4().hex}"


@pytest.mark.parametrize("fault", ["slow down", "lost answer", "stall"])
def test_a_write_is_tried_again_and_done_once(proxy: Proxy, fault: Fault) -> None:
    url = a_bucket()
    proxy.fault, proxy.left = fault, 2
    assert open_store(url).write(KEY, DATA, expect=ABSENT) == version_of(DATA)
    assert proxy.met == 2
    assert [(stat.key, stat.size) for stat in open_store(url).list("src")] == [(KEY, len(DATA))]
    assert open_store(url).read(KEY) == DATA


@pytest.mark.parametrize("fault", ["slow down", "cut", "stall"])
def test_a_read_that_breaks_off_is_tried_again(proxy: Proxy, fault: Fault) -> None:
    url = a_bucket()
    open_store(url).write(KEY, DATA, expect=ABSENT)
    proxy.fault, proxy.left = fault, 2
    assert open_store(url).read(KEY) == DATA
    assert proxy.met == 2


@pytest.mark.parametrize("fault", ["slow down", "cut", "trickle", "stall"])
def test_in_the_end_it_is_unavailable(proxy: Proxy, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    url = a_bucket()
    open_store(url).write(KEY, DATA, expect=ABSENT)
    proxy.fault, proxy.left = fault, 1000
    with monkeypatch.context() as now:
        now.setattr(s3_client, "DEADLINE_S", 0.5)
        now.setattr(s3_client, "SLOWEST", 10_000_000)
        with pytest.raises(Unavailable):
            open_store(url).read(KEY)
    proxy.left = 0
    assert open_store(url).read(KEY) == DATA


def test_editors_are_told_when_to_come_back_and_articles_are_read_on(
    proxy: Proxy, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(site, f"sqlite:///{tmp_path}/cms.db", media=a_bucket())
    first = make_context(settings)
    headers = bearer(first, "admin")
    before = state_of(first)
    close(first)
    # A context of its own, so that no connection from before the fault is used on.
    ctx = create_context(settings)
    client = make_client(ctx)
    proxy.fault, proxy.left = "slow down", 1000
    with monkeypatch.context() as now:
        now.setattr(s3_client, "DEADLINE_S", 0.5)
        refused = send(client, headers, (picture(), "a.jpg"), folder="new")
    problem(refused, 503)
    assert int(refused.headers["Retry-After"]) > 0
    assert client.get("/api/v1/articles/news/en/river-bus").status_code == 200
    assert client.get("/api/v1/images").status_code == 200
    assert proxy.met > 1
    proxy.left = 0
    assert state_of(ctx) == before
    assert send(client, headers, (picture(), "a.jpg"), folder="new").status_code == 201
    close(ctx)


def test_an_upload_that_an_outage_broke_off_keeps_no_edit_waiting(
    proxy: Proxy, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = make_context(make_settings(site, f"sqlite:///{tmp_path}/cms.db", media=a_bucket()))
    with write(ctx.database) as tx:
        intents.add(tx, "editor", ("", ""), ("src/assets/new/a.jpg", version_of(DATA)))
    monkeypatch.setattr(s3_client, "DEADLINE_S", 0.2)
    proxy.fault, proxy.left = "slow down", 1000
    article = site / "src/content/news/en/opening-day.md"
    article.write_text(article.read_text().replace("title:", "title: Changed,", 1))
    reconciler, client = Reconciler(ctx), make_client(ctx)

    def is_seen() -> bool:
        # Some passes look at the bucket, too; the others at the site alone.
        with suppress(Unavailable):
            reconciler.run()
        return "Changed," in client.get("/api/v1/articles/news/en/opening-day").get_json()["data"]["title"]

    assert eventually(is_seen)
    close(ctx)
