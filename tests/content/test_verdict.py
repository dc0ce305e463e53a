"""Front matter has the site's verdict, both ways: what js-yaml reads is read, with its value; the rest is refused.

`CMS_TEST_FRONT_MATTERS=100000` tries so many generated front matters, always others; without it some 1,500, the same
each time.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from cms.errors import Invalid
from cms.model.frontmatter_format import FENCES, HANDLERS
from tests.components import ASTRO, PACKAGE, node_with_packages
from tests.conftest import REAL, SAMPLE
from tests.content.verdict import compared, plain
from tests.content.yaml_mutations import damaged, front_matters
from tests.counted import Told
from tests.javascript import read_in_javascript
from tests.model.reading import LIMITS, read

COUNT = int(os.environ.get("CMS_TEST_FRONT_MATTERS", "0"))
AT_ONCE = 10_000
EXCEPTIONS = {"yaml_tag", "yaml_key", "not_a_mapping", "no JSON", "half of a surrogate pair"}


def packages_by_parser() -> dict[str, Path]:
    """Return for each version of js-yaml that a locked Astro carries the folder of one such Astro."""
    found = {}
    for folder in (ASTRO / "5", ASTRO / "6", PACKAGE):
        lock = json.loads((folder / "package-lock.json").read_text())
        found[lock["packages"]["node_modules/js-yaml"]["version"]] = folder
    return found


def real_front_matters() -> list[str]:
    """Return the YAML of the sample site, and of the real one when there is one."""
    texts = [
        path.read_bytes().decode()
        for site in sorted({SAMPLE, REAL})
        for path in sorted(site.rglob("src/content/**/*.md"))
    ]
    matches = [match for text in texts if (match := FENCES.match(text)) and match[1] == "---"]
    return [match[2].lstrip("\n") for match in matches]


def judged(texts: list[str], package: Path, counts: Counter[str]) -> dict[str, str]:
    """Count the verdicts on the front matters; return the differences, which ought to be none."""
    files = [f"---\n{text}---\nBody\n" for text in texts]
    sites = read_in_javascript(node_with_packages(package), files, package)
    differences = {}
    for text, site in zip(files, sites, strict=True):
        word, difference = compared(text, site)
        counts[word] += 1
        if difference:
            differences[text] = difference
    return differences


@pytest.mark.parametrize("version", packages_by_parser())
def test_generated_front_matter_has_the_verdict_of_the_site(nodejs: str, version: str, counted: Told) -> None:
    package, counts = packages_by_parser()[version], Counter[str]()
    seed = random.randrange(10**9) if COUNT else 21
    for first in range(0, COUNT or 1_200, AT_ONCE):
        texts = front_matters(seed + first, min(AT_ONCE, (COUNT or 1_200) - first))
        differences = judged(texts, package, counts)
        assert differences == {}, f"seed {seed + first}"
    counted(counts)
    assert counts["same"] > sum(counts.values()) / 6
    assert counts.keys() <= {"same", "refused", *EXCEPTIONS}


@pytest.mark.parametrize("version", packages_by_parser())
def test_damaged_real_front_matter_has_the_verdict_of_the_site(nodejs: str, version: str, counted: Told) -> None:
    wholes = real_front_matters()
    seed = random.randrange(10**9) if COUNT else 21
    dice = random.Random(seed)
    texts = wholes + [damaged(dice, dice.choice(wholes)) for _ in range(COUNT // 4 or 300)]
    counts = Counter[str]()
    ended = [text if text.endswith("\n") else text + "\n" for text in texts]
    assert judged(ended, packages_by_parser()[version], counts) == {}, f"seed {seed}"
    counted(counts)
    assert counts["same"] > len(texts) / 3


def test_what_is_written_anew_reads_back_the_same(nodejs: str) -> None:
    """Values of generated front matter, in the words of our own writer."""
    written: dict[str, object] = {}
    for text in front_matters(22, 1_500):
        try:
            data = read(f"---\n{text}---\n".encode()).data
        except Invalid:
            continue
        written[f"---\n{HANDLERS['yaml'].export(data, limits=LIMITS)}\n---\n"] = plain(data)
    sites = read_in_javascript(nodejs, list(written))
    assert [plain(site.get("value", site)) for site in sites] == list(written.values())
    assert len(written) > 200
