"""JSON Patch (RFC 6902) over what editors know of an article: `{"data": …, "body": …}`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import jsonpatch
import jsonpointer

from cms.errors import Invalid, Problem
from cms.model.json_bounds import is_over, size_of

MOST_OPERATIONS = 100


def apply(value: Mapping[str, Any], operations: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Return a patched copy; `Invalid` names the operation (`/0` is the first) that cannot be done.

    Every path has to be one of `allowed`, or below it. No operation may make `data` larger than `json_bounds.is_over`
    allows, whatever those after it remove.
    """
    if not isinstance(operations, list) or len(operations) > MOST_OPERATIONS:
        raise _refusal("", f"send a list of at most {MOST_OPERATIONS} operations")
    result: Any = copy.deepcopy(dict(value))
    for number, operation in enumerate(operations):
        where = f"/{number}"
        _check(operation, where, allowed)
        try:
            _check_copy(result, operation, where)
            result = jsonpatch.apply_patch(result, [operation], in_place=True)
        except jsonpatch.JsonPatchTestFailed as error:
            raise _refusal(where, "the test does not hold: the value is another", "json_patch_test") from error
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
            raise _refusal(where, f"cannot be done: {error}") from error
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise _refusal(where, "cannot be done at this place") from error
        if is_over(size_of(result.get("data")) if isinstance(result, dict) else size_of(result)):
            raise _too_large(where)
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


def _check_copy(value: Any, operation: Mapping[str, Any], where: str) -> None:
    """Refuse a copy that would make the data too large, before it is made."""
    if operation.get("op") != "copy":
        return
    copied, present = size_of(jsonpointer.resolve_pointer(value, operation["from"])), size_of(value["data"])
    if is_over(
        present._replace(events=present.events + copied.events, characters=present.characters + copied.characters)
    ):
        raise _too_large(where)


def _too_large(where: str) -> Invalid:
    return _refusal(where, "makes the data larger, or nested deeper, than front matter can be", "json_patch_too_large")


def _refusal(where: str, detail: str, code: str = "json_patch") -> Invalid:
    return Invalid("The patch cannot be applied; nothing was saved.", problems=[Problem(where, detail, code)])
