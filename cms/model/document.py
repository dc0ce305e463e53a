"""One Markdown file: its text, its front matter and its body, each in its place.

Nothing is normalised: line endings, a byte order mark and blank lines stay as they are in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from cms.errors import Invalid
from cms.model.frontmatter_format import FENCES, FORMATS, HANDLERS, OPENING
from cms.model.pointer import refusal
from cms.model.yaml_guard import YamlLimits
from cms.model.yaml_values import is_same

Format = Literal["yaml", "toml", "none"]


@dataclass(frozen=True, slots=True)
class Document:
    """`raw` is the text between the fences, `text[raw_start:raw_end]`; `body` is the end of `text`, from `body_start`.

    The line break that ends the closing fence belongs to the fence, so the body is what stands below it. `limits` are
    those that it was read under; what an edit makes of it has to keep to them too.
    """

    text: str
    format: Format
    raw: str
    raw_start: int
    raw_end: int
    data: dict[str, object]
    body: str
    limits: YamlLimits

    @property
    def body_start(self) -> int:
        return len(self.text) - len(self.body)

    @property
    def margin(self) -> str:
        """The blank lines that the body begins with, which are looks and not content."""
        match = re.match(r"(?:[ \t]*+\r?\n)*+", self.body)
        return match[0] if match else ""

    @property
    def content(self) -> str:
        """The body without its margin, byte for byte."""
        return self.body[len(self.margin) :]

    @property
    def newline(self) -> str:
        """The first line break of the file, which is the one that new lines get."""
        end = self.text.find("\n")
        return "\r\n" if end > 0 and self.text[end - 1] == "\r" else "\n"


def read(data: bytes, limits: YamlLimits) -> Document:
    """The document that a file's bytes hold; raises `Invalid`."""
    try:
        text = data.decode("utf-8", "strict")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise refusal("not_utf8", f"line {line}: the file is not UTF-8 text; save it as UTF-8") from exc
    match = FENCES.match(text)
    if match is None:
        _check_no_open_fence(text)
        start = 1 if text.startswith("\ufeff") else 0
        return Document(text, "none", "", start, start, {}, text[start:], limits)
    kind = FORMATS[match[1]]
    values = HANDLERS[kind].load(match[2], limits=limits)
    raw_start, raw_end = match.span(2)
    return Document(text, cast(Format, kind), match[2], raw_start, raw_end, values, text[match.end() :], limits)


def _check_no_open_fence(text: str) -> None:
    opening = OPENING.match(text)
    if opening is not None and not text[opening.end() :].partition("\n")[0].strip():
        raise refusal("front_matter_unterminated", f"the front matter begins with {opening[1]} and never ends")


def new(data: Mapping[str, object], body: str, limits: YamlLimits) -> str:
    """The text of a new file; raises `Invalid` when it would not read back as just this."""
    front_matter = HANDLERS["yaml"].export(dict(data), limits=limits)
    text = "---\n" + (front_matter + "\n" if front_matter else "") + "---\n" + body
    check_reads_back(text, data, body, "yaml", limits)
    return text


def check_reads_back(text: str, data: Mapping[str, object], body: str, kind: Format, limits: YamlLimits) -> None:
    """Raise `Invalid` unless `text` is a file with this front matter and this body."""
    try:
        found = read(text.encode(), limits)
    except UnicodeEncodeError as exc:
        raise refusal("cannot_edit", "half of a surrogate pair is not a character") from exc
    except Invalid as exc:
        if exc.code.startswith("yaml_too_"):
            raise
        detail = f"this change cannot be made without damage to other lines ({exc.detail})"
        raise refusal("cannot_edit", detail) from exc
    if found.format != kind or found.body != body:
        raise refusal("cannot_edit", "the body would not stay apart from the front matter; does it begin with `---`?")
    if not is_same(found.data, dict(data)):
        raise refusal("cannot_edit", "this change cannot be made without damage to other lines")
