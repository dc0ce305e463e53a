"""Another server has become the primary, or nobody may write for a while: all is read, and nothing saved by half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from cms.database.engine import read
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.conftest import bearer, close, eventually, make_client, make_context, make_settings
from tests.postgres import Packaged, Postgres, postgres

NAME = "news/en/a-day"
ARTICLE = f"{ARTICLES}/{NAME}"


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres(Packaged) as made:
        yield made


def test_a_database_that_may_only_be_read_is_read(light_site: Path, server: Postgres) -> None:
    ctx = make_context(make_settings(light_site, server.url))
    client, admin = make_client(ctx), bearer(ctx, "admin")
    etag = create_text(client, admin)
    path = light_site / f"src/content/{NAME}.md"
    before, new = path.read_bytes(), {**admin, "If-None-Match": "*"}

    server.stop()
    (server.data / "standby.signal").touch()
    server.start()
    assert eventually(lambda: client.get("/readyz").status_code == 200)
    for answer in (
        patch(client, admin, NAME, etag, {"data": {"title": "Not now"}}),
        client.delete(ARTICLE, headers={**admin, "If-Match": etag}),
        client.put(f"{ARTICLES}/news/en/not-now", data=before, headers=new, content_type="text/markdown"),
        client.post("/api/v1/webhooks", json={"url": "https://example.org/", "target": "generic"}, headers=admin),
    ):
        problem(answer, 503, "storage_read_only")
        assert int(answer.headers["Retry-After"]) > 0
    assert client.get(ARTICLE).get_json()["data"]["title"] == "A day at the library"
    assert path.read_bytes() == before
    assert not path.with_name("not-now.md").exists()

    with read(ctx.database) as tx:
        assert tx.execute(text("SELECT pg_promote()")).scalar_one()
    assert patch(client, admin, NAME, etag, {"data": {"title": "Now"}}).status_code == 200
    close(ctx)
