"""The editors' examples in openapi/requests.http work as they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from tests.conftest import ROOT, bearer

TEXT = (ROOT / "openapi/requests.http").read_text()


@dataclass(frozen=True)
class Example:
    title: str
    name: str | None
    method: str
    url: str
    headers: dict[str, str]
    body: str


def examples() -> list[Example]:
    return [_example(part) for part in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]]


def _example(part: str) -> Example:
    title, _, rest = part.partition("\n")
    name = re.search(r"^# @name (\w+)\n", rest, re.MULTILINE)
    head, _, body = re.sub(r"^#.*\n", "", rest, flags=re.MULTILINE).partition("\n\n")
    first, *headers = head.strip().splitlines()
    method, _, url = first.partition(" ")
    pairs = (header.split(": ", 1) for header in headers)
    return Example(title, name[1] if name else None, method, url, dict(pairs), body.strip())


def test_a_day_of_an_editor_works_as_written(client: FlaskClient, ctx: Context) -> None:
    token = bearer(ctx, "admin")["Authorization"].removeprefix("Bearer ")
    answers: dict[str, TestResponse] = {}

    def fill(text: str) -> str:
        def value(match: re.Match[str]) -> str:
            name, _, path = match[1].partition(".response.")
            if not path:
                return {"api": "/api/v1", "token": token}[name]
            kind, _, key = path.partition(".")
            return str(answers[name].headers[key] if kind == "headers" else answers[name].get_json()[key])

        return re.sub(r"\{\{([\w.-]+)\}\}", value, text)

    expected = {"POST": 201, "GET": 200, "PATCH": 200, "DELETE": 204}
    for example in examples():
        response = client.open(
            fill(example.url),
            method=example.method,
            headers={key: fill(text) for key, text in example.headers.items()},
            data=fill(example.body).encode() or None,
        )
        wanted = 200 if "dry_run" in example.url else expected[example.method]
        assert response.status_code == wanted, (example.title, response.text)
        if response.is_json and "items" in response.get_json():
            assert response.get_json()["items"], example.title
        if example.name is not None:
            answers[example.name] = response
    assert len(examples()) > 12
