"""Translations of a collection's articles."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from cms.api.schemas.common import MAX_LIMIT, Text, said
from cms.model.locales import LOCALE_PATTERN
from cms.model.translation import STATES
from cms.model.visibility import STATUSES


class WantedTranslation(Schema):
    locale = fields.String(required=True)
    id = fields.String(required=True, metadata=said("of the translation; of a missing one, what it would be"))
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    status = fields.String(
        required=True, allow_none=True, validate=validate.OneOf(STATUSES), metadata=said("null when it is missing")
    )
    source = fields.String(required=True, metadata=said("the id of what it is translated from"))
    source_version = fields.String(required=True, metadata=said("of that now; names it when this is confirmed"))
    changed = fields.List(
        fields.String(),
        required=True,
        metadata=said("pointers of the fields of the top level, and /body, that changed in the source since"),
    )


class Confirmation(Schema):
    id = Text(required=True, metadata=said("of the translation that is right"))
    source_version = Text(required=True, metadata=said("of the source that it was compared with; 412: it has changed"))


class TranslationPage(Schema):
    items = fields.List(fields.Nested(WantedTranslation), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class TranslationQuery(Schema):
    locale = Text(validate=validate.Regexp(LOCALE_PATTERN))
    state = fields.String(validate=validate.OneOf(STATES))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text(metadata=said("the next_cursor of the page before"))
