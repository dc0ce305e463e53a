"""What a site would not accept of an article: its schema's errors, and what breaks a build that no schema sees."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cms.actions import lookup
from cms.actions.rules import Rules
from cms.actions.survey import find
from cms.context import Context
from cms.database import articles, collections, images, listing, shelves, values
from cms.database.engine import read
from cms.database.listing import Filter
from cms.errors import Invalid, Problem
from cms.model import ids, refs
from cms.model.article import Article
from cms.model.field_values import leaves
from cms.model.ids import Name
from cms.model.js_date import read_date
from cms.model.percent_encoding import decode_uri
from cms.model.pointer import place, pointer
from cms.model.refs import Ref
from cms.model.scopes import Actor
from cms.model.visibility import at, due_of
from cms.store.base import Key, is_key

MISSING = "image_missing"

IsThere = Callable[[Name], bool]


class Content(NamedTuple):
    """What an article says: its data in their JSON form, the pointers of the dates in it, its references to photos."""

    data: dict[str, Any]
    dates: Sequence[str]
    mentions: Sequence[Ref]

    @classmethod
    def of(cls, article: Article) -> Content:
        """Return what this article says."""
        return cls(article.data, article.dates, article.refs)


def faults_of(ctx: Context, actor: Actor, rules: Rules, article: Article, was: Article | None = None) -> list[Problem]:
    """All that is wrong with an article, which is to take the place of `was` (None: of nothing). Photos and articles
    that the actor does not see are missing."""
    if article.status == "broken":
        return []
    with read(ctx.database) as tx:
        known = was.data if was else ()
        is_there = existing(tx, lookup.drafts_in(actor), article.name)
        found = [*against_rules(tx, rules, Content.of(article), known=known, is_there=is_there)]
        found += _quoted_dates(tx, rules, article, was.dates if was else _usual_dates(tx, article))
        unknown = _unknown_photos(tx, actor, rules, article)
        hidden = images.there(tx, {key.removeprefix(ids.ASSETS) for _, key in unknown if is_key(key)})
    # What was missing before is taken for missing still; a new photo may be on its way into the database.
    gone = {ref.ref for ref in was.refs} if was else set()
    found += [missing(ref) for ref, key in unknown if ref.ref in gone or not _is_coming(ctx, key, hidden)]
    return found


def _is_coming(ctx: Context, key: Key, hidden: Collection[str]) -> bool:
    """Whether there is a file that the database does not know yet."""
    return key.removeprefix(ids.ASSETS) not in hidden and is_key(key) and find(ctx, key) is not None


def added(found: Iterable[Problem], article: Article, before: Iterable[Problem], was: Article) -> list[Problem]:
    """Those that were not there before; a wrong value that has moved in its list is nothing new, another one is."""
    old = Counter(_kind(problem, was) for problem in before)
    if not old:
        return list(found)
    result: list[Problem] = []
    for problem in found:
        kind = _kind(problem, article)
        if old[kind] > 0:
            old[kind] -= 1
        else:
            result.append(problem)
    return result


def against_rules(
    tx: Connection,
    rules: Rules,
    content: Content,
    *,
    known: Iterable[str] = (),
    is_there: IsThere | None = None,
) -> Iterator[Problem]:
    """Yield what schema and annotation refuse; keys in `known` are accepted at the top level. `is_there` says which
    articles may be referred to (None: all that there are)."""
    is_there = is_there or existing(tx)
    data, dates, mentions = content
    if rules.schema is not None:
        yield from rules.schema.problems(data, known=known, dates=dates)
    publish = rules.annotation.terms.publish
    value = None if publish is None else at(data, publish)
    if value is not None and due_of(value, UTC) is None:
        place_of = pointer("data", *str(publish).split("."))
        yield Problem(place_of, "write a date, as in 2025-12-31; nobody knows when this is published", "publish_date")
    for name, where, value in leaves(data, where=("data",)):
        if name in rules.annotation.images and not _may_be_photo(value):
            yield Problem(pointer(*where), "name a photo of the site, as an upload's `ref` does", "image")
    for reference in rules.references.find(data):
        target = Name(reference.collection, reference.id)
        if target.collection and not is_there(target):
            yield Problem(pointer("data", *reference.where), f"there is no article {target}", "reference_missing")
    yield from _of_body(rules, mentions)


def _of_body(rules: Rules, mentions: Sequence[Ref]) -> Iterator[Problem]:
    """Yield what is wrong with how a body refers to photos."""
    for ref in mentions:
        if ref.field is not None or ref.alt is None:
            continue  # the body of an MDX file may only speak of a photo, and has no alt texts
        if rules.annotation.alt_required and not ref.alt.strip():
            yield Problem("/body", f"say in its alt text what {ref.ref} shows", "alt_missing")
        if decode_uri(ref.ref) is None:
            yield Problem("/body", f"the site cannot read {ref.ref}; write %25 for a percent sign", MISSING)


def check_photos(ctx: Context, actor: Actor, article: Article, known: Iterable[Problem]) -> None:
    """Refuse an article that shows a photo that is gone by now, or that the actor does not see any more, unless that is
    among the problems that are `known`."""
    shown = [ref for ref in article.shown_refs if ref.path is not None]
    if not shown:
        return
    allowed = {problem.detail for problem in known if problem.code == MISSING}
    with read(ctx.database) as tx:
        there = images.there(tx, article.photos, lookup.sight(actor))
        hidden = images.there(tx, article.photos - there)
    gone = [ref for ref in shown if ref.path not in there]
    found = [missing(ref) for ref in gone if not _is_coming(ctx, Key(ids.ASSETS + str(ref.path)), hidden)]
    if new := [problem for problem in found if problem.detail not in allowed]:
        raise Invalid("A photo has gone while you wrote; nothing was saved.", problems=new)


def _kind(problem: Problem, article: Article) -> tuple[str, str, str, str]:
    return place(problem.pointer), problem.detail, problem.code, repr(_value_at(article, problem.pointer))


def _value_at(article: Article, where: str) -> Any:
    """Return the value that a pointer below `/data` leads to, None where there is none."""
    value: Any = {"data": article.data}
    for part in where.split("/")[1:]:
        if isinstance(value, dict):
            value = value.get(part.replace("~1", "/").replace("~0", "~"))
        elif isinstance(value, list) and part.isdecimal() and int(part[:9]) < len(value):
            value = value[int(part[:9])]
        else:
            return None
    return value


def _may_be_photo(value: Any) -> bool:
    return isinstance(value, str) and refs.is_image_name(value) and not refs.is_elsewhere(value)


def existing(tx: Connection, drafts_in: Collection[str] | None = None, *coming: Name) -> IsThere:
    """Return what says whether an article is there, or in a collection of which the service knows nothing, such as one
    of data files. Of articles that are not visible, those of the collections `drafts_in` are there (None: all);
    `coming` are there in any case."""

    def is_there(name: Name) -> bool:
        row = articles.get(tx, name)
        if row is None or row.status == "broken":
            return name in coming or collections.get(tx, name.collection) is None
        return row.visible or drafts_in is None or name.collection in drafts_in or name in coming

    return is_there


def _quoted_dates(tx: Connection, rules: Rules, article: Article, dates: Iterable[str]) -> Iterator[Problem]:
    """Yield the texts and numbers where dates stand: `z.date()` takes none, which no JSON Schema says.

    Where a published article has one, the site's schema is `z.coerce.date()`, which takes them.
    """
    expected = {place(found) for found in dates}
    found: dict[str, str] = {}
    for name, where, value in leaves(article.data) if rules.schema is not None else ():
        plain = pointer(*where)
        is_expected = place(plain) in expected and plain not in article.dates
        if is_expected and read_date(value) is not None and rules.takes_only_dates(where):
            found[plain] = name
    if found:
        shown = [shelf.name for shelf in shelves.all_of(tx, article.collection) if shelf.is_visible]
        known = values.coerced(tx, shown, {*found.values()})
        for plain, name in found.items():
            if name not in known:
                yield Problem(f"/data{plain}", "write it as a date without quotes, as in 2025-06-24", "date_quoted")


def _usual_dates(tx: Connection, article: Article) -> list[str]:
    """Where the collection's other articles have dates."""
    rows = listing.first(tx, Filter(article.collection), 20)
    return [found for row in rows for found in json.loads(row.lean)["dates"]]


def _unknown_photos(tx: Connection, actor: Actor, rules: Rules, article: Article) -> list[tuple[Ref, Key]]:
    """Return the references to photos that do not exist for the actor, with the keys of their files."""
    known = images.there(tx, article.photos, lookup.sight(actor))
    named = {pointer(*where) for name, where, _ in leaves(article.data) if name in rules.annotation.images}
    found: list[tuple[Ref, Key]] = []
    for ref in article.shown_refs:
        key = refs.file_of(ref.ref, ref.field, article.key)
        if ref.field is None and decode_uri(ref.ref) is None:
            continue  # which `against_rules` says
        is_ours = ref.path is not None or ref.field in named or (ref.field is None and ref.ref.startswith("."))
        if key is not None and is_ours and ref.path not in known:
            found.append((ref, Key(key)))
    return found


def missing(ref: Ref) -> Problem:
    """Return the problem of a reference to a photo that is not there."""
    where = "/body" if ref.field is None else f"/data{ref.field}"
    return Problem(where, f"there is no photo {ref.ref}; upload it first", MISSING)
