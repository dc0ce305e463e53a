"""Plain and quoted scalars, over one line or several.

Each function returns the text and the index behind its last character; the place moves on behind it.
"""

from __future__ import annotations

import re

from cms.model.yaml_reader.characters import FLOW_INDICATORS, SPACE, Characters

_NO_PLAIN = frozenset(" \t\r\n\0,[]{}#&*!|>'\"%@`")
_PLAIN = re.compile(r"(?:[^:#\r\n\0]++|:(?![ \t\r\n])|(?<![ \t\r\n])#)*+")
_PLAIN_IN_FLOW = re.compile(r"(?:[^:#\r\n\0,\[\]{}]++|:(?![ \t\r\n,\[\]{}])|(?<![ \t\r\n])#)*+")

_SINGLE_QUOTED = re.compile(r"(?:[^' \t\r\n\0]++|''|[ \t]++(?![\r\n]))*+")
_DOUBLE_QUOTED = re.compile(r'(?:[^"\\ \t\r\n\0]++|\\[^\r\n\0]|[ \t]++(?![\r\n]))*+')
_NO_JSON = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f]")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(chars: Characters, indent: int, *, in_flow: bool) -> tuple[str, int] | None:
    """Read a plain scalar, whose further lines stand at `indent` or deeper; return None where none begins."""
    text, start = chars.text, chars.position
    if text[start] in _NO_PLAIN or chars.is_marker():
        return None
    if text[start] in "?-" and (text[start + 1] in SPACE or (in_flow and text[start + 1] in FLOW_INDICATORS)):
        return None
    pattern = _PLAIN_IN_FLOW if in_flow else _PLAIN
    end = _plain_line(chars, pattern)
    if end == start:
        return None
    if text[chars.position] not in "\r\n":
        return text[start:end], end
    parts = [text[start:end]]
    while text[chars.position] in "\r\n":
        before = chars.line, chars.line_start, chars.indent
        breaks = chars.separate(comments=False)
        if chars.indent < indent:
            chars.line, chars.line_start, chars.indent = before
            chars.position = end
            break
        start = chars.position
        if chars.is_marker() or (line_end := _plain_line(chars, pattern)) == start:
            break
        parts += [_folded(breaks), text[start:line_end]]
        end = line_end
    return "".join(parts), end


def _plain_line(chars: Characters, pattern: re.Pattern[str]) -> int:
    """Move over what the line adds to a plain scalar; return where that ends without the blanks behind it."""
    found = pattern.match(chars.text, chars.position)
    assert found
    end = chars.position + len(found[0].rstrip(" \t"))
    chars.check_printable(chars.position, end)
    chars.position = found.end()
    return end


def quoted(chars: Characters) -> tuple[str, int]:
    """Read the single- or double-quoted scalar that begins here."""
    quote, first_line = chars.text[chars.position], chars.line
    pattern = _SINGLE_QUOTED if quote == "'" else _DOUBLE_QUOTED
    chars.position += 1
    parts: list[str] = []
    while True:
        found = pattern.match(chars.text, chars.position)
        assert found
        parts.append(found[0] if quote == "'" else _unescaped(chars, found[0]))
        if chars.has_unprintable and _NO_JSON.search(found[0]):
            raise chars.error("delete the control character in the quoted text, or write it as an escape")
        chars.position = found.end()
        char = chars.text[chars.position]
        if char == quote:
            break
        if char == "\0":
            raise chars.error(f"the quoted text has no end; add the closing {quote}", first_line)
        if char == "\\":  # an escaped line break
            chars.position += 1
            chars.separate(comments=False)
        else:
            parts.append(_folded(chars.separate(comments=False)))
        if chars.is_marker():
            raise chars.error("`---` or `...` ends the document within a quoted text; indent that line", first_line)
    chars.position += 1
    text = "".join(parts)
    text = text.replace("''", "'") if quote == "'" else _with_pairs(chars, text)
    return text, chars.position


def _folded(breaks: int) -> str:
    return " " if breaks == 1 else "\n" * (breaks - 1)


def _unescaped(chars: Characters, text: str) -> str:
    if "\\" not in text:
        return text

    def unescape(found: re.Match[str]) -> str:
        digits = found[1] or found[2] or found[3]
        if digits:
            return _character(int(digits, 16))
        if found[4] in _ESCAPES:
            return _ESCAPES[found[4]]
        if found[4] in "xuU":
            raise chars.error(f"the escape \\{found[4]} needs more hexadecimal digits; write \\\\ for a backslash")
        raise chars.error(f"there is no escape \\{found[4]}; write \\\\ for a backslash, or use single quotes")

    return _ESCAPE.sub(unescape, text)


def _character(code: int) -> str:
    """Return the UTF-16 code units for the code, each as a character; js-yaml counts with 32 and 16 bits."""
    if code <= 0xFFFF or code >= 0x8000_0000:
        return chr(code & 0xFFFF)
    code -= 0x10000
    return chr((code >> 10) + 0xD800 & 0xFFFF) + chr((code & 0x3FF) + 0xDC00)


def _with_pairs(chars: Characters, text: str) -> str:
    """Return the text with one character for each surrogate pair, as JSON writers escape emoji."""
    if not _SURROGATE.search(text):
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as exc:
        raise chars.error("half of a surrogate pair is not a character; escape both halves") from exc
