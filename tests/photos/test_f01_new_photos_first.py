"""F1: the variants of new photos are made at once, however large the stock is whose variants are in the making."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.actions import renditions
from cms.actions.renditions import OLDEST_EVERY, Lane
from cms.context import Context
from cms.errors import Unavailable
from tests.api.editing import TEXT
from tests.api.test_images import IMAGES, picture, send
from tests.components import children
from tests.conftest import bearer, close, make_client, make_context, make_settings, reconcile
from tests.photos.stock import grainy, have, in_order, lay

STOCK = 20
AT = 5
"""So many of the stock are made when something new comes."""


def upload(client: FlaskClient, headers: dict[str, str], name: str, count: int = 1) -> list[str]:
    files = [(picture(size=(70 + len(name) + number, 30)), f"{name}-{number}.jpg") for number in range(count)]
    answer = send(client, headers, *files, folder="zz")
    assert answer.status_code == 201, answer.text
    return [item["path"] for item in answer.get_json()["items"]]


def darkrooms() -> int:
    """Return how many processes of ours have a photo in hand."""
    lines = (Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(os.getpid()))
    return sum(b"cms.actions.darkroom" in line for line in lines)


def made_at(order: list[str], paths: list[str]) -> int:
    """The place of the last of them."""
    return max(order.index(path) for path in paths)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of one article, without photos."""
    article = tmp_path / "site/src/content/news/en/only.md"
    article.parent.mkdir(parents=True)
    article.write_text(TEXT)
    return tmp_path / "site"


@pytest.fixture
def ctx(site: Path, tmp_path: Path) -> Iterator[Context]:
    made = make_context(make_settings(site, f"sqlite:///{tmp_path}/own.db"))
    yield made
    close(made)


@pytest.fixture
def stock(ctx: Context, site: Path) -> None:
    lay(site, STOCK)
    reconcile(ctx)


@pytest.mark.usefixtures("stock")
def test_uploads_of_several_editors_go_before_a_stock(ctx: Context) -> None:
    new: list[str] = []

    def between(done: int) -> None:
        for name in ("sokha", "dara")[: done == AT and 2]:
            new.extend(upload(make_client(ctx), bearer(ctx, "images:write"), name, 2))

    order = in_order(ctx, between)
    assert made_at(order, new) <= AT + len(new) * OLDEST_EVERY / (OLDEST_EVERY - 1)
    assert len(order) == STOCK + len(new)


def test_a_photo_that_takes_the_place_of_another_goes_before_a_stock(
    ctx: Context, client: FlaskClient, site: Path
) -> None:
    headers = bearer(ctx, "images:write")
    (path,) = upload(client, headers, "first")
    renditions.make(ctx)
    lay(site, STOCK)
    reconcile(ctx)
    again: list[int] = []
    shown = client.get(f"{IMAGES}/{path}", headers=headers)

    def between(done: int) -> None:
        if done == AT:
            named = {**headers, "If-Match": shown.headers["ETag"]}
            data = picture(size=(90, 30))
            answer = client.put(f"{IMAGES}/{path}", data=data, headers=named, content_type="image/jpeg")
            assert answer.status_code == 200, answer.text
            assert path not in have(ctx)
        elif done > AT and path in have(ctx):
            again.append(done)

    assert len(in_order(ctx, between)) == STOCK
    assert again[0] <= AT + 2


@pytest.mark.usefixtures("stock")
def test_a_few_photos_that_come_by_hand_go_before_a_stock(ctx: Context, site: Path) -> None:
    def between(done: int) -> None:
        if done == AT:
            lay(site, 2, "by-hand", start=STOCK)
            reconcile(ctx)

    order = in_order(ctx, between)
    assert made_at(order, [f"by-hand/{STOCK + number:03}.png" for number in range(2)]) <= AT + 1 + OLDEST_EVERY / 2


@pytest.mark.usefixtures("stock")
def test_an_upload_goes_before_a_stock_that_is_indexed_after_it(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    new: list[str] = []

    def between(done: int) -> None:
        if done == AT:
            new.extend(upload(client, admin, "early"))
            lay(site, STOCK, "later", start=STOCK)
            reconcile(ctx)

    order = in_order(ctx, between)
    assert made_at(order, new) <= AT + 1
    assert len(order) == 2 * STOCK + 1


def test_a_stock_gets_done_while_uploads_go_on(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    lay(site, 2)
    reconcile(ctx)
    uploads = 3 * OLDEST_EVERY

    def between(done: int) -> None:
        if done < uploads:
            upload(client, admin, "n" * (done + 1))

    order = in_order(ctx, between)
    assert made_at(order, [f"stock/{number:03}.png" for number in range(2)]) < uploads
    assert len(order) == 2 + uploads


def test_a_new_photo_goes_before_the_avif_of_others(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    lay(site, 4)
    reconcile(ctx)
    new: list[str] = []

    def between(done: int) -> None:
        if done == AT:
            new.extend(upload(client, admin, "new"))

    order = in_order(ctx, between, ("rendition", "avif"))
    assert [path.endswith("*") for path in order[:AT]] == [False] * 4 + [True]
    assert order.index(new[0]) <= AT + 1
    assert len(order) == 2 * (4 + 1)


def test_a_photo_that_takes_long_holds_up_no_other_and_is_left_for_later_when_the_work_ends(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    grainy(site / "src/assets/big/costly.jpg", (700, 4000))
    reconcile(ctx)
    new: list[str] = []

    def is_stopped() -> bool:
        if new or not darkrooms():
            return bool(new)  # it is asked before the photo, and after it, too
        new.extend(upload(client, admin, "new"))
        assert Lane(ctx, ["rendition"]).run(lambda: False) == 1
        assert set(new) <= have(ctx)
        assert "big/costly.jpg" not in have(ctx)
        return True

    assert Lane(ctx, ["rendition", "avif"]).run(is_stopped) == 0
    assert new
    assert "big/costly.jpg" not in have(ctx), "that no variant can be made is not said of it"
    assert not darkrooms()
    renditions.make(ctx)
    assert len(client.get(f"{IMAGES}/big/costly.jpg").get_json()["variants"]) == 4


@pytest.mark.usefixtures("stock")
def test_a_photo_that_fails_holds_up_no_other(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    (path,) = upload(client, admin, "failing")
    place = Path(ctx.settings.own_folder or "", "variants", client.get(f"{IMAGES}/{path}").get_json()["sha256"])
    place.parent.mkdir(exist_ok=True)
    place.write_text("no folder")
    lane = Lane(ctx, ["rendition"])
    for _ in range(3):
        with pytest.raises(Unavailable):
            lane.run(lambda: False)
    with pytest.raises(Unavailable):
        lane.run(lambda: False)
    assert len([name for name in have(ctx) if name.startswith("stock/")]) == STOCK
    assert path not in have(ctx)
    place.unlink()
    assert lane.run(lambda: False) == 1
    assert path in have(ctx)
