"""What is read out of sanitised HTML is what the standard library's parser reads there."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from cms.model import html_text
from cms.model.markdown import render

PIECES = (
    '<img src="a.png" alt="x > y \' &quot; b">', '<img alt="</p>" src=x.jpg>', '<img src="">', "<img>", "![a](b.png)",
    "![<p>](c.png \"alt=' src=\")", "<p>", "</p>", "<p class=x>", "<b>", "&amp;", "&lt;", "&", "&am", "p;", "<", ">",
    '"', "<script>x</script>", "<style>p{}</style>", "<!-- c -->", '<a href="/x" title="<p>">', "</a>", "\n\n",
    "# a <em>x</em>\n",
    "<title>x</title>", "<textarea><p>x", "<plaintext>", "<svg><p>x</p></svg>", "<td><p>x", "&nbsp;", "\u00a0", "\x00",
    "<![CDATA[x]]>", "<![a", "<br/>", "&#60;p&#62;", "“x”", "ក្រសួង", "word ", "- [ ] x\n", "[^1]\n\n[^1]: note\n",
)  # fmt: skip
bodies = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=15).map("".join)


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = self.readable = ""
        self.paragraphs: list[str] = []
        self.images: list[tuple[str, str]] = []
        self.is_in_paragraph = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "p":
            self.is_in_paragraph = True
            self.paragraphs.append("")
        found = dict(attrs)
        if tag == "img" and (source := found.get("src")):
            self.images.append((source, found.get("alt") or ""))
            self.readable += f" {found.get('alt') or ''} "

    def handle_endtag(self, tag: str) -> None:
        self.is_in_paragraph = self.is_in_paragraph and tag != "p"

    def handle_data(self, data: str) -> None:
        self.text += data
        self.readable += data
        if self.is_in_paragraph:
            self.paragraphs[-1] += data


@given(bodies)
def test_it_reads_what_a_parser_reads(body: str) -> None:
    rendered = render(body)
    clean, reader = rendered.html, Reader(rendered.html)
    assert html_text.text(clean) == reader.text
    assert html_text.readable(clean) == rendered.readable == reader.readable
    assert html_text.images(clean) == list(rendered.images) == reader.images
    assert list(html_text.paragraphs(clean)) == reader.paragraphs


def test_tags_in_a_heading_are_not_in_its_id() -> None:
    (first, second) = render("# a <script>x</script> <b class=y>c</b>\n\n# d <![e f]> g\n").headings
    assert (first.text, first.slug) == ("a x c", "a-x-c")
    assert second.slug.startswith("d-")
