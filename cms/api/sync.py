"""The feed that frontends build from: everything once, then only what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Response, stream_with_context
from sqlalchemy import Connection

from cms.api import auth
from cms.api.collections import require_collection
from cms.api.conditional import is_known, not_modified
from cms.api.copies import problems_of
from cms.api.parsing import Blueprint, context
from cms.api.schemas import sync as schemas
from cms.database import articles, changes, feed, images
from cms.database.engine import read
from cms.database.photo_visibility import ALL, PUBLIC
from cms.database.tables import AnyRow
from cms.model import cursor as places
from cms.model.cursor import Cursor
from cms.model.published import FEED, HEAVY, members_of, to_json

blp = Blueprint("sync", __name__, url_prefix="/api/v1", description="The feed for builds")

NDJSON = "application/x-ndjson"
CHUNK = 64 * 1024


@blp.route("/sync")
@blp.arguments(schemas.SyncQuery, location="query")
@blp.response(200, schemas.SYNC_LINE, content_type=NDJSON, description="One JSON object a line, the cursor last")
@blp.alt_response(304, description="Nothing has changed")
def sync(query: dict[str, Any]) -> Response:
    """Get everything published, or what changed since a cursor, as NDJSON."""
    auth.require_read()
    collection, drafts = query.get("collection"), query["drafts"]
    if drafts or query["broken"]:
        auth.actor().require("articles:read-drafts", collection)
    require_collection(collection)
    asked = _Asked(collection, query.get("fields_"), drafts, query["broken"])
    view = places.view_of(collection, asked.names, drafts)
    with read(context().database) as tx:
        epoch, seq = feed.position(tx, drafts=drafts)
        here = Cursor(epoch, context().stamp, view, seq, changes.nonce_at(tx, seq))
        since = _since(tx, query.get("cursor"), here)
        made = images.made(tx, ALL if drafts else PUBLIC)
        broken = list(_broken(tx, asked))
    # Variants are no change, and yet the lines tell of them.
    etag = f'W/"{hashlib.sha256(f"{here.encode()} {since} {made} {broken}".encode()).hexdigest()[:32]}"'
    if is_known(etag):
        response = not_modified(Response(content_type=NDJSON))
    else:
        response = Response(stream_with_context(chunks(_lines(since, here, asked))), content_type=NDJSON)
    response.headers["ETag"] = etag
    return response


def _since(tx: Connection, text: str | None, here: Cursor) -> int | None:
    if text is None:
        return None
    given = places.decode(text)
    if (given.epoch, given.stamp, given.view) != (here.epoch, here.stamp, here.view) or given.seq > here.seq:
        raise places.gone()
    if given.nonce != changes.nonce_at(tx, given.seq):
        raise places.gone()
    return given.seq


class _Asked(NamedTuple):
    """What of the feed is asked for: `names` are the members of articles, None for the usual ones."""

    collection: str | None
    names: str | None
    drafts: bool
    broken: bool


def _lines(since: int | None, here: Cursor, asked: _Asked) -> Iterator[str]:
    """One snapshot: the cursor at the end is the place that all the lines before it lead to."""
    collection, names, drafts, _ = asked
    wanted = FEED if names is None else ("collection", "id", "version", "digest", *names.split(","))
    with read(context().database) as tx:
        _, seq = feed.position(tx, drafts=drafts)
        nonce = changes.nonce_at(tx, seq)
        if since is not None and since < seq:
            for row in changes.gone_since(tx, since, collection, drafts=drafts):
                yield _line(_deleted(row))
        after = -1 if since is None else since
        if after < seq:
            if collection is None:
                for row in feed.photos_since(tx, after, drafts=drafts):
                    yield f'{{"type":"image",{row.json[1:]}\n'
            yield from _articles(tx, after, collection, tuple(dict.fromkeys(wanted)), drafts)
        yield from _broken(tx, asked)
    yield _line({"type": "cursor", "cursor": Cursor(here.epoch, here.stamp, here.view, seq, nonce).encode()})


def _articles(
    tx: Connection, after: int, collection: str | None, wanted: tuple[str, ...], drafts: bool
) -> Iterator[str]:
    lean, with_text = set(wanted).isdisjoint(HEAVY), "text" in wanted
    for row in feed.articles_since(tx, after, collection, drafts=drafts, lean=lean, with_text=with_text):
        members = members_of(row.lean, row.lengths, None if lean else row.heavy)
        if with_text:
            members["text"] = f'"text":{to_json(row.text.decode())}'
        yield f'{{"type":"article",{",".join(members[name] for name in wanted if name in members)}}}\n'


def chunks(lines: Iterator[str]) -> Iterator[bytes]:
    """The lines in pieces of some size: each piece costs the server as much as a line of its own."""
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= CHUNK:
            yield "".join(held).encode()
            held, size = [], 0
    yield "".join(held).encode()


def _broken(tx: Connection, asked: _Asked) -> Iterator[str]:
    """Yield a line for each file that cannot be read; a file without one is read again, or gone."""
    for row in articles.broken(tx, asked.collection) if asked.broken else ():
        problems = problems_of(articles.problems_of(row))
        yield _line(
            {"type": "broken", "collection": row.collection, "id": row.id, "path": row.key, "problems": problems}
        )


def _deleted(row: AnyRow) -> dict[str, Any]:
    if row.subject == "image":
        return {"type": "deleted", "subject": "image", "path": row.name}
    return {"type": "deleted", "subject": "article", "collection": row.collection, "id": row.name}


def _line(value: dict[str, Any]) -> str:
    return to_json(value) + "\n"
