"""Values as YAML text that says the same to every reader.

A string is written plain only when js-yaml and PyYAML both read that text back as this string, anywhere it may
stand; otherwise it is quoted as JSON quotes it. No line is ever wrapped, nothing printable is escaped.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime

import yaml

from cms.model.moments import to_utc
from cms.model.pointer import refusal
from cms.model.yaml_guard import YamlLimits
from cms.model.yaml_scalars import resolve

STEP = 2


def check_data(value: object, limits: YamlLimits, *path: str | int) -> None:
    """Raise `Invalid` for the first value that front matter cannot hold."""
    if len(path) > limits.max_depth:
        raise refusal("yaml_too_deep", f"nested deeper than {limits.max_depth} levels", *path[:3])
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise refusal("yaml_key", "a key must be text", *path, str(key))
            _check_text(key, "yaml_key", *path)
            check_data(item, limits, *path, key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_data(item, limits, *path, index)
    elif isinstance(value, str):
        _check_text(value, "yaml_value", *path)
    else:
        _check_scalar(value, *path)


def _check_text(text: str, code: str, *path: str | int) -> None:
    if "\0" in text:
        raise refusal(code, "the NUL character is not allowed", *path)
    if re.search("[\ud800-\udfff]", text):
        raise refusal(code, "half of a surrogate pair is not a character", *path)


def _check_scalar(value: object, *path: str | int) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, datetime):
        if value.tzinfo is None or value.microsecond % 1000:
            raise refusal("yaml_value", "a time needs a zone, and no more digits than milliseconds", *path)
    elif isinstance(value, int | float):
        try:
            resolve(str(value) if math.isfinite(value) else ".nan")
        except (ValueError, OverflowError) as exc:
            raise refusal("yaml_value", "the number is too large, or not a number", *path) from exc
    elif not isinstance(value, date):
        raise refusal("yaml_value", f"front matter cannot hold a {type(value).__name__}", *path)


def inline(value: object, quote: str = "", *, is_flow: bool = False) -> str:
    """The value on one line; strings get the quotes `quote` when these can hold them, lists and maps the flow form."""
    if isinstance(value, Mapping):
        items = (f"{inline(key, is_flow=True)}: {inline(item, quote, is_flow=True)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item, quote, is_flow=True) for item in value) + "]"
    if isinstance(value, str):
        return _string(value, quote, is_flow)
    if isinstance(value, datetime):
        moment = value if value.utcoffset() else to_utc(value)
        text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
        return text.replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value)


def block(value: object, column: int, quote: str = "", *, literals: bool = True) -> list[str]:
    """Return the lines of a list or mapping that is not empty, its dashes or keys standing at `column`.

    Without `literals`, a text of several lines is written on one.
    """
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            lines += _below(" " * column + inline(key) + ":", item, column + STEP, quote, literals)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, list | Mapping) and item:
                first, *rest = block(item, column + STEP, quote, literals=literals)
                lines += [" " * column + "- " + first[column + STEP :], *rest]
            else:
                lines += _below(" " * column + "-", item, column + STEP, quote, literals)
    return lines


def _below(head: str, value: object, column: int, quote: str, literals: bool) -> list[str]:
    """`head` and the value after it, which goes on the lines below when it has several."""
    if isinstance(value, list | Mapping) and value:
        return [head, *block(value, column, quote, literals=literals)]
    first, *rest = (literal(value, column) if literals else None) or [inline(value, quote)]
    return [f"{head} {first}", *rest]


_NOT_PRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def literal(value: object, column: int, style: str = "|", comment: str = "") -> list[str] | None:
    """The lines of a block scalar, None for what is not several lines or would not read back exactly.

    `style` is `|` or `>`; the text stands at `column`, the comment after the header.
    """
    if not isinstance(value, str) or "\n" not in value or _NOT_PRINTABLE.search(value):
        return None
    text = value.removesuffix("\n")
    lines = text.split("\n")
    if not lines[0] or not lines[-1] or any(line != line.rstrip() for line in lines):
        return None
    if lines[0][0].isspace() or any(line.startswith("\t" if style == "|" else (" ", "\t")) for line in lines):
        return None
    if style == ">":
        lines = re.sub("\n+", lambda breaks: breaks[0] + "\n", text).split("\n")
    header = style + ("" if value.endswith("\n") else "-") + comment
    return [header, *(" " * column + line if line else "" for line in lines)]


def _string(text: str, quote: str, is_flow: bool) -> str:
    if quote == "'" and "\n" not in text and "\t" not in text and not _NOT_PRINTABLE.search(text):
        return "'" + text.replace("'", "''") + "'"
    if not quote and _is_plain(text, is_flow):
        return text
    escaped = json.dumps(text, ensure_ascii=False)
    return _NOT_PRINTABLE.sub(lambda char: f"\\u{ord(char[0]):04x}", escaped)


# What YAML 1.2 itself calls a number; js-yaml 4 reads `+.5` as text, and its next version may not.
_CORE_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_PYYAML = yaml.SafeLoader.yaml_implicit_resolvers


def _is_plain(text: str, is_flow: bool) -> bool:
    if not text or text != text.strip() or text[0] in "-?:,[]{}#&*!|>'\"%@`" or text.startswith(("...", "+++")):
        return False
    if "\n" in text or "\t" in text or ": " in text or " #" in text or text.endswith(":"):
        return False
    if _NOT_PRINTABLE.search(text) or (is_flow and re.search(r"[\[\]{},]|:\S", text)) or _CORE_NUMBER.fullmatch(text):
        return False
    try:
        plain = text.replace("_", "")  # up to 4.1, js-yaml read numbers with underscores
        means_itself = resolve(text) == text and resolve(plain) == plain
    except ValueError:
        return False
    return means_itself and not any(pattern.match(text) for _, pattern in _PYYAML.get(text[0], ()))
