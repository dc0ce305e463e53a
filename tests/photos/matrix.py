"""Photos of every kind, each with the one that shows how it has to look: mode × depth × transparency × profile ×
orientation × format.

All are the same picture. It has a yellow corner, so that each orientation looks different, slopes, a plain right half,
which there is most of, and a lower part that is transparent, with a colour that must not show.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from PIL import Image
from PIL.ExifTags import Base

from tests.photos import profiles
from tests.photos.made_png import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, PALETTE, png, profile_chunk, samples

WIDTH, HEIGHT = 328, 324
SLOPE, OPAQUE, GONE = 150, 200, 260
"""The slopes end in this column; alpha begins to fall in this row, and what follows the last is transparent."""

CORNER, PLAIN, HIDDEN = (250, 240, 30), (180, 90, 60), (255, 0, 255)
UPRIGHT = 1

PROFILES: dict[str, bytes | None] = {
    "none": None, "chunk": None, "srgb": profiles.SRGB, "p3": profiles.P3, "swapped": profiles.SWAPPED,
    "linear": profiles.LINEAR_GREY, "dot gain": profiles.DOT_GAIN, "inks": profiles.INKS,
    "broken": profiles.BROKEN, "empty": b"",
}  # fmt: skip
OF_COLOURS, OF_GREY, HARMLESS = ("srgb", "p3", "swapped"), ("linear", "dot gain"), ("none", "broken", "empty")
APPLIED = {"grey": OF_GREY, "colour": OF_COLOURS, "inks": ("inks",)}


@dataclass(frozen=True, slots=True)
class Case:
    """`see_through` is none, key, alpha, one (a colour of the palette) or some (several, in part)."""

    format: str
    mode: str
    depth: int
    see_through: str
    profile: str
    orientation: int

    @property
    def name(self) -> str:
        return f"{self.format} {self.mode} {self.depth} {self.see_through} {self.profile} {self.orientation}"

    @property
    def is_sent(self) -> bool:
        """Whether editors may send it; the others are the site's own."""
        return self.format not in ("tiff", "gif")


@cache
def bands() -> dict[str, Image.Image]:
    """Return the picture's red, green, blue, alpha and grey."""
    pixels = [_pixel(x, y) for y in range(HEIGHT) for x in range(WIDTH)]
    return {
        name: Image.frombytes("L", (WIDTH, HEIGHT), bytes(values))
        for name, values in zip("RGBAL", zip(*pixels, strict=True), strict=True)
    }


def _pixel(x: int, y: int) -> tuple[int, ...]:
    if y >= GONE:
        return (*HIDDEN, 0, 255)
    alpha = 255 if y < OPAQUE else 255 - 255 * (y - OPAQUE) // (GONE - OPAQUE)
    if x < 60 and y < 60:
        return (*CORNER, alpha, 235)
    if x >= SLOPE:
        return (*PLAIN, alpha, 120)
    return (60 + 120 * x // SLOPE, 20 + 200 * y // HEIGHT, 200 - 140 * x // SLOPE, alpha, 20 + (x + y) // 3)


def _merged(mode: str) -> Image.Image:
    """Return the picture in mode L, LA, RGB or RGBA."""
    return bands()["L"] if mode == "L" else Image.merge(mode, [bands()[name] for name in mode])


def file_of(case: Case) -> bytes:
    return _png(case) if case.format == "png" else _by_pillow(case)


def judge_of(case: Case) -> Case:
    """Return the case whose file sharp shows as a browser shows this one.

    sharp turns WebP, which browsers do not; it ignores the profile of 16-bit grey, and applies others, broken ones too,
    to colours of 16 bits otherwise than to those of 8; CMYK without a profile it takes for the inks of one of its own.
    """
    if case.format == "webp":
        return Case(case.format, case.mode, case.depth, case.see_through, case.profile, UPRIGHT)
    if case.mode.startswith(("cmyk", "ycck")) and case.profile != "inks":
        return Case("png", "mixed", 8, "none", "none", case.orientation)
    if case.depth == 16 and case.profile in (*OF_COLOURS, *OF_GREY, "broken"):
        return Case("png", case.mode, 8, case.see_through, case.profile, case.orientation)
    return case


def _exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[Base.Orientation] = orientation
    return made


def _png(case: Case) -> bytes:
    chunks = [(b"sRGB", b"\0")] if case.profile == "chunk" else []
    profile = PROFILES[case.profile]
    chunks += [] if profile is None else [profile_chunk(profile)]
    chunks += [(b"eXIf", _exif(case.orientation).tobytes().removeprefix(b"Exif\0\0"))]
    if case.mode == "palette":
        return _palette_png(case, chunks)
    kind, mode = {
        "grey": (GREY, "L"), "grey alpha": (GREY_ALPHA, "LA"), "colour": (COLOUR, "RGB"), "mixed": (COLOUR, "RGB"),
        "colour alpha": (COLOUR_ALPHA, "RGBA"),
    }[case.mode]  # fmt: skip
    image = _merged(mode)
    if case.mode == "mixed":
        image = image.point([round(value * (255 - BLACK) / 255) for value in range(256)] * 3)
    if case.see_through == "key":
        key = [(1 << case.depth) - 1] if case.mode == "grey" else [0xFFFF if value else 0 for value in HIDDEN]
        chunks.append((b"tRNS", samples(key if case.depth > 8 else [value & 255 for value in key], 16)))
    if case.depth < 8:
        return _packed(image.point([value >> 8 - case.depth for value in range(256)]), (case.depth, kind), chunks)
    data = image.tobytes() if case.depth == 8 else _doubled(image.tobytes())
    return png((WIDTH, HEIGHT), (case.depth, kind), _rows(data), *chunks)


def _palette_png(case: Case, chunks: list[tuple[bytes, bytes]]) -> bytes:
    count = 1 << case.depth
    colours = [(number * 200 // count, 220 - number * 150 // count, 90) for number in range(count - 1)] + [HIDDEN]
    chunks += [(b"PLTE", b"".join(map(bytes, colours)))]
    if case.see_through != "none":
        first = 128 if case.see_through == "some" else 255
        chunks += [(b"tRNS", bytes([first]) + b"\xff" * (count - 2) + b"\0")]
    places = bands()["L"].point([(value + 1) * (count - 1) // 256 for value in range(256)])
    return _packed(places, (case.depth, PALETTE), chunks)


def _packed(image: Image.Image, kind: tuple[int, int], chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Return the PNG of samples that are small enough for its depth."""
    image.putpalette(bytes(768))
    return png(image.size, kind, _rows(image.tobytes("raw", f"P;{kind[0]}" if kind[0] < 8 else "P")), *chunks)


def _rows(data: bytes) -> list[bytes]:
    size = len(data) // HEIGHT
    return [data[start : start + size] for start in range(0, len(data), size)]


def _doubled(data: bytes) -> bytes:
    """Return each byte twice: the same level in 16 bits."""
    return Image.frombytes("L", (len(data), 1), data).resize((2 * len(data), 1), Image.Resampling.NEAREST).tobytes()


BLACK = 40
"""How much black ink there is everywhere in CMYK."""


def _inked() -> Image.Image:
    """Return the picture in CMYK."""
    inks = [bands()[name].point(range(255, -1, -1)) for name in "RGB"]
    return Image.merge("CMYK", (*inks, Image.new("L", (WIDTH, HEIGHT), BLACK)))


def _by_pillow(case: Case) -> bytes:
    image = _in_mode(case)
    options: dict[str, object] = {"exif": _exif(case.orientation)}
    if (profile := PROFILES[case.profile]) is not None:
        options["icc_profile"] = profile
    if case.format == "jpeg":
        options |= {"quality": 100, "subsampling": 0}
    elif case.format == "webp":
        options |= {"lossless": case.depth == 8, "quality": 95, "exact": True}
    elif case.format == "avif":
        options |= {"quality": 95, "subsampling": "4:4:4"}
    elif case.format == "gif":
        options = {"transparency": 255} if case.see_through == "one" else {}
    out = io.BytesIO()
    image.save(out, case.format.upper(), **options)
    return _with_marker(case, out.getvalue())


def _in_mode(case: Case) -> Image.Image:
    if case.mode == "ycck":
        return _luminous()
    if case.mode in ("palette", "one bit"):
        opened = Image.open(io.BytesIO(_png(Case("png", "palette", 8, "none", "none", UPRIGHT))))
        return opened.convert("1", dither=Image.Dither.NONE) if case.mode == "one bit" else opened
    if case.mode.startswith("cmyk"):
        return _inked()
    mode = {"grey": "L", "grey alpha": "LA", "colour": "RGB", "colour alpha": "RGBA"}[case.mode]
    image = _merged(mode)
    return image if case.depth != 16 else Image.frombytes("I;16", image.size, _doubled(image.tobytes()))


def _luminous() -> Image.Image:
    """Return in the bands of a CMYK image what a YCCK file holds of the same inks."""
    inks = _inked()
    light = Image.merge("RGB", inks.split()[:3]).convert("YCbCr").split()
    return Image.merge("CMYK", (*(band.point(range(255, -1, -1)) for band in light), inks.getchannel("K")))


def _with_marker(case: Case, data: bytes) -> bytes:
    """Return the JPEG with Adobe's marker as the case has it: with its transform 2, or without it."""
    place = data.find(b"\xff\xee\0\x0eAdobe")
    if case.mode == "ycck":
        return data[: place + 15] + b"\x02" + data[place + 16 :]
    return data[:place] + data[place + 16 :] if case.mode == "cmyk unmarked" else data


def cases() -> Iterator[Case]:
    """Yield every case."""
    turned = range(1, 9)
    for mode, depth, see_through in _png_kinds():
        for profile in (*_profiles_for("grey" if mode.startswith("grey") else "colour"), "chunk"):
            yield from (Case("png", mode, depth, see_through, profile, one) for one in turned)
    for mode, of in (("grey", "grey"), ("colour", "colour"), *((m, "inks") for m in ("cmyk", "cmyk unmarked", "ycck"))):
        for profile in _profiles_for(of):
            yield from (Case("jpeg", mode, 8, "none", profile, one) for one in turned)
    for mode, see_through in (("colour", "none"), ("colour alpha", "alpha")):
        for profile in _profiles_for("colour"):
            yield from (Case("webp", mode, depth, see_through, profile, one) for depth in (7, 8) for one in (1, 6))
            yield from (Case("avif", mode, 8, see_through, profile, one) for one in turned)
    yield from _own_cases()


def _png_kinds() -> Iterator[tuple[str, int, str]]:
    yield from (("grey", depth, see) for depth in (1, 2, 4, 8, 16) for see in ("none", "key"))
    yield from (("palette", depth, see) for depth in (1, 2, 4, 8) for see in ("none", "one", "some"))
    for depth in (8, 16):
        yield from ((mode, depth, "alpha") for mode in ("grey alpha", "colour alpha"))
        yield from (("colour", depth, see) for see in ("none", "key"))


def _profiles_for(kind: str) -> tuple[str, ...]:
    """Return those of the kind, those that say nothing, and one of another kind."""
    return (*APPLIED[kind], *HARMLESS, "swapped" if kind == "grey" else "linear")


def _own_cases() -> Iterator[Case]:
    for mode, depth, kind in (
        ("one bit", 1, "grey"), ("grey", 8, "grey"), ("grey", 16, ""), ("grey alpha", 8, "grey"),
        ("palette", 8, "colour"), ("colour", 8, "colour"), ("colour alpha", 8, "colour"), ("cmyk", 8, "inks"),
    ):  # fmt: skip
        see_through = "alpha" if mode.endswith("alpha") else "none"
        for profile in _profiles_for(kind) if kind else ("none",):
            yield from (Case("tiff", mode, depth, see_through, profile, one) for one in range(1, 9))
    yield from (Case("gif", "palette", 8, see_through, "none", UPRIGHT) for see_through in ("none", "one"))


def some_cases() -> list[Case]:
    """Return one case of each kind of file, with profiles and orientations in turn."""
    kinds: dict[tuple[object, ...], list[Case]] = {}
    for case in cases():
        kinds.setdefault((case.format, case.mode, case.depth, case.see_through), []).append(case)
    return [of_kind[number * 13 % len(of_kind)] for number, of_kind in enumerate(kinds.values())]
