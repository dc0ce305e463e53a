"""The characters of a front matter and the place reached in them: line, indentation, blanks and comments."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cms.errors import Invalid
from cms.model.pointer import refusal

BLANKS = re.compile(r"[ \t]*+")
BREAK = re.compile(r"\r\n?|\n")
SPACE = frozenset(" \t\r\n")
FLOW_INDICATORS = frozenset(",[]{}")

_LINES = re.compile(r"(?:[ \t]*+(?:#[^\r\n]*+)?(?:\r\n?|\n))++( *+)")
_BLANK_LINES = re.compile(r"(?:[ \t]*+(?:\r\n?|\n))++( *+)")
_MARKER = re.compile(r"(?:---|\.\.\.)(?=[ \t\r\n\0])")
_NOT_PRINTABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


def syntax_error(line: int, detail: str) -> Invalid:
    """Return the error for text that js-yaml refuses; `detail` says what to do."""
    return refusal("yaml_syntax", f"line {line}: the front matter is not valid YAML: {detail}")


@dataclass(slots=True)
class Characters:
    """`text` ends with a line break and a NUL, so that the character at `position` and the next one always exist.

    `indent` counts the spaces that the line begins with. `tab` is where the first tab stands among the blanks before
    or between the tokens of the line, -1 without one: no block collection may begin behind it.
    """

    text: str
    position: int = 0
    line: int = 1
    line_start: int = 0
    indent: int = 0
    tab: int = -1
    has_unprintable: bool = False

    @property
    def column(self) -> int:
        return self.position - self.line_start

    def separate(self, *, comments: bool = True) -> int:
        """Move over blanks, line breaks and, unless told otherwise, comments; return the number of line breaks."""
        text = self.text
        if text[self.position] not in " \t\r\n#":
            return 0
        breaks = 0
        lines = (_LINES if comments else _BLANK_LINES).match(text, self.position)
        if lines:
            breaks = len(BREAK.findall(text, self.position, lines.start(1)))
            self.line += breaks
            self.line_start, self.position = lines.span(1)
            self.indent = self.position - self.line_start
            self.tab = -1
        end = self.end_of_blanks()
        if self.tab < 0:
            self.tab = text.find("\t", self.position, end)
        self.position = end
        return breaks

    def end_of_blanks(self) -> int:
        """Return where the spaces and tabs at the position end."""
        found = BLANKS.match(self.text, self.position)
        assert found
        return found.end()

    def is_indicator(self, indicators: str) -> bool:
        """Return whether one of the indicators stands here with white space behind it."""
        return self.text[self.position] in indicators and self.text[self.position + 1] in SPACE

    def is_marker(self) -> bool:
        """Return whether the line begins here, with `---` or `...` alone."""
        return self.position == self.line_start and _MARKER.match(self.text, self.position) is not None

    def is_colon_next(self) -> bool:
        """Move over blanks; return whether the colon of a key stands there."""
        self.position = self.end_of_blanks()
        if self.text[self.position] != ":":
            return False
        if self.text[self.position + 1] not in SPACE:
            raise self.error("put a space behind the colon of the key")
        return True

    def check_no_tab(self) -> None:
        """Raise `Invalid` for a tab before the item or key that begins here."""
        if self.tab >= 0:
            raise self.error("replace the tab at the beginning of the line with spaces")

    def check_ended(self, line: int, column: int) -> None:
        """Raise `Invalid` for text behind the node that ended on `line`, or below it and deeper than `column`."""
        char = self.text[self.position]
        if char == "\0":
            return
        if self.line == line:
            raise self.error(f"put quotes around the whole value; as it stands, it ends before the `{char}`")
        if self.indent > column:
            raise self.error("this line is indented deeper than those it belongs to; begin it in their column")

    def check_printable(self, start: int, end: int) -> None:
        """Raise `Invalid` for a control character in the span; outside quotes YAML allows none but the tab."""
        if self.has_unprintable and (found := _NOT_PRINTABLE.search(self.text, start, end)):
            code = f"U+{ord(found[0]):04X}"
            raise self.error(f"delete the invisible character {code}, or write it as an escape in double quotes")

    def error(self, detail: str, line: int | None = None) -> Invalid:
        return syntax_error(line or self.line, detail)


def characters_of(text: str) -> Characters:
    """Return the characters of `text` from its first one that is neither a byte order mark nor a space."""
    ended = text if text.endswith(("\n", "\r")) else text + "\n"
    found = Characters(ended + "\0", has_unprintable=_NOT_PRINTABLE.search(text) is not None)
    found.line_start = 1 if text.startswith("\ufeff") else 0
    while ended.startswith(" ", found.line_start + found.indent):
        found.indent += 1
    found.position = found.line_start + found.indent
    return found
