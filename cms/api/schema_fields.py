"""What schemas of all resources are made of."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

MAX_LIMIT = 100


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
