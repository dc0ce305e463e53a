"""Front matter means to us what it means to the site: js-yaml, in Node, is asked about the same texts."""

from __future__ import annotations

import random

import pytest

from cms.model import ids
from tests.conftest import REAL, ROOT, SAMPLE
from tests.content.verdict import compared
from tests.javascript import read_in_javascript

AWKWARD = ROOT / "tests/awkward"

SCALARS = """
yes no on off y n True FALSE true tRue ~ null Null NULL nUll
0 -0 +1 00 012 0o14 0o8 0b11 0b2 0x1F 0xg -0x1f 1e3 5e-3 1.5e+10 1.e3 .5 -.5 +.5 5. . .e3 1_000 0x1_f 1e 1e+
12:30:45 190:20:30.15 1:2 9007199254740993 -9007199254740993 123456789012345678901234567890 0.1e400
2025-06-24 2025-6-4 2025-02-30 0001-01-01 0025-01-01 9999-12-31 2025-13-01 2025-00-10
2025-06-24T10:00:00 2025-06-24t10:00:00.123456Z 2025-06-24T10:00:00+07:00 2025-06-24T10:00:00+0700
2025-06-24T10:00:00-07 2025-06-24T24:00:00Z 2025-06-24T10:60:00Z 2025-06-24T10:00 2025-1-1T1:02:03.5Z
= << <<x - -- --- -a ?a :a a:b a#b #a @a `a %a !a &a *a |a >a {a [a ]a }a ,a 'a "a a' a"
.inf -.Inf .NaN .nan inf nan NaN Infinity 1e400
ក្រសួង ១២៣ é 🎉
""".split()  # noqa: SIM905  a list of these would hide them
SCALARS += ["\u200b", "\u00a0x", "x\u2028y", "\ufeffx"]
SCALARS += [
    "2025-06-24 10:00:00", "2025-06-24 10:00:00 +7", "2025-06-24   10:00:00Z", "a b", "a  b", "a: b", "a #b", "- a",
    "? a", "''", '""', "'a''b'", '"a\\tb\\u1780\\x41\\"\\/"', '"\\q"', "'a", '"a', "[a, b]", "[a, [b, {c: d}]]",
    "{a: 1, b: }", "{a, b}", "[a: b]", "!!str 12", "!!int 12", "!!float 1", "!!bool true", "!!null x", "!foo x",
    "!!binary aGk=", "|\n  a\n   b", ">-\n  a\n  b\n\n  c", "|+\n  a\n\n", "\n  - a\n  - b: 1\n    c: 2",
    "\n- a\n-\n- - b", "\n  a: 1\n  b:\n    c: 2", "\n  a: 1\n  a: 2", "a\n  b\n  c", "&x a", "*x", "|2\n   a",
    "a\tb", "\ta", "a ", "'a\n  b'", '"a\n\n  b \\\n  c"',
]  # fmt: skip
KEYS = [
    "title", "'a b'", '"c:d"', "2025", "true", "~", "1.50", "0x10", "2025-06-24", "ក្រសួង", "a b", "<<", "=", "-",
    "__proto__", "no",
]  # fmt: skip


def generated(number: int) -> list[str]:
    """Front matters made of the pieces above, the same ones each time."""
    dice = random.Random(20)
    texts = [f"key: {scalar}\n" for scalar in SCALARS] + [f"{key}: value\n" for key in KEYS]
    while len(texts) < number:
        lines = []
        for _ in range(dice.randint(1, 4)):
            key, value = dice.choice(KEYS), dice.choice(SCALARS)
            shape = dice.randint(0, 4)
            if shape == 0 or "\n" in value:
                lines.append(f"{key}: {value}")
            elif shape == 1:
                lines += [f"{key}:", f"  - {value}", f"  - {dice.choice(KEYS)}: {value}"]
            elif shape == 2:
                lines += [f"{key}:", f"  {dice.choice(KEYS)}: {value}", f"  {dice.choice(KEYS)}: x # note"]
            elif shape == 3:
                lines.append(f"{key}: [{value}, x]")
            else:
                lines.append(f"{key}: {{{dice.choice(KEYS)}: {value}}}")
        texts.append("\n".join(lines) + "\n")
    return texts


def test_every_front_matter_in_the_suite_reads_the_same(nodejs: str) -> None:
    folders = {SAMPLE / "src/content", REAL / "src/content", AWKWARD}
    paths = [path for folder in sorted(folders) for path in sorted(folder.rglob("*.md"))]
    texts = [path.read_bytes().decode() for path in paths]
    yaml = [text for text in texts if not text.startswith("+++")]
    found = [compared(text, site) for text, site in zip(yaml, read_in_javascript(nodejs, yaml), strict=True)]
    assert [difference for _, difference in found if difference] == []
    assert len(yaml) >= 30
    assert any(ids.is_article(str(path.relative_to(REAL))) for path in paths if path.is_relative_to(REAL))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_generated_front_matter_reads_the_same(nodejs: str, newline: str) -> None:
    texts = [f"---\n{raw}---\nBody\n".replace("\n", newline) for raw in generated(4000)]
    sites = read_in_javascript(nodejs, texts)
    found = {
        text: difference for text, site in zip(texts, sites, strict=True) if (difference := compared(text, site)[1])
    }
    assert found == {}
    assert sum("value" in site for site in sites) > 1000
