"""The one door for front matter formats: how each is found in a file, read, and written into a new one.

Fences are found by the rule of the site's own parser; reading goes through the guarded loader.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, Final

from frontmatter.default_handlers import BaseHandler, YAMLHandler

from cms.model.moments import to_utc
from cms.model.pointer import refusal
from cms.model.yaml_guard import YamlLimits
from cms.model.yaml_text import block, check_data
from cms.model.yaml_values import load_mapping

# JavaScript's \s, which differs from Python's in a few characters.
_SPACE = r"[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"
_OPENING = rf"(?:\A\ufeff?|\A{_SPACE}*\n)(---|\+\+\+)"
OPENING: Final = re.compile(_OPENING)
FENCES: Final = re.compile(_OPENING + r"([\s\S]*?\n)(?:---|\+\+\+)(?:[ \t]*(?:\r\n|\n|\r|\Z))?")
"""Group 1 tells the format, group 2 is the front matter; what follows the match is the body.

The line break that ends the closing fence belongs to the fence, so that a body is what stands below it.
"""


class YamlFrontMatter(YAMLHandler):
    """YAML between `---` lines, read as the site reads it."""

    FM_BOUNDARY = OPENING

    def split(self, text: str) -> tuple[str, str]:
        return _split(text)

    def load(self, fm: str, **kwargs: Any) -> dict[str, object]:
        """Return the values of `fm`, which has to keep to the keyword `limits`; raises `Invalid`."""
        return load_mapping(fm, kwargs["limits"])

    def export(self, metadata: Mapping[str, object], **kwargs: Any) -> str:
        """The lines for a new file's front matter, keys in the given order, without a final line break.

        `metadata` has to keep to the keyword `limits`.
        """
        check_data(metadata, kwargs["limits"])
        return "\n".join(block(metadata, 0))


class TomlFrontMatter(BaseHandler):
    """TOML between `+++` lines, which is read here and edited by `toml_changes.py`; new files are YAML."""

    FM_BOUNDARY = OPENING
    START_DELIMITER = END_DELIMITER = "+++"

    def split(self, text: str) -> tuple[str, str]:
        return _split(text)

    def load(self, fm: str, **kwargs: Any) -> dict[str, object]:
        limits: YamlLimits = kwargs["limits"]
        if len(fm.encode()) > limits.max_bytes:
            raise refusal("toml_too_large", f"the front matter is larger than {limits.max_bytes:,} bytes")
        _check_keys(fm, limits.max_depth)
        try:
            data = {key: _plain(value, key) for key, value in tomllib.loads(fm).items()}
        except ValueError as exc:
            raise refusal("toml_syntax", f"the front matter is not valid TOML: {exc}") from exc
        except RecursionError as exc:
            raise refusal("toml_too_deep", "the front matter is nested too deep") from exc
        check_data(data, limits)
        return data

    def export(self, metadata: Mapping[str, object], **kwargs: object) -> str:
        raise refusal("toml_new", "new front matter is written as YAML")


HANDLERS: Final[Mapping[str, YamlFrontMatter | TomlFrontMatter]] = {
    "yaml": YamlFrontMatter(),
    "toml": TomlFrontMatter(),
}
FORMATS: Final[Mapping[str, str]] = {"---": "yaml", "+++": "toml"}


_STRING: Final = re.compile(
    r""""{3}(?:\\[\s\S]|[^\\])*?(?:"{3}|\Z)|'{3}[\s\S]*?(?:'{3}|\Z)|"(?:\\.|[^"\\\r\n])*+"?|'[^'\r\n]*+'?|#.*+"""
)
"""A string or a comment."""
_DOTTED: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++(?:[ \t]*+\.[ \t]*+[A-Za-z0-9_-]++)++")

_MOST: Final = 2**53 - 1
"""The largest whole number that the site's TOML parser reads; it refuses the file with a larger one."""


def _split(text: str) -> tuple[str, str]:
    match = FENCES.match(text)
    return (match[2], text[match.end() :]) if match else ("", text)


def _check_keys(fm: str, most: int) -> None:
    """Raise `Invalid` for a key of more than `most` parts; reading it takes a time that grows with their square."""
    for dotted in _DOTTED.finditer(_STRING.sub("_", fm)):
        if dotted[0].count(".") >= most:
            raise refusal("toml_too_deep", f"a key has more than {most} parts, and is nested too deep")


def _plain(value: object, *path: str | int) -> object:
    """TOML's values as YAML front matter has them: times without a zone are UTC, times of day are text."""
    if isinstance(value, dict):
        return {key: _plain(item, *path, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, *path, index) for index, item in enumerate(value)]
    if isinstance(value, datetime):
        try:
            return to_utc(value)
        except ValueError as exc:
            raise refusal("toml_value", f"{exc}; put quotes around it to keep it as text", *path) from exc
    if isinstance(value, int) and abs(value) > _MOST:
        detail = "JavaScript cannot hold so large a whole number exactly; put quotes around it to keep it as text"
        raise refusal("toml_value", detail, *path)
    return value.isoformat() if isinstance(value, time) else value
