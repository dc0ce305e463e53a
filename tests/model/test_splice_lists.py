"""Lists change item by item: what is not meant stays byte for byte."""

from __future__ import annotations

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cms.model import splice
from tests.conftest import REAL
from tests.model.reading import new, read

MEMBERS = """\
---
team:
  # who works here
  member:
    - title: Head   # since 2020
      phone: "000 1"
    # the second
    -   title: 'Deputy'
        phone: "000 2"

    - {title: Guard, phone: "000 3"}
tags: [one, "two", 'three']
plain:
- a  # first
- "b"
- c
nested:
  - - x
    - y
  -
    title: below
---
Body
"""


def edited(text: str, change: object) -> str:
    found = read(text.encode())
    data = copy.deepcopy(found.data)
    exec(str(change), {"data": data})  # noqa: S102  # the cases below read best as statements
    result = splice.edit(found, data, None)
    assert read(result.encode()).data == data
    return result


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ("data['team']['member'][0]['phone'] = '111'", 'phone: "000 1"', 'phone: "111"'),
        ("data['team']['member'][1]['phone'] = '111'", 'phone: "000 2"', 'phone: "111"'),
        ("data['team']['member'][1]['title'] = 'Vice'", "'Deputy'", "'Vice'"),
        ("data['team']['member'][0]['mail'] = 'x'", 'phone: "000 1"\n', 'phone: "000 1"\n      mail: x\n'),
        ("del data['team']['member'][0]['phone']", '\n      phone: "000 1"', ""),
        ("del data['team']['member'][0]['title']", "title: Head   # since 2020\n      phone", "phone"),
        ("data['plain'][1] = 'z'", '- "b"', '- "z"'),
        ("del data['plain'][1]", '- "b"\n', ""),
        ("del data['plain'][0]", "- a  # first\n", ""),
        ("data['plain'].append('d')", "- c\n", "- c\n- d\n"),
        ("data['plain'].insert(0, 'd')", "- a  #", "- d\n- a  #"),
        ("data['plain'].insert(1, 'd')", '- "b"', '- d\n- "b"'),
        ("data['plain'] = ['a', 'c']", '- "b"\n', ""),
        ("data['tags'].append('four')", "'three']", "'three', 'four']"),
        ("data['tags'][1] = 'deux'", '"two"', '"deux"'),
        ("del data['tags'][0]", "one, ", ""),
        ("del data['tags'][2]", ", 'three'", ""),
        ("data['nested'][0][1] = 'z'", "    - y", "    - z"),
        ("data['nested'][1]['title'] = 'z'", "title: below", "title: z"),
        ("del data['team']['member'][2]", '    - {title: Guard, phone: "000 3"}\n', ""),
    ],
)
def test_one_item_changes_and_nothing_else(change: str, old: str, new: str) -> None:
    assert MEMBERS.count(old) == 1
    assert edited(MEMBERS, change) == MEMBERS.replace(old, new)
    windows = MEMBERS.replace("\n", "\r\n")
    assert edited(windows, change) == windows.replace(old.replace("\n", "\r\n"), new.replace("\n", "\r\n"))


values = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.integers(-5, 5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=4,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(values, min_size=1, max_size=5), st.data())
def test_any_list_becomes_any_other(items: list[object], draw: st.DataObject) -> None:
    text = new({"before": "x", "list": items, "after": ["y"]}, "Body\n")
    wanted = draw.draw(st.permutations(items).map(list) | st.lists(st.sampled_from(items) | values, max_size=6))
    found = read(text.encode())
    result = splice.edit(found, {**found.data, "list": wanted}, None)
    assert result.startswith("---\nbefore: x\n")
    assert result.endswith("after:\n  - y\n---\nBody\n")
    assert read(result.encode()).data["list"] == wanted


def test_one_members_phone_number_is_one_line_on_a_whole_site() -> None:
    for path in sorted((REAL / "src/content").rglob("*.md")):
        found = read(path.read_bytes())
        team = found.data.get("managementTeam", found.data.get("team"))
        for index in range(len(team["member"]) if isinstance(team, dict) else 0):
            data = copy.deepcopy(found.data)
            changed = data.get("managementTeam", data.get("team"))
            assert isinstance(changed, dict)
            if "phoneNumber" not in changed["member"][index]:
                continue
            changed["member"][index]["phoneNumber"] = "099 999 999"
            before, after = found.text.split("\n"), splice.edit(found, data, None).split("\n")
            differing = [new for old, new in zip(before, after, strict=True) if old != new]
            assert len(differing) == 1
            assert "099 999 999" in differing[0]
