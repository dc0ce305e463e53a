"""What a collection's schema cannot say, as the site may add it in `src/content/<collection>.cms.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from cms.model.locales import LOCALE_PATTERN, Named, spelled
from cms.model.visibility import Terms

_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 100}
_SHAPE = jsonschema_rs.validator_for(
    {
        "type": "object",
        "properties": {
            "images": _NAMES,
            "references": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
            "alt_required": {"type": "boolean"},
            "locales": {**_NAMES, "items": {"type": "string", "pattern": LOCALE_PATTERN}},
            "folder": {
                "type": "string",
                "pattern": r"^[\w-]+(/[\w-]+)*$",
                "maxLength": 100,
            },
            "draft": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
                "maxProperties": 20,
            },
            "publish": {"type": "string", "minLength": 1},
        },
        "additionalProperties": False,
    }
)


@dataclass(frozen=True, slots=True)
class Annotation:
    """Fields are named by their keys with dots between, list items as their list: `team.member.photo`.

    `images` are fields that hold a photo of the site, `references` fields that hold ids of the collection they lead
    to. With `alt_required` each photo in a body needs an alt text. `locales` are those that articles may have: where it
    is empty they have none, where it is None the names of folders decide. `folder`, below `src/assets`, is for photos
    of articles that have none yet. `terms` say which articles are drafts, and from when on the others are published.
    """

    images: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    alt_required: bool = False
    locales: Named = None
    folder: str | None = None
    terms: Terms = field(default_factory=Terms)


NONE = Annotation()


def read(text: str) -> Annotation:
    """What the file says; raises ValueError that names what is wrong with it."""
    found: Any = json.loads(text)
    if (error := next(_SHAPE.iter_errors(found), None)) is not None:
        where = "/".join(map(str, error.instance_path))
        raise ValueError(f"{where}: {error.message}" if where else error.message)
    return Annotation(
        images=tuple(found.get("images", ())),
        references=found.get("references", {}),
        alt_required=found.get("alt_required", False),
        locales=_locales(found),
        folder=found.get("folder"),
        terms=Terms(found.get("draft", {}), found.get("publish")),
    )


def _locales(found: dict[str, Any]) -> Named:
    """Return each named locale once, as it is written first; None when the annotation says nothing of locales."""
    named = dict.fromkeys(found.get("locales", ()))
    return tuple(one for one in named if spelled(one, named) == one) if "locales" in found else None
