"""What an editor sends in JSON keeps the types that the file has."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cms.actions.rules import Rules
from cms.model import merge
from tests.model.reading import read

DAY, MOMENT = date(2025, 6, 24), datetime(2025, 6, 24, 3, 0, tzinfo=UTC)
TEXT = b"""---
day: 2025-06-24
quoted: '2025-06-24'
days: [2025-06-24, '2025-06-25', 2025-06-26]
events:
  - on: 2025-06-24
    name: a
  - on: 2025-06-25
    name: b
---
"""


@pytest.mark.parametrize(
    ("field", "sent", "expected"),
    [
        ("day", "2025-06-24", DAY),
        ("day", "2026-01-01", date(2026, 1, 1)),
        ("day", "2026-01-01T10:00:00+07:00", datetime(2026, 1, 1, 3, 0, tzinfo=UTC)),
        ("day", "tomorrow", "tomorrow"),
        ("quoted", "2025-06-24", "2025-06-24"),
        ("quoted", "2026-01-01", "2026-01-01"),
        ("new", "2026-01-01", "2026-01-01"),
        ("days", ["2025-06-25", "2025-06-26"], ["2025-06-25", date(2025, 6, 26)]),
        ("days", ["2025-06-25", "2025-06-24", "2025-06-25"], ["2025-06-25", DAY, "2025-06-25"]),
        ("days", ["2026-01-01"], [date(2026, 1, 1)]),
        (
            "events",
            [{"on": "2025-06-25", "name": "b"}, {"on": "2027-01-01", "name": "c"}, {"on": "2028-01-01", "name": "d"}],
            [
                {"on": date(2025, 6, 25), "name": "b"},
                {"on": date(2027, 1, 1), "name": "c"},
                {"on": date(2028, 1, 1), "name": "d"},
            ],
        ),
    ],
)
def test_dates_stay_dates_and_texts_texts_wherever_they_move(field: str, sent: Any, expected: Any) -> None:
    before = read(TEXT)
    revive = Rules("news").reviving(before)
    assert merge.merge_patch(before.data, {field: sent}, revive)[field] == expected
    assert merge.carry_over(before.data, {field: sent}, revive)[field] == expected


def test_a_merge_patch_follows_its_rfc() -> None:
    """The cases of RFC 7396, appendix A, that have a mapping on both sides."""
    cases: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ]
    for old, patch, expected in cases:
        assert merge.merge_patch(old, patch, lambda value, _where: value) == expected
