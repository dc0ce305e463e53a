"""Edits front matter at random and checks that only what was meant has changed."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from cms.errors import Invalid
from cms.model import splice
from tests.content.random_edits import Edit, applied, some_edits
from tests.content.verdict import plain
from tests.corpora.judge import judged
from tests.corpora.reading import Reading, is_same_body

_COMMENT = re.compile(r"\s*#")


@dataclass(frozen=True)
class Save:
    """One save of a file: what was changed, and the `problem` if it went wrong; `is_refused` when it was not made."""

    path: str
    what: str
    text: str
    wanted: dict[str, Any]
    body: str
    problem: str = ""
    is_refused: bool = False


def saves(reading: Reading, number: int, chance: random.Random) -> Iterator[Save]:
    """Edit the file so many times, each time as it lies there, with one to three changes."""
    found = reading.document
    if found is None:
        return
    for _ in range(number):
        edits = some_edits(chance, found.data, has_null=found.format != "toml")
        wanted = applied(found.data, edits)
        what = "; ".join(f"{edit.kind} {'/'.join(map(str, edit.whole_place))}" for edit in edits)
        try:
            text = splice.edit(found, wanted, None)
        except Invalid as error:
            details = "; ".join(f"{problem.code} {problem.pointer}: {problem.detail}" for problem in error.problems)
            yield Save(reading.path, what, "", wanted, "", details, is_refused=True)
            continue
        problem = _problem(found.text, text, edits)
        yield Save(reading.path, what, text, wanted, found.content, problem)


def _problem(old: str, new: str, edits: list[Edit]) -> str:
    """Say which line was lost or changed that no change means; nothing when all are right."""
    before, after = (text.removeprefix("\ufeff").split("\n") for text in (old, new))
    meant = set().union(*(_span(before, str(edit.whole_place[0])) for edit in edits))
    rest = iter(after)
    for number, line in enumerate(before):
        if number not in meant and line not in rest:  # goes on in `rest` to the line that is found
            return f"line {number + 1} is lost: {line!r}"
    if all(edit.kind == "add" for edit in edits):
        lost = Counter(filter(_COMMENT.match, before)) - Counter(filter(_COMMENT.match, after))
        if lost:
            return f"a comment is lost: {next(iter(lost))!r}"
    return ""


def _span(lines: list[str], key: str) -> Iterator[int]:
    """Yield the lines of an entry at the top, told by indentation, and in TOML by the headers of tables, alone."""
    is_toml = lines[0].strip("\ufeff\r") == "+++"
    begins = re.compile(rf"[\"'\s\[]*{re.escape(key)}\b" if is_toml else rf"[\"']*{re.escape(key)}\b|\? ")
    ends = re.compile(r"\[|\+\+\+|[^\s\-\]}#+]" if is_toml else r"---|[^\s\-\]}#][^#]*?:(?:\s|$)|\? ")
    is_inside = is_table = False
    for number, line in enumerate(lines):
        if begins.match(line):
            is_inside, is_table = True, line.startswith("[")
        elif re.match(r"\[|\+\+\+" if is_table else ends, line):
            is_inside = is_table = False
        if is_inside:
            yield number


def report(found: list[Save], most: int) -> bool:
    """Print how many saves were exact; return whether one was wrong. What was written is read back by Astro."""
    made = [save for save in found if not save.is_refused]
    sites = judged([(save.path, save.text) for save in made])
    wrong = [(save, problem) for save, site in zip(made, sites, strict=True) if (problem := _read_back(save, site))]
    refused = [(save, save.problem) for save in found if save.is_refused]
    click.echo(f"{len(found):,} saves")
    click.echo(f"{len(made) - len(wrong):9,}  exact")
    for word, some in (("refused", refused), ("wrong", wrong)):
        click.echo(f"{len(some):9,}  {word}")
        for save, problem in some[: most * 3]:
            click.echo(f"{'':11}{save.path}: {save.what}: {problem[:300]}")
    return bool(wrong)


def _read_back(save: Save, site: dict[str, Any]) -> str:
    if save.problem:
        return save.problem
    if "error" in site:
        return f"Astro refuses it: {site['error']}"
    if plain(save.wanted) != plain(site["data"]):
        return f"Astro reads {site['data']!r}, wanted {save.wanted!r}"
    return "" if is_same_body(site["body"], save.body) else "the body has changed"
