"""Mutates YAML as people write it, and makes more: lines of random structure, and random characters."""

from __future__ import annotations

import random

from tests.content.yaml_samples import SAMPLES

PIECES = [
    "\t", "\n", "\r", "\r\n", " ", "  ", "\n\n", "\n ", "\n  ", "\n    ", "\n\t\n", "\n \t\n", "\n  # c\n", "\n\t# c\n",
    ":", ": ", ":\n", " : ", "\t:", ":\t", "- ", "-", "-\n", "-\t", "- - ", "- a\n", "? ", "?", "? a\n: b\n",
    "? - a\n", "? {a: b}\n: c\n", "a: ", "a: b\n", "[", "]", "{", "}", ",", ", ", "{a: b}", "[a, b]", "{a:, b}",
    "[:x]", "[?x]", "{? a}", "#", " #c", "#c", "&a ", "&b", "&a\n", "&a\n  ", "*a", "*b ", "<<", "<<: ", "<<: *a\n",
    "<<: {a: 1}\n", "!!str ", "!!int ", "!!float ", "!!bool ", "!!null ", "!!map ", "!!seq ", "!!binary ", "!!set ",
    "!!str\n", "!!int\n  ", "!", "! ", "!x ", "!<tag:yaml.org,2002:str> ", "%YAML 1.2\n", "%TAG ! tag:yaml.org,2002:\n",
    "|", "|\n", ">\n", "|-\n", "|+\n", "|2\n", ">1\n", "'", '"', "''", "\\", "\\n", "\\\n", "\\x4", "\\u00e9", "\\0",
    "\\ud83c\\udf89", "\\ud800", "\\U00110000", "%", "@", "`", "=", "---", "...", "\n---\n", "\n...\n", "\r---\r",
    "\x85", "\u2028", "\u2029", "\ufeff", "\xa0", "\x07", "\x7f", "\x1b", "\0", "\ufffe", "\U0001f389", "~", "null",
    "true", "yes", "2025-01-01", "1e999", "0x", ".nan",
]  # fmt: skip

SCALARS = [
    "a", "b", "key", "title", "x y", "'q'", '"d"', "1", "2025-01-01", "~", "true", "é", "a:b", "a#b", "-x", "?x", ":x",
    "<<", "*a", "*a ", "&a", "&a x", "&a\n", "!!str 1", "!!int 5", "", "''", '""', "x: y", "- x", "? x", "[a]",
    "{a: b}", "[a, b: c]", "{a, b: }", "[x,", "{x:", "]", "}", ",", "|\n   t", ">\n   t\n   u", "|", ">-", "0x1f",
    ".5", "1.", "'a\n b'", '"a\n\n b"', "x\n  y", "x # c", "#c", "\t", "---", "...",
]  # fmt: skip
LEADS = ["", "", "- ", "- - ", "? ", ": ", "-", "-\n", "-\t", "- ? ", "&a ", "&a\n", "!!str ", "!!map\n", "&b !!str "]
COLONS = [
    ": ", ": ", ": ", ":", ":\n", ":\t", " : ", "", ": &a ", ": &a\n", ": !!str ", ": !!str\n", ": *a", ": - ", ": ? ",
]  # fmt: skip
BETWEEN = ["", " ", "\t", "   ", "# c", "  # c", "\t# c", "..."]
CHARACTERS = [
    *"ab:-?[]{},&*!|>'\"%@`#~\n\n\n  \t\r", ": ", "- ", "\n  ", "\n ", "a: ", "b: ", "- ", "? ", "&a ", "*a", "!!str ",
    "<<: ", "|\n", ">\n", "''", "k:\n",
]  # fmt: skip


def front_matters(seed: int, count: int) -> list[str]:
    """Return texts to stand between the fences, each ending with a line feed; the same ones for the same seed."""
    dice = random.Random(seed)
    texts: list[str] = []
    while len(texts) < count:
        kind = dice.random()
        if kind < 0.55:
            text = damaged(dice, dice.choice(SAMPLES))
        elif kind < 0.8:
            text = "\n".join(_lines(dice, 0)) + "\n"
            text = damaged(dice, text) if dice.random() < 0.3 else text
        else:
            text = "".join(dice.choice(CHARACTERS) for _ in range(dice.randint(2, 24))) + "\n"
            text = f"a: &a 1\n{text}" if dice.random() < 0.5 else text
        ends = dice.random()
        text = text.replace("\n", "\r\n") if ends < 0.08 else text.replace("\n", "\r") if ends < 0.12 else text
        texts.append(text if text.endswith("\n") else text + "\n")
    return texts


def damaged(dice: random.Random, text: str) -> str:
    """Return the text with one or a few small damages."""
    for _ in range(dice.choice([1, 1, 1, 1, 1, 1, 2, 2, 3])):
        at = dice.randint(0, len(text))
        kind = dice.random()
        if kind < 0.45:
            text = text[:at] + dice.choice(PIECES) + text[at:]
        elif kind < 0.6:
            text = text[:at] + text[at + dice.choice([1, 1, 1, 2, 3, 5, 8, 20]) :]
        else:
            text = _with_damaged_line(dice, text)
    return text


def _with_damaged_line(dice: random.Random, text: str) -> str:
    lines = text.split("\n")
    at, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    line = lines[at]
    body = line.lstrip(" ")
    space = line[: len(line) - len(body)]
    key, _, value = line.partition(":")
    changed = {
        "deeper": [" " * dice.choice([1, 1, 2, 2, 3, 4]) + line],
        "less deep": [space[dice.choice([1, 2, 2, 4]) :] + body],
        "twice": [line, line],
        "gone": [],
        "tab": ["\t" + line],
        "end": [line.rstrip() + dice.choice(PIECES)],
        "begin": [space + dice.choice(PIECES) + body],
        "colon": [key + dice.choice([*COLONS, ":  ", ": \n  ", ":\n\t", ": |\n  "]) + value],
        "space": [line.replace(" ", dice.choice(["\t", "  ", "", "\n", " \n "]), 1)],
        "moved": [lines[other]],
    }
    kind = dice.choice(list(changed))
    if kind == "moved":
        lines[other] = line
    lines[at : at + 1] = changed[kind]
    return "\n".join(lines)


def _lines(dice: random.Random, depth: int) -> list[str]:
    """Return lines of keys, items, properties and values in any order and at any indentation."""
    found = []
    space = " " * dice.choice([0, 0, 0, 1, 2, 2, 2, 4, 4, 6])
    for _ in range(dice.randint(1, 5)):
        lead = dice.choice(LEADS)
        lead += space if lead.endswith("\n") else ""
        found.append(space + lead + dice.choice(SCALARS) + dice.choice(COLONS) + dice.choice(SCALARS))
        if depth < 3 and dice.random() < 0.5:
            deeper = dice.choice(["", " ", "  ", "  ", "    "]) + space
            found += [deeper + line for line in _lines(dice, depth + 1)]
        if dice.random() < 0.1:
            found.append(dice.choice(BETWEEN))
        if dice.random() < 0.3:
            space = " " * dice.choice([0, 0, 1, 2, 2, 4])
    return found
