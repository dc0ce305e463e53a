"""Renders an article's body to safe HTML, and reads headings, images and an excerpt from it.

GitHub's Markdown with smart punctuation, as Astro renders by default; raw HTML passes through the sanitiser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from html.parser import HTMLParser

import comrak
import nh3

from cms.model.ids import cut, slug

EXCERPT_CHARACTERS = 280

_LONGEST_KEPT = 20_000
_HEADING = re.compile(r"<h([1-6])>(.*?)</h\1>", re.DOTALL)
_SPACE = re.compile(r"\s+")
_TAGS = nh3.ALLOWED_TAGS | {"input", "section", "figure", "figcaption"}
_ATTRIBUTES = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
for _tag in ("h1", "h2", "h3", "h4", "h5", "h6", "li", "sup", "section"):
    _ATTRIBUTES.setdefault(_tag, set()).add("id")
_ATTRIBUTES["input"] = {"type", "checked", "disabled"}
_ATTRIBUTES["a"] |= {"id"}
_ATTRIBUTES["code"] = {"class"}


@dataclass(frozen=True, slots=True)
class Heading:
    depth: int
    slug: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """`images` are pairs of source, percent-encoded as in a URL, and alt text, in order."""

    html: str
    headings: tuple[Heading, ...]
    images: tuple[tuple[str, str], ...]
    excerpt: str
    readable: str


def render(body: str) -> Rendered:
    """The body as HTML; image sources are as the author wrote them until `place_images`."""
    return _render_again(body) if len(body) <= _LONGEST_KEPT else _render(body)


@lru_cache(maxsize=64)
def _render_again(body: str) -> Rendered:
    """A save reads the article before and after, and most leave the body as it is."""
    return _render(body)


def _render(body: str) -> Rendered:
    html, headings = _with_heading_ids(comrak.render_markdown(body, _EXTENSIONS, _PARSING, _RENDERING))
    clean = nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES)
    reader = _read(clean)
    return Rendered(clean, tuple(headings), tuple(reader.images), _excerpt(reader.paragraphs), reader.readable)


def place_images(html: str, attributes_of: Callable[[str], dict[str, str] | None]) -> str:
    """Rendered HTML whose images get the attributes that are known for their sources; `alt` only if they have none."""

    def place(match: re.Match[str]) -> str:
        found = attributes_of(unescape(match[2]))
        if found is None:
            return match[0]
        known = dict(found)
        own = re.sub(r'\s(?:width|height|loading|decoding|srcset|sizes)="[^"]*"', "", match[3])
        if re.search(r'\salt="[^"]', match[1] + own):
            known.pop("alt", None)
        elif "alt" in known:
            own = own.replace(' alt=""', "")
        return match[1] + " ".join(f'{name}="{escape(value)}"' for name, value in known.items()) + own

    return re.sub(r'(<img\b[^>]*?)\bsrc="([^"]*)"([^>]*)', place, html)


def text_of(html: str) -> str:
    return _SPACE.sub(" ", _read(html).text).strip()


def readable_of(html: str) -> str:
    """The text of rendered HTML with the alt texts of its images in their places."""
    return _read(html).readable


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader


def _options() -> tuple[comrak.ExtensionOptions, comrak.ParseOptions, comrak.RenderOptions]:
    extensions, parsing, rendering = comrak.ExtensionOptions(), comrak.ParseOptions(), comrak.RenderOptions()
    for name in ("autolink", "footnotes", "strikethrough", "table", "tasklist"):
        setattr(extensions, name, True)
    parsing.smart = True
    rendering.unsafe_ = True  # what is unsafe, the sanitiser takes out
    return extensions, parsing, rendering


_EXTENSIONS, _PARSING, _RENDERING = _options()


def _with_heading_ids(html: str) -> tuple[str, list[Heading]]:
    headings: list[Heading] = []
    used: dict[str, int] = {}

    def add_id(match: re.Match[str]) -> str:
        text = text_of(match[2])
        heading = Heading(int(match[1]), _unused(slug(text), used), text)
        headings.append(heading)
        return f'<h{heading.depth} id="{escape(heading.slug)}">{match[2]}</h{heading.depth}>'

    return _HEADING.sub(add_id, html), headings


def _unused(wanted: str, used: dict[str, int]) -> str:
    """github-slugger's way to tell equal headings apart: `a`, `a-1`, `a-2`."""
    result = wanted
    while result in used:
        used[wanted] += 1
        result = f"{wanted}-{used[wanted]}"
    used[result] = 0
    return result


def _excerpt(paragraphs: list[str]) -> str:
    text = next((plain for raw in paragraphs if (plain := _SPACE.sub(" ", raw).strip())), "")
    if len(text) <= EXCERPT_CHARACTERS:
        return text
    short = cut(text, EXCERPT_CHARACTERS)
    return (short[: short.rfind(" ")] if " " in short[EXCERPT_CHARACTERS // 2 :] else short).rstrip() + "…"


class _Reader(HTMLParser):
    """Collects texts, paragraphs and images of sanitised HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.readable = ""
        self.paragraphs: list[str] = []
        self.images: list[tuple[str, str]] = []
        self._in_paragraph = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "p":
            self._in_paragraph = True
            self.paragraphs.append("")
        elif tag == "img":
            found = dict(attrs)
            if source := found.get("src"):
                self.images.append((source, found.get("alt") or ""))
                self.readable += f" {found.get('alt') or ''} "

    def handle_endtag(self, tag: str) -> None:
        if tag == "p":
            self._in_paragraph = False

    def handle_data(self, data: str) -> None:
        self.text += data
        self.readable += data
        if self._in_paragraph:
            self.paragraphs[-1] += data
