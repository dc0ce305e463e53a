"""An article: what one Markdown file says.

A file that cannot be read is an article too, `broken` and with its problems, so that it is reported and not lost.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from operator import attrgetter
from typing import Any, NamedTuple

from cms.errors import Invalid, Problem
from cms.model import document, ids, markdown, mdx, refs
from cms.model.annotation import Annotation
from cms.model.article_id import broken_id, id_in
from cms.model.ids import Format, Name, split_key
from cms.model.limits import Limits
from cms.model.locales import LocalizedId, Named, localize
from cms.model.markdown import Heading
from cms.model.moments import to_utc
from cms.model.pointer import pointer
from cms.model.refs import Ref
from cms.model.search import MOST_BYTES, indexed, searchable
from cms.model.visibility import Status, is_visible, judge
from cms.model.words import Words, words_of

log = logging.getLogger("cms.article")

UNREADABLE = "unreadable"
_NO_WORDS = words_of("", "")


class Shown(NamedTuple):
    """The published part of a body; `html` is None for MDX, which is not rendered."""

    html: str | None
    headings: tuple[Heading, ...]
    excerpt: str


class Reading(NamedTuple):
    """The parts of a body: what is published of it, the article's references, and the text that is searched."""

    shown: Shown
    refs: tuple[Ref, ...]
    searched: str


@dataclass(frozen=True, slots=True)
class Article:
    """`data` is front matter in its JSON form; `dates` are the pointers of the strings in it that are dates. `due` is
    when a scheduled article is published, in seconds since the epoch, if that is known. `named_locales` are those of
    the collection's annotation."""

    key: str
    collection: str
    id: str
    status: Status
    version: str
    data: dict[str, Any]
    dates: tuple[str, ...]
    body: str
    rendered: Shown
    refs: tuple[Ref, ...]
    words: Words
    problems: tuple[Problem, ...] = ()
    due: float | None = None
    named_locales: Named = None

    def __reduce__(self) -> tuple[type[Article], tuple[Any, ...]]:
        return Article, _MEMBERS(self)  # what dataclasses do themselves takes several times as long

    @property
    def name(self) -> Name:
        return Name(self.collection, self.id)

    @property
    def photos(self) -> set[str]:
        """The paths of the photos that it shows, as indexes hold them."""
        return {refs.bounded_path(ref.path) for ref in self.refs if ref.path is not None}

    @property
    def format(self) -> Format:
        return ids.format_of(self.key)

    @property
    def shown_refs(self) -> tuple[Ref, ...]:
        """Its references without those that it may only speak of, as the body of an MDX file does."""
        return self.refs if self.format == "md" else tuple(ref for ref in self.refs if ref.field is not None)

    @property
    def locale(self) -> str | None:
        return self._localized.locale

    @property
    def twin(self) -> str:
        return self._localized.slug

    @property
    def slug(self) -> str:
        return self._localized.slug

    @property
    def _localized(self) -> LocalizedId:
        return localize(self.id, split_key(self.key)[1], self.named_locales)

    @property
    def is_visible(self) -> bool:
        return is_visible(self.status)


_MEMBERS = attrgetter(*Article.__slots__)


def read(key: str, data: bytes, version: str, limits: Limits) -> Article:
    """Return the article in the file's bytes; a file that cannot be read, for whatever reason, is a broken article.

    The annotation of the article's collection is still to be applied.
    """
    try:
        return _read(key, data, version, limits)
    except Invalid as error:
        return broken(key, version, error.problems, data)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of a library in Rust is no Exception
        log.exception("%s cannot be read", key)
        return broken(key, version, (unreadable(error),), data)


def unreadable(error: BaseException) -> Problem:
    """Return the problem of a file on which the code that reads or indexes it failed.

    It has the first line of the exception: further ones may hold a statement and its values.
    """
    said = str(error).partition("\n")[0]
    return Problem("", f"the service cannot read this file: {type(error).__name__}: {said}"[:300], UNREADABLE)


def _read(key: str, data: bytes, version: str, limits: Limits) -> Article:
    collection, path = split_key(key)
    if len(data) > limits.article_bytes:
        raise too_large(limits)
    found = document.read(data, limits.front_matter)
    values, dates = json_form(found.data)
    article_id = id_in(path, found.data)
    body = found.content
    shown, mentions, searched = read_body(values, body, key)
    named = indexed(text for _, text in searchable(values))
    words = words_of(named, indexed([searched], MOST_BYTES - len(named.encode())))
    return Article(key, collection, article_id, "published", version, values, dates, body, shown, mentions, words)


def read_body(data: Mapping[str, object], body: str, key: str) -> Reading:
    """Return what the body of the article at `key` says, `data` being its front matter in JSON form.

    The body of an MDX file is text. What looks like a photo's path in it may be shown, and is none that is missing.
    """
    if ids.format_of(key) == "mdx":
        named = (ref for ref in refs.find_in_text(body, key) if ref.path is not None)
        return Reading(Shown(None, (), mdx.excerpt(body)), (*refs.find(data, (), body, key), *named), body)
    rendered = markdown.render(body)
    shown = Shown(rendered.html, rendered.headings, rendered.excerpt)
    return Reading(shown, refs.find(data, rendered.images, body, key), rendered.readable)


def judged(article: Article, annotation: Annotation, zone: tzinfo, now: float) -> Article:
    """Return the article with the locale and status that its collection's annotation gives it at the moment `now`."""
    if article.named_locales != annotation.locales:
        article = dataclasses.replace(article, named_locales=annotation.locales)
    if article.status == "broken":
        return article
    status, due = judge(article.data, annotation.terms, zone, now)
    if (status, due) == (article.status, article.due):
        return article
    return dataclasses.replace(article, status=status, due=due)


def broken(key: str, version: str, problems: tuple[Problem, ...], data: bytes = b"") -> Article:
    """The article of a file that cannot be read; the photos that it seems to show are still taken for shown."""
    collection, path = split_key(key)
    nothing = Shown("" if ids.format_of(key) == "md" else None, (), "")
    mentions = tuple(refs.find_in_text(data.decode("utf-8", "replace"), key))
    return Article(
        key, collection, broken_id(path), "broken", version, {}, (), "", nothing, mentions, _NO_WORDS, problems
    )


def too_large(limits: Limits) -> Invalid:
    detail = f"an article holds at most {limits.article_bytes} bytes"
    return Invalid(detail, code="article_too_large", problems=[Problem("", detail, "article_too_large")])


def json_form(data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Front matter as JSON values, dates as ISO strings, and the pointers of those dates."""
    dates: list[str] = []

    def convert(value: Any, where: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict):
            return {name: convert(item, (*where, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [convert(item, (*where, index)) for index, item in enumerate(value)]
        if isinstance(value, date):
            dates.append(pointer(*where))
            return iso(value)
        return value

    return {name: convert(value, (name,)) for name, value in data.items()}, tuple(dates)


def json_value(value: Any) -> Any:
    """One value of front matter as JSON has it."""
    return json_form({"": value})[0][""]


def iso(value: date) -> str:
    """A date as `2025-06-24`, a timestamp as JavaScript writes it: `2025-06-24T03:00:00.000Z`."""
    if not isinstance(value, datetime):
        return value.isoformat()
    return to_utc(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
