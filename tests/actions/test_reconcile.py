"""The database follows the files: hand edits, git, deletions, and an unmounted disk."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import delete, select, update

from cms.actions import reconcile as reconcile_action
from cms.actions.reconcile import Reconciler
from cms.actions.start import prepare, rebuild, settle
from cms.context import Context
from cms.database import articles, changes, history, listing, search
from cms.database.derived import derived, images
from cms.database.engine import read
from cms.database.engine import write as write_tx
from cms.database.listing import Filter
from cms.model.ids import Name
from tests.conftest import both_databases, close, eventually, make_context, make_settings, reconcile, site_of, state_of

TEXT = "---\ntitle: T\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n---\n\nBody.\n"
pytestmark = both_databases


def write(ctx: Context, name: str, text: str = TEXT) -> Path:
    path = site_of(ctx) / "src/content" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def told(ctx: Context, name: str) -> list[tuple[str, str, bool]]:
    """Action, source and visibility of each change, oldest first."""
    with read(ctx.database) as tx:
        rows = history.page(tx, Name(*name.split("/", 1)), before=None, limit=100)
    return [(row.action, row.source, row.visible_after) for row in reversed(rows)]


def derived_rows(ctx: Context) -> dict[str, list[dict[str, Any]]]:
    """All rows of the derived tables and of the words of search, by the name of the table without its format."""
    words = select(*(search.words.c[name] for name in ("key", "shelf", "texts")))
    found = {table.name.rpartition("_")[0]: select(table) for table in derived.sorted_tables} | {"words": words}
    with read(ctx.database) as tx:
        rows = {name: [dict(row) for row in tx.execute(query).mappings()] for name, query in found.items()}
    return {name: sorted(some, key=repr) for name, some in rows.items()}


def status(ctx: Context, name: str) -> str | None:
    with read(ctx.database) as tx:
        row = articles.get(tx, Name(*name.split("/", 1)))
    return None if row is None else row.status


def test_hand_edits_become_revisions_and_absorbing_twice_is_absorbing_once(ctx: Context) -> None:
    path = write(ctx, "news/en/x")
    reconcile(ctx)
    path.write_text(TEXT + "More.\n")
    reconcile(ctx)
    path.unlink()
    reconcile(ctx)
    assert told(ctx, "news/en/x") == [
        ("created", "files", True),
        ("updated", "files", True),
        ("deleted", "files", False),
    ]
    before = state_of(ctx)
    reconcile(ctx)
    assert state_of(ctx) == before


def test_a_touched_file_is_no_change(ctx: Context) -> None:
    path = write(ctx, "news/en/x")
    reconcile(ctx)
    os.utime(path, (1, 1))
    reconcile(ctx)
    assert len(told(ctx, "news/en/x")) == 1


def test_an_edit_that_keeps_size_and_time_is_seen(ctx: Context) -> None:
    path = write(ctx, "news/en/x")
    reconcile(ctx)
    times = path.stat()
    path.write_text(TEXT.replace("Body", "Ybod"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    reconcile(ctx)
    assert len(told(ctx, "news/en/x")) == 2


def test_a_broken_file_leaves_what_is_published_and_comes_back(ctx: Context) -> None:
    path = write(ctx, "news/en/x")
    reconcile(ctx)
    path.write_text("---\ntitle: [\n---\n")
    reconcile(ctx)
    assert status(ctx, "news/en/x") == "broken"
    path.write_text(TEXT)
    reconcile(ctx)
    assert status(ctx, "news/en/x") == "published"
    assert [visible for *_, visible in told(ctx, "news/en/x")] == [True, False, True]


def test_a_broken_draft_leaves_the_feed_of_drafts(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    path = write(ctx, "news/en/x", TEXT.replace("tags", "draft: true\ntags"))
    reconcile(ctx)
    cursor = json.loads(client.get("/api/v1/sync?drafts=true", headers=admin).text.splitlines()[-1])["cursor"]
    path.write_text("---\ntitle: [\n---\n")
    reconcile(ctx)
    lines = client.get(f"/api/v1/sync?drafts=true&cursor={cursor}", headers=admin).text.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["deleted", "cursor"]


def test_of_two_files_with_one_id_the_first_is_published(ctx: Context) -> None:
    first = write(ctx, "news/en/x")
    reconcile(ctx)
    second = write(ctx, "news/en/x/index", TEXT.replace("Body", "Other"))
    reconcile(ctx)
    with read(ctx.database) as tx:
        found = {row.key: articles.problems_of(row) for row in articles.broken(tx)}
        row = articles.get(tx, Name("news", "en/x"))
    assert row is not None
    assert row.key == "src/content/news/en/x.md"
    assert [problem.code for problem in found["src/content/news/en/x/index.md"]] == ["id_collision"]
    first.unlink()
    reconcile(ctx)
    reconcile(ctx)
    with read(ctx.database) as tx:
        row = articles.get(tx, Name("news", "en/x"))
    assert row is not None
    assert (row.key, row.status) == ("src/content/news/en/x/index.md", "published")
    assert second.exists()


def test_a_deleted_file_does_not_take_the_article_of_another_with_it(ctx: Context, client: FlaskClient) -> None:
    first = write(ctx, "news/en/x")
    reconcile(ctx)
    first.write_text("---\ntitle: [\n---\n")
    second = write(ctx, "news/en/x/index")
    reconcile(ctx)
    second.write_text(second.read_text() + "More.\n")
    reconcile(ctx)
    assert status(ctx, "news/en/x") == "published"
    cursor = json.loads(client.get("/api/v1/sync").text.splitlines()[-1])["cursor"]
    first.unlink()
    reconcile(ctx)
    assert status(ctx, "news/en/x") == "published"
    lines = [json.loads(line) for line in client.get(f"/api/v1/sync?cursor={cursor}").text.splitlines()]
    assert "deleted" not in {line["type"] for line in lines}


def test_a_slug_in_the_front_matter_is_the_id(ctx: Context) -> None:
    path = write(ctx, "news/en/x", TEXT.replace("tags", "slug: en/y\ntags"))
    reconcile(ctx)
    assert status(ctx, "news/en/y") == "published"
    path.write_text(TEXT)
    reconcile(ctx)
    assert (status(ctx, "news/en/x"), status(ctx, "news/en/y")) == ("published", None)
    assert told(ctx, "news/en/y")[-1] == ("deleted", "files", False)


def test_a_file_counts_only_when_it_has_been_still(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_action, "STILL_S", 3600)
    reconciler = Reconciler(ctx)
    path = write(ctx, "news/en/x", TEXT[:20])
    assert reconciler.run().unsettled == 1
    monkeypatch.setattr(reconcile_action, "STILL_S", 0.5)
    started = time.time()
    path.write_text(TEXT)

    def is_seen() -> bool:
        reconciler.run()
        return status(ctx, "news/en/x") is not None

    assert eventually(is_seen)
    assert time.time() - started >= 0.5
    assert told(ctx, "news/en/x") == [("created", "files", True)]


def test_a_deletion_counts_when_seen_twice(ctx: Context) -> None:
    path = write(ctx, "news/en/x")
    reconcile(ctx)
    reconciler = Reconciler(ctx)
    aside = path.rename(path.with_suffix(".aside"))
    reconciler.run()
    assert status(ctx, "news/en/x") == "published"
    aside.rename(path)
    time.sleep(0.05)
    reconciler.run()
    path.unlink()
    reconciler.run()
    assert status(ctx, "news/en/x") == "published"
    time.sleep(0.05)
    reconciler.run()
    assert status(ctx, "news/en/x") is None


def test_an_unmounted_disk_does_not_empty_the_site(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    seen = client.get("/api/v1/sync").text
    content = site_of(ctx) / "src/content"
    aside = content.rename(content.with_name("aside"))
    report = reconcile(ctx)
    assert report.held is not None
    assert "--accept-deletions" in report.held
    assert client.get("/api/v1/sync").text == seen
    ready = client.get("/readyz", headers=admin)
    assert ready.status_code == 200
    assert ready.get_json()["status"] == "degraded"
    assert ready.get_json()["notices"][0]["detail"] == report.held
    assert "detail" not in client.get("/readyz").get_json()["notices"][0]
    data = {"title": "t", "description": "d", "date": "2025-01-01", "author": "a", "tags": []}
    response = client.post("/api/v1/articles/news", json={"id": "en/new", "data": data}, headers=admin)
    assert response.status_code == 503
    assert not content.exists()
    aside.rename(content)
    assert eventually(lambda: reconcile(ctx).held is None)  # rclone's list is late
    assert client.get("/readyz").get_json()["status"] == "ready"
    assert client.get("/api/v1/sync").text == seen


def test_many_deletions_are_believed_when_somebody_says_so(ctx: Context) -> None:
    for number in range(20):
        write(ctx, f"notes/n{number}")
    reconcile(ctx)
    for number in range(6):
        (site_of(ctx) / f"src/content/notes/n{number}.md").unlink()
    before = state_of(ctx)
    held = reconcile(ctx).held
    assert held is not None
    assert "6 of 20 files of src/content/notes" in held
    changed = {key for key, value in state_of(ctx).items() if before.get(key) != value}
    assert changed == {"table:notices", "count:notices"}
    report = reconcile(ctx, accept_deletions=True)
    assert (report.deleted, report.held) == (6, None)
    assert status(ctx, "notes/n0") is None
    assert status(ctx, "notes/n6") == "published"


def test_five_deletions_of_many_are_ordinary(ctx: Context) -> None:
    for number in range(6):
        write(ctx, f"notes/n{number}")
    reconcile(ctx)
    for number in range(5):
        (site_of(ctx) / f"src/content/notes/n{number}.md").unlink()
    report = reconcile(ctx)
    assert (report.deleted, report.held) == (5, None)


def test_a_lost_database_is_made_again_from_the_files(ctx: Context, client: FlaskClient, tmp_path: Path) -> None:
    before = client.get("/api/v1/articles?limit=100").get_json()["items"]
    fresh = make_context(make_settings(site_of(ctx), f"sqlite:///{tmp_path}/other.db"))
    with read(fresh.database) as tx:
        rows = [json.loads(row.lean) for row in listing.first(tx, Filter(), 100)]
    assert [(row["id"], row["digest"]) for row in rows] == [(item["id"], item["digest"]) for item in before]
    close(fresh)


def test_damaged_derived_tables_are_made_again_without_a_change(ctx: Context, client: FlaskClient) -> None:
    items = client.get("/api/v1/articles?limit=100").text
    with read(ctx.database) as tx:
        _, seq = changes.position(tx)
    with write_tx(ctx.database) as tx:
        for table in derived.sorted_tables:
            tx.execute(delete(table))
    prepare(ctx)
    assert client.get("/api/v1/articles?limit=100").text == items
    with read(ctx.database) as tx:
        assert changes.position(tx)[1] == seq


def test_files_that_come_together_are_kept_as_files_that_come_alone(ctx: Context) -> None:
    for number in range(3):
        write(ctx, f"news/en/many-{number}", TEXT.replace("tags: []", f"tags: [a, b{number}]"))
        write(ctx, f"news/km/many-{number}", TEXT.replace("title: T\n", ""))
    write(ctx, "news/en/unfinished", TEXT.replace("---\n\n", "draft: true\n---\n\n"))
    write(ctx, "news/en/torn", "---\ntitle: [\n---\n")
    assert reconcile(ctx).read == 8
    together = derived_rows(ctx)
    with write_tx(ctx.database) as tx:
        assert articles.forget_marks(tx, "news") >= 8
    assert reconcile(ctx).read >= 8
    assert derived_rows(ctx) == together
    standing = Counter(row["shelf"] for row in together["articles"])
    assert {row["name"]: row["number"] for row in together["shelves"] if row["number"]} == standing


def test_a_photo_of_a_draft_is_seen_once_new_articles_show_it(ctx: Context, client: FlaskClient) -> None:
    photo = site_of(ctx) / "src/assets/news/held.png"
    photo.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(photo)
    text = TEXT + "![Held](~/assets/news/held.png)\n"
    write(ctx, "news/en/unfinished", text.replace("---\n\n", "draft: true\n---\n\n"))
    reconcile(ctx)
    assert client.get("/api/v1/images/news/held.png").status_code == 404
    for number in range(2):
        write(ctx, f"news/en/finished-{number}", text)
    reconcile(ctx)
    assert client.get("/api/v1/images/news/held.png").status_code == 200


def test_photos_that_are_read_together_are_as_those_that_are_read_one_by_one(ctx: Context) -> None:
    folder = site_of(ctx) / "src/assets/news"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("alone", "shown", "held"):
        Image.new("RGB", (8, len(name))).save(folder / f"{name}.png")
    write(ctx, "news/en/shows", TEXT + "![Shown](~/assets/news/shown.png)\n")
    held = TEXT + "![Held](~/assets/news/held.png)\n"
    write(ctx, "news/en/unfinished", held.replace("---\n\n", "draft: true\n---\n\n"))
    reconcile(ctx)
    together, log = derived_rows(ctx), changed_images(ctx)
    assert [row["visible"] for row in together["images"] if row["path"].startswith("news/held")] == [False]
    with write_tx(ctx.database) as tx:
        tx.execute(update(images).values(mark=""))
    reconcile(ctx)
    assert (derived_rows(ctx), changed_images(ctx)) == (together, log)
    rebuild(ctx)  # all of them are new to the tables, and known to the log
    anew = derived_rows(ctx)["images"]
    assert [{**row, "seq": 0} for row in anew] == [{**row, "seq": 0} for row in together["images"]]
    assert changed_images(ctx) == log


def changed_images(ctx: Context) -> list[tuple[Any, ...]]:
    with read(ctx.database) as tx:
        return [tuple(row) for row in changes.since(tx, 0, 1000) if row.subject == "image"]


def test_an_edit_of_the_file_after_an_api_write_is_never_missed(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    path = write(ctx, "news/en/x")
    reconcile(ctx)
    etag = client.get("/api/v1/articles/news/en/x").headers["ETag"]
    headers = {**admin, "If-Match": etag, "Content-Type": "application/merge-patch+json"}
    assert client.patch("/api/v1/articles/news/en/x", data='{"body":"B.\\n"}', headers=headers).status_code == 200
    path.write_text(path.read_text().replace("B.", "C."))
    settle(Reconciler(ctx))
    assert client.get("/api/v1/articles/news/en/x").get_json()["body"] == "C.\n"


def test_symbolic_links_pipes_and_hidden_files_are_no_content(ctx: Context, tmp_path: Path) -> None:
    """AC-03."""
    folder = site_of(ctx) / "src/content/news/en"
    (tmp_path / "secret.md").write_text(TEXT)
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "loop.md").symlink_to(folder / "loop.md")
    os.mkfifo(folder / "pipe.md")
    write(ctx, "news/en/_partial")
    write(ctx, "news/en/.hidden")
    with read(ctx.database) as tx:
        before = set(articles.marks(tx))
    assert reconcile(ctx).unsettled == 0
    with read(ctx.database) as tx:
        assert set(articles.marks(tx)) == before


def test_odd_files_are_reported_and_stop_nothing(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    """IB-15, IB-52."""
    folder = site_of(ctx) / "src/content/news/en"
    odd = {
        "empty": b"", "latin": b"---\ntitle: caf\xe9\n---\n", "utf16": "---\ntitle: x\n---\n".encode("utf-16"),
        "list": b"---\n- a\n---\n", "open": b"---\ntitle: a\n", "twice": b"---\na: 1\na: 2\n---\n",
        "large": b"---\ntitle: a\n---\n" + b"x" * 1_100_000, "conflict": b"---\n<<<<<<< HEAD\ntitle: a\n=======\n---\n",
    }  # fmt: skip
    for name, data in odd.items():
        (folder / f"{name}.md").write_bytes(data)
    write(ctx, "news/en/fine")
    reconcile(ctx)
    assert status(ctx, "news/en/fine") == "published"
    counts = client.get("/api/v1/collections/news", headers=admin).get_json()
    assert counts["broken"] == len(odd) - 1  # an empty file is an article without front matter
    listed = client.get("/api/v1/articles?status=broken&fields=id,problems", headers=admin).get_json()["items"]
    assert {item["id"] for item in listed} == {f"en/{name}" for name in odd if name != "empty"}
    assert all(item["problems"] for item in listed)
    assert not {f"en/{name}" for name in odd if name != "empty"} & {
        item["id"] for item in client.get("/api/v1/articles?limit=100").get_json()["items"]
    }
    for name, data in odd.items():
        assert (folder / f"{name}.md").read_bytes() == data
