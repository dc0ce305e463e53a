"""Bounds on what a Markdown body may cost to render: about half a second and 80 MB for the largest one.

The renderer and the sanitiser are fast, but some constructs make them write much more than they read, or take a time
that grows with the square of the input. Each check here takes a time that is linear in the size of its text.
"""

from __future__ import annotations

import re
from typing import Final

MOST_MARKS: Final = 128_000
"""Characters that may begin or end a node of the renderer's tree, which takes about 0.5 KB for each of them."""
MOST_TAGS: Final = 100_000
"""Tags in rendered HTML; the sanitiser and what reads its HTML take about 5 microseconds for each."""
MOST_ESCAPING: Final = 10_000_000_000
"""The longest text without a tag, times the `&` and the characters that begin with the byte C2 (no-break spaces, for
one) in all of the HTML: at each of them the sanitiser goes through the rest of its text, some 30 bytes a nanosecond."""
MOST_IMAGES: Final = 1_000
MOST_CELLS: Final = 50_000
"""Cells of all tables; the renderer fills up short rows, so these can be many more than the body's characters."""
MOST_CELLS_IN_A_LINE: Final = 1_000
"""The time for a row grows with the square of its cells."""
MOST_FOOTNOTES: Final = 1_000
"""References to footnotes and definitions; each becomes 150 characters of HTML."""
MOST_ADDRESSES: Final = 100
"""`@` in one line; the renderer copies the rest of the line for each e-mail address that it finds."""
MOST_NESTED: Final = 1_000
"""Elements of HTML inside each other."""
MOST_STEPS: Final = 20_000_000
"""Lines times the longest indent: the renderer goes through all open blocks at each line."""
MOST_REOPENED: Final = 500_000
"""Formatting elements that can be open times tags: one that is not closed is opened again in each block after it
("reconstruct the active formatting elements" in the HTML standard)."""
GROWTH: Final = 8
SMALL: Final = 65_536
"""HTML has at most GROWTH times the characters of its body, and SMALL more."""

_MARKS: Final = b"\n\r`\\&<>*_'\"[]!~^:@.-|#=+)w"
_INDENT: Final = re.compile(r"^(?:[ \t>*+-]++|\d{1,9}+[.)]|\[\^[^\]\n]*+\]:)++", re.MULTILINE)
_DELIMITERS: Final = re.compile(r"[ \t>*+\d.)|:-]*+")
_BLANK: Final = re.compile(r"[ \t>]*")

_ATTRIBUTES: Final = (
    r"""(?:\s++[a-z_:][\w:.-]*+(?:\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'=<>`]++))?+){0,100}+\s*+/?+>"""
)
_RAW_TEXT: Final = r"(?:iframe|noembed|noframes|noscript|plaintext|script|style|textarea|title|xmp)\b"
_WELL_FORMED: Final = re.compile(
    rf"</?+(?!{_RAW_TEXT})[a-z][\w-]*+{_ATTRIBUTES}"
    rf"|<({_RAW_TEXT}){_ATTRIBUTES}[^<]*+</\1\s*+>"
    r"|<!--(?:[^<>-]|-(?!->))*+-->",
    re.IGNORECASE,
)
_FORMATTING: Final = re.compile(
    rf"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])(?:{_ATTRIBUTES})?+", re.IGNORECASE
)
_TAG: Final = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_VOID: Final = frozenset({"area", "br", "col", "hr", "img", "input", "wbr"})
_IMPLIED_END: Final = frozenset({"dd", "dt", "li", "option", "p", "td", "th", "tr"})


def is_too_costly(body: str) -> bool:
    """Return whether the renderer would take too much time or memory for the body."""
    text = body.encode("utf-8", "replace")
    if len(text) - len(text.translate(None, _MARKS)) > MOST_MARKS:
        return True
    deepest = max((match.end() - match.start() for match in _INDENT.finditer(body)), default=0)
    return deepest * (body.count("\n") + body.count("\r") + 1) > MOST_STEPS


def may_have_tables(body: str) -> bool:
    """Return whether the body's tables can be rendered, counting the cells that their rows leave out."""
    cells = columns = 0
    for line in body.splitlines() if "|" in body else ():
        bars = line.count("|")
        if bars > MOST_CELLS_IN_A_LINE:
            return False
        if _BLANK.fullmatch(line):
            columns = 0
        elif _is_delimiter_row(line):
            columns = max(columns, bars + 1)
        cells += max(columns, bars)
    return cells <= MOST_CELLS


def _is_delimiter_row(line: str) -> bool:
    """Return whether the line may be a table's second one, with the marks of quotes and lists before it."""
    return bool(_DELIMITERS.fullmatch(line)) and "-" in line[len(line.rstrip(" \t|:-")) :]


def may_have_footnotes(body: str) -> bool:
    """Return whether the body's footnotes can be rendered."""
    return body.count("[^") <= MOST_FOOTNOTES


def may_have_addresses(body: str) -> bool:
    """Return whether addresses in the body can be made links."""
    return body.count("@") <= MOST_ADDRESSES or all(line.count("@") <= MOST_ADDRESSES for line in body.split("\n"))


def may_have_raw_html(html: str) -> bool:
    """Return whether the sanitiser can parse HTML with raw parts in a time that grows with its size.

    A parser that meets an unclosed quote or comment takes tags for text, and text for attributes, of which it compares
    each with all others. So long HTML must be well-formed.
    """
    if len(html) > SMALL and "<" in _WELL_FORMED.sub("", html):
        return False
    found = [match[0] for match in _FORMATTING.finditer(html)]
    # The parser keeps at most three equal ones open; a `>` in a quoted value hides what follows it.
    kinds = len({text for text in found if text.endswith(">")})
    unclear = sum(not text.endswith(">") for text in found)
    return (3 * kinds + unclear) * html.count("<") <= MOST_REOPENED


def is_html_too_costly(html: str, body: str) -> bool:
    """Return whether the HTML that was rendered from the body is too large, or takes too long to parse."""
    tags = html.count("<")
    is_large = has_grown_too_much(html, body) or tags > MOST_TAGS or html.count("<img") > MOST_IMAGES
    return is_large or _escaping(html) > MOST_ESCAPING or (tags > MOST_NESTED and _depth(html) > MOST_NESTED)


def has_grown_too_much(html: str, body: str) -> bool:
    """Return whether the HTML is too long for the body that it was made from."""
    return len(html) > GROWTH * len(body) + SMALL


def _escaping(html: str) -> int:
    text = html.encode("utf-8", "replace")
    return max(map(len, text.split(b"<"))) * (text.count(b"&") + text.count(b"\xc2"))


def _depth(html: str) -> int:
    """Return how many elements are inside each other, where a tag ends none but the innermost one that needs an end."""
    stack: list[str] = []
    deepest = 0
    for match in _TAG.finditer(html):
        name = match[2].lower()
        if name in _VOID:
            continue
        if match[1]:
            while stack and stack[-1] != name and stack[-1] in _IMPLIED_END:
                stack.pop()
            if stack and stack[-1] == name:
                stack.pop()
            continue
        if name in _IMPLIED_END and stack and stack[-1] in _IMPLIED_END:
            stack.pop()
        stack.append(name)
        deepest = max(deepest, len(stack))
    return deepest
