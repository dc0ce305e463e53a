"""What generated front matter has in common: unique words, comments everywhere, and where each of these belongs.

Each word in it is unique: `w1` is a value, `k1` a key, `c1` a comment. `comments` tells where a comment belongs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal

Path = tuple[str | int, ...]
Kind = Literal["beside", "own"]


@dataclass
class Made:
    """A text, and what an edit of it may and may not do.

    `comments` has, for each comment, the entry that it stands beside, or the collection in which it has its own line.
    `flows` are the collections within brackets, `dashed` those that begin on the dash of an item,
    `headed` those of TOML that have a header, which goes when they become something else.
    """

    text: str = ""
    comments: dict[str, tuple[Path, Kind]] = field(default_factory=dict)
    flows: set[Path] = field(default_factory=set)
    dashed: set[Path] = field(default_factory=set)
    headed: set[Path] = field(default_factory=set)


class Maker:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.made = Made()
        self.count = 0

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def comment(self, path: Path, kind: Kind) -> str:
        name = self.name("c")
        self.made.comments[name] = (path, kind)
        return f"# {name}"

    def beside(self, path: Path, share: float = 0.3) -> str:
        """A comment on the line, or nothing."""
        return self.random.choice([" ", "   "]) + self.comment(path, "beside") if self.chance(share) else ""

    def own(self, path: Path, column: int) -> list[str]:
        """Lines between entries: comments and blank ones."""
        lines = []
        while self.chance(0.25):
            deeper = self.random.choice([0, 0, 0, 2, 5])
            lines.append("" if self.chance(0.3) else " " * (column + deeper) + self.comment(path, "own"))
        return lines
