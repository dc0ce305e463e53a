"""The tokens of a date's text, as V8, the engine of Node, splits it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

_SPACE = r"\t-\r \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff"
_TOKEN = re.compile(
    rf"(?P<number>[0-9]+)|(?P<symbol>[-:.+)])|(?P<word>[^\x00-@{_SPACE}]+)|(?P<space>[{_SPACE}])|[\s\S]"
)
_DIGITS = 9  # of a number, without leading zeros; V8 ignores further ones


class Token(NamedTuple):
    """`kind` is `number`, `word`, `space`, `end`, `other`, or the symbol itself; the text goes on at `end`."""

    kind: str
    text: str
    end: int

    @property
    def number(self) -> int:
        return int(self.text.lstrip("0")[:_DIGITS] or "0")

    @property
    def milliseconds(self) -> int:
        """The number as the digits after a second's dot."""
        length = len(self.text)
        return self.number * (100, 10)[length - 1] if length < 3 else self.number // 10 ** (min(length, _DIGITS) - 3)

    def is_number(self, length: int) -> bool:
        return self.kind == "number" and len(self.text) == length


END: Final = Token("end", "", 0)


@dataclass(slots=True)
class Tokens:
    """The tokens of a text; `position` is that of the next one."""

    found: list[Token]
    position: int = 0

    @property
    def peek(self) -> Token:
        return self.found[self.position] if self.position < len(self.found) else END

    def take(self) -> Token:
        token = self.peek
        self.position += 1
        return token

    def skip(self, symbol: str) -> bool:
        is_there = self.peek.kind == symbol
        self.position += is_there
        return is_there


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, in linear time; text in parentheses is one of the kind `other`."""
    position = 0
    while match := _TOKEN.match(text, position):
        position = _after_parentheses(text, position) if match[0] == "(" else match.end()
        yield Token(match[0] if match.lastgroup == "symbol" else match.lastgroup or "other", match[0], position)


def _after_parentheses(text: str, start: int) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    return len(text)
