"""A site of many articles of about 2 KB, the same each time."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT

SIZE = 2000
WORDS = sorted(set(re.findall(r"[a-z]{3,}", (ROOT / "README.md").read_text())))


def article(number: int, title: str | None = None) -> str:
    """One article of about 2 KB; each has other text."""
    lines = [f"---\ntitle: {title or f'Article {number}'}\ndate: 2025-{number % 12 + 1:02}-{number % 28 + 1:02}\n---\n"]
    word = number
    while sum(map(len, lines)) < SIZE:
        picked = [WORDS[(word := (word * 1103515245 + 12345) % 2**31) % len(WORDS)] for _ in range(30)]
        heading, strong, rest = " ".join(picked[:3]), picked[3], " ".join(picked[4:])
        lines.append(f"## {heading}\n\n**{strong}** {rest}, [{picked[0]}](/{picked[1]}).\n")
    return "\n".join(lines)


def write_articles(folder: Path, count: int) -> None:
    for number in range(count):
        path = path_of(folder, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(article(number))


def path_of(folder: Path, number: int) -> Path:
    return folder / f"src/content/news/en/{number % 100:02}/article-{number}.md"


def edit_one(folder: Path, title: str) -> Path:
    path = path_of(folder, 7)
    path.write_text(article(7, title))
    return path
