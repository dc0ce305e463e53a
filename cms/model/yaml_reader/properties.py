"""The properties of a node: its tag and its anchor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from cms.model.pointer import refusal
from cms.model.yaml_reader.characters import Characters

CORE = "tag:yaml.org,2002:"

_VERBATIM = re.compile(r"!<([^\0][^>\0]*+)>")
_SHORTHAND = re.compile(r"(!(?:[0-9A-Za-z-]*!)?)([^ \t\r\n\0!,\[\]{}]*+)(?=[ \t\r\n])")
_URI = re.compile(r"(?:!|[^,\[\]{}])(?:%[0-9A-Fa-f]{2}|[-0-9A-Za-z#;/?:@&=+$,_.!~*'()\[\]])*+")
_NAME = re.compile(r"[^ \t\r\n\0,\[\]{}]++")


@dataclass(slots=True)
class Properties:
    """`start` to `end` is their span; `tab` is that of the place where they begin."""

    start: int
    end: int
    line: int
    column: int
    tab: int
    tag: str | None = None
    anchor: str | None = None
    ends_line: bool = False
    """Whether the content stands on a line below."""


def read_properties(chars: Characters, handles: dict[str, str], *, is_new_line: bool) -> Properties:
    """Read the tag and the anchor that begin here, in either order, and what separates them from the content.

    A second tag or anchor on a line below is left: it belongs to the first key of a mapping.
    """
    start = chars.position
    found = Properties(start, start, chars.line, chars.column, chars.tab)
    while (char := chars.text[chars.position]) in "!&":
        if (found.tag if char == "!" else found.anchor) is not None:
            if is_new_line:
                break
            raise chars.error(f"one value has two {'tags' if char == '!' else 'anchors'}; delete one")
        if char == "!":
            found.tag = _tag(chars, handles)
        else:
            found.anchor = name_of(chars)
        found.end = chars.position
        found.ends_line = chars.separate() > 0
        is_new_line = is_new_line or found.ends_line
    if found.tag == "!" and found.anchor is not None:
        raise refusal("yaml_tag", f"line {found.line}: the tag ! is not allowed beside an anchor")
    return found


def name_of(chars: Characters) -> str:
    """Read the name behind the `&` or `*` that stands here."""
    found = _NAME.match(chars.text, chars.position + 1)
    if not found:
        char = chars.text[chars.position]
        raise chars.error(f"put quotes around what begins with {char}, or a name directly behind it")
    chars.position = found.end()
    return found[0]


def _tag(chars: Characters, handles: dict[str, str]) -> str:
    """Read the tag that stands here; return its whole name."""
    if verbatim := _VERBATIM.match(chars.text, chars.position):
        chars.position = verbatim.end()
        return decoded(chars, verbatim[1])
    found = _SHORTHAND.match(chars.text, chars.position)
    if not found:
        raise chars.error("put quotes around what begins with !, or a space behind the tag")
    handle = found[1]
    if handle not in handles:
        raise chars.error(f"the tag handle {handle} is not declared; put quotes around what begins with !")
    chars.position = found.end()
    return handles[handle] + decoded(chars, found[2])


def decoded(chars: Characters, name: str) -> str:
    """Return a tag's name without its percent escapes."""
    if not name:
        return ""
    if not _URI.fullmatch(name):
        raise chars.error(f"the tag name {name!r} has characters that no tag has; put quotes around the value")
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError as exc:
        raise chars.error(f"the tag name {name!r} is malformed; put quotes around the value") from exc
