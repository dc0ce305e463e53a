"""A site of many articles of about 2 KB, the same each time."""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path

from tests.conftest import ROOT

SIZE = 2000
WORDS = sorted(set(re.findall(r"[a-z]{3,}", (ROOT / "README.md").read_text())))
COLLECTION = "news"
PHOTO_EVERY = 10
DRAFT_EVERY = 50
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "date": {"type": "string", "format": "date-time"},
        "rank": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "image": {"type": "string"},
        "draft": {"type": "boolean"},
    },
    "required": ["title", "date"],
}


def article(number: int, title: str | None = None, more: str = "") -> str:
    """One article of about 2 KB, with `more` front matter; each has other text."""
    date = f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}"
    lines = [f"---\ntitle: {title or f'Article {number}'}\ndate: {date}\n{more}---\n"]
    word = number
    while sum(map(len, lines)) < SIZE:
        picked = [WORDS[(word := (word * 1103515245 + 12345) % 2**31) % len(WORDS)] for _ in range(30)]
        heading, strong, rest = " ".join(picked[:3]), picked[3], " ".join(picked[4:])
        lines.append(f"## {heading}\n\n**{strong}** {rest}, [{picked[0]}](/{picked[1]}).\n")
    return "\n".join(lines)


def write_articles(folder: Path, count: int) -> None:
    for number in range(count):
        write(path_of(folder, number), article(number).encode())


def write_site(folder: Path, count: int) -> None:
    """Articles with fields that lists can be filtered and sorted by: the last of each ten is the translation of the one
    before it, one of `PHOTO_EVERY` shows a photo of its own, one of `DRAFT_EVERY` is a draft, and one of 16 without a
    `rank`."""
    for number in range(count):
        write(rich_path(folder, number), article(number, None, _fields(number)).encode())
        if number % PHOTO_EVERY == 0:
            write(folder / f"src/assets/{COLLECTION}/photo-{number}.png", _photo(number))
    write(folder / f"src/content/{COLLECTION}.schema.json", json.dumps(SCHEMA).encode())


def rich_path(folder: Path, number: int) -> Path:
    is_translation = number % 10 == 9
    path = path_of(folder, number - 1 if is_translation else number)
    return Path(str(path).replace("/en/", "/km/")) if is_translation else path


def path_of(folder: Path, number: int) -> Path:
    return folder / f"src/content/{COLLECTION}/en/{number % 100:02}/article-{number}.md"


def edit_one(folder: Path, title: str) -> Path:
    path = path_of(folder, 7)
    path.write_text(article(7, title))
    return path


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _fields(number: int) -> str:
    lines = [f"tags: [{WORDS[number % 40]}, {WORDS[40 + number % 7]}]"]
    if number % 16:
        lines.append(f"rank: {number * 7919 % 100_003}")
    if number % PHOTO_EVERY == 0:
        lines.append(f'image: "@/assets/{COLLECTION}/photo-{number}.png"')
    if number % DRAFT_EVERY == 7:
        lines.append("draft: true")
    return "".join(f"{line}\n" for line in lines)


def _photo(number: int) -> bytes:
    """A PNG of one pixel, unlike all others."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0" + number.to_bytes(3, "big"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
