"""How far a translation is behind what it was made from."""

from __future__ import annotations

from typing import Literal

from cms.errors import Invalid
from cms.model import document, three_way
from cms.model.pointer import pointer
from cms.model.yaml_guard import YamlLimits

State = Literal["missing", "current", "stale"]
STATES = ("missing", "current", "stale")


def changed(base: bytes, now: bytes, limits: YamlLimits) -> tuple[str, ...]:
    """Pointers of what differs between two texts of an article: fields of the top level, and `/body`. Of a text that
    cannot be read, nobody knows: none."""
    try:
        first, second = (three_way.content_of(document.read(text, limits)) for text in (base, now))
    except Invalid:
        return ()
    places = three_way.differences(first, second)
    return tuple(dict.fromkeys(pointer(*place[:2]) for place in places))
