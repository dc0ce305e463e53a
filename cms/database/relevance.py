"""Which articles a search finds, and which of them come first.

The database's index narrows; what is a hit, and how good a one, is decided by the same text in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, and_, bindparam, cast, column, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from cms.database.search import INDEX, index, words
from cms.model.diacritics import without_marks
from cms.model.search import phrase
from cms.model.words import DATA_WEIGHT, EXACT_WEIGHT

FUNCTION = "cms_relevance"
"""What SQLite's connections call `model.words.relevance`."""

_PLAIN, _EXACT = (bindparam(name, type_=Text) for name in ("phrase", "exact"))


def condition(*, is_postgres: bool) -> ColumnElement[bool]:
    """Whether the row has the words one after the other, the last perhaps only beginning: those of `parameters`."""
    search = bindparam("search", type_=Text)
    if not is_postgres:
        return words.c.number.in_(select(index.c.rowid).where(column(INDEX).op("MATCH", is_comparison=True)(search)))
    narrowed = words.c.vector.op("@@", is_comparison=True)(func.to_tsquery("simple", search))
    return and_(narrowed, func.strpos(words.c.texts, _PLAIN) > 0)


def parameters(wanted: Sequence[str], *, is_postgres: bool) -> dict[str, str]:
    """What `condition` and `Relevance` compare with; the words have their marks."""
    plain = [without_marks(word) for word in wanted]
    *whole, last = (f"'{word}'" for word in plain)
    query = " & ".join([*whole, f"{last}:*"]) if is_postgres else f'"{" ".join(plain)}" *'
    return {"search": query, "phrase": phrase(plain), "exact": phrase(wanted)}


class Relevance(ColumnElement[int]):
    """How often the words stand in a row, as `model.words.relevance` counts."""

    type = BigInteger()
    inherit_cache = True


@compiles(Relevance, "sqlite")
def _of_sqlite(_element: Relevance, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(getattr(func, FUNCTION)(words.c.texts, _PLAIN, _EXACT), **options)


@compiles(Relevance, "postgresql")
def _of_postgres(_element: Relevance, compiler: SQLCompiler, **options: Any) -> str:
    def count(line: int, found: ColumnElement[str]) -> ColumnElement[int]:
        text = func.split_part(words.c.texts, "\n", line)
        return (func.length(text) - func.length(func.replace(text, found, ""))) // func.length(found)

    weak = DATA_WEIGHT * count(1, _PLAIN) + count(2, _PLAIN)
    strong = DATA_WEIGHT * count(-2, _EXACT) + count(-1, _EXACT)
    both = cast(EXACT_WEIGHT * cast(strong, BigInteger) + weak, BigInteger)
    return f"({compiler.process(both, **options)})"
