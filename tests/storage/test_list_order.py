"""A server that lists a bucket folder by folder, and not by the keys, makes no file look new or gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cms.actions.reconcile import Reconciler
from cms.actions.seen import Seen
from cms.actions.survey import look
from cms.context import Context
from cms.database import articles
from cms.database.engine import read
from cms.errors import Unavailable
from cms.store import s3_bucket
from tests.api.editing import TEXT
from tests.conftest import close, make_context, make_settings, reconcile
from tests.faulty import Proxy, faulty, node_behind
from tests.servers import SEAWEEDFS
from tests.storage.checking import Bucket, a_bucket

NAMES = ("a", "a/x", "a-b", "a-b/x", "a.x", "a/y", "a b", "A", "é", "é/x", "～", "𝔘")
"""By its folders, SeaweedFS lists `a/x.md` before `a-b.md`; by its key it comes after."""


@pytest.fixture(params=[SEAWEEDFS])
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    with a_bucket(request.getfixturevalue(request.param)) as made:
        yield made


@pytest.fixture
def ctx(bucket: Bucket, light_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    bucket.fill(light_site, "site")
    for name in NAMES:
        key = f"site/src/content/news/en/{name}.md"
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=TEXT.encode())
    made = make_context(make_settings(f"s3://{bucket.name}/site", f"sqlite:///{tmp_path}/cms.db"))
    reconcile(made)
    yield made
    close(made)


@pytest.fixture
def proxy(bucket: Bucket) -> Iterator[Proxy]:
    with faulty(bucket.environment["AWS_ENDPOINT_URL_S3"]) as made:
        yield made


def test_nothing_is_new_or_gone_however_often_the_server_goes_away(
    ctx: Context, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(ctx)
    look(seen, at_media=True)
    assert (seen.changed, seen.gone) == ({}, [])
    with read(ctx.database) as tx:
        before = articles.marks(tx)
    assert sum("/news/en/" in key for key in before) > len(NAMES)
    monkeypatch.setattr(s3_bucket, "PAGE", 4)
    with node_behind(proxy, ctx) as node:
        for spared in range(1, 12):
            reconciler = Reconciler(node)
            proxy.fault, proxy.left, proxy.spared = "outage", 1, spared
            with pytest.raises(Unavailable):
                reconciler.run()
            proxy.left = 0
            assert [reconciler.run().deleted for _ in range(2)] == [0, 0]
            with read(node.database) as tx:
                assert articles.marks(tx) == before
