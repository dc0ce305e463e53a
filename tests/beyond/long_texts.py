"""Texts that no database compresses, of so many bytes of UTF-8, and places where an article holds a text."""

from __future__ import annotations

import json
import os
import random
import string
from collections.abc import Iterator
from typing import Any

ALL = bool(os.environ.get("CMS_TEST_SIZES"))
SIZES = (2700, 2704, 2705, 8191, 8192, 60_000) if ALL else (2704, 8192)
SCRIPTS = {"ascii": string.ascii_lowercase + string.digits, "khmer": "".join(map(chr, range(0x1780, 0x17A3)))}

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "where": {"type": "object", "properties": {"town": {"type": "string"}}},
            "staff": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
            "links": {"type": "object", "additionalProperties": {"type": "string"}},
            "next": {"type": "string"},
        },
    }
)
ANNOTATION = json.dumps({"references": {"next": "shops"}})


def text_of(size: int, script: str, seed: int = 0) -> str:
    """Return a text of so many bytes, the same each time."""
    chance, letters = random.Random(f"{size} {script} {seed}"), SCRIPTS[script]
    width = len(letters[0].encode())
    return "".join(chance.choices(letters, k=size // width)) + "x" * (size % width)


def texts() -> Iterator[tuple[str, str]]:
    """Yield each text after a name for it."""
    for size in SIZES:
        for script in SCRIPTS:
            yield f"{script}-{size}", text_of(size, script)


def values_with(text: str) -> dict[str, Any]:
    """Return front matter for each place where an article holds a text, by the pointer of the place."""
    return {
        "/data/title": {"title": text},
        "/data/tags/0": {"tags": [text, "short"]},
        "/data/where/town": {"where": {"town": text}},
        "/data/staff/0/name": {"staff": [{"name": text}]},
        "/data/links/home": {"links": {"home": text}},
        "/data/links": {"links": {text: "x"}},
        "/data/next": {"next": text},
        "/data/extra": {"extra": text},
        "/data/cover": {"cover": f"@/assets/{text}.jpg"},
        "/data/slug": {"slug": text},
    }


BODIES = {
    "photo": "![x](@/assets/{}.jpg)",
    "folders": "![x](../../assets/{}/x.jpg)",
    "nul": "![x](@/assets/%00{}.jpg)",
    "word": "{}",
    "marks": "\u1780{}",
    "heading": "# {}",
    "link": "[x](https://example.com/{})",
}
"""Bodies with a text in them."""


def file_with(data: dict[str, Any], body: str = "") -> bytes:
    """Return a Markdown file; JSON is YAML."""
    return f"---\n{json.dumps(data, ensure_ascii=False)}\n---\n{body}\n".encode()
