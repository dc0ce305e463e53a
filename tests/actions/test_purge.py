"""A secret that was saved once is purged: no file, no table and no answer has its bytes, and the history goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from cms.actions.backup import backup
from cms.actions.develop import ORIGINALS
from cms.actions.purge import purge, purge_photo
from cms.cli import main
from cms.context import Context
from cms.database.purging import forms_of
from cms.errors import InUse, Invalid
from cms.store.base import ABSENT, Key
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_images import picture, send
from tests.conftest import both_databases, make_client, reconcile, state_of

NAME = "news/en/a-day"
HISTORY = f"/api/v1/history/{NAME}"
SECRET = "Tr0ub4dor'&\"3-ខ្មែរ"
WORD = "tr0ub4dor"
"""What a search for it would find it by."""


def traces(ctx: Context, tmp_path: Path) -> list[str]:
    """The places that hold the secret, or the word that is left of it where words are kept."""
    forms = [*forms_of(SECRET), WORD.encode(), WORD.title().encode()]

    def holds(data: bytes) -> bool:
        return any(form in data for form in forms)

    found = [str(path) for path in tmp_path.rglob("*") if path.is_file() and holds(path.read_bytes())]
    if ctx.database.dialect.name == "postgresql":
        found += [name for name, data in dumped(ctx) if holds(data)]
    return found


def dumped(ctx: Context) -> Iterator[tuple[str, bytes]]:
    """The pages of PostgreSQL's tables, their indexes and what they hold apart, as they lie in its files."""
    with ctx.database.connect() as connection:
        connection.execute(text("CHECKPOINT"))
        files = "SELECT relname, pg_relation_filepath(oid) FROM pg_class"
        rows = connection.execute(text(f"{files} WHERE relfilenode > 0 AND relkind IN ('r', 'i', 't')"))
        for name, path in rows.all():
            data = connection.execute(text("SELECT pg_read_binary_file(:path)"), {"path": path}).scalar_one()
            yield name, bytes(data)


def answers(client: FlaskClient, headers: dict[str, str]) -> Iterator[TestResponse]:
    items = client.get(f"{HISTORY}?limit=100", headers=headers).get_json()["items"]
    urls = [f"{HISTORY}?seq={item['seq']}" for item in items]
    urls += [HISTORY, "/api/v1/changes?limit=100", "/api/v1/drafts", "/api/v1/sync", f"{ARTICLES}/{NAME}"]
    urls += [f"/api/v1/articles?q={WORD}", "/api/v1/articles?limit=100&fields=body,html,data"]
    for url in urls:
        yield client.get(url, headers=headers)


def leaked(ctx: Context, client: FlaskClient, headers: dict[str, str], site: Path) -> str:
    """The secret is saved in every way there is, and corrected; returns the article's tag."""
    etag = create_text(client, headers)
    front = patch(client, headers, NAME, etag, {"data": {"author": SECRET}})
    assert front.status_code == 200, front.text
    said = f"{NAME}?message={WORD}"
    body = patch(client, headers, said, front.headers["ETag"], {"body": f"The password is {SECRET}.\n"})
    assert body.status_code == 200, body.text
    clean = client.put(
        f"{ARTICLES}/{NAME}",
        data=TEXT.encode(),
        headers={**headers, "If-Match": body.headers["ETag"]},
        content_type="text/markdown",
    )
    draft = patch(client, headers, f"{NAME}?draft=true", clean.headers["ETag"], {"body": f"Again {SECRET}.\n"})
    assert draft.status_code == 200, draft.text
    once = {**headers, "Idempotency-Key": "once"}
    data = {"title": SECRET, "description": "b", "date": "2025-01-01", "author": "b", "tags": []}
    data["image"] = "@/assets/news/river-bus/photo-1.jpg"
    made = client.post("/api/v1/articles/news", json={"id": "en/b", "data": data, "body": ""}, headers=once)
    assert made.status_code == 201, made.text
    gone = client.delete(f"{ARTICLES}/news/en/b", headers={**headers, "If-Match": made.headers["ETag"]})
    assert gone.status_code == 204
    with ctx.database.begin() as connection:  # an earlier version's
        connection.execute(text("CREATE TABLE articles_1 (json TEXT)"))
        connection.execute(text("INSERT INTO articles_1 VALUES (:json)"), {"json": SECRET})
    if ctx.settings.is_site_folder:  # elsewhere nobody keeps anything beside an article
        (site / "src/content/news/en/a-day.md.kept-0123abcd").write_text(f"{SECRET}\n")
    return str(clean.headers["ETag"])


@contextmanager
def beside(ctx: Context) -> Iterator[None]:
    """A server that has SQLite's file open, and leaves in it what it deletes."""
    if ctx.database.dialect.name != "sqlite":
        yield
        return

    @event.listens_for(ctx.database, "connect")
    def _leave(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA secure_delete=OFF")

    ctx.database.dispose()
    server = sqlite3.connect(str(ctx.database.url.database))
    server.execute("SELECT count(*) FROM log").fetchone()
    yield
    server.close()


@both_databases
def test_a_secret_that_was_saved_and_corrected_is_nowhere_any_more(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, tmp_path: Path
) -> None:
    with beside(ctx):
        _purge_all(ctx, client, admin, site, tmp_path)


def _purge_all(ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, tmp_path: Path) -> None:
    etag = leaked(ctx, client, admin, site)
    cursor = json.loads(client.get("/api/v1/sync").data.splitlines()[-1])["cursor"]
    before = client.get("/api/v1/changes?limit=100", headers=admin).get_json()["items"]
    assert traces(ctx, tmp_path)

    reconcile(ctx)
    state = state_of(ctx)
    would = purge(ctx, SECRET, is_dry_run=True)
    assert state_of(ctx) == state
    done = purge(ctx, SECRET)
    assert done.out == would.out
    assert done.left == would.left == []
    assert len(done.out) == (5 if ctx.settings.is_site_folder else 4), done.out
    message = purge(ctx, WORD)
    assert [line for line in message.out if NAME in line], message.out

    assert traces(ctx, tmp_path) == []
    for answer in answers(client, admin):
        assert answer.status_code == 200, answer.text
        assert WORD not in answer.text.lower()
    after = client.get("/api/v1/changes?limit=100", headers=admin).get_json()["items"]
    purged = {row.pop("seq"): row.pop("purged_at", None) for row in after}
    kept = [{name: value for name, value in row.items() if name not in ("seq", "message")} for row in before]
    assert [{name: value for name, value in row.items() if name != "message"} for row in after] == kept
    assert [row["seq"] for row in before] == list(purged)
    assert sum(moment is not None for moment in purged.values()) == 3
    assert client.get(f"/api/v1/sync?cursor={cursor}").status_code == 200

    for item in client.get(HISTORY, headers=admin).get_json()["items"]:
        one = client.get(f"{HISTORY}?seq={item['seq']}", headers=admin).get_json()["items"][0]
        if "purged_at" in item:
            assert one["text"] is None
            back = client.post(f"{HISTORY}?seq={item['seq']}", headers={**admin, "If-Match": etag})
            assert "purged" in problem(back, 410, "purged")["detail"]
        else:
            assert one["text"] == TEXT
    (end,) = client.get("/api/v1/changes?action=deleted&subject=article", headers=admin).get_json()["items"]
    problem(client.post(f"/api/v1/history/news/en/b?seq={end['seq']}", headers=admin), 410, "purged")
    assert patch(client, admin, NAME, etag, {"body": "And on.\n"}).status_code == 200
    backup(ctx, tmp_path / "site.tar")
    assert traces(ctx, tmp_path) == []


def test_nothing_is_purged_while_an_article_still_has_the_secret(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    create_text(client, admin)
    path = site / f"src/content/{NAME}.md"
    path.write_text(TEXT + f"\nPassword: {SECRET}\n")  # by hand, and seen by nobody yet
    reconcile(ctx)
    state = state_of(ctx)
    assert purge(ctx, SECRET, is_dry_run=True).left == [f"src/content/{NAME}.md: correct it first"]
    with pytest.raises(InUse, match="correct that first"):
        purge(ctx, SECRET)
    with pytest.raises(Invalid):
        purge(ctx, "e")
    assert state_of(ctx) == state
    path.write_text(TEXT)
    assert purge(ctx, SECRET).left == []


def test_the_command_reads_the_secret_and_says_what_goes_and_what_is_beyond_its_reach(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked(ctx, client, admin, site)
    monkeypatch.setenv("CMS_SITE", str(site))
    monkeypatch.setenv("CMS_DATABASE", ctx.settings.database)
    for options, begin in ((["--dry-run"], "would go: "), ([], "gone: "), ([], "Nothing that is kept holds it.")):
        done = CliRunner().invoke(main, ["purge", *options], input=SECRET + "\n")
        assert done.exit_code == 0, done.output
        assert done.output.startswith(begin)
        assert "git filter-repo" in done.output
        assert SECRET not in done.output
    assert f"{NAME}: the text of seq" not in done.output


def test_a_photo_that_is_deleted_is_purged_from_the_trash(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    made = send(client, admin, (picture(), "pass.jpg"), folder="apart")
    assert made.status_code == 201, made.text
    image = "/api/v1/images/apart/pass.jpg"
    with pytest.raises(InUse):
        purge_photo(ctx, "apart/pass.jpg")
    etag = client.get(image).headers["ETag"]
    assert client.delete(image, headers={**admin, "If-Match": etag}).status_code == 204
    assert len(list(ctx.private.list("trash"))) == 1
    assert purge_photo(ctx, "apart/pass.jpg", is_dry_run=True).out == ["apart/pass.jpg in the trash"]
    assert len(list(ctx.private.list("trash"))) == 1
    assert purge_photo(ctx, "apart/pass.jpg").out == ["apart/pass.jpg in the trash"]
    assert list(ctx.private.list("trash")) == list(ctx.private.list(ORIGINALS)) == []
    assert make_client(ctx).get("/api/v1/trash", headers=admin).get_json()["items"] == []


def test_what_was_kept_of_a_photo_should_another_come_late_is_purged_too(ctx: Context) -> None:
    ctx.private.write(Key("late/src/assets/apart/pass.jpg"), b"x", expect=ABSENT)
    purge_photo(ctx, "apart/pass.jpg", is_dry_run=True)
    assert len(list(ctx.private.list("late"))) == 1
    purge_photo(ctx, "apart/pass.jpg")
    assert list(ctx.private.list("late")) == []
