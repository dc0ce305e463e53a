"""The one document of a front matter: directives, document markers, and the root node."""

from __future__ import annotations

import re

from cms.model.yaml_guard import Budget, YamlLimits
from cms.model.yaml_nodes import Tree
from cms.model.yaml_reader.block import block_node
from cms.model.yaml_reader.characters import Characters, characters_of, syntax_error
from cms.model.yaml_reader.properties import decoded
from cms.model.yaml_reader.reader import Reader

_DIRECTIVE = re.compile(r"%([^ \t\r\n]*+)([^\r\n]*+)")
_VERSION = re.compile(r"0*1\.[0-9]+")
_HANDLE = re.compile(r"!(?:[0-9A-Za-z-]*!)?")


def read_document(text: str, limits: YamlLimits) -> Tree:
    """Return the tree of the only document in `text`; raise `Invalid`."""
    nul = text.find("\0")
    if nul >= 0:
        raise syntax_error(text.count("\n", 0, nul) + 1, "delete the NUL character")
    chars = characters_of(text)
    reader = Reader(chars, Budget(limits))
    tree = Tree(aliases=reader.aliases)
    if _is_at_end(chars):
        return tree
    _read_start(reader)
    tree.root = block_node(reader, chars.indent - 1)
    chars.separate()
    if chars.is_marker() and chars.text[chars.position] == ".":
        tree.is_ended = True
        chars.position += 3
        chars.separate()
    elif not _is_at_end(chars) and not chars.is_marker():
        raise chars.error("this line belongs to no key; indent it, or write `key: value`")
    if not _is_at_end(chars):
        raise chars.error("there is more than one document; delete the line `---` or `...`")
    return tree


def _is_at_end(chars: Characters) -> bool:
    return chars.position >= len(chars.text) - 2


def _read_start(reader: Reader) -> None:
    """Read the directives and the `---` before the root node."""
    chars = reader.chars
    declared: set[str] = set()
    chars.separate()
    has_directives = False
    while chars.indent == 0 and chars.text[chars.position] == "%":
        has_directives = True
        _read_directive(reader, declared)
        chars.separate()
    if chars.indent == 0 and chars.text.startswith("---", chars.position):
        chars.position += 3
        chars.separate()
    elif has_directives:
        raise chars.error("a line `---` follows the lines that begin with %")


def _read_directive(reader: Reader, declared: set[str]) -> None:
    """Read one directive; `declared` holds what the ones before it have said."""
    chars = reader.chars
    found = _DIRECTIVE.match(chars.text, chars.position)
    assert found
    name, arguments = found[1], _arguments(found[2])
    is_wrong = not name
    if name == "YAML":
        is_wrong = name in declared or len(arguments) != 1 or not _VERSION.fullmatch(arguments[0])
        declared.add(name)
    elif name == "TAG":
        is_wrong = len(arguments) != 2 or arguments[0] in declared or not _HANDLE.fullmatch(arguments[0])
        if not is_wrong:
            declared.add(arguments[0])
            reader.handles[arguments[0]] = decoded(chars, arguments[1])
    if is_wrong:
        raise chars.error("delete the line that begins with %, or put quotes around the text")
    chars.position = found.end()


def _arguments(text: str) -> list[str]:
    words = re.split(r"[ \t]+", text.strip(" \t"))
    for number, word in enumerate(words):
        if word.startswith("#"):
            return words[:number]
    return [word for word in words if word]
