"""Markdown made to hurt whoever reads the page, or whoever renders it: AC-27 and IB-45 of the catalogue.

What an author writes is kept as it is; `html`, which is shown as it is, holds nothing that runs. Front matter is data:
of a URL in it, the collection's schema decides.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from cms.model.markdown import render

SCHEMES = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "java&#10;script:alert(1)", " javascript:x",
    "&#106;avascript:x", "javascript&colon;x", "\x01javascript:x", "vbscript:x", "data:text/html,<script>x</script>",
    "data:image/svg+xml;base64,PHN2Zz4=", "file:///etc/passwd", "blob:x", "view-source:x", "&#x6A&#x61vascript:x",
    "javascript://%0aalert(1)", "feed:javascript:x", "jar:x", "\u200bjavascript:x",
]  # fmt: skip
PLACES = ["[a](<{}>)", "[a]({})", "![a](<{}>)", "[a][b]\n\n[b]: <{}>", "<{}>", '<a href="{}">a</a>',
          '<img src="{}">', '<form action="{}"><button formaction="{}">', '<p style="background:url({})">',
          '<svg><a xlink:href="{}">x</a></svg>', '<math href="{}">x</math>', '<base href="{}">',
          '<iframe src="{}">', '<object data="{}">', '<embed src="{}">', '<meta http-equiv=refresh content="0;url={}">',
          '<link rel=stylesheet href="{}">', '<video src="{}" poster="{}">', '<img srcset="{} 1x">']  # fmt: skip
RAW = [
    "<script>alert(1)</script>", "<ScRiPt >alert(1)</sCrIpT>", "<script\n>x", "<<script>x</script>", "<script src=//x>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>", '<img src="x`" `onerror=x>', "<svg onload=alert(1)>",
    "<svg><script>x</script></svg>", "<body onload=x>", "<details open ontoggle=x>", "<input autofocus onfocus=x>",
    "<iframe srcdoc='<script>x</script>'>", "<math><mtext><table><mglyph><style><img src=x onerror=x>",
    "<noscript><p title='</noscript><img src=x onerror=x>'>", "<template><script>x</script></template>",
    "<style>@import 'x'</style>", "<textarea><img src=x onerror=x></textarea>", "<xmp><script>x</script></xmp>",
    "<!--><img src=x onerror=x>-->", "<![CDATA[<script>x</script>]]>", "<?php echo 1 ?>", "<a\x00 href=javascript:x>",
    "# <img src=x onerror=x>", "`a` <b onclick=x>", "| <i onmouseover=x> |\n|---|\n",
    "[^1]\n\n[^1]: <script>x</script>",
    "{alert(1)}\n\nimport x from 'y'\n\n<Component client:load />",
    "<a href='x' target=_blank onclick=x>", "&lt;script>",
]  # fmt: skip
RUNS = {"script", "iframe", "object", "embed", "svg", "math", "style", "link", "meta", "base", "form", "template",
        "video", "audio", "frame", "body", "textarea", "button", "noscript"}  # fmt: skip
LINKS = {"href", "src", "cite", "action", "formaction", "poster", "data", "srcset", "xlink:href", "background"}


class Dangers(HTMLParser):
    """Whatever in HTML could run, or lead a browser out of the web."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag in RUNS else []
        for name, value in attrs:
            scheme = re.match(r"[\0-\x20]*([a-z][a-z0-9+.-]*):", re.sub(r"[\t\r\n]", "", value or "").lower())
            is_bad_link = name in LINKS and scheme and scheme[1] not in ("http", "https", "mailto")
            if name.startswith("on") or name in ("style", "srcdoc") or is_bad_link:
                self.found.append((tag, name, value))

    def handle_pi(self, data: str) -> None:
        self.found.append(data)


@pytest.mark.parametrize("place", PLACES)
def test_no_link_runs_anything(place: str) -> None:
    for scheme in SCHEMES:
        html = render(place.replace("{}", scheme)).html
        assert Dangers(html).found == [], html


@pytest.mark.parametrize("text", RAW)
def test_no_raw_html_runs_anything(text: str) -> None:
    for body in (text, f"a {text} b", f"- {text}\n", f"> {text}\n\n{text}", f"```x\n{text}\n```\n"):
        rendered = render(body)
        assert Dangers(rendered.html).found == [], rendered.html
        assert not any(Dangers(heading.text.replace("<", "&lt;")).found for heading in rendered.headings)


def test_the_search_for_dangers_finds_them() -> None:
    for text in ("<script>", "<a href='JavaScript:x'>", "<b onclick=x>", "<p style='x'>", "<?php ?>", "<svg>"):
        assert Dangers(text).found, text


PATHOLOGICAL = {
    "strong in emphasis": "*a **a " * 65_000,
    "openers": "a_ " * 65_000,
    "closers": "_a " * 65_000,
    "link closers": "a]" * 65_000,
    "link openers": "[a" * 65_000,
    "mismatched": "*a_ " * 50_000,
    "brackets": "[" * 50_000 + "a" + "]" * 50_000,
    "quotes": "> " * 50_000 + "a",
    "lists": "".join("  " * number + "* a\n" for number in range(1000)),
    "back-ticks": "".join("e" + "`" * number for number in range(1, 1000)),
    "unclosed links": "[a](<b" * 30_000,
    "unclosed comments": "</" + "<!--" * 50_000,
    "links to nothing": "[a](" * 50_000,
    "references": "".join(f"[{number}]: u\n" for number in range(15_000)) + "[0] " * 15_000,
    "a table": "|" + "x|" * 3000 + "\n|" + "-|" * 3000 + "\n" + "|\n" * 100,
    "autolinks": "www." * 50_000,
    "entities": "&" * 100_000,
    "footnotes": "[^a]" * 10_000 + "\n\n[^a]: b\n",
    "headings": "# a\n" * 10_000,
    "strikes": "~~a " * 65_000,
    "HTML": "<b>" * 60_000,
    "images": "![" * 60_000,
    "smart quotes": "\"'" * 100_000,
    "NULs": "abc\0" * 100_000,
    "Khmer": "ក្រសួង" * 50_000,
    "headings that never end": "<h1>" * 100_000,
    "headings that end as others": "<h1>a</h2>" * 25_000,
    "nested HTML": "<div>" * 100_000,
    "nested HTML that ends": "<section>" * 40_000 + "</section>" * 40_000,
    "addresses": "a@b.c " * 100_000,
}
"""The attacks of cmark's own tests, and what else grows; each within the size that an article may have."""


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_ib_45_what_costs_other_renderers_too_much_ends(name: str) -> None:
    body = PATHOLOGICAL[name]
    assert len(body.encode()) <= 1 << 20
    render(body)


def test_what_is_nested_beyond_all_reason_is_shown_as_text() -> None:
    assert "<blockquote>" in render("> " * 900 + "a").html
    deep = render("> " * 1100 + "a <b>")
    assert deep.html == f"<pre>{'&gt; ' * 1100}a &lt;b&gt;</pre>"
    assert (deep.headings, deep.images) == ((), ())
    assert render("<p>a\n" * 3000).html.count("<p>") == 3000


def test_addresses_are_links_unless_a_line_is_full_of_them() -> None:
    assert render("a@example.org " * 100).html.count("mailto:") == 100
    assert render("a@example.org\n" * 3000).html.count("mailto:") == 3000
    assert render("a@example.org " * 101).html.count("mailto:") == 0
