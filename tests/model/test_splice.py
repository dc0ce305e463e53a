"""Edits change the lines they must, and no other byte."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cms.errors import Invalid
from cms.model.document import Document
from cms.model.pointer import pointer
from cms.model.splice import edit
from cms.model.yaml_values import is_same
from tests.conftest import REAL
from tests.model.reading import read

SAMPLES = [path.read_bytes().decode() for path in sorted((REAL / "src/content").rglob("*.md"))]

COMMENTED = """---
# above all
title: "Old"   # keep me
date:   2025-06-24
image:
tags: [a, "b"] # flow
facilities: # the rooms
- 'Lab'   # first
- Room
# about contact
contact: # who
  # the place
  address: x # here

  # the map
  map:   y
  deep:
      more: 1
text: |
  one
  two

end: 1 # last
# below all
---

Body
"""

AWKWARD = [
    COMMENTED,
    COMMENTED.replace("\n", "\r\n"),
    "\ufeff" + COMMENTED,
    COMMENTED.removesuffix("\n\nBody\n"),
    "---\n\n\ta: not\n---\n".replace("\t", ""),
    (
        "---\nkeep: |+\n  a\n\n\nstrip: |-\n  a\nclip: |\n  a\n\n\n"
        "fold: >-\n  a\n  b\n\n  c\nindent: |2\n   a\nz: 1\n---\nB\n"
    ),
    "---\nlast: |+\n  a\n\n---\nB\n",
    (
        "---\nlist: [\n  a,  # one\n  b\n]\nmap: {a: 1,\n  b: 2}\n"
        "quoted: \"a\n  b\"\nsingle: 'it''s\n\n  so'\nplain: a\n  b\nz: 1\n---\nB\n"
    ),
    "---\nbase: &b\n  x: 1\nuse: *b\nmerged:\n  <<: *b\n  y: 2\nfree: &f 1\nz: 1\n---\nB\n",
    "---\n  a: 1\n  b:\n     - x\n     -   y: 1\n         z: 2\n  c: '1'\n---\nB\n",
    "---\nlong: " + "word " * 300 + "end\nz: 1\n---\nB\n",
    "---\nsep: a\u2028b\u2029c\x85d\nz: \ue000\n---\nB\u2028\n",
    "---\na: 1\n---\nBody\n\n---\n\nmore\n---\n",
    "---\nចំណងជើង: សាលា\u200bរៀន # មតិ\ntitle: ខ្មែរ\n---\n\nខ្មែរ\n",
    "---\n---\nB\n",
    "---\n# only a comment\n---\nB\n",
    "--- \n\na:   \nb: x   \n\nc:\n\n---\nB",
    "---\n'a b': 1\n\"c\": 2\n12: 3\ntrue: 4\nnull: 5\n---\n",
    '---\nk :\t1\nnext:\n  "below"\nempty: {}\nnone: []\ntag: !!str 5\n---\n',
    "Only a body\n",
    "",
]
DOCUMENTS = [*AWKWARD, *SAMPLES]


def change(text: str, **new: object) -> str:
    document = read(text.encode())
    return edit(document, {**document.data, **new}, None)


def drop(text: str, *keys: str) -> str:
    document = read(text.encode())
    return edit(document, {key: value for key, value in document.data.items() if key not in keys}, None)


def refused(text: str, data: Mapping[str, object] | None, body: str | None = None) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        edit(read(text.encode()), data, body)
    assert caught.value.code == caught.value.problems[0].code
    return caught.value.code, caught.value.problems[0].pointer


def yaml_file(raw: str) -> str:
    return f"---\n{raw}---\nB\n"


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("a: x", "y", "a: y"),
        ("a: x", "no", 'a: "no"'),
        ("a: x", "y: z", 'a: "y: z"'),
        ("a: x", "2025-01-01", 'a: "2025-01-01"'),
        ("a: x", date(2025, 1, 1), "a: 2025-01-01"),
        ("a: x", datetime(2025, 1, 1, 7, tzinfo=UTC), "a: 2025-01-01T07:00:00Z"),
        ("a: x", "one\ntwo", "a: |-\n  one\n  two"),
        ("a: x # c", "one\ntwo", 'a: "one\\ntwo" # c'),
        ("a: x\n    # deep", "one\ntwo", 'a: "one\\ntwo"\n    # deep'),
        ("a: x", " padded", 'a: " padded"'),
        ("a: x", "a\u2028b", 'a: "a\\u2028b"'),
        ("a: x", None, "a: null"),
        ("a: x", True, "a: true"),
        ("a: x", 1.5, "a: 1.5"),
        ('a: "x"', "y", 'a: "y"'),
        ("a: 'x'", "it's", "a: 'it''s'"),
        ("a: 'x'", "a\nb", 'a: "a\\nb"'),
        ("a:   x   # c", "y", "a:   y   # c"),
        ("a:", "y", "a: y"),
        ("a: # c", "y", "a: y # c"),
        ("a:\n  x", "y", "a:\n  y"),
        ("a:\tx", "y", "a:\ty"),
        ("a : x", "y", "a : y"),
        ("a: x", [], "a: []"),
        ("a: x", ["b", "c"], "a:\n  - b\n  - c"),
        ("a: x # c", ["b", "c"], "a: [b, c] # c"),
        ("a: x", {"b": {"c": 1}}, "a:\n  b:\n    c: 1"),
        ("a: [x]", ["b", "c, d"], 'a: [b, "c, d"]'),
        ("a: ['x']", ["b", "c"], "a: ['b', 'c']"),
        ("a: [\n  x, # c\n  y\n]", ["b"], "a: [\n  b, # c\n]"),
        ("a: {b: 1}", {"b": 2, "c": [1]}, "a: {b: 2, c: [1]}"),
        ("a:\n- x\n- y", ["b", ["c"]], "a:\n- b\n- - c"),
        ('a: # c\n    - "x"\n    - y', ["b", "c"], 'a: # c\n    - "b"\n    - c'),
        ("a: # c\n  - x", [], "a: [] # c"),
        ("a: # c\n  - x", {"b": 1}, "a: # c\n  b: 1"),
        ("a:\n  b: 1 # gone", "x", "a: x"),
        ("a:\n  b: 1", {}, "a: {}"),
        ("a: |\n  x\n", "y\nz\n", "a: |\n  y\n  z\n"),
        ("a: |- # c\n  x\n", "y\nz\n", "a: | # c\n  y\n  z\n"),
        ("a: | # c\n  x\n", "y", "a: y # c\n"),
        ("a: >\n  x\n  y\n", "one\ntwo", "a: >-\n  one\n\n  two\n"),
        ("a: 'x\n  y'", "z", "a: 'z'"),
        ("a: !!str 5", "6", 'a: "6"'),
        ("a: &unused 5", 6, "a: 6"),
    ],
)
def test_a_new_value_is_written_in_the_manner_of_the_old_one(old: str, value: object, new: str) -> None:
    for before, after in (("", ""), ("first: 1\n", ""), ("", "last: 1\n"), ("# c\n", "\n# c\nlast: 1\n")):
        text = yaml_file(f"{before}{old}\n{after}")
        assert change(text, a=value) == yaml_file(f"{before}{new}\n{after}")
        windows = text.replace("\n", "\r\n")
        assert change(windows, a=value) == yaml_file(f"{before}{new}\n{after}").replace("\n", "\r\n")


def test_blank_lines_that_a_value_keeps_go_with_it() -> None:
    assert change(yaml_file("a: |+\n  x\n\n\nb: 1\n"), a="y") == yaml_file("a: y\nb: 1\n")
    assert change(yaml_file("a: |\n  x\n\n\nb: 1\n"), a="y") == yaml_file("a: y\n\n\nb: 1\n")


@pytest.mark.parametrize("text", DOCUMENTS)
def test_equal_data_changes_nothing(text: str) -> None:
    document = read(text.encode())
    assert edit(document, None, None) == text
    assert edit(document, dict(reversed(document.data.items())), document.body) == text


def test_numbers_that_json_cannot_tell_apart_are_equal() -> None:
    text = yaml_file("a: 1e3\nb: 1\nc: true\n")
    assert change(text, a=1000.0, b=1.0) == text
    assert change(text, b=True) == text.replace("b: 1", "b: true")
    assert change(text, c=1) == text.replace("c: true", "c: 1")


def test_a_nested_change_touches_that_entry_only() -> None:
    contact = {"address": "new", "map": "y", "deep": {"more": 1}}
    assert change(COMMENTED, contact=contact) == COMMENTED.replace("address: x", "address: new")
    contact = {"address": "x", "map": "y", "deep": {"more": "m", "most": [1]}}
    expected = COMMENTED.replace("      more: 1\n", "      more: m\n      most:\n        - 1\n")
    assert change(COMMENTED, contact=contact) == expected


def test_a_nested_entry_is_deleted_with_its_own_lines_only() -> None:
    contact = {"map": "y", "deep": {"more": 1}}
    assert change(COMMENTED, contact=contact) == COMMENTED.replace("  address: x # here\n", "")


def test_a_deleted_entry_leaves_the_comments_above_it() -> None:
    assert drop(COMMENTED, "title", "date") == re.sub(r"title:.*\n|date:.*\n", "", COMMENTED)
    assert drop(COMMENTED, "end", "image") == COMMENTED.replace("end: 1 # last\n", "").replace("image:\n", "")


def test_new_entries_come_last_in_the_order_given() -> None:
    text = change(COMMENTED, zulu=1, alpha=["x"])
    assert text == COMMENTED.replace("# below all\n", "# below all\nzulu: 1\nalpha:\n  - x\n")
    assert change("---\r\n  a: 1\r\n---\r\nB", b="x") == "---\r\n  a: 1\r\n  b: x\r\n---\r\nB"
    assert change("---\n# c\n---\nB\n", a=1) == "---\n# c\na: 1\n---\nB\n"


def test_front_matter_is_put_on_top_of_a_file_that_has_none() -> None:
    assert change("Body\r\n", a="x") == "---\r\na: x\r\n---\r\nBody\r\n"
    assert change("\ufeffBody", a="x") == "\ufeff---\na: x\n---\nBody"
    assert change("", a="x") == "---\na: x\n---\n"


def test_a_body_is_replaced_and_the_rest_stays() -> None:
    document = read(COMMENTED.encode())
    assert edit(document, None, "\nNew\n---\n") == COMMENTED.replace("\nBody\n", "\nNew\n---\n")
    assert edit(read(b"---\r\na: 1\r\n---"), None, "New") == "---\r\na: 1\r\n---\r\nNew"
    assert edit(read(b"---\na: 1\n---\nOld"), {"a": 2}, "") == "---\na: 2\n---\n"
    assert edit(read(b"Old"), None, "New") == "New"
    assert edit(read(b""), None, "New") == "New"
    assert edit(read(b"+++\na = 1\n+++\nOld"), None, "New") == "+++\na = 1\n+++\nNew"


def test_what_cannot_be_done_exactly_is_refused_with_the_place() -> None:
    assert refused("---\na: 1\n...\n---\n", {"a": 1, "b": 1}) == ("cannot_edit", "/data/b")
    assert refused("+++\na = 1\n+++\n", {"a": None}) == ("cannot_edit", "/data/a")
    assert refused("Body", None, "---\na: 1\n---\n") == ("cannot_edit", "/body")
    assert refused("Body", None, "---\nText") == ("cannot_edit", "/body")
    assert refused("---\na: 1\n---\n", {"a": 1, "b": {1: 1}}) == ("yaml_key", "/data/b/1")
    assert refused("---\na: 1\n---\n", {"a": float("nan")}) == ("yaml_value", "/data/a")
    assert refused("---\na: 1\n---\n", None, "\ud800")[0] == "cannot_edit"
    assert refused("---\na: 1\n---\n", {"a": "x" * 70_000})[0] == "yaml_too_large"


def test_anchors_in_use_and_aliases_are_left_to_a_person() -> None:
    text = yaml_file("base: &b\n  x: 1\nuse: *b\nmerged:\n  <<: *b\n  y: 2\nz: 1\n")
    data = read(text.encode()).data
    assert refused(text, {**data, "base": 1}) == ("cannot_edit", "/data/base")
    assert refused(text, {**data, "base": {"x": 2}}) == ("cannot_edit", "/data/base/x")
    assert refused(text, {**data, "base": {"x": 1, "y": 1}}) == ("cannot_edit", "/data/base/y")
    assert refused(text, {key: data[key] for key in data if key != "base"}) == ("cannot_edit", "/data/base")
    assert refused(text, {**data, "use": 1}) == ("cannot_edit", "/data/use")
    assert refused(text, {**data, "merged": {"x": 2, "y": 2}}) == ("cannot_edit", "/data/merged/x")
    assert change(text, z=2, merged={"x": 1, "y": 3}) == text.replace("z: 1", "z: 2").replace("y: 2", "y: 3")
    assert drop(text, "use") == text.replace("use: *b\n", "")
    assert drop(text, "base", "use", "merged") == yaml_file("z: 1\n")


def test_a_pointer_escapes_what_would_split_it() -> None:
    assert pointer("data", "a/b", "~", 0) == "/data/a~1b/~0/0"


NEW_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.dates(min_value=date(100, 1, 1)),
    st.text(alphabet="abកខ \n#:-,[]{}'\"|>&*!?\r\x85\u2028", max_size=12),
    st.sampled_from(["no", "1_000", "12:30:45", "=", "<<", "one\ntwo\n", "a\n\n  b", "- x", "---", "\n---\n"]),
)
NEW = st.recursive(
    NEW_VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abxyz"), inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def edits(draw: st.DrawFn) -> tuple[Document, dict[str, object]]:
    document = read(draw(st.sampled_from(DOCUMENTS)).encode())
    data = dict(document.data)
    for key in list(data):
        match draw(st.integers(0, 8)):
            case 0:
                del data[key]
            case 1 | 2:
                data[key] = draw(_changed(data[key]))
    for key in draw(st.lists(st.sampled_from(["new", "a: b", "no", "ថ្មី", "'", "x#y"]), max_size=2, unique=True)):
        data[key] = draw(NEW)
    return document, data


def _changed(value: object) -> st.SearchStrategy[object]:
    """Another value, often one that differs from the old one in one place only."""
    if isinstance(value, list) and value:
        return st.one_of(NEW, NEW.map(lambda new: [*value, new]), st.just(value[1:]), st.permutations(value))
    if isinstance(value, dict) and value:
        first = next(iter(value))
        others = {key: value[key] for key in value if key != first}
        one = _changed(value[first]).map(lambda new: {**value, first: new})
        return st.one_of(NEW, one, st.just(others), NEW.map(lambda new: {**value, "added": new}))
    return NEW


def entries(text: str) -> dict[str, str]:
    """The lines of each top-level entry by its first word, without comments and blank lines below it."""
    lines = re.split(r"(?<=\n)", read(text.encode()).raw)
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        column = re.match(r" *", read(text.encode()).raw.lstrip("\r\n"))
        indent = column[0] if column else ""
        if re.match(re.escape(indent) + r"[^\s#\-\]}]", line):
            name = line.partition(":")[0].strip()
        found[name] = found.get(name, "") + line
    return {key: re.sub(r"(\s|\n *#[^\n]*)+\Z", "", lines) for key, lines in found.items()}


@settings(max_examples=500, deadline=None)
@given(edits())
def test_any_edit_gives_the_wanted_data_and_leaves_other_lines_alone(drawn: tuple[Document, dict[str, object]]) -> None:
    document, wanted = drawn
    if "use: *b" in document.raw and any(not is_same(wanted.get(key), document.data[key]) for key in document.data):
        with contextlib.suppress(Invalid):
            edit(document, wanted, None)
        return
    try:
        text = edit(document, wanted, None)
    except Invalid:
        # Blank lines that a deleted entry leaves behind would become part of a `|+` text above it.
        assert "|+" in document.raw
        return
    found = read(text.encode())
    assert is_same(found.data, wanted)
    assert found.body == document.body
    assert edit(found, wanted, None) == text
    if document.format == "none":
        return
    before, after = entries(document.text), entries(text)
    same = [key for key in document.data if key in wanted and is_same(document.data[key], wanted[key])]
    assert {key: before[key] for key in same if key in before} == {key: after.get(key) for key in same if key in before}
    whole_line_comments = [line for line in document.raw.splitlines() if line.startswith("#")]
    assert [line for line in text.splitlines() if line in whole_line_comments][
        : len(whole_line_comments)
    ] == whole_line_comments
