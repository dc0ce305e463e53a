"""What a commit says of a change, when its editor has said nothing."""

from __future__ import annotations

from collections.abc import Sequence

from cms.errors import Invalid
from cms.model import document, three_way
from cms.model.yaml_guard import YamlLimits

_MOST_NAMED = 5


def of_update(name: str, before: bytes | None, after: bytes | None, limits: YamlLimits) -> str:
    """Which fields it changes, as in `Update blog/en/14-post: title, body`."""
    try:
        old, new = (three_way.content_of(document.read(data or b"", limits)) for data in (before, after))
    except Invalid:
        return f"Update {name}"
    places = three_way.differences(old, new)
    # A place is ("data", field, …) or ("body",).
    fields = list(dict.fromkeys(place[min(len(place), 2) - 1] for place in places))
    more = ["…"] if len(fields) > _MOST_NAMED else []
    return f"Update {name}{': ' if fields else ''}{', '.join([*fields[:_MOST_NAMED], *more])}"


def of_photos(verb: str, paths: Sequence[str]) -> str:
    """As in `Add photos news/boat.jpg, news/pier.jpg`."""
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"{verb} photo{'s' if len(paths) > 1 else ''} {', '.join(paths[:_MOST_NAMED])}{more}"
