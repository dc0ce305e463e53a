"""C18, K7: ids and texts of headings are those of Astro 7."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.model.markdown import render
from tests.api.editing import ARTICLES
from tests.conftest import reconcile
from tests.content.astro_functions import rendered
from tests.trust.poison import yaml_file

EXAMPLES = int(os.environ.get("CMS_TEST_HEADINGS", "600"))
PIECES = (
    "Hello", "wörld", "`code`", "`a < b`", "*em*", "<b>bo</b>", "<!-- c -->", "<!-->", "<a name='x'></a>",
    "![alt](x.png)", "[link](http://x.org/a_b)", "&amp;", "&nbsp;", "\u00a0", "\u3000", "  ", "🅰️", "Ⓜ️", "👩‍💻", "?",
    "…", "第一章", "ខ្មែរ", "İ", "ΑΣ", "ς", "\\*", "\\<", "<br>", "<https://x.org>", "~~del~~", "[^1]", "a_b", "{x}",
    '"q"', "it's", "--", "<kbd>K</kbd>", "<!DOCTYPE x>", "<?php a?>", "<a@b.org>", "&lt;i&gt;", "x²", "½", "①", "ﬁ",
    "|", "<x-y z='a>b'>", "<script>s</script>", "<svg><title>t</title></svg>", "&#x41;", "\t", "<img src=a.png alt=z>",
)  # fmt: skip
CASES = {
    "## 🅰️ A": ("🅰️-a", "🅰️ A"),
    "## Ⓜ️ Metro": ("ⓜ️-metro", "Ⓜ️ Metro"),
    "## Pourquoi ?": ("pourquoi-", "Pourquoi ?"),
    "## Pourquoi\u00a0?": ("pourquoi", "Pourquoi\u00a0?"),
    "## How&nbsp;is it?": ("howis-it", "How\u00a0is it?"),
    "## 第一章\u3000はじめに": ("第一章はじめに", "第一章\u3000はじめに"),
    "## Title <!-- omit in toc -->": ("title-", "Title "),
    '## <a name="x"></a> Named': ("-named", " Named"),
    "## two  spaces": ("two--spaces", "two  spaces"),
    "## ![logo](x.png) Name": ("-name", " Name"),
    "one\ntwo\n===": ("onetwo", "one\ntwo"),
}


def test_ids_and_texts_are_those_of_the_site(ctx: Context, client: FlaskClient, site: Path) -> None:
    body = "\n\n".join(CASES)
    (site / "src/content/news/headings.md").write_bytes(yaml_file("") + body.encode())
    reconcile(ctx)
    found = client.get(f"{ARTICLES}/news/headings").get_json()
    assert [(one["slug"], one["text"]) for one in found["headings"]] == list(CASES.values())
    assert all(f'id="{slug}"' in found["html"] for slug, _ in CASES.values())


@pytest.mark.parametrize(
    "raw", ["<h2>Intro</h2>", "<H2>Intro</H2>", "<h2 id='z'>Intro</h2>", "<div><h2>Intro</h2></div>"]
)
def test_a_heading_in_html_gets_no_id_and_does_not_count(raw: str) -> None:
    found = render(f"## Intro\n\n{raw}\n\n## Intro\n\n`<h2>`\n\na <h3>b</h3> c\n")
    assert [heading.slug for heading in found.headings] == ["intro", "intro-1"]
    assert "sourcepos" not in found.html
    assert "<h3>b</h3>" in found.html


def test_equal_headings_are_numbered_as_github_slugger_does() -> None:
    found = render("# a\n\n# a\n\n# a-1\n\n# a\n\n# ?\n\n# !\n\n# A\n")
    assert [heading.slug for heading in found.headings] == ["a", "a-1", "a-1-1", "a-2", "", "-1", "a-3"]


def _body(chance: random.Random) -> str:
    headings: list[str] = []
    for _ in range(chance.randint(1, 4)):
        text = "".join(chance.choice(PIECES) + chance.choice(("", " ")) for _ in range(chance.randint(1, 5)))
        under = f"{text}\n{chance.choice(PIECES)}\n{chance.choice(('===', '---'))}"
        kinds = (f"{'#' * chance.randint(1, 6)} {text}", f"## {text} ##", under, f"<h2>{text}</h2>", f"> # {text}")
        headings.append(chance.choice(kinds))
    return "\n\n".join(headings) + chance.choice(("", "\n\n[^1]: foo"))


def _plain(text: str) -> str:
    """Return the text without quotes and emphasis, of which renderers differ."""
    return re.sub("[\u2018\u2019\u201c\u201d\"'*]", "", text)


def test_generated_headings_are_those_of_astro(nodejs: str) -> None:
    chance = random.Random(18)
    bodies = [_body(chance) for _ in range(EXAMPLES)]
    for body, site in zip(bodies, rendered(7, bodies), strict=True):
        ours = [(one.depth, one.slug, _plain(one.text)) for one in render(body).headings]
        theirs = [(one["depth"], one["slug"], _plain(one["text"])) for one in site["headings"]]
        assert ours == [one for one in theirs if one[1] != "footnote-label"], body
