"""YAML front matter made by chance: every form that people write, with comments everywhere."""

from __future__ import annotations

from random import Random

from tests.content.commented import Made, Maker, Path


class Yaml(Maker):
    """YAML between `---` lines."""

    def make(self) -> Made:
        column = self.random.choice([0, 0, 0, 0, 2])
        lines = ["---", *self.own((), column), *self.mapping((), column, 0), *self.own((), 0), "---", "Body", ""]
        newline = "\r\n" if self.chance(0.2) else "\n"
        self.made.text = newline.join(lines)
        return self.made

    def scalar(self, *, is_flow: bool = False) -> str:
        word = self.name("w")
        forms = [word, word, f"'{word}'", f'"{word}"', f"!!str {word}", f"&a{word} {word}", f'"{word}: \\u00e9"']
        return self.random.choice(
            [*forms, "12", "true", "2025-06-24"] if is_flow else [*forms, "1_0", "null", f"{word} x"]
        )

    def key(self) -> tuple[str, str]:
        """A key, and how it is written."""
        name = self.name("k")
        return name, self.random.choice([name, name, name, f"'{name}'", f'"{name}"'])

    def mapping(self, path: Path, column: int, depth: int) -> list[str]:
        lines: list[str] = []
        for number in range(self.random.randint(1, 4 if depth else 6)):
            lines += self.own(path, column) if number else []
            lines += self.entry(path, column, depth)
        return lines

    def entry(self, parent: Path, column: int, depth: int) -> list[str]:
        name, written = self.key()
        path, blank = (*parent, name), " " * column
        kind = self.random.choice(
            ["scalar"] * 4 + ["flow", "text", "lines", "empty", "below", "?"] + ["list", "mapping"] * 3
        )
        if kind == "?":
            value = self.scalar() if self.chance(0.8) else ""
            last = [f"{blank}: {value}{self.beside(path)}"] if value else []
            return [f"{blank}? {written}{self.beside(path, 0.2)}", *last]
        head = f"{blank}{written}{self.random.choice(['', '', '', ' '])}:"
        if kind in ("list", "mapping") and depth < 3:
            head += self.beside(path) if self.chance(0.8) else f" &a{name}"
            lines = self.own(path, column + 2) if self.chance(0.2) else []
            if kind == "list":
                return [
                    head,
                    *lines,
                    *self.sequence(
                        path, column + self.random.choice([0, 2, 2, 4]) * (column + depth > 0 or 1), depth + 1
                    ),
                ]
            return [head, *lines, *self.mapping(path, column + self.random.choice([1, 2, 2, 4]), depth + 1)]
        if kind == "below":
            return [head, f"{blank}  {self.scalar()}{self.beside(path)}"]
        return self.value(head, path, column, kind)

    def value(self, head: str, path: Path, column: int, kind: str) -> list[str]:
        """`head`, which ends with a colon or a dash, and a value that begins on its line."""
        blank = " " * (column + self.random.choice([1, 2, 4]))
        if kind == "flow":
            first, *rest = self.flow(path, column + 2, 0).split("\n")
            lines = [f"{head} {first}", *rest]
            return [*lines[:-1], lines[-1] + self.beside(path)]
        if kind == "text":
            texts = [blank + self.name("w"), *([""] if self.chance(0.3) else []), blank + self.name("w")]
            header = self.random.choice(["|", "|-", "|+", ">", ">-"])
            return [f"{head} {header}{self.beside(path, 0.2)}", *texts]
        if kind == "lines":
            quote = self.random.choice(["", "'", '"'])
            return [f"{head} {quote}{self.name('w')}", f"{blank}{self.name('w')}{quote}{self.beside(path)}"]
        if kind == "empty":
            return [f"{head}{self.random.choice(['', ' []', ' {}', ' ~'])}{self.beside(path)}"]
        return [f"{head}{self.random.choice([' ', ' ', '  '])}{self.scalar()}{self.beside(path)}"]

    def sequence(self, path: Path, column: int, depth: int) -> list[str]:
        lines: list[str] = []
        is_in_list = any(isinstance(part, int) for part in path)
        count = self.random.randint(1, 4)
        for number in range(count):
            item = (*path, number)
            lines += self.own(path, column) if number else []
            kind = self.random.choice(
                ["scalar"] * 4 + ["flow", "flow", "text", "lines", "empty", "?"] + ["list", "mapping"] * 2
            )
            if kind == "empty" and is_in_list and number == count - 1:
                kind = "scalar"  # js-yaml reads the next item of an outer list as one of the inner list
            blank = " " * column
            if kind == "?":
                lines.append(f"{blank}- ?{self.beside(item)}")
            elif kind in ("list", "mapping") and depth < 3:
                lines += self.nested(item, column, depth, kind)
            else:
                lines += self.value(f"{blank}-", item, column, kind)
        return lines

    def nested(self, path: Path, column: int, depth: int, kind: str) -> list[str]:
        """An item that is a list or mapping, on the dash or below it."""
        gap = self.random.choice([2, 2, 2, 4])
        lines = (self.sequence if kind == "list" else self.mapping)(path, column + gap, depth + 1)
        if self.chance(0.2):
            return [" " * column + "-" + self.beside(path), *lines]
        self.made.dashed.add(path)
        return [" " * column + "-" + lines[0][column + 1 :], *lines[1:]]

    def flow(self, path: Path, column: int, depth: int) -> str:
        """A flow collection, on one line or on several."""
        self.made.flows.add(path)
        is_list, count = self.chance(0.5), self.random.randint(1, 4)
        cells: list[tuple[Path, str]] = []
        for number in range(count):
            name, written = (number, "") if is_list else self.key()
            place = (*path, name)
            value = (
                self.flow(place, column + 2, depth + 1)
                if depth < 2 and self.chance(0.25)
                else self.scalar(is_flow=True)
            )
            lead = "" if is_list else self.random.choice([f"{written}: "] * 4 + [f"? {written} : "])
            cells.append((place, lead + value if is_list or self.chance(0.9) else written))
        brackets = "[]" if is_list else "{}"
        if self.chance(0.6) or (not any("\n" in cell for _, cell in cells) and self.chance(0.5)):
            space = self.random.choice(["", "", " "])
            tail = self.random.choice(["", "", "", ","])
            return brackets[0] + space + ", ".join(cell for _, cell in cells) + tail + space + brackets[1]
        return self._flow_lines(path, column, cells, brackets)

    def _flow_lines(self, path: Path, column: int, cells: list[tuple[Path, str]], brackets: str) -> str:
        blank = " " * column
        lines = [brackets[0]]
        is_leading = self.chance(0.2)
        for number, (place, cell) in enumerate(cells):
            lines += self.own(path, column)
            is_last = number == len(cells) - 1
            comma = "" if is_leading or (is_last and self.chance(0.5)) else ","
            lead = ", " if is_leading and number else ""
            if number and not is_last and not lead and self.chance(0.2) and "#" not in lines[-1] and lines[-1].strip():
                lines[-1] += f" {cell}{comma}"
            else:
                lines.append(f"{blank}{lead}{cell}{comma}")
            lines[-1] += self.beside(place) if not self.chance(0.3) else ""
        return "\n".join([*lines, " " * max(column - 2, 1) + brackets[1]])


def yaml(random: Random) -> Made:
    """Return front matter in YAML."""
    return Yaml(random).make()
