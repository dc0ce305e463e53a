"""MDX: Markdown that is a program, which the site's build runs. Here its body is text, and nothing renders it.

Astro also imports what the front matter of an MDX file calls its `layout`, so that is code too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from cms.model import markdown, refs

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RELATIVE = r"(\.{1,2}/[^\s\"'<>)]*)"
_IMPORT = re.compile(rf"(?<!=)[\"'`]{_RELATIVE}")  # with = before it, it is an attribute: a URL, which nobody imports
_IMAGE = re.compile(rf"!\[[^\[\]]*\]\(<?{_RELATIVE}")
_DEFINITION = re.compile(rf" {{0,3}}\[[^\[\]]+\]:[ \t]*<?{_RELATIVE}")
_CODE = re.compile(r"[<>{}]|^(?:import|export)\b", re.MULTILINE)
_PROSE = re.compile(r"[^\W_]")
LAYOUT = "layout"
_TRIED = 20
"""Paragraphs that are rendered until one has text: some are lists."""


def excerpt(body: str) -> str:
    """Return the text of the first paragraph that has no JSX, expression or module code in it; empty without one."""
    found = (markdown.render(text).excerpt for text in islice(_prose(body), _TRIED))
    return next(filter(None, found), "")


def _prose(body: str) -> Iterator[str]:
    """Yield what stands between blank lines, begins with a letter or digit, and has no code in it."""
    block: list[str] = []
    for line in [*_outside_fences(body), ""]:
        if line.strip():
            block.append(line)
            continue
        text = "\n".join(block)
        if _PROSE.match(text) and not _CODE.search(text):
            yield text
        block = []


def relative_paths(data: Mapping[str, object], body: str) -> list[str]:
    """Return the paths, relative to the file, of the layout, of what the body imports, and of the photos it shows."""
    layout = data.get(LAYOUT)
    found = [layout] if isinstance(layout, str) and layout.startswith(("./", "../")) else []
    for line in _outside_fences(body):
        found += [*_IMPORT.findall(line), *_IMAGE.findall(line)]
        found += [path for path in _DEFINITION.findall(line) if refs.is_image_name(path)]
    return found


def program(data: Mapping[str, object], body: str) -> tuple[str, object]:
    """Return what the site's build runs of an MDX file: equal for two texts of which it runs the same."""
    return body, data.get(LAYOUT)


def _outside_fences(body: str) -> Iterator[str]:
    """Yield the lines, an empty one in place of each line of fenced code."""
    fence = ""
    for line in body.splitlines():
        found = _FENCE.match(line)
        if fence:
            is_end = found is not None and found[1].startswith(fence) and not line[found.end() :].strip()
            fence = "" if is_end else fence
            yield ""
        elif found is not None:
            fence = found[1]
            yield ""
        else:
            yield line
