"""Quotes, dashes and ellipses of rendered articles are those of Astro 7."""

from __future__ import annotations

import os
import random
import re
from html.parser import HTMLParser
from pathlib import Path

from flask.testing import FlaskClient

from cms.context import Context
from cms.model.markdown import render
from tests.api.editing import ARTICLES
from tests.conftest import reconcile
from tests.content.astro_functions import rendered
from tests.trust.poison import yaml_file

EXAMPLES = int(os.environ.get("CMS_TEST_PUNCTUATION", "1500"))
CASES = {
    'He said "it\'s -- well --- over..."': "He said “it’s – well — over…”",
    '见"甲"乙, ច្បាប់"ថ្មី"': "见“甲”乙, ច្បាប់“ថ្មី”",
    'id="-p" alt="" x': "id=“-p” alt=“” x",
    "'a 'b' c' of the '90s, rock 'n' roll": "’a ‘b’ c’ of the ’90s, rock ‘n’ roll",
    "a\"b *c\"d* e\"f ['g'](h)'s": 'a“b <em>c”d</em> e“f <a href="h" rel="noopener noreferrer">‘g’</a>’s',
    'a"b [c"d](x) e"f': 'a“b <a href="x" rel="noopener noreferrer">c“d</a> e”f',
    "\\\"a\\\" it\\'s &quot;b&quot; 'c'": '"a" it\'s "b" ‘c’',
    '`"a"--` <b title="\'t\'">"c"</b>': '<code>"a"--</code> <b title="\'t\'">“c”</b>',
    "”a“ &ldquo;b&ldquo; \"c\" ’d‘ `“` 'e'": "”a“ “b“ “c” ’d‘ <code>“</code> ‘e’",
    '![it\'s a"b"](https://x.org \'a"t"\')': '<img src="https://x.org" alt="it’s a“b”" title="a&quot;t&quot;">',
    '6\'2"x4, a"1"': "6’2”x4, a“1”",
    "(“a \"\"b\"\" ''c''": "(“a ““b”” ’‘c’’",
    'a"https://x.org b"c': 'a“<a href="https://x.org" rel="noopener noreferrer">https://x.org</a> b”c',
}
PIECES = (
    *['"'] * 8, *["'"] * 6, "--", "---", "...", "....", "-", "甲", "见", "ខ្មែរ", "word", "é", "a", "(", ")", ".", ",",
    "=", "?", "“", "”", "‘", "’", "—", '[a "b" c](x)', "[it's](y 'ti\"t')", "*", "_", "~~", "`c\"d'`", '\\"', "\\'",
    "&quot;", "&amp;", "&rsquo;", "x<b>", "x</b>", "![al\"t' x](https://x.org/p.png)", "https://x.org ", "[^1]", "\n",
    "  \n", "1", "€", "😀", "\u00a0", "\u200b", '*"em"*', "**'st'**", "[", "](z)", "\n\n", "\n- ", "\n> ", "\n## ",
)  # fmt: skip


class _Text(HTMLParser):
    """Collects the text and the alt texts of HTML, without white space."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += "".join(data.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_data((dict(attrs).get("alt") or "") if tag == "img" else "")


def _straight(text: str) -> str:
    """Return the text with all quotes equal."""
    return re.sub("[“”‘’']", '"', text)


def test_quotes_dashes_and_ellipses_are_those_of_the_site(ctx: Context, client: FlaskClient, site: Path) -> None:
    body = "\n\n".join(CASES)
    (site / "src/content/news/quotes.md").write_bytes(yaml_file("").removesuffix(b"x\n") + body.encode())
    reconcile(ctx)
    found = client.get(f"{ARTICLES}/news/quotes").get_json()
    assert found["html"].split("\n") == [f"<p>{html}</p>" for html in CASES.values()] + [""]
    assert found["excerpt"] == "He said “it’s – well — over…”"


def test_headings_and_tables_have_quotes_of_their_own(ctx: Context, client: FlaskClient, site: Path) -> None:
    body = '## "Open a"b\n\n## c"d -- \'e\'\n\n| f"g | h"i |\n|---|---|\n| j"k | "l" |\n'
    (site / "src/content/news/quotes.md").write_bytes(yaml_file("").removesuffix(b"x\n") + body.encode())
    reconcile(ctx)
    found = client.get(f"{ARTICLES}/news/quotes").get_json()
    headings = [(one["slug"], one["text"]) for one in found["headings"]]
    assert headings == [("open-ab", "“Open a”b"), ("cd--e", "c“d – ‘e’")]
    assert re.findall("<t[hd]>(.*?)<", found["html"]) == ["f“g", "h“i", "j“k", "“l”"]


def test_no_single_quote_opens_after_a_footnote() -> None:
    assert "</sup>’’ b" in render("a[^1]'' b\n\n[^1]: c\n").html


def test_generated_texts_have_the_quotes_of_astro(nodejs: str) -> None:
    chance = random.Random(21)
    bodies = [
        "z" + "".join(chance.choice(PIECES) + chance.choice(("", " ")) for _ in range(chance.randint(3, 14)))
        for _ in range(EXAMPLES)
    ]
    compared = 0
    for body, site in zip(bodies, rendered(7, bodies), strict=True):
        ours, theirs = _Text(render(body).html).text, _Text(site["html"]).text
        if _straight(ours) == _straight(theirs):  # the renderers agree on what is text
            assert ours == theirs, body
            compared += 1
    assert compared > 0.9 * EXAMPLES
