"""Reads text and images out of HTML that the sanitiser has written, and the text of a heading before that.

What the sanitiser writes is so regular that a pattern finds its tags: each `<` in it begins one, and values stand in
double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)([^>"]*(?:"[^"]*"[^>"]*)*)>')
_ATTRIBUTE = re.compile(r'\s([^\s="]+)="([^"]*)"')

_RAW = re.compile(
    r"""<!---?>|<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<(?:"[^"]*+"|'[^']*+'|[^'"<>])*+>""",
    re.DOTALL,
)
_SIMPLE = re.compile("<[^<>]*+>")
_LONG = 2000  # characters, for which the search for an end that is missing takes no time


def spaced(text: str) -> str:
    """The text in one line, without space around it."""
    return " ".join(text.split())


def images(clean: str) -> list[tuple[str, str]]:
    """Pairs of source and alt text of the images in sanitised HTML."""
    return [image for match in _TAG.finditer(clean) if (image := _image(match)) is not None] if "<img" in clean else []


def text(clean: str) -> str:
    """The text without anything else."""
    return unescape(_TAG.sub("", clean)) if "<" in clean or "&" in clean else clean


def text_of_raw(html: str) -> str:
    """Return the text of HTML as the renderer writes it: each `<` begins a tag, a comment or the like."""
    return unescape((_RAW if len(html) <= _LONG else _SIMPLE).sub("", html)) if "<" in html or "&" in html else html


def readable(clean: str) -> str:
    """The text of sanitised HTML with the alt texts of its images in their places."""
    if "<img" not in clean:
        return text(clean)
    parts: list[str] = []
    end = 0
    for match in _TAG.finditer(clean):
        parts.append(unescape(clean[end : match.start()]))
        end = match.end()
        if (image := _image(match)) is not None:
            parts.append(f" {image[1]} ")
    return "".join(parts) + unescape(clean[end:])


def paragraphs(clean: str) -> Iterator[str]:
    """The texts of the paragraphs in sanitised HTML, one after the other."""
    start: int | None = None
    for match in _TAG.finditer(clean):
        if match[2] == "p":
            if start is not None:
                yield text(clean[start : match.start()])
            start = None if match[1] else match.end()
    if start is not None:
        yield text(clean[start:])


def _image(match: re.Match[str]) -> tuple[str, str] | None:
    if match[2] != "img":
        return None
    found = dict(_ATTRIBUTE.findall(match[3]))
    source = unescape(found.get("src", ""))
    return (source, unescape(found.get("alt", ""))) if source else None
