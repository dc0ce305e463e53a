"""S1: one photo that cannot be read, one row that cannot be written, or one heartbeat that fails, holds up nothing."""

from __future__ import annotations

import dataclasses
import errno
import io
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, cast

import pytest
from flask.testing import FlaskClient

from cms.actions import heartbeat, reading
from cms.actions.check import check
from cms.actions.steps import Steps
from cms.context import Context
from cms.database import derived
from cms.errors import Unavailable
from cms.model.limits import Limits
from cms.store.base import Key, Part, Stat
from cms.store.directory import DirectoryStore
from tests.api.editing import ARTICLES
from tests.conftest import reconcile, site_of, with_sqlite
from tests.trust import poison
from tests.trust.refusals import accept, refuse

PHOTO = "src/assets/news/river-bus/photo-1.jpg"
KEYS = (PHOTO, "src/assets/news/river-bus/photo-2.jpg")


class BadSector(DirectoryStore):
    """A folder in which one photo cannot be read, by an error of that number."""

    number = errno.EIO

    def open(self, key: Key, part: Part | None = None) -> BinaryIO | None:
        return cast(BinaryIO, _Failing(self.number)) if key == PHOTO else super().open(key, part)


class _Failing(io.RawIOBase):
    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise OSError(self._number, "failing")


def read_photos(ctx: Context, number: int) -> list[str]:
    """Return the keys of the photos that are read where `PHOTO` fails by that error."""
    store = BadSector(site_of(ctx))
    store.number = number
    stats: list[Stat] = list(store.stats(map(Key, KEYS)))
    return [stat.key for batch in reading.read_all(Limits(), store, stats, lambda _: store) for stat, _ in batch]


@pytest.mark.parametrize("number", [errno.EIO, errno.EPERM, errno.EACCES, errno.ELOOP])
def test_a_photo_that_cannot_be_read_is_left_out_alone(ctx: Context, number: int) -> None:
    assert read_photos(ctx, number) == [KEYS[1]]


@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.ESTALE, errno.EMFILE, errno.ENOENT])
def test_a_store_that_is_away_ends_the_pass(ctx: Context, number: int) -> None:
    with pytest.raises((OSError, Unavailable)):
        read_photos(ctx, number)


@with_sqlite
def test_an_article_that_was_refused_once_is_indexed_by_the_next_pass(ctx: Context, client: FlaskClient) -> None:
    key = "src/content/news/en/odd.md"
    refuse(ctx, derived.articles.name, f"NEW.key = '{key}' AND NEW.status <> 'broken'")
    (site_of(ctx) / key).write_bytes(poison.yaml_file(""))
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/en/odd").status_code == 404
    accept(ctx)
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/en/odd").status_code == 200


@with_sqlite
@pytest.mark.parametrize("condition", ["NEW.width IS NOT NULL", "1"])
def test_a_photo_that_is_refused_holds_up_no_other_file(
    ctx: Context, client: FlaskClient, admin: dict[str, str], condition: str
) -> None:
    """It has no facts, or is not there."""
    site = site_of(ctx)
    refuse(ctx, derived.images.name, f"NEW.path LIKE '%odd.jpg' AND {condition}")
    (site / "src/assets/news/river-bus/odd.jpg").write_bytes((site / PHOTO).read_bytes())
    (site / "src/content/news/en/good.md").write_bytes(poison.yaml_file(""))
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/en/good").status_code == 200
    found = client.get("/api/v1/images/news/river-bus/odd.jpg", headers=admin)
    assert found.status_code == (404 if condition == "1" else 200)
    assert condition == "1" or found.get_json()["width"] is None


def test_a_heartbeat_that_fails_in_any_way_is_not_the_last(ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()

    class Failing:
        def put(self, _process: str, _text: str) -> None:
            stop.set()
            raise ZeroDivisionError

        forget: Callable[..., None]

    heartbeats: Any = Failing()
    heartbeat.send(dataclasses.replace(ctx, heartbeats=heartbeats), Steps(), stop)
    assert "a heartbeat is not kept" in caplog.text


def test_a_file_that_is_too_large_for_a_photo_is_none_and_check_names_it(ctx: Context, client: FlaskClient) -> None:
    root = site_of(ctx)
    huge, article = root / "src/assets/news/huge.jpg", root / "src/content/news/en/beside.md"
    article.write_text("---\ntitle: Beside\ndate: 2026-01-01\n---\n\n![A street](/src/assets/news/huge.jpg)\n")
    with huge.open("wb") as file:
        file.truncate(2**40)
    reconcile(ctx)
    (image,) = client.get(f"{ARTICLES}/news/en/beside").get_json()["images"]
    assert (image["path"], image["missing"]) == ("news/huge.jpg", True)
    assert client.get("/api/v1/images/news/huge.jpg").status_code == 404
    named = {found.code: found.path for found in check(ctx) if "huge.jpg" in found.path + found.detail}
    assert named["image_too_large"] == "src/assets/news/huge.jpg"
    assert named["image_missing"] == "src/content/news/en/beside.md"
