"""What was begun and broken off is undone, and what is still under way is left alone."""

from __future__ import annotations

from pathlib import Path

from cms.context import Context
from cms.database import articles, images, intents
from cms.database.engine import read, write
from cms.model.ids import Name
from cms.store.base import version_of
from tests.conftest import both_databases, reconcile


@both_databases
def test_an_upload_under_way_holds_nothing_up_and_is_undone_when_it_is_no_more(ctx: Context, site: Path) -> None:
    photo = site / "src/assets/news/lost.jpg"
    photo.write_bytes(b"stored, and never told of")
    with write(ctx.database) as tx:
        intents.add(tx, "editor", ("", ""), ("src/assets/news/lost.jpg", version_of(photo)))
    article = site / "src/content/news/en/opening-day.md"
    article.write_text(article.read_text().replace("title:", "title: Changed,", 1))
    with ctx.locks.hold(["src/assets/news/lost.jpg"]):
        reconcile(ctx)
        assert photo.exists()
    with read(ctx.database) as tx:
        row = articles.get(tx, Name("news", "en/opening-day"))
        assert images.get(tx, "news/lost.jpg") is None
    assert row is not None
    assert "Changed," in row.lean
    reconcile(ctx)
    assert not photo.exists()
    with read(ctx.database) as tx:
        assert intents.begun(tx) == []
