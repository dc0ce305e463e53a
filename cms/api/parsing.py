"""Reads requests strictly: what is unknown, doubled or not JSON is refused, never dropped.

Every route is declared on this module's `Blueprint`; one that declares no query takes none.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, cast

import flask_smorest
from flask import Request, Response, current_app, request
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import LengthRequired

from cms.api import problems
from cms.context import Context
from cms.database.engine import checked
from cms.errors import Invalid, Malformed, NotFound, Problem, UnsupportedType
from cms.model import json_bounds
from cms.model.pointer import pointer
from cms.model.published import LIVE_SINCE, MEMBERS

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_HOST = re.compile(r"([\w.-]*|\[[\da-f:.]+\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)

View = TypeVar("View", bound=Callable[..., Response])


def context() -> Context:
    """The parts of the service that this request runs in."""
    found: Context = current_app.extensions["cms"]
    return found


def unchecked() -> Context:
    """The same parts, for what needs none of the derived tables."""
    found = context()
    return dataclasses.replace(found, database=checked(found.database, is_checked=False))


class StrictParser(FlaskParser):
    DEFAULT_UNKNOWN_BY_LOCATION = {"query": RAISE, "json": RAISE, "form": RAISE}  # noqa: RUF012

    def load_json(self, req: Request, schema: Schema) -> Any:
        return strict_json(req)

    def handle_error(
        self, error: ValidationError, req: Request, schema: Schema, *, error_status_code: Any, error_headers: Any
    ) -> NoReturn:
        found: list[Problem] = []
        for location, messages in _messages(error).items():
            found += _flatten(messages, ())
            problems.set_location("query" if location == "query" else "body")
        raise Invalid("The request has parts that cannot be accepted.", problems=found)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # the package has no types
    ARGUMENTS_PARSER = StrictParser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        register = super().route(rule, **options)

        def decorator(view: View) -> View:
            return cast(View, register(self.doc(operationId=view.__name__)(view)))

        return decorator

    def response(self, status_code: int, schema: Any = None, **options: Any) -> Callable[[View], View]:
        return cast(Callable[[View], View], super().response(status_code, schema, **options))

    def alt_response(self, status_code: int, **options: Any) -> Callable[[View], View]:
        return cast(Callable[[View], View], super().alt_response(status_code, **options))

    def doc(self, **options: Any) -> Callable[[View], View]:
        return cast(Callable[[View], View], super().doc(**options))

    def arguments(self, schema: Any, *, location: str = "json", **options: Any) -> Callable[[View], View]:
        # A class would be made into a schema again with each request.
        made = schema() if isinstance(schema, type) else schema
        decorate = super().arguments(made, location=location, **options)

        def decorator(view: View) -> View:
            wrapped = decorate(view)
            wrapped.takes_query = location == "query"
            return cast(View, wrapped)

        return decorator


@lru_cache(maxsize=64)
def is_host(header: str) -> bool:
    """Whether `Host` is one name or address; it is empty where there is none, and servers join two by a comma."""
    return _HOST.fullmatch(header) is not None


def check_head() -> None:
    """Before each request: one host, and a body of which one can tell that it is plain and whole."""
    if not is_host(request.headers.get("Host", "")):
        raise Malformed("Host names one host, and perhaps its port.", code="host")
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedType("Send the body as it is, without Content-Encoding.", code="content_encoding")
    # granian takes a body that breaks off for one that ends; only its length tells.
    if "Transfer-Encoding" in request.headers:
        raise LengthRequired("Say how long the body is: send it with Content-Length, not in chunks.")
    request.environ.pop("wsgi.input_terminated", None)


def check_query() -> None:
    """Before each request: no query beyond what the route declares, nothing twice, nothing endless."""
    if len(request.query_string) > context().settings.limits.query_bytes:
        raise Malformed("The query string is too long.", code="query_too_long")
    if "\0" in request.path:
        raise NotFound("There is nothing at this path.")
    problems.set_location("query")
    doubled = [name for name, values in request.args.lists() if len(values) > 1]
    view = current_app.view_functions.get(request.endpoint or "")
    unknown = [] if view is None or getattr(view, "takes_query", False) else list(request.args)
    found = [Problem(pointer(name), "is given twice", "doubled") for name in doubled]
    found += [Problem(pointer(name), "is no parameter of this", "unknown") for name in unknown]
    if found:
        raise Invalid("The query has parameters that cannot be accepted.", problems=found)
    problems.set_location("body")


def strict_json(req: Request, *media_types: str) -> Any:
    """Return the body as JSON; refuse other media types, doubled keys, NaN, and more than `json_bounds` allows."""
    allowed = media_types or ("application/json",)
    if req.mimetype not in allowed:
        raise UnsupportedType(f"Send the body as {' or '.join(allowed)}.")
    data = req.get_data()
    json_bounds.check_text(data, context().settings.limits.front_matter)
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_no_doubles, parse_constant=_no_constant)
    except (ValueError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not JSON: {error}.") from error


def load(schema: Schema, value: Any) -> Any:
    """The value as the schema reads it; `Invalid` names every place that it does not fit."""
    try:
        return schema.load(value)
    except ValidationError as error:
        found = _flatten(_messages(error), ())
        raise Invalid("The body has parts that cannot be accepted.", problems=found) from error


def _messages(error: ValidationError) -> dict[str, Any]:
    found: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
    return found


def _flatten(messages: Any, where: tuple[str | int, ...]) -> list[Problem]:
    if isinstance(messages, dict):
        inner = ((() if name == "_schema" else (name,), value) for name, value in messages.items())
        return [problem for step, value in inner for problem in _flatten(value, (*where, *step))]
    texts = messages if isinstance(messages, list) else [messages]
    return [_problem(where, str(text)) for text in texts]


def _problem(where: tuple[str | int, ...], text: str) -> Problem:
    if text != "Unknown field.":
        return Problem(pointer(*where), text, "invalid")
    is_told = where and where[-1] in (*MEMBERS, LIVE_SINCE)
    detail = "is only told by the service; leave it out" if is_told else "is not known here; leave it out"
    return Problem(pointer(*where), detail, "unknown")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
