"""JSON Patch (RFC 6902) over what editors know of an article: `{"data": …, "body": …}`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jsonpatch
import jsonpointer

from cms.errors import Invalid, Problem
from cms.model.json_bounds import Size, is_over, size_of
from cms.model.yaml_guard import YamlLimits

MOST_OPERATIONS = 100


def most_added(limits: YamlLimits) -> int:
    """Return how many values all operations may add together, counted as parser events.

    Copies to one place, which replace each other, all count.
    """
    return 4 * limits.max_events


def apply(value: Mapping[str, Any], operations: Any, allowed: tuple[str, ...], limits: YamlLimits) -> dict[str, Any]:
    """Return a patched copy; `Invalid` names the operation (`/0` is the first) that cannot be done.

    Every path has to be one of `allowed`, or below it. An operation that would make the data larger than
    `json_bounds.is_over` allows, or all of them add more than `most_added`, is refused before it is done, whatever
    those after it remove.
    """
    if not isinstance(operations, list) or len(operations) > MOST_OPERATIONS:
        raise _refusal("", f"send a list of at most {MOST_OPERATIONS} operations")
    result: Any = copy.deepcopy(dict(value))
    size, added = _size(result), 0
    for number, operation in enumerate(operations):
        where = f"/{number}"
        _check(operation, where, allowed)
        try:
            grown = _grown(result, size, operation)
            added += grown.events - size.events
            if is_over(grown, limits):  # what was removed is counted until now
                grown = _grown(result, _size(result), operation)
            size = grown
            if is_over(size, limits) or added > most_added(limits):
                detail = "makes the data larger, or nested deeper, than front matter can be"
                raise _refusal(where, detail, "json_patch_too_large")
            result = jsonpatch.apply_patch(result, [operation], in_place=True)
        except jsonpatch.JsonPatchTestFailed as error:
            raise _refusal(where, "the test does not hold: the value is another", "json_patch_test") from error
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
            raise _refusal(where, f"cannot be done: {error}") from error
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise _refusal(where, "cannot be done at this place") from error
    found: dict[str, Any] = result
    return found


def _check(operation: Any, where: str, allowed: tuple[str, ...]) -> None:
    if not isinstance(operation, dict):
        raise _refusal(where, "an operation is an object with op and path")
    for name in ("path", "from"):
        path = operation.get(name)
        if path is None and name == "from":
            continue
        if not isinstance(path, str) or not any(path == top or path.startswith(f"{top}/") for top in allowed):
            raise _refusal(where, f"its {name} must begin with {' or '.join(allowed)}")


def _size(value: Mapping[str, Any]) -> Size:
    """Return the size of the whole value but for its body, which has a limit of its own."""
    return size_of({name: item for name, item in value.items() if name != "body" or not isinstance(item, str)})


def _grown(value: Any, size: Size, operation: Mapping[str, Any]) -> Size:
    """Return what the size would be at most after the operation."""
    name, path = operation.get("op"), operation["path"]
    if name == "move":
        return size._replace(depth=size.depth + path.count("/"))
    if name not in ("add", "replace", "copy"):
        return size
    added = jsonpointer.resolve_pointer(value, operation["from"]) if name == "copy" else operation["value"]
    if path == "/body" and isinstance(added, str):
        return size
    more = size_of(added)
    depth = max(size.depth, more.depth + path.count("/"))
    return Size(size.events + more.events + 1, size.characters + more.characters, depth)


def _refusal(where: str, detail: str, code: str = "json_patch") -> Invalid:
    return Invalid("The patch cannot be applied; nothing was saved.", problems=[Problem(where, detail, code)])
