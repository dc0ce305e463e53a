"""Edits TOML front matter: tomlkit keeps as it was written what does not change."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, MutableSequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Item, String

from cms.model.pointer import refusal
from cms.model.yaml_values import is_same


def edited(raw: str, old: Mapping[str, object], wanted: Mapping[str, object], *, by_item: bool) -> str:
    """`raw`, which says `old`, with what differs from `wanted` changed; lists as wholes unless `by_item`.

    Raises `Invalid`, code `cannot_edit`. The caller reads the result back.
    """
    is_crlf = "\r\n" in raw and raw.count("\r\n") == raw.count("\n")
    plain = raw.replace("\r\n", "\n") if is_crlf else raw
    try:
        document = tomlkit.parse(plain)
        if document.as_string() != plain:
            raise refusal("cannot_edit", "this TOML cannot be kept as it is written; edit the file")
        _change(document, old, wanted, by_item=by_item)
        text = document.as_string()
        text += "" if text.endswith("\n") else "\n"
    except (TOMLKitError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise refusal("cannot_edit", f"this change cannot be made in TOML: {error}") from error
    return text.replace("\n", "\r\n") if is_crlf else text


def _change(
    table: MutableMapping[str, Any], old: Mapping[str, object], wanted: Mapping[str, object], *, by_item: bool
) -> None:
    for key in [key for key in old if key not in wanted]:
        del table[key]
    for key, value in wanted.items():
        if key not in old:
            table[key] = _item(value)
        elif not is_same(old[key], value):
            _replace(table, key, old[key], value, by_item=by_item)


def _replace(holder: Any, place: Any, old: object, value: object, *, by_item: bool) -> None:
    there = holder[place]
    if isinstance(old, dict) and isinstance(value, dict):
        _change(there, old, value, by_item=by_item)
    elif by_item and isinstance(old, list) and isinstance(value, list) and value and _fits(there, value):
        _change_list(there, old, value)
    else:
        holder[place] = _like(there, value)


def _change_list(array: MutableSequence[Any], old: list[Any], wanted: list[Any]) -> None:
    """Items at both ends that are the same stay; in between, one takes the place of another."""
    shorter = min(len(old), len(wanted))
    start = next((i for i in range(shorter) if not is_same(old[i], wanted[i])), shorter)
    rest = shorter - start
    kept = next((i for i in range(rest) if not is_same(old[-1 - i], wanted[-1 - i])), rest)
    goes, comes = len(old) - kept, len(wanted) - kept
    for index in range(start, min(goes, comes)):
        _replace(array, index, old[index], wanted[index], by_item=True)
    for _ in range(comes, goes):
        del array[comes]
    for index in range(goes, comes):
        array.insert(index, _table(wanted[index]) if isinstance(array, AoT) else _item(wanted[index]))


def _fits(array: object, wanted: list[Any]) -> bool:
    return not isinstance(array, AoT) or all(isinstance(item, dict) for item in wanted)


def _like(there: Any, value: object) -> Item:
    """The value in the quotes that stand there."""
    if isinstance(there, String) and isinstance(value, str):
        written = there.as_string()
        is_long = written[:3] in ('"""', "'''") and "\n" in value
        is_plain = written[0] == "'" and "'" not in value and value.isprintable()
        if is_long:
            text = tomlkit.string(value, multiline=True).as_string()
            # A line break right after the quotes is no part of the text.
            return tomlkit.value(text[:3] + "\n" + text[3:] if written[3:4] == "\n" else text)
        return tomlkit.string(value, literal=is_plain)
    return _item(value)


def _item(value: object) -> Item:
    if value is None:
        raise refusal("cannot_edit", "TOML has no null; leave the field out")
    return tomlkit.item(value)


def _table(value: object) -> Item:
    table = tomlkit.table()
    assert isinstance(value, dict)
    for key, item in value.items():
        table.add(key, _item(item))
    return table
