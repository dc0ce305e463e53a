"""Documents read and made under the limits that hold when no setting says otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from cms.model import document, yaml_values
from cms.model.document import Document
from cms.model.yaml_guard import YamlLimits

LIMITS = YamlLimits()


def read(data: bytes) -> Document:
    """Return the document in the bytes of a file."""
    return document.read(data, LIMITS)


def new(data: Mapping[str, object], body: str) -> str:
    """Return the text of a new file."""
    return document.new(data, body, LIMITS)


def load_mapping(text: str, limits: YamlLimits = LIMITS) -> dict[str, object]:
    """Return the values of YAML front matter."""
    return yaml_values.load_mapping(text, limits)
