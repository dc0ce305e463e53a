"""What schemas of all resources are made of."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from cms.model.published import MEMBERS

MAX_LIMIT = 100
MESSAGE_CHARACTERS = 500


def said(text: str) -> dict[str, Any]:
    return {"description": text}


class Text(fields.String):
    """Text that can be stored everywhere: no NUL, no half characters."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in text:
            raise self.make_error("invalid")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self.make_error("invalid") from error
        return text


class Message(Text):
    """What an editor says of a change: one line or more, nothing that a terminal would obey."""

    def __init__(self, **options: Any) -> None:
        told = said("what the change is about; stands in the history, and in git")
        super().__init__(metadata=told, validate=[validate.Length(1, MESSAGE_CHARACTERS), _check_printable], **options)


def _check_printable(text: str) -> None:
    if not text.strip() or not all(c.isprintable() or c == "\n" for c in text):
        raise ValidationError("Write plain text; of control characters only line breaks.")


class MessageQuery(Schema):
    message = Message()


class Map(fields.Dict):
    """Values by name; what is wrong with a name or a value is told at the name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            told = {name: found.get("key") or found["value"] for name, found in error.messages.items()}
            raise ValidationError(told, valid_data=error.valid_data) from error


class FieldNames(Text):
    """Names of an article's members, with commas between them."""

    members: tuple[str, ...] = MEMBERS

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        names = text.split(",")
        if unknown := [name for name in names if name not in self.members]:
            raise ValidationError(f"{unknown[0]!r} is no member; there are {', '.join(self.members)}.")
        return text


class ProblemItem(Schema):
    pointer = fields.String(required=True, metadata=said("JSON Pointer to the place"))
    location = fields.String(data_key="in", validate=validate.OneOf(["body", "query"]))
    detail = fields.String(required=True)
    code = fields.String(required=True)


class ReferencePlace(Schema):
    """A reference to an article."""

    article = fields.String(required=True, metadata=said("the article that has it, as collection/id"))
    path = fields.String(required=True, metadata=said("its file, below the site"))
    pointer = fields.String(required=True, metadata=said("where in the article it stands"))


class Problem(Schema):
    """Every error, as RFC 9457 has it."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    request_id = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(ProblemItem), metadata=said("all that is wrong, at once"))
    current_version = fields.String(allow_none=True, metadata=said("412: what is there now; null when nothing is"))
    changed = fields.List(fields.String(), metadata=said("412: pointers of what others changed since your version"))
    moved_to = fields.String(metadata=said("410: what the article is called now, as collection/id"))
    used_by = fields.List(
        fields.String(), metadata=said("409: the articles that show the photo, or refer to the article")
    )
    references = fields.List(
        fields.Nested(ReferencePlace),
        metadata=said("409: at most 100 references to the article, as far as you may know"),
    )
    total = fields.Integer(metadata=said("409: how many articles refer to it, those too that you may not see"))


class FileProblem(Schema):
    pointer = fields.String(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
