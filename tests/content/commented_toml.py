"""TOML front matter made by chance, with comments everywhere: tables, arrays of tables, arrays over lines."""

from __future__ import annotations

from random import Random

from tests.content.commented import Made, Maker, Path


class _Toml(Maker):
    """TOML between `+++` lines."""

    def make(self) -> Made:
        lines = ["+++", *self.own((), 0), *self.pairs((), 0, self.random.randint(1, 5))]
        for _ in range(self.random.randint(0, 3)):
            lines += self.own((), 0)
            lines += self.items() if self.chance(0.5) else self.table()
        newline = "\r\n" if self.chance(0.2) else "\n"
        self.made.text = newline.join([*lines, *self.own((), 0), "+++", "Body", ""])
        return self.made

    def own(self, path: Path, column: int) -> list[str]:
        lines = super().own(path, column)
        return [*lines, ""] if self.chance(0.1) else lines

    def table(self) -> list[str]:
        name = self.name("k")
        self.made.headed.add((name,))
        lines: list[str] = []
        if self.chance(0.7):
            lines = [f"[{name}]" + self.beside((name,)), *self.pairs((name,), 0, self.random.randint(1, 3))]
        if not lines or self.chance(0.4):
            below = self.name("k")
            path: Path = (name, below)
            self.made.headed.add(path)
            head = f'[{name}."{below}"]' if self.chance(0.3) else f"[{name}.{below}]"
            lines += [*self.own((), 0), head, *self.pairs(path, 2, self.random.randint(1, 2))]
        return lines

    def items(self) -> list[str]:
        """An array of tables, some of whose items have a table below them."""
        name = self.name("k")
        self.made.headed.add((name,))
        lines: list[str] = []
        for number in range(self.random.randint(1, 3)):
            path: Path = (name, number)
            lines += [*self.own((name,), 0), f"[[{name}]]" + self.beside(path)]
            lines += self.pairs(path, 0, self.random.randint(1, 3))
            if self.chance(0.25):
                below = self.name("k")
                self.made.headed.add((*path, below))
                lines += [*self.own(path, 0), f"[{name}.{below}]", *self.pairs((*path, below), 0, 1)]
        return lines

    def pairs(self, path: Path, column: int, count: int) -> list[str]:
        lines: list[str] = []
        for number in range(count):
            lines += self.own(path, column) if number else []
            names = [self.name("k")] + ([self.name("k")] if self.chance(0.15) else [])
            written = self.random.choice(
                [".".join(names), " . ".join(names), f'"{names[0]}"' if len(names) == 1 else ".".join(names)]
            )
            place = (*path, *names)
            value = self.value(place, 0)
            lines.append(" " * column + written + self.random.choice([" = ", " = ", "="]) + value + self.beside(place))
        return "\n".join(lines).split("\n") if lines else []

    def value(self, path: Path, depth: int) -> str:
        kind = self.random.choice(["scalar"] * 3 + ["array"] * 2 + ["table", "lines"])
        if kind == "array" and depth < 3:
            return self.array(path, depth)
        if kind == "table" and depth < 2:
            return self.inline(path, depth)
        word = self.name("w")
        if kind == "lines":
            first = self.random.choice(["", "\n"])
            return self.random.choice(
                [f'"""{first}{word}\n{word} x"""', f"'''{first}{word}\n # no'''", f'"""{word} \\\n  y"""']
            )
        return self.random.choice(
            [f'"{word}"', f"'{word}'", f'"{word} \\"q\\""', f"1_{self.count}", "true", "2025-06-24"]
        )

    def inline(self, path: Path, depth: int) -> str:
        self.made.flows.add(path)
        cells = []
        for _ in range(self.random.randint(1, 3)):
            name = self.name("k")
            self.made.flows.add((*path, name))
            word = self.name("w")
            value = f"[1, '{word}']" if self.chance(0.2) and depth < 1 else f"'{word}'"
            cells.append(f"{name} = {value}")
        space = self.random.choice(["", " "])
        return "{" + space + ", ".join(cells) + space + "}"

    def array(self, path: Path, depth: int) -> str:
        self.made.flows.add(path)
        count = self.random.randint(0, 4)
        values = [self.value((*path, number), depth + 1) for number in range(count)]
        if self.chance(0.5):
            space = self.random.choice(["", " "])
            return f"[{space}{', '.join(values)}{self.random.choice(['', '', ',']) if values else ''}{space}]"
        lines = ["["]
        for number, value in enumerate(values):
            lines += self.own(path, 2)
            is_last = number == count - 1
            lines.append(f"  {value}{'' if is_last and self.chance(0.5) else ','}" + self.beside((*path, number)))
        return "\n".join([*lines, *self.own(path, 2), "]"])


def toml(random: Random) -> Made:
    """Return front matter in TOML."""
    return _Toml(random).make()
