"""What has had its time is cleared away, and nothing else."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from cms.actions import renditions, scratch, trash
from cms.actions import sweep as sweep_action
from cms.actions.sweep import ORPHAN_S, _sweep_originals, sweep
from cms.context import Context
from cms.database.engine import write
from cms.database.tables import trash as trash_table
from cms.store.base import ABSENT, Key
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import make_client, reconcile, site_of, state_of

PATH = "apart/a.jpg"


@pytest.fixture
def ctx(media_ctx: Context) -> Context:
    return media_ctx


@pytest.fixture
def all_is_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What lies there without a row, lies there for long; other tests' files on their way lie elsewhere."""
    monkeypatch.setattr(sweep_action, "ORPHAN_S", -5.0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def delete(client: FlaskClient, headers: dict[str, str]) -> None:
    tag = client.get(f"{IMAGES}/{PATH}").headers["ETag"]
    assert client.delete(f"{IMAGES}/{PATH}", headers={**headers, "If-Match": tag}).status_code == 204


@pytest.mark.usefixtures("all_is_old", "few_photos", "without_avif")
def test_what_is_in_use_stays(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    send(client, admin, (picture(size=(400, 300)), "a.jpg"), folder="apart")
    renditions.make(ctx)
    delete(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    sweep(ctx)
    assert state_of(ctx) == before


@pytest.mark.usefixtures("all_is_old", "few_photos", "without_avif")
def test_variants_go_with_the_last_that_could_show_them(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    for folder in ("apart", "elsewhere"):
        send(client, admin, (picture(size=(400, 300)), "a.jpg"), folder=folder)
    renditions.make(ctx)
    shown = client.get(f"{IMAGES}/{PATH}").get_json()
    delete(client, admin)
    _empty_trash(ctx)
    assert client.get(shown["variants"][0]["url"]).status_code == 200, "the photo elsewhere has the same bytes"
    (site_of(ctx) / "src/assets/elsewhere/a.jpg").unlink(missing_ok=True)
    stored = ctx.media.read(Key("src/assets/elsewhere/a.jpg"))
    if stored is not None:
        ctx.media.delete(Key("src/assets/elsewhere/a.jpg"), expect=shown["sha256"])
    reconcile(ctx)
    sweep(ctx)
    assert all(client.get(item["url"]).status_code == 404 for item in shown["variants"])
    assert not [stat.key for stat in ctx.variants.list("variants") if shown["sha256"] in stat.key]
    assert client.get("/api/v1/articles/news/en/river-bus").get_json()["images"][0]["variants"]
    send(client, admin, (picture(size=(400, 300)), "a.jpg"), folder="apart")
    renditions.make(ctx)
    assert client.get(f"{IMAGES}/{PATH}").get_json()["variants"] == shown["variants"]
    assert client.get(shown["variants"][0]["url"]).status_code == 200


def _empty_trash(ctx: Context) -> None:
    with write(ctx.database) as tx:
        tx.execute(update(trash_table).values(time=trash_table.c.time - trash.KEPT_S))
    sweep(ctx)
    assert list(ctx.private.list("trash")) == []


def test_photos_that_a_killed_server_left_on_their_way_go_too(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, age in (("cms-scratch-old", ORPHAN_S + 1), ("cms-scratch-new", 0), ("others", ORPHAN_S + 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "photo").write_bytes(picture())
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    with scratch.folder() as in_use:
        os.utime(in_use, (0, 0))
        sweep(ctx)
        assert {path.name for path in tmp_path.iterdir()} >= {in_use.name, "cms-scratch-new", "others"}
    assert not (tmp_path / "cms-scratch-old").exists()


def test_what_a_dead_process_left_goes_after_a_day(ctx: Context, site: Path) -> None:
    before, lost = state_of(ctx), ("trash/lost", "uploads/lost", "late/src/assets/lost.jpg")
    for key in lost:
        ctx.private.write(Key(key), b"x", expect=ABSENT)
    sweep(ctx)
    assert [len(list(ctx.private.list(key.partition("/")[0]))) for key in lost] == [1, 1, 1]
    if ctx.media is ctx.site:
        long_ago = time.time() - ORPHAN_S - 1
        for key in lost:
            os.utime(site / ".cms/private" / key, (long_ago, long_ago))
        sweep(ctx)
        assert state_of(ctx) == before


def test_an_original_goes_when_its_photo_cannot_come_back(
    ctx: Context, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = dataclasses.replace(ctx, settings=dataclasses.replace(ctx.settings, keep_originals=True))
    client = make_client(keeping)
    send(client, admin, (picture(), "a.jpg"), (picture(size=(50, 40)), "b.jpg"), folder="apart")
    monkeypatch.setattr(trash, "KEPT_S", -5.0)  # what lies there, lies there for long
    delete(client, admin)
    _sweep_originals(keeping)
    assert len(list(ctx.private.list("originals"))) == 2, "it could still be restored"
    sweep(keeping)
    (left,) = ctx.private.list("originals")
    assert left.key.startswith("originals/apart/b.jpg/")
