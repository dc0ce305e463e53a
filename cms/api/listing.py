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
from cms.database.order import RANK, Sort, columns_of
from cms.database.tables import AnyRow
from cms.model.field import Column
from cms.model.html_text import readable
from cms.model.published import members_of, to_json, whole
from cms.model.search import searchable, snippets


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
            there = members_of(row.lean, row.lengths, row.heavy)
            members = [there[name] for name in wanted if name in there]
        if "fallback" in query and row.locale.lower() != query["locale"].lower():
            members.append('"fallback":true')
        if words:
            deadline.check()
            members.append(f'"snippets":{to_json(_snippets(row, words))}')
        found.append(f"{{{','.join(members)}}}")
    return found


def _snippets(row: AnyRow, words: tuple[str, ...]) -> list[dict[str, str]]:
    shown = json.loads(whole(row.lean, row.lengths, row.heavy))
    data = ((f"/data{where}", text) for where, text in searchable(shown["data"]))
    texts = [*data, ("/body", _body_of(shown))]
    return [{"pointer": found.pointer, "html": found.html} for found in snippets(words, texts)]


def _body_of(shown: dict[str, Any]) -> str:
    """Return the text that is searched of an article's body, as `article.read_body` has it."""
    return str(shown["body"] if shown["format"] == "mdx" else readable(shown["html"]))


def encode_cursor(place: Sequence[Any], query: Query) -> str:
    return cursors.encode([order_of(query), *place])


def decode_cursor(query: Query, sorts: Sequence[Sort]) -> list[Any] | None:
    """The place after which the page begins; `Malformed` for a cursor of another order."""
    text = query.get("cursor")
    if text is None:
        return None
    kinds = [_place_kinds(sort, is_first=not number and "q" not in query) for number, sort in enumerate(sorts)]
    order, *place = cursors.decode(text, [str, *(kind for some in kinds for kind in some), str])
    if order != order_of(query) or not _is_in_column(place, sorts[0]):
        raise cursors.foreign()
    return place


def _place_kinds(sort: Sort, *, is_first: bool) -> list[Kind]:
    """The kinds of what a place says of the sort: in which of the field's columns it is, and the value there; or, where
    the list is not sorted by the field first, the value in each."""
    if isinstance(sort.by, str):
        return [str if sort.by == "id" else int if sort.by == RANK else float]
    columns = columns_of(sort)
    if is_first and len(columns) > 1:
        return [int, cursors.TEXT_OR_NUMBER]
    return [int, *(_KINDS[column] for column in columns)]


def _is_in_column(place: Sequence[Any], sort: Sort) -> bool:
    """Whether the first value of a place is one that its column can be compared with."""
    columns = columns_of(sort)
    if len(columns) < 2:
        return True
    return 0 <= place[0] <= len(columns) and isinstance(place[1], _KINDS[[*columns, columns[-1]][place[0]]])


_KINDS: dict[Column, Kind] = {"number": float, "text": str}
