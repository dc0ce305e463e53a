"""TOML front matter beside the site's own parser, smol-toml: what that refuses is refused, and values are the same.

Broken here alone is what TOML 1.1 adds: `\\e` and `\\x41`, inline tables over several lines or with a last comma, times
without seconds; besides days that no month has, and numbers without JSON. Times of day are text here. Within texts over
several lines a CRLF is read as LF here.
"""

from __future__ import annotations

import json
import random
import subprocess
from datetime import UTC, date, datetime

from cms.errors import Invalid
from cms.model.frontmatter_format import HANDLERS
from tests.components import PACKAGE
from tests.model.reading import LIMITS

READ = """
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
const { parse } = await import(pathToFileURL(createRequire(process.argv[1]).resolve('smol-toml')).href);
const plain = (value) => {
  if (value instanceof Date) return value.isTime() ? value.toISOString().slice(0, 8) : { $date: +value };
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
};
const read = (text) => {
  try {
    return { value: plain(parse(text)) };
  } catch (error) {
    return { error: `${error}` };
  }
};
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(read)));
"""

SAMPLE = """title = "Rivers: \\u201cshort\\u201d \\U0001F389 \\t" # c
date = 2025-06-24
updated = 2025-06-24T10:00:00.123+07:00
local = 1979-05-27 00:32:00
at = 07:32:00
draft = false
numbers = [10, -0.5, 1.5e3, 0x1F, 0o17, 0b101, 1_000]
tags = ["water", 'rivers & lakes',
  "x", # one
]
author = {name = "Sok Dara", url = "https://example.org/a?b=c#d"}
a.b.c = 1
a."d e" = '''
raw \\n
'''
[extra]
text = \"\"\"
Some \\
   folded\"\"\"
[[links]]
label = "Home"
[[links]]
label = "Docs"
[links.sub]
x = [[1, 2], ["a"], {b = 1}]
"""
PIECES = [
    "\t", "\n", "\r", "\r\n", " ", "=", "= ", ".", "[", "]", "[[", "]]", "{", "}", ",", "#", '"', "'", '"""', "'''",
    "\\", "\\n", "\\u00e9", "\\ud83c", "1", "_", "+", "-", "0x", "0o8", "0b1", "1e5", "1.", "true", "True", "é",
    "2025-01-01", "2025-01-01 10:00:00.123456Z", "9007199254740993", "9223372036854775808", "\x07", "\x7f", "\ufeff",
    "\x85", "\0", "a = 1\n", "a.b = 1\n", "[a]\n", "[[a]]\n", "[links]\n", "{a = 1, b = 2}", "[1,\n2]", '"a" = 1\n',
]  # fmt: skip


def generated(count: int) -> list[str]:
    """Return the sample with small damages, the same ones each time."""
    dice = random.Random(21)
    texts = [SAMPLE]
    for _ in range(count - 1):
        text = SAMPLE
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            at = dice.randint(0, len(text))
            gone = dice.choice([0, 0, 0, 1, 2, 8, 30])
            text = text[:at] + dice.choice(["", *PIECES]) + text[at + gone :]
        texts.append(text)
    return texts


def plain(value: object) -> object:
    """Return a value as Node gives it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        return {"$date": round(moment.timestamp() * 1000)}
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def test_damaged_toml_is_refused_or_has_the_values_of_the_site(nodejs: str) -> None:
    texts = generated(1_500)
    command = [nodejs, "--input-type=module", "-e", READ, str(PACKAGE / "package.json")]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True, timeout=300)
    found: dict[str, object] = {}
    same = 0
    for text, site in zip(texts, json.loads(done.stdout), strict=True):
        try:
            ours = HANDLERS["toml"].load(text, limits=LIMITS)
        except Invalid:
            continue
        if "error" in site or plain(ours) != plain(site["value"]):
            found[text] = ours, site
        same += 1
    assert found == {}
    assert same > 200
