"""The log: one row a change, numbered in the order of commit, never altered once committed.

History (`history.py`), the feed, the webhooks and the audit trail are all read from it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Label,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    update,
)

from cms.database import batches, clock
from cms.database.batches import among
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow, changes, log

Action = Literal["created", "updated", "confirmed", "deleted"]
Source = Literal["api", "files", "git", "clock", "restore"]

EDITORS: Final = ("api", "restore")
"""Sources of changes that somebody made through this service."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row to append; `subject` is `article` or `image`, `name` an article's id or an image's path.
    A rename is two changes, each with the `other` id. What is confirmed is as it was, and said to be right. `message`
    is what the editor said of it. After a silent one the public sees the same as before."""

    actor: str
    source: Source
    subject: Literal["article", "image"]
    collection: str
    name: str
    key: str
    action: Action
    version: str
    digest: str
    text: bytes | None
    visible_before: bool
    visible_after: bool
    time: float | None = None
    other: str | None = None
    message: str | None = None
    is_silent: bool = False


_POSITION = Prepared(select(log.c.epoch, log.c.seq))
_NEXT = Prepared(update(log).values(seq=log.c.seq + bindparam("more")).returning(log.c.seq))
_NONCE = Prepared(
    select(changes.c.nonce).where(changes.c.seq <= bindparam("seq")).order_by(changes.c.seq.desc()).limit(1)
)
_LATEST = Prepared(
    select(changes)
    .where(
        changes.c.subject == bindparam("subject"),
        changes.c.collection == bindparam("collection"),
        changes.c.name == bindparam("name"),
        changes.c.action != "confirmed",
    )
    .order_by(changes.c.seq.desc())
    .limit(1)
)


def append(tx: Connection, change: Change) -> tuple[int, float]:
    """Add the change; returns its seq and time. Writers queue here, so that seq is the order of commit."""
    now = clock.now(tx)
    return append_all(tx, [change], now), now if change.time is None else change.time


def append_all(tx: Connection, found: Sequence[Change], now: float) -> int:
    """As `append`, one after the other at the moment `now`; returns the seq of the last."""
    last: int = _NEXT.on(tx, {"more": len(found)}).scalar_one()
    names = [name for name in Change.__slots__ if name != "time"]
    rows = [
        {
            "seq": seq,
            "time": now if change.time is None else change.time,
            "logged_at": now,
            "nonce": secrets.token_hex(8),
            **{name: getattr(change, name) for name in names},
        }
        for seq, change in enumerate(found, last - len(found) + 1)
    ]
    batches.add(tx, changes, rows)
    return last


def correct_creation(tx: Connection, path: str, since: int, *, visible: bool) -> bool:
    """Say whether the public saw the photo that was created in this transaction, after the seq `since`; return False
    when it was not created there."""
    here = (changes.c.seq > since, changes.c.subject == "image", changes.c.name == path, changes.c.action == "created")
    return tx.execute(update(changes).where(*here).values(visible_after=visible)).rowcount > 0


def skip(tx: Connection) -> int:
    """Give a seq to no change, so that rows which stand there are news to all who have read so far; returns it."""
    seq: int = _NEXT.on(tx, {"more": 1}).scalar_one()
    return seq


def position(tx: Connection) -> tuple[str, int]:
    """The database's epoch and the last seq."""
    row = _POSITION.on(tx).one()
    return row.epoch, row.seq


def nonce_at(tx: Connection, seq: int) -> str:
    """Return the nonce of the last change up to the seq; "" where it has none, or there is none."""
    return _NONCE.on(tx, {"seq": seq}).scalar() or ""


def latest(tx: Connection, subject: str, collection: str, name: str) -> AnyRow | None:
    """The last change that made the subject what it is, None when the log has never seen it."""
    return _LATEST.on(tx, {"subject": subject, "collection": collection, "name": name}).one_or_none()


def last_logged(tx: Connection) -> float:
    """Return when the last change was logged; 0 when there is none."""
    return tx.execute(select(changes.c.logged_at).order_by(changes.c.seq.desc()).limit(1)).scalar() or 0.0


def last_at(tx: Connection, key: str, since: int) -> AnyRow | None:
    """The last change of the article's file at that key, after the seq; None when there is none."""
    here = (changes.c.seq > since, changes.c.key == key, changes.c.subject == "article")
    return tx.execute(select(changes).where(*here).order_by(changes.c.seq.desc()).limit(1)).one_or_none()


def was_made(tx: Connection, key: str, version: str, since: int) -> bool:
    """Whether the article's file at that key got this version after the seq."""
    here = (changes.c.seq > since, changes.c.key == key, changes.c.version == version, changes.c.action == "created")
    return tx.execute(select(changes.c.seq).where(*here).limit(1)).one_or_none() is not None


def latest_of(tx: Connection, collection: str, names: Collection[str], subject: str = "article") -> dict[str, AnyRow]:
    """As `latest`, of articles of a collection, or of photos, by name; of those that the log has seen."""
    own = (changes.c.subject == subject, changes.c.collection == collection, changes.c.action != "confirmed")
    last = select(func.max(changes.c.seq)).where(*own).group_by(changes.c.name)
    found = (select(changes).where(changes.c.seq.in_(last.where(here))) for here in among(changes.c.name, names))
    return {row.name: row for some in found for row in tx.execute(some)}


def gone_since(tx: Connection, seq: int, collection: str | None, *, drafts: bool) -> list[AnyRow]:
    """Subject, collection and name of all that the feed showed at `seq` and shows no more, in the order it went."""
    names = _names()
    span = select(*names, func.min(changes.c.seq).label("first"), func.max(changes.c.seq).label("last"))
    span = span.where(changes.c.seq > seq)
    if collection is not None:
        subject, of, _ = names
        span = span.where(subject == "article", of == collection)
    spans = span.group_by(*names).subquery()
    was, now = changes.alias(), changes.alias()
    found = select(spans).join(was, was.c.seq == spans.c.first).join(now, now.c.seq == spans.c.last)
    if drafts:
        # A broken article has no digest, and is in nobody's feed.
        is_broken = (now.c.subject == "article") & (now.c.digest == "")
        found = found.where(was.c.action != "created", (now.c.action == "deleted") | is_broken)
    else:
        found = found.where(was.c.visible_before, now.c.visible_after.is_(False))
    return list(tx.execute(found.order_by(spans.c.last)))


def _names() -> list[Label[str]]:
    """What changes are told apart by. With the bare columns SQLite would go along their index, and so over all of the
    log, to find what is new."""
    columns = (changes.c.subject, changes.c.collection, changes.c.name)
    return [func.coalesce(column, literal_column("''")).label(column.name) for column in columns]


def since(tx: Connection, seq: int, limit: int) -> list[AnyRow]:
    """The first changes after `seq`."""
    return list(tx.execute(select(changes).where(changes.c.seq > seq).order_by(changes.c.seq).limit(limit)))


def before(tx: Connection, change: AnyRow) -> AnyRow | None:
    """The change before this one under the same name."""
    own = _of(change.subject, change.collection, change.name).where(changes.c.seq < change.seq)
    return tx.execute(own.order_by(changes.c.seq.desc()).limit(1)).one_or_none()


def visible_since(tx: Connection, seq: int) -> AnyRow | None:
    """First and last seq, and first and last time it was logged, of what the public could notice after `seq`; None when
    there is nothing."""
    news = _news(changes.c.seq > seq).subquery()
    found = select(
        func.min(news.c.first_seq).label("first_seq"),
        func.max(news.c.last_seq).label("last_seq"),
        func.min(news.c.first_time).label("first_time"),
        func.max(news.c.last_time).label("last_time"),
    )
    row = tx.execute(found).one()
    return None if row.first_seq is None else row


def _news(where: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """What of these changes the public could notice, by subject. A photo that came into sight and went out of it again
    is none: a new one is seen until the draft that shows it is taken over, too."""
    seq, moment = (case((noticed(), column)) for column in (changes.c.seq, changes.c.logged_at))
    names = _names()
    spans = (
        select(
            *names,
            func.min(changes.c.seq).label("first"),
            func.max(changes.c.seq).label("last"),
            func.min(seq).label("first_seq"),
            func.max(seq).label("last_seq"),
            func.min(moment).label("first_time"),
            func.max(moment).label("last_time"),
        )
        .where(where)
        .group_by(*names)
        .having(func.min(seq).is_not(None))
        .subquery()
    )
    was, now = changes.alias(), changes.alias()
    found = select(spans).join(was, was.c.seq == spans.c.first).join(now, now.c.seq == spans.c.last)
    return found.where((spans.c.subject == "article") | was.c.visible_before | now.c.visible_after)


def noticed() -> ColumnElement[bool]:
    """Whether the public could notice a change."""
    return (changes.c.visible_before | changes.c.visible_after) & changes.c.is_silent.is_(False)


def ids_since(tx: Connection, seq: int, up_to: int, limit: int) -> list[str]:
    """`collection/id` of the articles, and paths of the images, that the public could notice; at most `limit`."""
    news = _news(and_(changes.c.seq > seq, changes.c.seq <= up_to)).subquery()
    found = select(news).order_by(news.c.first_seq).limit(limit)
    return [f"{row.collection}/{row.name}".lstrip("/") for row in tx.execute(found)]


def _of(subject: str, collection: str, name: str) -> Select[*tuple[Any, ...]]:
    return select(changes).where(
        changes.c.subject == subject,
        changes.c.collection == collection,
        changes.c.name == name,
        changes.c.action != "confirmed",
    )
