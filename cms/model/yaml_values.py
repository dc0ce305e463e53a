"""The values of a front matter, exactly as the site's own parser reads them.

Values are JSON's (numbers compare as in JavaScript) plus `date` and UTC `datetime`; whatever else YAML can say is
refused with `Invalid`, and no other error leaves this module.
"""

from __future__ import annotations

from datetime import date, datetime

from cms.errors import Invalid
from cms.model.pointer import refusal
from cms.model.yaml_guard import YamlLimits
from cms.model.yaml_scalars import is_float, is_int, resolve
from cms.model.yaml_tree import Alias, Mapping, Node, Scalar, Sequence, Tree, parse

__all__ = ["YamlLimits", "is_merge", "is_same", "key_of", "load_mapping", "mapping_of"]

Path = tuple[str | int, ...]

_CORE = "tag:yaml.org,2002:"
_SAFE_KEY = 2**53

# Of one list of mappings, and of keys in all; js-yaml refuses more.
_MOST_MERGED = 100
_MOST_MERGED_KEYS = 10_000


def load_mapping(text: str, limits: YamlLimits) -> dict[str, object]:
    """The mapping that `text` holds, `{}` when it holds nothing; raises `Invalid`."""
    return mapping_of(parse(text, limits))


def mapping_of(tree: Tree) -> dict[str, object]:
    if tree.root is None:
        return {}
    if not isinstance(tree.root, Mapping):
        raise refusal("not_a_mapping", f"line {tree.root.line}: the front matter is not a list of `key: value`")
    value = _value(tree.root, ())
    assert isinstance(value, dict)
    return value


def key_of(node: Node, path: Path = ()) -> str:
    """The key as JavaScript writes it: `1: x` has the key "1"."""
    target = node.target if isinstance(node, Alias) else node
    try:
        value = _scalar(target, path) if isinstance(target, Scalar) else target
    except Invalid as exc:
        if isinstance(exc.__cause__, ValueError):  # a number or date that JSON does not have
            raise _no_text(node, path) from exc
        raise
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) <= _SAFE_KEY:
        return str(value)
    raise _no_text(node, path)


def _no_text(node: Node, path: Path) -> Invalid:
    return _refusal("yaml_key", node, "the key is not text; put quotes around it", path)


def is_same(one: object, other: object) -> bool:
    """Whether two values are the same JSON: 1000 is 1000.0, True is not 1, a date is neither its text nor a time."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return _kind(one) is _kind(other) and one == other


def is_merge(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text == "<<" and not node.style and node.tag is None


def _kind(value: object) -> type:
    for kind in (bool, int, float, datetime, date):  # a bool is an int and a datetime is a date for Python
        if isinstance(value, kind):
            return float if kind is int else kind
    return type(value)


def _value(node: Node, path: Path) -> object:
    if isinstance(node, Alias):
        if node.is_recursive:
            raise _refusal("yaml_alias", node, "the alias stands inside what it names; write the value out", path)
        return _value(node.target, path)
    if isinstance(node, Scalar):
        return _scalar(node, path)
    expected = "map" if isinstance(node, Mapping) else "seq"
    if node.tag not in (None, "!", _CORE + expected):
        raise _refusal("yaml_tag", node, f"the tag {_tag(node)} is not allowed here", path)
    if isinstance(node, Sequence):
        return [_value(item, (*path, index)) for index, item in enumerate(node.items)]
    return _mapping(node, path)


def _mapping(node: Mapping, path: Path) -> dict[str, object]:
    result: dict[str, object] = {}
    merged: set[str] = set()
    for entry in node.entries:
        if is_merge(entry.key):
            for source in _merge_sources(entry.value, path):
                new = {key: value for key, value in source.items() if key not in result}
                merged |= new.keys()
                result |= new
            continue
        key = key_of(entry.key, path)
        if key in result and key not in merged:
            raise _refusal("yaml_duplicate_key", entry.key, f"the key {key!r} is there twice", (*path, key))
        merged.discard(key)
        result[key] = _value(entry.value, (*path, key))
    return result


def _merge_sources(node: Node, path: Path) -> list[dict[str, object]]:
    """Return the mappings that `<<` names; as for JavaScript, a list within the list has its positions as keys."""
    target = node.target if isinstance(node, Alias) else node
    nodes = target.items if isinstance(target, Sequence) else [target]
    where = (*path, "<<")
    values = [_value(source.target if isinstance(source, Alias) else source, where) for source in nodes]
    sources: list[dict[str, object]] = []
    for value in values:
        if isinstance(value, list):
            sources.append({str(index): item for index, item in enumerate(value)})
        elif isinstance(value, dict | date):
            sources.append(value if isinstance(value, dict) else {})
        else:
            raise _refusal("yaml_value", node, "the merge key `<<` needs a mapping", where)
    if len(sources) > _MOST_MERGED or sum(map(len, sources)) > _MOST_MERGED_KEYS:
        raise _refusal("yaml_value", node, "the merge key `<<` names too much; write it out", where)
    return sources


def _scalar(node: Scalar, path: Path) -> object:
    if "\0" in node.text:
        raise _refusal("yaml_value", node, "the NUL character is not allowed", path)
    is_empty = not node.text and not node.style
    if (node.tag is None and node.style) or node.tag == _CORE + "str" or (node.tag == "!" and not is_empty):
        return node.text
    try:
        value = resolve(node.text)
    except ValueError as exc:
        raise _refusal("yaml_value", node, str(exc), path) from exc
    if node.tag not in (None, "!") and not _fits(node, value):
        raise _refusal("yaml_tag", node, f"the tag {_tag(node)} is not allowed here", path)
    return value


def _fits(node: Scalar, value: object) -> bool:
    """Whether a scalar with this value may say of itself that it is of its tag's core type."""
    kind = (node.tag or "").removeprefix(_CORE)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (
        (kind == "int" and is_number and is_int(node.text))
        or (kind == "float" and is_number and is_float(node.text))
        or (kind == "bool" and isinstance(value, bool))
        or (kind == "null" and value is None and not (node.style and not node.text))
    )


def _tag(node: Node) -> str:
    return (node.tag or "").replace(_CORE, "!!")


def _refusal(code: str, node: Node, detail: str, path: Path) -> Invalid:
    return refusal(code, f"line {node.line}: {detail}", *path)
