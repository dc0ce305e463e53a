"""F8: of a photo too large for a format the widths that fit are made; the API and `cms check` tell of the others."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from PIL import Image

from cms.actions import renditions
from cms.actions.check import check
from cms.context import Context
from cms.model.photo_variants import render
from cms.model.variant_sizes import obstacle
from tests.conftest import reconcile

ARTICLE = "---\ntitle: A day\ndate: 2026-01-02\n---\n\n![A long list](@/assets/own/640x17000.png)\n"
HIGH = "too_high"


class Case(NamedTuple):
    """A photo's size, the sizes of the variants that it gets, and the reasons for the widths that it does not get."""

    size: tuple[int, int]
    webp: list[tuple[int, int]]
    avif: list[tuple[int, int]]
    missing: list[tuple[str, int, str]]


FLAT = [(320, 1), (640, 1), (960, 1), (1280, 1), (1920, 1)]
CASES = [
    Case((640, 17_000), [(320, 8500)], [(320, 8500), (640, 17_000)], [("webp", 640, HIGH)]),
    Case((320, 33_000), [], [], [("webp", 320, HIGH), ("avif", 320, HIGH)]),
    Case((330, 16_384), [(320, 15_888)], [(320, 15_888)], []),
    Case(
        (640, 32_800),
        [],
        [(320, 16_400)],
        [("webp", 320, HIGH), ("webp", 640, HIGH), ("avif", 640, HIGH)],
    ),
    Case((1, 20_000), [], [], []),
    Case((1, 60_000), [], [], []),
    Case((319, 40), [], [], []),
    Case((20_000, 1), FLAT, FLAT, []),
    Case((20_000, 5), FLAT, FLAT, []),
]


@pytest.fixture
def put(ctx: Context, site: Path) -> Callable[[dict[str, bytes]], None]:
    """Make the given files all photos of the site, and their variants."""
    shutil.rmtree(site / "src/assets")

    def make(files: dict[str, bytes]) -> None:
        for name, data in files.items():
            path = site / "src/assets/own" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        reconcile(ctx, accept_deletions=True)
        renditions.make(ctx)

    return make


def photo_of(client: FlaskClient, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/images/own/{name}").get_json()
    return found


def saved(size: tuple[int, int], kind: str = "PNG", **options: Any) -> bytes:
    """Return a photo whose lower half is red."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, size[1] // 2, *size))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def name_of(case: Case) -> str:
    return f"{case.size[0]}x{case.size[1]}.png"


def test_f08_widths_that_fit_are_made_and_the_others_are_told(
    ctx: Context, client: FlaskClient, put: Callable[[dict[str, bytes]], None]
) -> None:
    put({name_of(case): saved(case.size) for case in CASES})
    for case in CASES:
        shown = photo_of(client, name_of(case))
        made = {kind: [item for item in shown["variants"] if item["format"] == kind] for kind in ("webp", "avif")}
        sizes = {kind: [(item["width"], item["height"]) for item in found] for kind, found in made.items()}
        assert sizes == {"webp": case.webp, "avif": case.avif}, case
        told = [(item["format"], item["width"], item["reason"]) for item in shown["variants_missing"]]
        assert told == case.missing, case
        assert shown["colour"] is not None
        assert 0 < len(shown["placeholder"]) < 600
        for item in shown["variants"]:
            with Image.open(io.BytesIO(client.get(item["url"]).data)) as image:
                assert image.size == (item["width"], item["height"])
                if image.height > 1:
                    red, _, blue = image.convert("RGB").getpixel((image.width // 2, image.height - 1))  # type: ignore[misc]
                    assert red > 200 > blue
        _check_srcset(shown, made["webp"], [width for kind, width, _ in case.missing if kind == "webp"])
        is_whole = case.avif and ("avif", 640, HIGH) not in case.missing
        assert shown["srcset_avif"] == (_srcset(made["avif"]) if is_whole else None)
    named = {(found.path, found.detail.partition(":")[0]) for found in check(ctx) if "variant" in found.code}
    assert named == {
        (f"src/assets/own/{name_of(CASES[0])}", "these smaller copies cannot be made (webp 640)"),
        (f"src/assets/own/{name_of(CASES[1])}", "these smaller copies cannot be made (webp 320, avif 320)"),
        (f"src/assets/own/{name_of(CASES[3])}", "these smaller copies cannot be made (webp 320, webp 640, avif 640)"),
    }
    assert renditions.make(ctx) == 0


def _srcset(variants: list[dict[str, Any]]) -> str:
    return ", ".join(f"{item['url']} {item['width']}w" for item in variants)


def _check_srcset(shown: dict[str, Any], webp: list[dict[str, Any]], missing: list[int]) -> None:
    """Where the widest WebP is missing, the photo itself is the widest that an `<img>` may choose."""
    if not webp:
        assert shown["srcset"] is None
    elif missing:
        assert shown["srcset"] == f"{_srcset(webp)}, {shown['url']} {shown['width']}w"
    else:
        assert shown["srcset"] == _srcset(webp)


@pytest.mark.usefixtures("without_avif")
def test_f08_what_is_still_to_come_is_not_missing(
    ctx: Context, client: FlaskClient, site: Path, put: Callable[[dict[str, bytes]], None]
) -> None:
    put({})
    (site / "src/assets/own").mkdir(parents=True)
    (site / "src/assets/own/640x17000.png").write_bytes(saved((640, 17_000)))
    (site / "src/content/news/en/a-day.md").write_text(ARTICLE)
    reconcile(ctx)
    before = client.get("/api/v1/articles/news/en/a-day").get_json()
    (item,) = before["images"]
    assert (item["variants"], item["variants_missing"], item["placeholder"]) == ([], [], None)
    renditions.make(ctx)
    after = client.get("/api/v1/articles/news/en/a-day").get_json()
    (item,) = after["images"]
    assert item["variants_missing"] == [{"width": 640, "format": "webp", "reason": "too_high"}]
    assert f'srcset="{item["srcset"]}"' in after["html"]
    assert item["srcset"].endswith("/media/own/640x17000.png 640w")
    assert (after["digest"], after["updated_at"]) == (before["digest"], before["updated_at"])


def test_f08_photos_put_by_hand_that_are_broken_or_animated_are_told(
    ctx: Context, client: FlaskClient, put: Callable[[dict[str, bytes]], None]
) -> None:
    frames = [Image.new("RGB", (400, 20), colour) for colour in ("red", "blue")]
    moving = {}
    for ending in ("gif", "webp", "png"):
        out = io.BytesIO()
        frames[0].save(out, ending.upper(), save_all=True, append_images=frames[1:])
        moving[f"moving.{ending}"] = out.getvalue()
    noise = io.BytesIO()
    Image.effect_noise((700, 700), 90).save(noise, "JPEG")
    put({**moving, "half.jpg": noise.getvalue()[:-9000], "none.jpg": b"hello", "drawn.svg": b"<svg/>"})
    for name in moving:
        shown = photo_of(client, name)
        told = [(item["format"], item["width"], item["reason"]) for item in shown["variants_missing"]]
        assert told == [("webp", 320, "animated"), ("avif", 320, "animated")]
        assert (shown["variants"], shown["srcset"], bool(shown["placeholder"])) == ([], None, True)
    shown = photo_of(client, "half.jpg")
    assert {item["reason"] for item in shown["variants_missing"]} == {"unreadable"}
    assert [item["width"] for item in shown["variants_missing"]] == [320, 640] * 2
    assert (shown["srcset"], shown["placeholder"]) == (None, None)
    assert photo_of(client, "none.jpg")["variants_missing"] == []
    found = [(item.path.rpartition("/")[2], item.code) for item in check(ctx) if item.path.startswith("src/assets/own")]
    assert sorted(one for one in found if one[1] != "image_unused") == [
        *((name, "image_without_variants") for name in ("half.jpg", "moving.gif", "moving.png", "moving.webp")),
        ("none.jpg", "image_unreadable"),
    ]


def test_f08_what_would_take_too_long_to_encode_is_known_before() -> None:
    assert [obstacle("avif", 1280, height) for height in (18_750, 18_751)] == [None, "too_many_pixels"]
    assert [obstacle("webp", 1920, height) for height in (16_383, 16_384)] == [None, "too_high"]


@pytest.mark.parametrize("kind", ["webp", "avif"])
def test_f08_a_width_that_the_encoder_fails_at_takes_no_other_along(tmp_path: Path, kind: Any) -> None:
    (tmp_path / f"640.{kind}").mkdir()  # nothing can be written there
    made = render(io.BytesIO(saved((1000, 100), "JPEG")), tmp_path, kind)
    assert [width for width, _, _ in made.variants] == [320, 960]
    assert made.placeholder.startswith("data:image/webp;base64,")
