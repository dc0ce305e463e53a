"""Renders an article's body to safe HTML, and reads headings, images and an excerpt from it.

GitHub's Markdown with smart punctuation, as Astro renders by default; raw HTML passes through the sanitiser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from html import escape, unescape
from typing import NamedTuple

import comrak
import nh3

from cms.model import html_text, markdown_bounds, smart_quotes
from cms.model.ids import cut
from cms.model.percent_encoding import MALFORMED, marked
from cms.model.slugger import slug

EXCERPT_CHARACTERS = 280
_SHORT = 20_000

_RAW_HEADING = re.compile("<h[1-6]>")
_SOURCE_PLACE = re.compile(r' data-sourcepos="[0-9:-]*"')
_HEADING = re.compile(r"<h([1-6])>((?:(?!<h[1-6]>).)*?)</h\1>", re.DOTALL)  # one that never ends ends at the next
_TAGS = nh3.ALLOWED_TAGS | {"input", "section", "figure", "figcaption"}
_ATTRIBUTES = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
for _tag in ("h1", "h2", "h3", "h4", "h5", "h6", "li", "sup", "section"):
    _ATTRIBUTES.setdefault(_tag, set()).add("id")
_ATTRIBUTES["input"] = {"type", "checked", "disabled"}
_ATTRIBUTES["a"] |= {"id"}
_ATTRIBUTES["code"] = {"class"}
_SANITISER = nh3.Cleaner(tags=_TAGS, attributes=_ATTRIBUTES)


class Heading(NamedTuple):
    depth: int
    slug: str
    text: str


class Rendered(NamedTuple):
    """`images` are pairs of source, percent-encoded as in a URL, and alt text, in order."""

    html: str
    headings: tuple[Heading, ...]
    images: tuple[tuple[str, str], ...]
    excerpt: str
    readable: str


def render(body: str) -> Rendered:
    """The body as HTML; image sources are as the author wrote them until `place_images`."""
    return _render_short(body) if len(body) <= _SHORT else _render_long(body)


@lru_cache(maxsize=64)
def _render_short(body: str) -> Rendered:
    """A save reads the article before and after, and most leave the body as it is."""
    return _render(body)


@lru_cache(maxsize=4)
def _render_long(body: str) -> Rendered:
    """Render a long body; few are kept, since they take memory, so that a preview does not render its copy anew."""
    return _render(body)


def _render(body: str) -> Rendered:
    if markdown_bounds.is_too_costly(body):
        return _as_text(body)
    raw = _rendered(body)
    if markdown_bounds.is_html_too_costly(raw, body):
        return _as_text(body)
    html, headings = _with_heading_ids(raw)
    clean = _SANITISER.clean(html)
    if markdown_bounds.has_grown_too_much(clean, body):
        return _as_text(body)
    images, readable = html_text.images(clean), html_text.readable(clean)
    return Rendered(clean, tuple(headings), tuple(images), _excerpt(clean), readable)


def _rendered(body: str) -> str:
    """Return the body's HTML with the punctuation of Astro, as safe as that of `_render_with`."""
    html = _render_with(_SMART, body)
    if '"' not in body and "'" not in body:
        return html
    plain = _render_with(_PLAIN, body) if smart_quotes.may_be_written(body) else None
    return smart_quotes.chosen(html, plain)


def _render_with(parsing: comrak.ParseOptions, body: str) -> str:
    """Return the body's HTML, still unsafe, in which each tag `<h1>` to `<h6>` is that of a heading in Markdown.

    A heading that the author wrote in HTML has a space in its tag: for Astro it is none, and gets no id.
    """
    extensions = _extensions_for(body)
    if "%" in body:  # which the renderer would mend where it is malformed
        extensions.image_url_rewriter = marked
    has_raw_heading = _RAW_HEADING.search(body) is not None
    html = comrak.render_markdown(body, extensions, parsing, _LOCATING if has_raw_heading else _RENDERING)
    if has_raw_heading:
        html = _SOURCE_PLACE.sub("", _RAW_HEADING.sub(lambda found: found[0][:-1] + " >", html))
    if "<" in body and not markdown_bounds.may_have_raw_html(html):
        return comrak.render_markdown(body, extensions, parsing, _ESCAPING)
    return html


def _as_text(body: str) -> Rendered:
    return Rendered(f"<pre>{escape(body)}</pre>", (), (), _short(html_text.spaced(body)), body)


def place_images(html: str, attributes_of: Callable[[str], dict[str, str] | None]) -> str:
    """Rendered HTML whose images get the attributes that are known for their sources; `alt` only if they have none."""

    if "<img" not in html:
        return html

    def place(match: re.Match[str]) -> str:
        found = attributes_of(unescape(match[2]))
        if found is None:
            return f'{match[1]}src="{match[2].removesuffix(MALFORMED)}"{match[3]}'
        known = dict(found)
        own = re.sub(r'\s(?:width|height|loading|decoding|srcset|sizes)="[^"]*"', "", match[3])
        if re.search(r'\salt="[^"]', match[1] + own):
            known.pop("alt", None)
        elif "alt" in known:
            own = own.replace(' alt=""', "")
        return match[1] + " ".join(f'{name}="{escape(value)}"' for name, value in known.items()) + own

    return re.sub(r'(<img\b[^>]*?)\bsrc="([^"]*)"([^>]*)', place, html)


def _extensions_for(body: str) -> comrak.ExtensionOptions:
    """GitHub's extensions; what is too much of its kind is no table, footnote or link, but text."""
    extensions = comrak.ExtensionOptions()
    extensions.strikethrough = extensions.tasklist = True
    extensions.autolink = markdown_bounds.may_have_addresses(body)
    extensions.footnotes = markdown_bounds.may_have_footnotes(body)
    extensions.table = markdown_bounds.may_have_tables(body)
    return extensions


def _options() -> tuple[comrak.RenderOptions, comrak.RenderOptions, comrak.RenderOptions]:
    rendering, locating, escaping = comrak.RenderOptions(), comrak.RenderOptions(), comrak.RenderOptions()
    rendering.unsafe_ = locating.unsafe_ = True  # what is unsafe, the sanitiser takes out
    locating.sourcepos = True  # what the author wrote in HTML has none
    escaping.escape = True  # raw HTML is shown as text
    return rendering, locating, escaping


_PLAIN, _SMART = comrak.ParseOptions(), comrak.ParseOptions()
_SMART.smart = True
_RENDERING, _LOCATING, _ESCAPING = _options()


def _with_heading_ids(html: str) -> tuple[str, list[Heading]]:
    headings: list[Heading] = []
    used: dict[str, int] = {}

    def add_id(match: re.Match[str]) -> str:
        text = html_text.text_of_raw(match[2])
        heading = Heading(int(match[1]), _unused(slug(text), used), text)
        headings.append(heading)
        return f'<h{match[1]} id="{heading.slug}">{match[2]}</h{match[1]}>'

    return _HEADING.sub(add_id, html), headings


def _unused(wanted: str, used: dict[str, int]) -> str:
    """github-slugger's way to tell equal headings apart: `a`, `a-1`, `a-2`."""
    result = wanted
    while result in used:
        used[wanted] += 1
        result = f"{wanted}-{used[wanted]}"
    used[result] = 0
    return result


def _excerpt(clean: str) -> str:
    return _short(next((plain for raw in html_text.paragraphs(clean) if (plain := html_text.spaced(raw))), ""))


def _short(text: str) -> str:
    if len(text) <= EXCERPT_CHARACTERS:
        return text
    short = cut(text, EXCERPT_CHARACTERS)
    return (short[: short.rfind(" ")] if " " in short[EXCERPT_CHARACTERS // 2 :] else short).rstrip() + "…"
