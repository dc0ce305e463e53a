"""K9: the database of a site takes at most four times the bytes of its articles."""

from __future__ import annotations

import random
from pathlib import Path

from cms.database import search
from cms.database.engine import read
from tests.bench.made_site import WORDS
from tests.conftest import close, make_context, make_settings
from tests.counted import Told

MOST = 4.0
ARTICLES = 240
KHMER = (
    "សាលា រៀន សិស្ស គ្រូ កម្ពុជា ខេត្ត មជ្ឈមណ្ឌល បច្ចេកវិទ្យា សហគមន៍ ក្រសួង ប្រៃសណីយ៍ ទូរគមនាគមន៍ ឌីជីថល ការ បាន នៅ ក្នុង និង"
    " ដែល មាន ជា ពី ដើម្បី ឆ្នាំ ថ្ងៃ លោក ប្រជាជន គម្រោង បណ្តុះបណ្តាល ជំនាញ កុំព្យូទ័រ ភូមិ ស្រុក ចូលរួម ផ្តល់ សេវា អភិវឌ្ឍន៍ យុវជន"
)


def prose(chance: random.Random, words: list[str], size: int, space: str) -> str:
    """Paragraphs of so many bytes: as in any language, some words come again and again, and most seldom."""
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    paragraphs: list[str] = []
    while sum(len(one.encode()) + 2 for one in paragraphs) < size:
        sentences = [space.join(chance.choices(words, weights, k=chance.randint(8, 24))) for _ in range(4)]
        paragraphs.append(". ".join(sentences) + ".")
    return "\n\n".join(f"## {one[:30]}\n\n{one}" if number % 4 == 1 else one for number, one in enumerate(paragraphs))


def write_site(folder: Path) -> int:
    """Write articles of 1 to 10 KB, half of them Khmer; return their bytes."""
    chance, total = random.Random(21), 0
    english = [*WORDS]
    chance.shuffle(english)
    for number in range(ARTICLES):
        locale, words, space = (("en", english, " "), ("km", KHMER.split(), ""))[number % 2]
        title = prose(chance, words, 1, space)[:60]
        body = prose(chance, words, chance.randint(1_000, 10_000), space)
        date = f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}"
        tags = ", ".join(chance.sample(WORDS[:40], 2))
        front = (
            f"title: {title}\ndescription: {body[:150]!r}\ndate: {date}\nauthor: Writer {number % 7}\ntags: [{tags}]\n"
        )
        data = f"---\n{front}---\n\n{body}\n".encode()
        path = folder / f"src/content/news/{locale}/{number:03}-{chance.choice(WORDS)}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        total += len(data)
    return total


def test_the_database_takes_at_most_four_times_the_content(tmp_path: Path, counted: Told) -> None:
    """As the file is after the first pass over the site: nothing is compacted for it."""
    content = write_site(tmp_path / "site")
    path = tmp_path / "database/cms.db"
    ctx = make_context(make_settings(tmp_path / "site", f"sqlite:///{path}"))
    try:
        with read(ctx.database) as tx:
            assert search.number(tx) == ARTICLES
        size = sum(file.stat().st_size for file in path.parent.glob("cms.db*") if not file.name.endswith("-shm"))
    finally:
        close(ctx)
    counted({"bytes of the database for each byte of content": round(size / content, 2)})
    assert size <= MOST * content
