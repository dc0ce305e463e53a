"""A photo is coded anew, and that makes it neither much larger nor much worse."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops, ImageCms, ImageFilter, ImageStat
from PIL.JpegImagePlugin import JpegImageFile

from cms.model import photo
from cms.model.limits import Limits

NOISE = Image.effect_noise((320, 240), 60).filter(ImageFilter.GaussianBlur(1.5))
RAMP = Image.linear_gradient("L").resize((320, 240))
SCENE = Image.merge("YCbCr", (NOISE, RAMP, RAMP.transpose(Image.Transpose.ROTATE_180))).convert("RGB")


def sent(kind: str = "JPEG", image: Image.Image = SCENE, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def stored(data: bytes) -> bytes:
    out = io.BytesIO()
    photo.prepare(io.BytesIO(data), out, "a.jpg", "", Limits())
    return out.getvalue()


def tables(data: bytes) -> dict[int, list[int]]:
    image = Image.open(io.BytesIO(data))
    assert isinstance(image, JpegImageFile)
    return image.quantization


def difference(first: bytes, second: bytes) -> float:
    """The mean distance of two photos' pixels, from 0 to 255."""
    images = [Image.open(io.BytesIO(data)).convert("RGB") for data in (first, second)]
    return max(ImageStat.Stat(ImageChops.difference(*images)).mean)


@pytest.mark.parametrize("quality", [10, 50, 75, 85, 88, 95, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_does_not_grow_and_is_coded_as_coarsely_at_most_as_it_came(quality: int, mode: str) -> None:
    data = sent(image=SCENE.convert(mode), quality=quality, optimize=True, progressive=True)
    again = stored(data)
    assert len(again) <= len(data) * 1.01
    assert sum(tables(again)[0]) == max(sum(tables(data)[0]), sum(tables(sent(quality=88))[0]))
    assert difference(data, again) < 1.5


def test_what_was_stored_once_hardly_changes_when_it_comes_again() -> None:
    once = stored(sent(quality=60))
    assert difference(once, stored(once)) < 0.3


def test_a_coarse_jpeg_keeps_no_finer_colours_than_others() -> None:
    assert len(stored(sent(quality=70, subsampling="4:4:4"))) < len(sent(quality=70, subsampling="4:4:4"))


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_coarse_jpeg_stands_upright_and_tells_no_profile_all_the_same(mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if mode == "RGB" else b""
    with Image.open(
        io.BytesIO(stored(sent(image=SCENE.convert(mode), quality=30, exif=exif, icc_profile=profile)))
    ) as again:
        assert (again.size, again.mode) == ((240, 320), "RGB")
        assert not {"icc_profile", "exif"} & set(again.info)


def test_a_webp_does_not_grow() -> None:
    data = sent("WEBP", quality=80)
    assert len(stored(data)) <= len(data)
    assert difference(data, stored(data)) < 3
