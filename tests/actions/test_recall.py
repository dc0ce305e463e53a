"""What went while the derived tables were being made is told all the same."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from cms.actions.start import prepare
from cms.context import Context
from cms.database import collections
from cms.database.engine import read, write
from cms.database.tables import changes
from cms.store.base import ABSENT, version_of
from tests.actions.test_rename import AFTER, BEFORE, NEW, OLD, begin
from tests.conftest import both_databases, reconcile, site_of

pytestmark = both_databases


def made_again(ctx: Context) -> None:
    """The derived tables, as at the first start of another version."""
    with write(ctx.database) as tx:
        collections.clear_derived(tx)
    prepare(ctx)


def told(ctx: Context) -> list[tuple[str, str, str, str | None]]:
    found = select(changes).where(changes.c.name.in_(["en/x", "en/y"])).order_by(changes.c.seq)
    with read(ctx.database) as tx:
        return [(row.name, row.action, row.actor, row.other) for row in tx.execute(found)]


def test_a_file_that_went_meanwhile_is_told_of(ctx: Context, client: FlaskClient) -> None:
    ctx.site.write(OLD, BEFORE, expect=ABSENT)
    reconcile(ctx)
    ctx.site.delete(OLD, expect=version_of(BEFORE))
    made_again(ctx)
    assert told(ctx) == [("en/x", "created", "files", None), ("en/x", "deleted", "files", None)]
    assert client.get("/api/v1/articles/news/en/x").status_code == 404


@pytest.mark.parametrize("is_old_there", [True, False])
def test_a_rename_that_was_broken_off_is_finished_as_one(ctx: Context, is_old_there: bool) -> None:
    begin(ctx)
    ctx.site.write(NEW, AFTER, expect=ABSENT)
    if not is_old_there:
        ctx.site.delete(OLD, expect=version_of(BEFORE))
    made_again(ctx)
    assert told(ctx) == [
        ("en/x", "created", "files", None),
        ("en/x", "deleted", "Dara", "en/y"),
        ("en/y", "created", "Dara", "en/x"),
    ]
    assert (ctx.site.read(OLD), ctx.site.read(NEW)) == (None, AFTER)


def test_should_all_be_away_the_site_goes_on_with_what_it_knew(ctx: Context, client: FlaskClient) -> None:
    before = client.get("/api/v1/articles?limit=100").get_json()["items"]
    with read(ctx.database) as tx:
        number = len(tx.execute(select(changes.c.seq)).all())
    for path in (site_of(ctx) / "src/content").rglob("*.md"):
        path.unlink()
    made_again(ctx)
    items = client.get("/api/v1/articles?limit=100").get_json()["items"]
    assert [(item["id"], item["version"]) for item in items] == [(item["id"], item["version"]) for item in before]
    assert "deletions_held" in client.get("/readyz").text
    with read(ctx.database) as tx:
        assert len(tx.execute(select(changes.c.seq)).all()) == number
