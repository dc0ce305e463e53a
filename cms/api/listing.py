"""Writes a page of a list of articles, and the cursor with which the next one begins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from sqlalchemy import Connection

from cms.api import cursors
from cms.api.cursors import Kind
from cms.api.wanted import Asker, Query, filter_of, known_to, order_of, sorts_of
from cms.database import listing
from cms.database.deadline import Deadline
from cms.database.order import Sort
from cms.database.tables import AnyRow
from cms.model.html_text import readable
from cms.model.pointer import strings
from cms.model.published import members_of, to_json
from cms.model.search import snippets


def page_of(tx: Connection, asker: Asker, query: Query) -> str:
    """The page, as JSON; the pointers of what is wrong with the query lead into it."""
    known = known_to(tx, query)
    wanted, sorts = filter_of(query, known, asker), sorts_of(query, known)
    after, deadline = decode_cursor(query, sorts), Deadline()
    with deadline.of(tx, statements=1 + query["total"]) if wanted.words else nullcontext():
        page = listing.page(tx, wanted, sorts, after, query["limit"], is_whole=is_whole(query))
        total = listing.total(tx, wanted) if query["total"] else None
    items = ",".join(items_of(page.rows, query, wanted.words, deadline))
    cursor = to_json(None if page.end is None else encode_cursor(page.end, query))
    counted = "" if total is None else f',"total":{total}'
    return f'{{"items":[{items}],"next_cursor":{cursor}{counted}}}'


def is_whole(query: Query) -> bool:
    """Whether the items need more of an article than what lists show."""
    return "q" in query or query.get("fields_") is not None


def items_of(rows: Sequence[AnyRow], query: Query, words: tuple[str, ...], deadline: Deadline) -> list[str]:
    """The articles as the list shows them: lean, or with the members that were asked for; where each was found, and
    whether it stands in for a translation. `Unavailable` when the places of a search are not found by the deadline."""
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
            deadline.check()
            members.append(f'"snippets":{to_json(_snippets(row, words))}')
        found.append(f"{{{','.join(members)}}}")
    return found


def _snippets(row: AnyRow, words: tuple[str, ...]) -> list[dict[str, str]]:
    whole = json.loads(row.json)
    texts = [*strings(whole["data"], ("data",)), ("/body", readable(whole["html"]))]
    return [{"pointer": found.pointer, "html": found.html} for found in snippets(words, texts)]


def encode_cursor(place: Sequence[Any], query: Query) -> str:
    return cursors.encode([order_of(query), *place])


def decode_cursor(query: Query, sorts: Sequence[Sort]) -> list[Any] | None:
    """The place after which the page begins; `Malformed` for a cursor of another order."""
    text = query.get("cursor")
    if text is None:
        return None
    kinds = [kind for sort in sorts for kind in _place_kinds(sort)]
    order, *place = cursors.decode(text, [str, *kinds, str])
    if order != order_of(query):
        raise cursors.foreign()
    return place


def _place_kinds(sort: Sort) -> list[Kind]:
    if isinstance(sort.by, str):
        return [str if sort.by == "id" else float]
    return [int, float if sort.by.is_number else str]
