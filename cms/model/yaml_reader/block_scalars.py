"""Block scalars: literal `|` and folded `>`."""

from __future__ import annotations

import re

from cms.model.yaml_reader.characters import BREAK, Characters

_HEADER = re.compile(r"[|>]([-+0-9]*+)(?:[ \t]++(?:#[^\r\n]*+)?)?")
_LINE = re.compile(r"( *+)[^\r\n\0]*+")


def block_scalar(chars: Characters, indent: int) -> tuple[str, int]:
    """Read the block scalar that begins here, whose lines stand at `indent` or deeper.

    Return its text and where its last line ends; blank lines below belong to it only when the header has a `+`. The
    place moves on to the first character of the line below.
    """
    is_folded = chars.text[chars.position] == ">"
    chomping, width = _header(chars)
    is_known = width > 0
    column = indent + width - 1 if is_known else indent
    lines: list[str] = []
    blanks, end, blank_end = 0, chars.position, chars.position
    while True:
        line_end = _next_line(chars)
        if not is_known:
            column = max(column, chars.indent)
        taken = min(chars.indent, column)
        content = chars.text[chars.line_start + taken : line_end]
        if not content and chars.text[line_end] != "\0":
            blanks, blank_end = blanks + 1, line_end
            chars.position = line_end
            continue
        if column == 0 and not is_known:
            raise chars.error("the lines of a text after `|` or `>` need spaces before them")
        if taken < column or not content:
            break
        is_known = True
        chars.check_printable(chars.line_start + taken, line_end)
        lines += [""] * blanks
        lines.append(content)
        blanks, end, blank_end = 0, line_end, line_end
        chars.position = line_end
    chars.position += chars.indent
    text = _folded(lines) if is_folded else "\n".join(lines)
    if chomping == "+":
        return text + "\n" * (blanks + bool(lines)), blank_end
    return text + ("\n" if lines and not chomping else ""), end


def _header(chars: Characters) -> tuple[str, int]:
    """Move to the end of the header's line; return its `+` or `-` if any, and the indentation it names, else 0."""
    found = _HEADER.match(chars.text, chars.position)
    assert found
    signs = found[1].strip("0123456789")
    digits = found[1].replace("+", "").replace("-", "")
    if len(found[1]) != (len(signs) == 1) + (len(digits) == 1) or digits == "0":
        raise chars.error("after `|` or `>` comes at most one of + and -, and one digit from 1 to 9")
    chars.position = found.end()
    if chars.text[chars.position] not in "\r\n":
        raise chars.error("after `|` or `>` the text begins on the next line; a comment needs a space before its #")
    return signs, int(digits or "0")


def _next_line(chars: Characters) -> int:
    """Move over the break to the next line; return where that line ends."""
    after = BREAK.match(chars.text, chars.position)
    assert after
    chars.position = chars.line_start = after.end()
    found = _LINE.match(chars.text, chars.position)
    assert found
    chars.line += 1
    chars.tab = -1
    chars.indent = len(found[1])
    return found.end()


def _folded(lines: list[str]) -> str:
    """Return the lines as `>` joins them: with a space, unless a blank line or one that begins with a blank is near."""
    parts: list[str] = []
    blanks = 0
    is_deeper = False
    for line in lines:
        if not line:
            blanks += 1
            continue
        was_deeper, is_deeper = is_deeper, line[0] in " \t"
        is_first = len(parts) == 0
        if is_deeper:
            parts.append("\n" * (blanks + (not is_first)))
        elif was_deeper:
            parts.append("\n" * (blanks + 1))
        else:
            parts.append("\n" * blanks if blanks or is_first else " ")
        parts.append(line)
        blanks = 0
    return "".join(parts)
