"""Who may see an article: the one predicate that every list, feed, count and delivery goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
from typing import Literal, NamedTuple

from cms.model.js_date import read_date

Status = Literal["published", "draft", "scheduled", "broken"]
STATUSES = ("published", "draft", "scheduled", "broken")

_FIRST = datetime(1, 1, 3, tzinfo=UTC).timestamp()
_LAST = datetime(9999, 12, 30, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Terms:
    """When a collection's articles are published. An article with one of the values `drafts`, by field, is a draft;
    `publish` is the field that says from when on it is published."""

    drafts: Mapping[str, object] = field(default_factory=dict)
    publish: str | None = None


class Judged(NamedTuple):
    """`due`, in seconds since the epoch, is when a scheduled article is published; None when its field says no date."""

    status: Status
    due: float | None = None


def judge(data: Mapping[str, object], terms: Terms, zone: tzinfo, now: float) -> Judged:
    """What front matter, in its JSON form, makes of an article at the moment `now`.

    Astro's own convention `draft: true` always counts, and so does any other `draft` that JavaScript takes for true,
    which a site's `!data.draft` hides, unless `terms` say which values of `draft` do. A date is due when it begins in
    `zone`; a time without an offset is in UTC, as Astro reads it.
    """
    draft = data.get("draft")
    is_draft = draft is True if "draft" in terms.drafts else is_truthy(draft)
    if is_draft or any(_is(at(data, name), value) for name, value in terms.drafts.items()):
        return Judged("draft")
    value = None if terms.publish is None else at(data, terms.publish)
    if value is None:
        return Judged("published")
    due = due_of(value, zone)
    return Judged("published") if due is not None and due <= now else Judged("scheduled", due)


def is_truthy(value: object) -> bool:
    """Return whether JavaScript takes a value of front matter for true: `"false"` too, and an empty list or object."""
    return bool(value) if isinstance(value, (bool, int, float, str)) else value is not None


def is_visible(status: Status) -> bool:
    """Whether the public sees it."""
    return status == "published"


def will_be_seen(status: str) -> bool:
    """Whether the public sees it, or will without anybody doing more."""
    return status in ("published", "scheduled")


def due_of(value: object, zone: tzinfo) -> float | None:
    """When the date or time begins, in seconds since the epoch; None for what JavaScript takes for no date."""
    found = read_date(value)
    if found is None:
        return None
    seconds = found.ms / 1000
    if found.is_day and _FIRST < seconds < _LAST:
        seconds = datetime.combine(datetime.fromtimestamp(seconds, UTC), time(), zone).timestamp()
    return min(seconds, _LAST)


def at(data: Mapping[str, object], name: str) -> object:
    """The value of the field, named by its keys with dots between; None where there is none."""
    found: object = data
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _is(value: object, wanted: object) -> bool:
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted
