"""Reads what a list of articles is asked for (filters, sorts, the cursor of the next page) and writes its items.

Only fields that the collection's schema knows can be named; there is no other way into the data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

from cms.actions.rules import fields_of_collection
from cms.api import auth, cursors, problems
from cms.api.cursors import NUMBER, Kind
from cms.api.parsing import context
from cms.database.listing import BUILT_IN, RANK, Clause, Filter, Listed, Sort
from cms.database.tables import AnyRow
from cms.errors import Invalid, Problem
from cms.model.field import Field, Op, parse
from cms.model.html_text import readable
from cms.model.pointer import pointer, strings
from cms.model.published import to_json
from cms.model.search import snippets, tokens
from cms.model.visibility import STATUSES

MOST_SORTS = 4
_ONLY = {"boolean": ("eq", "ne", "in", "exists"), "number": tuple(op for op in get_args(Op) if op != "contains")}


def filter_of(query: dict[str, Any]) -> Filter:
    """Which articles the query asks for, as far as the caller may see them."""
    collection = query.get("collection")
    statuses, drafts_in = _visible(query["status"], collection)
    clauses = _clauses(query.get("filters", {}), collection)
    locale, fallback = query.get("locale"), query.get("fallback")
    if fallback is not None and locale is None:
        raise _wrong("fallback", "name the locale that it stands in for")
    return Filter(collection, locale, fallback, statuses, drafts_in, clauses, words_of(query))


def words_of(query: dict[str, Any]) -> tuple[str, ...]:
    """What is searched for; empty without `q`."""
    text, most = query.get("q"), context().settings.limits.search_characters
    if text is None:
        return ()
    if len(text) > most:
        raise _wrong("q", f"at most {most} characters are taken")
    found = tuple(tokens(text))
    if not found:
        raise _wrong("q", "write at least one letter or digit")
    return found


def sorts_of(query: dict[str, Any]) -> list[Sort]:
    """The order that the query asks for."""
    names = _order(query).split(",")
    if len(names) > MOST_SORTS:
        raise _wrong("sort", f"at most {MOST_SORTS} sorts are taken")
    if "q" not in query and RANK in (name.removeprefix("-") for name in names):
        raise _wrong("sort", "only what q searches for has a relevance")
    return [_sort(name, query.get("collection")) for name in names]


def _order(query: dict[str, Any]) -> str:
    """Without `sort` the best hits come first, or else articles in the order of their ids."""
    order: str = query.get("sort", f"-{RANK}" if "q" in query else "id")
    return order


def item_of(row: AnyRow, query: dict[str, Any]) -> str:
    """The article as the list shows it: lean, or with the members that were asked for; where it was found, and whether
    it stands in for a translation."""
    names, words = query.get("fields_"), words_of(query)
    more: dict[str, Any] = {}
    if "fallback" in query and row.locale != query["locale"]:
        more["fallback"] = True
    if words:
        more["snippets"] = _snippets(row, words)
    if names is None and not more:
        return str(row.lean)
    whole = json.loads(row.lean if names is None else row.json)
    wanted = whole if names is None else ("collection", "id", *names.split(","))
    return to_json({**{name: whole[name] for name in wanted if name in whole}, **more})


def _snippets(row: AnyRow, words: tuple[str, ...]) -> list[dict[str, str]]:
    whole = json.loads(row.json)
    texts = [*strings(whole["data"], ("data",)), ("/body", readable(whole["html"]))]
    return [{"pointer": found.pointer, "html": found.html} for found in snippets(words, texts)]


def encode_cursor(listed: Listed, query: dict[str, Any]) -> str:
    return cursors.encode([_order(query), *listed.place])


def decode_cursor(query: dict[str, Any], sorts: Sequence[Sort]) -> list[Any] | None:
    """The place after which the page begins; `Malformed` for a cursor of another order."""
    text = query.get("cursor")
    if text is None:
        return None
    kinds = [kind for sort in sorts for kind in _place_kinds(sort)]
    order, *place = cursors.decode(text, [str, *kinds, str])
    if order != _order(query):
        raise cursors.foreign()
    return place


def _place_kinds(sort: Sort) -> list[Kind]:
    if isinstance(sort.by, str):
        return [str if sort.by == "id" else NUMBER]
    return [int, NUMBER if sort.by.kind in ("number", "boolean") else str]


def _visible(status: str, collection: str | None) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    actor = auth.actor()
    if status == "published":
        return ("published",), ()
    statuses = STATUSES if status == "all" else (status,)
    if actor.may("articles:read-drafts", collection):
        return statuses, None
    if collection is not None or not actor.may_somewhere("articles:read-drafts"):
        actor.require("articles:read-drafts", collection)
    return statuses, actor.collections("articles:read-drafts")


def _clauses(given: dict[tuple[str, str], str], collection: str | None) -> tuple[Clause, ...]:
    most = context().settings.limits.filter_clauses
    if len(given) > most:
        raise _wrong("filter", f"at most {most} filters are taken")
    return tuple(_clause(name, op, text, collection) for (name, op), text in given.items())


def _clause(name: str, op: str, text: str, collection: str | None) -> Clause:
    where = f"filter[{name}][{op}]"
    field = _field(name, collection, where)
    ops: tuple[Op, ...] = get_args(Op)
    allowed = _ONLY.get(field.kind, ops)
    if op not in allowed:
        raise _wrong(where, f"{name} can be compared by {', '.join(allowed)}")
    known_op = next(known for known in ops if known == op)
    if op == "exists":
        if text not in ("true", "false"):
            raise _wrong(where, "write true or false")
        return Clause(field, known_op, (text == "true",))
    if "\0" in text:
        raise _wrong(where, "no value holds the character NUL")
    texts = text.split(",") if op == "in" else [text]
    most = context().settings.limits.filter_values
    if len(texts) > most:
        raise _wrong(where, f"at most {most} values are taken")
    try:
        return Clause(field, known_op, tuple(parse(field, part) for part in texts))
    except ValueError as error:
        raise _wrong(where, str(error)) from error


def _sort(name: str, collection: str | None) -> Sort:
    plain = name.removeprefix("-")
    by = plain if plain in BUILT_IN else _field(plain, collection, "sort")
    return Sort(by, name.startswith("-"))


def _field(name: str, collection: str | None, where: str) -> Field:
    if collection is None:
        raise _wrong(where, "name the collection, whose schema says what fields there are")
    fields = fields_of_collection(context(), collection)
    if name not in fields:
        known = ", ".join(sorted(fields)) or "none, for it has no schema"
        raise _wrong(where, f"{collection} has no field {name!r}; there are {known}")
    return fields[name]


def _wrong(where: str, detail: str) -> Invalid:
    problems.set_location("query")
    return Invalid("The query cannot be answered.", problems=[Problem(pointer(where), detail, "query")])
