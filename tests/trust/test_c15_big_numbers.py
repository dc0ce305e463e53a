"""C15: a list sorted by a number is read to its end, whatever numbers it has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, problem
from tests.conftest import both_databases, reconcile, site_of

NUMBERS = (
    -1e300, -(2**63) - 1, -(2**63), -1.5, 0, 0.1, 1, 2**53 + 1, 2**63 - 1, 2**63, 12345678901234567890, 10**21, 1e300,
)  # fmt: skip
SCHEMA = {"type": "object", "properties": {"n": {"type": "number"}, "title": {"type": "string"}}}


@pytest.fixture
def numbered(ctx: Context) -> Path:
    folder = site_of(ctx) / "src/content/numbers"
    folder.mkdir()
    (folder.parent / "numbers.schema.json").write_text(json.dumps(SCHEMA))
    for place, number in enumerate(NUMBERS):
        (folder / f"a{place:02}.md").write_text(f"---\ntitle: t\nn: {json.dumps(number)}\n---\n")
    (folder / "none.md").write_text("---\ntitle: t\n---\n")
    reconcile(ctx)
    return folder


@both_databases
@pytest.mark.parametrize("limit", [1, 3])
def test_pages_of_a_list_by_number_lead_to_its_end(client: FlaskClient, numbered: Path, limit: int) -> None:
    right = [f"a{place:02}" for place in range(len(NUMBERS))]
    for sort, expected in (("n", [*right, "none"]), ("-n", [*reversed(right), "none"])):
        found: list[str] = []
        cursor = ""
        while True:
            page = client.get(f"{ARTICLES}?collection=numbers&sort={sort}&limit={limit}{cursor}")
            assert page.status_code == 200, page.text
            found += [item["id"] for item in page.get_json()["items"]]
            if page.get_json()["next_cursor"] is None:
                break
            cursor = f"&cursor={page.get_json()['next_cursor']}"
        same = {name: name for name in found} | {"a08": "a09", "a01": "a02"}  # as floats, 2^63 - 1 is 2^63
        assert [same[name] for name in found] == [same[name] for name in expected]


@both_databases
def test_filters_take_any_number_and_no_more(client: FlaskClient, numbered: Path) -> None:
    for number in (*NUMBERS, "1e308", "-1e308", "5e-324"):
        answer = client.get(ARTICLES, query_string={"collection": "numbers", "filter[n][gte]": str(number)})
        assert answer.status_code == 200, answer.text
    for text in ("nan", "inf", "-Infinity", "1e309", "9" * 400, "", "0x10", "１２a"):
        problem(client.get(ARTICLES, query_string={"collection": "numbers", "filter[n][gte]": text}), 422)
