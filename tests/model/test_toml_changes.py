"""TOML front matter is edited in place: only the lines that say something else change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms.errors import Invalid
from cms.model import splice
from tests.model.reading import read

TEXT = """+++
# written by hand
title = 'A "quoted" day'   # shown in lists
date = 2025-06-24
draft = false
weight = 1_000

tags = [
  "books",  # first
  "open day",
]
long = \"\"\"
Two
lines.\"\"\"

[author]
name = "Sok"   # editor
"full name" = "Sok Dara"

[[photos]]
src = "a.jpg"
alt = "A"  # short

[[photos]]
src = "b.jpg"
alt = "B"
+++

Body.
"""


def edit(text: str, **changes: Any) -> str:
    found = read(text.encode())
    wanted = {**found.data, **changes}
    return splice.edit(found, {key: value for key, value in wanted.items() if value != "GONE"}, None)


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        ({"title": "An evening"}, "'A \"quoted\" day'", "'An evening'"),
        ({"title": "It's late"}, "'A \"quoted\" day'", '"It\'s late"'),
        ({"date": date(2026, 1, 2)}, "2025-06-24", "2026-01-02"),
        ({"date": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}, "2025-06-24", "2026-01-02T03:04:05Z"),
        ({"draft": True}, "draft = false", "draft = true"),
        ({"weight": 12}, "1_000", "12"),
        ({"weight": "GONE"}, "weight = 1_000\n", ""),
        ({"tags": ["books", "evening"]}, '"open day"', '"evening"'),
        ({"tags": ["books"]}, '  "open day",\n', ""),
        ({"long": "Three\nlines\nnow."}, "Two\nlines.", "Three\nlines\nnow."),
        ({"author": {"name": "Dara", "full name": "Sok Dara"}}, '"Sok"', '"Dara"'),
        ({"author": {"name": "Sok"}}, '"full name" = "Sok Dara"\n', ""),
        (
            {"photos": [{"src": "a.jpg", "alt": "A"}, {"src": "b.jpg", "alt": "The river"}]},
            'alt = "B"',
            'alt = "The river"',
        ),
        ({"photos": [{"src": "b.jpg", "alt": "B"}]}, '[[photos]]\nsrc = "a.jpg"\nalt = "A"  # short\n\n', ""),
    ],
)
def test_only_the_lines_that_differ_change(changes: dict[str, Any], old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    assert edit(TEXT, **changes) == TEXT.replace(old, new)


def test_a_new_key_comes_before_the_tables() -> None:
    added = edit(TEXT, place="Kampot")
    assert 'place = "Kampot"\n' in added
    assert added.index("place") < added.index("[author]")
    assert [line for line in added.splitlines() if line != 'place = "Kampot"'] == TEXT.splitlines()


def test_line_ends_and_the_body_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    assert edit(text, title="x", long="a\nb") == text.replace("'A \"quoted\" day'", "'x'").replace(
        "Two\r\nlines.", "a\r\nb"
    )
    found = read(TEXT.encode())
    assert splice.edit(found, None, "\nOther.\n") == TEXT.replace("Body.", "Other.")
    assert splice.edit(found, dict(found.data), None) == TEXT


@pytest.mark.parametrize("value", [None, {"deep": None}, [None]])
def test_what_toml_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(Invalid) as caught:
        edit(TEXT, title=value)
    assert caught.value.code == "cannot_edit"


VALUES = st.recursive(
    st.one_of(st.text(), st.booleans(), st.integers(-(2**53), 2**53), st.dates(date(1, 1, 1))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(min_size=1), inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["title", "tags", "author", "photos", "new", "draft"]), VALUES, min_size=1))
def test_an_edit_reads_back_as_asked_or_is_refused(changes: dict[str, Any]) -> None:
    try:
        text = edit(TEXT, **changes)
    except Invalid as error:
        assert error.code in ("cannot_edit", "yaml_key", "yaml_value", "yaml_too_large", "toml_too_large")  # noqa: PT017
    else:
        assert read(text.encode()).data == {**read(TEXT.encode()).data, **changes}
