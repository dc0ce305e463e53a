"""Keeps an article's relative references to photos leading to the same files when its own file moves.

Only the references themselves change, in front matter and body alike; all other bytes stay.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cms.model import markdown, refs, splice
from cms.model.document import Document
from cms.model.refs import Ref

_RELATIVE = re.compile(r"(?:\.\.?/)+")


@dataclass(frozen=True, slots=True)
class _Move:
    old_key: str
    new_key: str

    def spelled(self, ref: str) -> str:
        """Return the spelling at the new key of what `ref` means at the old one; what is not relative, or leads out of
        the site, stays as it is."""
        found = _RELATIVE.match(ref)
        if found is None or not _is_moving(ref, self.old_key):
            return ref
        folder, new_folder = _folder(found[0], self.old_key), _folder(found[0], self.new_key)
        if folder == new_folder:
            return ref
        start = posixpath.relpath(folder, posixpath.dirname(self.new_key))
        dots = "" if start.startswith(".") else "./"
        return f"{dots}{start}/{ref[found.end() :]}"


def relocated(document: Document, mentions: Iterable[Ref], old_key: str, new_key: str) -> str:
    """Return the file's text with those of the references that it has in common with `mentions` spelled for `new_key`.

    Raises `Invalid` for front matter that cannot be edited without damage to other lines.
    """
    move = _Move(old_key, new_key)
    moving = [ref for ref in mentions if move.spelled(ref.ref) != ref.ref]
    fields = {ref.ref: move.spelled(ref.ref) for ref in moving if ref.field is not None}
    sources = {refs.decoded(ref.ref) for ref in moving if ref.field is None}
    data = _with_fields(document.data, fields) if fields else None
    return splice.edit(document, data, _with_sources(document.body, sources, move) if sources else None)


def lost(mentions: Iterable[Ref], before: Sequence[Ref], after: Sequence[Ref], keys: tuple[str, str]) -> list[Ref]:
    """Return those of `before` that `mentions` has, too, and that lead to another file in `after`.

    `before` and `after` are the references of one article in the same order, at the first and the second of the keys.
    """
    old_key, new_key = keys
    known = {(ref.ref, ref.field is None) for ref in mentions if _is_moving(ref.ref, old_key)}
    found = [_file(ref, new_key) for ref in after] if len(after) == len(before) else [None] * len(before)
    pairs = zip(before, found, strict=True)
    return [ref for ref, file in pairs if (ref.ref, ref.field is None) in known and _file(ref, old_key) != file]


def _is_moving(ref: str, key: str) -> bool:
    found = _RELATIVE.match(ref)
    return found is not None and not _folder(found[0], key).startswith("..")


def _folder(start: str, key: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(key), start))


def _file(ref: Ref, key: str) -> str | None:
    return refs.file_of(ref.ref, ref.field, key)


def _with_fields(value: Any, spelled: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_fields(item, spelled) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_fields(item, spelled) for item in value]
    return spelled.get(value, value) if isinstance(value, str) else value


def _with_sources(body: str, sources: Collection[str], move: _Move) -> str:
    """Return the body with these sources of images, which are given without percent-encoding, respelled.

    The same text may stand in code or in a link. So each place where a relative path may begin leads into a folder of
    its own first, and those folders that are in the source of an image once the body is rendered tell which places are.
    """
    mark = hashlib.sha256(body.encode()).hexdigest()[:16]  # which nobody can have written into this body
    probe = "".join(_pieces(body, lambda number, _: f"./{mark}-{number}/"))
    shown: dict[int, str] = {}
    for source, _ in markdown.render(probe).images:
        if found := re.match(rf"\./{mark}-([0-9]+)/", source):
            shown[int(found[1])] = refs.decoded(source[found.end() :])

    def spell(number: int, start: str) -> str:
        return move.spelled(start) if number in shown and start + shown[number] in sources else start

    return "".join(_pieces(body, spell))


def _pieces(body: str, spell: Callable[[int, str], str]) -> Iterator[str]:
    """Yield the body in pieces, each start of a relative path as `spell` spells it, given its number and its text."""
    end = 0
    for number, found in enumerate(_RELATIVE.finditer(body)):
        yield body[end : found.start()]
        yield spell(number, found[0])
        end = found.end()
    yield body[end:]
