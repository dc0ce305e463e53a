"""Reads what a list of articles is asked for: which of them, and in which order.

Only fields that the collection's schema knows can be named; there is no other way into the data. `query` is what
`schemas.ArticleQuery` loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cms.actions.rules import fields_in, row_of
from cms.database.listing import Clause, Filter
from cms.database.order import BUILT_IN, RANK, Sort
from cms.errors import Invalid, Problem
from cms.model.field import Field, field_named
from cms.model.field_values import parse
from cms.model.limits import Limits
from cms.model.locales import lookup
from cms.model.pointer import pointer
from cms.model.scopes import Actor
from cms.model.search import tokens
from cms.model.visibility import STATUSES

MOST_SORTS = 4

Query = Mapping[str, Any]


class Known(NamedTuple):
    """A collection, and what its lists may be filtered and sorted by."""

    collection: str
    fields: Mapping[str, Field]


class Asker(NamedTuple):
    """Who asks, and how much may be asked for."""

    actor: Actor
    limits: Limits


def known_to(tx: Connection, query: Query) -> Known | None:
    """The collection that the query names; None when it names none, `NotFound` when it is not there."""
    collection = query.get("collection")
    return None if collection is None else Known(collection, fields_in(row_of(tx, collection)))


def filter_of(query: Query, known: Known | None, asker: Asker) -> Filter:
    """Which articles the query asks for, as far as the caller may see them."""
    collection = query.get("collection")
    statuses, drafts_in = _visible(query["status"], collection, asker.actor)
    clauses = _clauses(query.get("filters", {}), known, asker.limits)
    locale, fallback = query.get("locale"), query.get("fallback")
    if fallback is not None and locale is None:
        raise _wrong("fallback", "name the locale that it stands in for")
    locales = None if locale is None else (locale.lower(),) if fallback is None else lookup(locale, fallback)
    return Filter(collection, locales, statuses, drafts_in, clauses, words_of(query, asker.limits))


def words_of(query: Query, limits: Limits) -> tuple[str, ...]:
    """What is searched for; empty without `q`."""
    text, most = query.get("q"), limits.search_characters
    if text is None:
        return ()
    if len(text) > most:
        raise _wrong("q", f"at most {most} characters are taken")
    found = tuple(tokens(text))
    if not found:
        raise _wrong("q", "write at least one letter or digit")
    return found


def sorts_of(query: Query, known: Known | None) -> list[Sort]:
    """The order that the query asks for."""
    names = order_of(query).split(",")
    if len(names) > MOST_SORTS:
        raise _wrong("sort", f"at most {MOST_SORTS} sorts are taken")
    if "q" not in query and RANK in (name.removeprefix("-") for name in names):
        raise _wrong("sort", "only what q searches for has a relevance")
    return [_sort(name, known) for name in names]


def order_of(query: Query) -> str:
    """Without `sort` the best hits come first, or else articles in the order of their ids."""
    order: str = query.get("sort", f"-{RANK}" if "q" in query else "id")
    return order


def _visible(status: str, collection: str | None, actor: Actor) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    if status == "published":
        return ("published",), ()
    statuses = STATUSES if status == "all" else (status,)
    if actor.may("articles:read-drafts", collection):
        return statuses, None
    if collection is not None or not actor.may_somewhere("articles:read-drafts"):
        actor.require("articles:read-drafts", collection)
    return statuses, actor.collections("articles:read-drafts")


def _clauses(given: dict[tuple[str, str], str], known: Known | None, limits: Limits) -> tuple[Clause, ...]:
    most = limits.filter_clauses
    if len(given) > most:
        raise _wrong("filter", f"at most {most} filters are taken")
    return tuple(_clause(name, op, text, known, limits.filter_values) for (name, op), text in given.items())


def _clause(name: str, op: str, text: str, known: Known | None, most: int) -> Clause:
    where = f"filter[{name}][{op}]"
    field = _field(name, known, where)
    known_op = next((known for known in field.ops if known == op), None)
    if known_op is None:
        raise _wrong(where, f"{name} can be compared by {', '.join(field.ops)}")
    if op == "exists":
        if text not in ("true", "false"):
            raise _wrong(where, "write true or false")
        return Clause(field, known_op, (text == "true",))
    if "\0" in text:
        raise _wrong(where, "no value holds the character NUL")
    texts = text.split(",") if op == "in" else [text]
    if len(texts) > most:
        raise _wrong(where, f"at most {most} values are taken")
    try:
        return Clause(field, known_op, tuple(one for part in texts for one in parse(field, known_op, part)))
    except ValueError as error:
        raise _wrong(where, str(error)) from error


def _sort(name: str, known: Known | None) -> Sort:
    plain = name.removeprefix("-")
    by = plain if plain in BUILT_IN else _field(plain, known, "sort")
    if isinstance(by, Field) and (known is None or plain not in known.fields or not by.is_sortable):
        raise _wrong("sort", f"{plain} is a key of a record: it can be filtered but not sorted by")
    return Sort(by, name.startswith("-"))


def _field(name: str, known: Known | None, where: str) -> Field:
    if known is None:
        raise _wrong(where, "name the collection, whose schema says what fields there are")
    field = field_named(known.fields, name)
    if field is None:
        names = ", ".join(sorted(known.fields)) or "none, for it has no schema"
        raise _wrong(where, f"{known.collection} has no field {name!r}; there are {names}")
    return field


def _wrong(where: str, detail: str) -> Invalid:
    return Invalid("The query cannot be answered.", problems=[Problem(pointer(where), detail, "query")])
