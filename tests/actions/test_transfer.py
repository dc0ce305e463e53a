"""A site's photos go into a bucket and come back, byte for byte, in as many attempts as it takes."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cms.actions import transfer
from cms.actions.check import check
from cms.context import Context
from cms.errors import Invalid
from cms.store.base import ABSENT, Key
from tests.api.test_images import PLANTED, picture
from tests.components import cms
from tests.conftest import both_databases, close, make_client, make_context, make_settings, reconcile, state_of


@pytest.fixture
def ctx(site: Path, database_url: str, s3_url: str, tmp_path: Path) -> Iterator[Context]:
    """The sample site, its new photos going to a bucket."""
    made = make_context(make_settings(site, database_url, media=f"s3://photos/{tmp_path.name}"))
    yield made
    close(made)


def photos(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def in_bucket(ctx: Context) -> dict[str, bytes]:
    stats = ctx.media.list("src/assets")
    return {stat.key.removeprefix("src/assets/"): ctx.media.read(stat.key) or b"" for stat in stats}


@both_databases
def test_photos_are_pushed_once_and_nothing_else_changes(ctx: Context, site: Path) -> None:
    whole = photos(site / "src/assets")
    before = state_of(ctx)["table:changes"]
    seen: list[tuple[int, int]] = []
    report = transfer.push(ctx, lambda done, total: seen.append((done, total)))
    assert (report.sent, report.same, report.refused) == (len(whole), 0, [])
    assert seen[-1] == (len(whole), len(whole))
    assert in_bucket(ctx) == whole
    again = transfer.push(ctx)
    assert (again.sent, again.same) == (0, len(whole))
    reconcile(ctx)
    assert state_of(ctx)["table:changes"] == before
    client = make_client(ctx)
    (site / "src/assets/news/river-bus/photo-1.jpg").unlink()
    assert client.get("/media/news/river-bus/photo-1.jpg").data == whole["news/river-bus/photo-1.jpg"]


@both_databases
def test_a_push_that_is_interrupted_goes_on_the_next_time(ctx: Context, site: Path) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer.push(ctx, interrupt)
    whole = photos(site / "src/assets")
    there = in_bucket(ctx)
    assert 3 <= len(there) < len(whole)
    assert there.items() <= whole.items()
    report = transfer.push(ctx)
    assert (report.sent, report.same) == (len(whole) - len(there), len(there))
    assert in_bucket(ctx) == whole


@both_databases
def test_another_photo_in_the_way_stays_and_is_named(ctx: Context) -> None:
    key = Key("src/assets/news/river-bus/photo-1.jpg")
    ctx.media.write(key, b"another", expect=ABSENT)
    report = transfer.push(ctx)
    assert report.refused == [f"{key}: another photo has this path"]
    assert ctx.media.read(key) == b"another"


@both_databases
def test_what_was_pushed_comes_back(ctx: Context, site: Path) -> None:
    whole = photos(site / "src/assets")
    transfer.push(ctx)
    shutil.rmtree(site / "src/assets/news")
    report = transfer.pull(ctx)
    assert photos(site / "src/assets") == whole
    assert report.sent == sum(path.startswith("news/") for path in whole)


def test_without_another_place_there_is_nothing_to_send(site: Path, tmp_path: Path, database_url: str) -> None:
    apart = make_context(make_settings(site, database_url))
    with pytest.raises(Invalid, match="CMS_MEDIA"):
        transfer.push(apart)
    close(apart)


def test_the_commands_say_what_they_did(site: Path, tmp_path: Path, s3_url: str, database_url: str) -> None:
    media = f"s3://photos/{tmp_path.name}/commands"
    number = len(photos(site / "src/assets"))
    pushed = cms(site, "images", "push", CMS_MEDIA=media, CMS_DATABASE=database_url)
    assert (pushed.returncode, pushed.stdout) == (0, f"{number} sent, 0 the same already, 0 refused.\n")
    path = site / "src/assets/news/river-bus/photo-1.jpg"
    path.write_bytes(path.read_bytes() + b"!")
    pulled = cms(site, "images", "pull", CMS_MEDIA=media, CMS_DATABASE=database_url)
    assert pulled.returncode == 1
    assert pulled.stdout == f"0 sent, {number - 1} the same already, 1 refused.\n"
    assert "src/assets/news/river-bus/photo-1.jpg: another photo has this path" in pulled.stderr


def located(site: Path) -> Path:
    """A photo of the site's own that tells where it was taken."""
    file = site / "src/assets/apart/where.jpg"
    file.parent.mkdir()
    file.write_bytes(picture())
    return file


@both_databases
def test_clean_photos_arrive_where_they_were_not_and_replace_those_that_were(ctx: Context, site: Path) -> None:
    data = located(site).read_bytes()
    whole = photos(site / "src/assets")
    reconcile(ctx)
    named = [found.path for found in check(ctx) if found.code == "image_gps"]
    assert named == ["src/assets/apart/where.jpg"]
    transfer.push(ctx)
    assert in_bucket(ctx) == whole
    report = transfer.push(ctx, clean=True)
    assert (report.sent, report.same, report.cleaned, report.refused) == (0, len(whole) - 1, 1, [])
    stored = in_bucket(ctx)
    assert [path for path in whole if stored[path] != whole[path]] == ["apart/where.jpg"]
    assert PLANTED not in stored["apart/where.jpg"]
    assert (site / "src/assets/apart/where.jpg").read_bytes() == data
    reconcile(ctx)
    assert [found for found in check(ctx) if found.code == "image_gps"] == []
    again = transfer.push(ctx, clean=True)
    assert (again.same, again.cleaned) == (len(whole), 0)

    other = make_context(dataclasses.replace(ctx.settings, media=f"{ctx.settings.media}/other"))
    report = transfer.push(other, clean=True)
    assert (report.sent, report.cleaned) == (len(whole), 0)
    assert in_bucket(other) == stored
    close(other)


@both_databases
def test_photos_are_cleaned_in_place_and_can_be_restored(site: Path, database_url: str) -> None:
    file = located(site)
    whole = photos(site / "src/assets")
    apart = make_context(make_settings(site, database_url))
    report = transfer.push(apart, clean=True)
    assert (report.sent, report.same, report.cleaned) == (0, len(whole) - 1, 1)
    assert PLANTED not in file.read_bytes()
    after = photos(site / "src/assets")
    assert [path for path in whole if after[path] != whole[path]] == ["apart/where.jpg"]
    (stat,) = apart.private.list("trash")
    assert apart.private.read(stat.key) == whole["apart/where.jpg"]
    close(apart)


def test_clean_is_an_option_of_the_command(site: Path, tmp_path: Path, s3_url: str, database_url: str) -> None:
    located(site)
    number = len(photos(site / "src/assets"))
    settings = {"CMS_MEDIA": f"s3://photos/{tmp_path.name}/clean", "CMS_DATABASE": database_url}
    checked = cms(site, "check", **settings)
    assert "cms images push --clean" in checked.stdout
    cms(site, "images", "push", **settings)
    cleaned = cms(site, "images", "push", "--clean", **settings)
    assert cleaned.stdout == f"0 sent, {number - 1} the same already, 1 cleaned, 0 refused.\n"
