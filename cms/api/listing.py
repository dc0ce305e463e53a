"""Reads what a list of articles is asked for (filters, sorts, the cursor of the next page) and writes its page.

Only fields that the collection's schema knows can be named; there is no other way into the data. `query` is what
`schemas.ArticleQuery` loads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from sqlalchemy import Connection

from cms.actions.rules import fields_in, row_of
from cms.api import cursors
from cms.api.cursors import NUMBER, Kind
from cms.database import listing
from cms.database.listing import Clause, Filter
from cms.database.order import BUILT_IN, RANK, Sort
from cms.database.tables import AnyRow
from cms.errors import Invalid, Problem
from cms.model.field import Field, Op, parse
from cms.model.html_text import readable
from cms.model.limits import Limits
from cms.model.pointer import pointer, strings
from cms.model.published import members_of, to_json
from cms.model.scopes import Actor
from cms.model.search import snippets, tokens
from cms.model.visibility import STATUSES

MOST_SORTS = 4

Query = Mapping[str, Any]
_ONLY = {"boolean": ("eq", "ne", "in", "exists"), "number": tuple(op for op in get_args(Op) if op != "contains")}


class Known(NamedTuple):
    """A collection, and what its lists may be filtered and sorted by."""

    collection: str
    fields: Mapping[str, Field]


class Asker(NamedTuple):
    """Who asks, and how much may be asked for."""

    actor: Actor
    limits: Limits


def page_of(tx: Connection, asker: Asker, query: Query) -> str:
    """The page, as JSON; the pointers of what is wrong with the query lead into it."""
    known = known_to(tx, query)
    wanted, sorts = filter_of(query, known, asker), sorts_of(query, known)
    after = decode_cursor(query, sorts)
    page = listing.page(tx, wanted, sorts, after, query["limit"], is_whole=is_whole(query))
    total = listing.total(tx, wanted) if query["total"] else None
    items = ",".join(items_of(page.rows, query, wanted.words))
    cursor = to_json(None if page.end is None else encode_cursor(page.end, query))
    counted = "" if total is None else f',"total":{total}'
    return f'{{"items":[{items}],"next_cursor":{cursor}{counted}}}'


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
    return Filter(collection, locale, fallback, statuses, drafts_in, clauses, words_of(query, asker.limits))


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
    names = _order(query).split(",")
    if len(names) > MOST_SORTS:
        raise _wrong("sort", f"at most {MOST_SORTS} sorts are taken")
    if "q" not in query and RANK in (name.removeprefix("-") for name in names):
        raise _wrong("sort", "only what q searches for has a relevance")
    return [_sort(name, known) for name in names]


def _order(query: Query) -> str:
    """Without `sort` the best hits come first, or else articles in the order of their ids."""
    order: str = query.get("sort", f"-{RANK}" if "q" in query else "id")
    return order


def is_whole(query: Query) -> bool:
    """Whether the items need more of an article than what lists show."""
    return "q" in query or query.get("fields_") is not None


def items_of(rows: Sequence[AnyRow], query: Query, words: tuple[str, ...]) -> list[str]:
    """The articles as the list shows them: lean, or with the members that were asked for; where each was found, and
    whether it stands in for a translation."""
    names = query.get("fields_")
    if names is None and not words and "fallback" not in query:
        return [row[0] for row in rows]
    wanted = None if names is None else dict.fromkeys(("collection", "id", *names.split(",")))
    found = []
    for row in rows:
        members = [row.lean[1:-1]]
        if wanted is not None:
            whole = members_of(row.json, row.lengths, lean=False)
            members = [whole[name] for name in wanted if name in whole]
        if "fallback" in query and row.locale != query["locale"]:
            members.append('"fallback":true')
        if words:
            members.append(f'"snippets":{to_json(_snippets(row, words))}')
        found.append(f"{{{','.join(members)}}}")
    return found


def _snippets(row: AnyRow, words: tuple[str, ...]) -> list[dict[str, str]]:
    whole = json.loads(row.json)
    texts = [*strings(whole["data"], ("data",)), ("/body", readable(whole["html"]))]
    return [{"pointer": found.pointer, "html": found.html} for found in snippets(words, texts)]


def encode_cursor(place: Sequence[Any], query: Query) -> str:
    return cursors.encode([_order(query), *place])


def decode_cursor(query: Query, sorts: Sequence[Sort]) -> list[Any] | None:
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
    return [int, NUMBER if sort.by.is_number else str]


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
    if len(texts) > most:
        raise _wrong(where, f"at most {most} values are taken")
    try:
        return Clause(field, known_op, tuple(parse(field, part) for part in texts))
    except ValueError as error:
        raise _wrong(where, str(error)) from error


def _sort(name: str, known: Known | None) -> Sort:
    plain = name.removeprefix("-")
    by = plain if plain in BUILT_IN else _field(plain, known, "sort")
    return Sort(by, name.startswith("-"))


def _field(name: str, known: Known | None, where: str) -> Field:
    if known is None:
        raise _wrong(where, "name the collection, whose schema says what fields there are")
    if name not in known.fields:
        names = ", ".join(sorted(known.fields)) or "none, for it has no schema"
        raise _wrong(where, f"{known.collection} has no field {name!r}; there are {names}")
    return known.fields[name]


def _wrong(where: str, detail: str) -> Invalid:
    return Invalid("The query cannot be answered.", problems=[Problem(pointer(where), detail, "query")])
