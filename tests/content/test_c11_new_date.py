"""C11: a text or number is the date that `new Date()` makes of it; Node is the judge."""

from __future__ import annotations

import os
from itertools import islice

import pytest

from cms.model.js_date import read_date
from tests.content.javascript_dates import read_in_javascript, texts

NUMBER = int(os.environ.get("CMS_TEST_DATES") or 20_000)
NUMBERS = [0, -0.0, 1, -1, 0.5, -0.5, 1.9, -1.9, 1657238400000, 8.64e15, -8.64e15, 8.64e15 + 1, 1e300, 5e-324]
DAYS = {
    "2022-07-08": True, "Jul 08 2022": True, "2024/03/01": True, "2024-03": True, "2022-07-08T00:00:00Z": False,
    "2022-07-08T00:00": False, "Jul 08 2022 00:00": False, "Jul 08 2022 GMT": False, "2022-07-08 10:00 pm": False,
}  # fmt: skip


def test_any_text_is_the_date_that_node_reads(nodejs: str) -> None:
    values: list[str | float] = [*NUMBERS, *islice(texts(NUMBER), NUMBER)]
    ours = [None if (date := read_date(value)) is None else date.ms for value in values]
    wrong = [
        (value, mine, right)
        for value, mine, right in zip(values, ours, read_in_javascript(nodejs, values), strict=True)
        if mine != right
    ]
    assert not wrong, wrong[:20]


@pytest.mark.parametrize(("text", "ms"), [
    ("Jul 08 2022", 1657238400000), ("'22 July 8", 1216684800000), ("2024/03/01", 1709251200000),
    ("March 2, 2024", 1709337600000), ("2024-02-30", 1709251200000), ("Mon, 25 Dec 1995 13:30:00 +0430", 819882000000),
    ("2024-03-01T10:00:00+07:00", 1709262000000), ("2024-03-01T10:00", 1709287200000), ("99", 915148800000),
    ("Post 14", None), ("soon", None), ("Jan 45 2024", None), ("2024-13-01", None), ("2024-01-01T25:00", None),
])  # fmt: skip
def test_known_texts(text: str, ms: int | None) -> None:
    date = read_date(text)
    assert (date.ms if date else None) == ms


def test_a_day_is_what_names_neither_time_nor_offset() -> None:
    assert {text: date.is_day for text in DAYS if (date := read_date(text))} == DAYS


def test_long_texts_are_read_in_linear_time() -> None:
    """A front matter has at most 64 KiB."""
    for piece in ("(", "1", "a", ":", "-", " ", "1:", "()", "((", "1.", "Jan"):
        read_date(piece * 20_000)
