"""The guarded loader: js-yaml's values, and a refusal for everything that is too much or too odd."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cms.errors import Invalid
from cms.model.yaml_guard import YamlLimits
from cms.model.yaml_values import is_same
from tests.model.reading import load_mapping


def code_of(text: str, limits: YamlLimits | None = None) -> str:
    with pytest.raises(Invalid) as caught:
        load_mapping(text, limits or YamlLimits())
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].pointer.startswith("/data")
    assert caught.value.problems[0].code == caught.value.code
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("0o14", 12),
        ("012", 12),
        ("0b11", 3),
        ("-0x1F", -31),
        ("1_000", "1_000"),
        ("1_", "1_"),
        ("1e3", 1000),
        ("5e-3", 0.005),
        ("1.", 1),
        ("-0.0", 0),
        (".5", 0.5),
        ("+.5", "+.5"),
        ("1e999", "1e999"),
        ("9" * 5_000, "9" * 5_000),
        ("0" * 5_000 + "7", 7),
        ("0x" + "f" * 20_000, "0x" + "f" * 20_000),
        ("12:30:45", "12:30:45"),
        ("=", "="),
        ("<<", "<<"),
        ("2025-06-24", date(2025, 6, 24)),
        ("2025-6-4", "2025-6-4"),
        ("2025-02-30", date(2025, 3, 2)),
        ("2025-13-00", date(2025, 12, 31)),
        ("0025-01-01", date(1925, 1, 1)),
        ("2025-06-24T10:00:00", datetime(2025, 6, 24, 10, tzinfo=UTC)),
        ("2025-06-24 10:00:00.1239 +07:00", datetime(2025, 6, 24, 3, 0, 0, 123000, tzinfo=UTC)),
        ("2025-06-24T10:00:00+0700", "2025-06-24T10:00:00+0700"),
        ("2025-06-24T25:61:00Z", datetime(2025, 6, 25, 2, 1, tzinfo=UTC)),
        ("!!str 12", "12"),
        ('!!int "12"', 12),
        ("! 12", "12"),
        ("'no'", "no"),
        ("ភាសាខ្មែរ", "ភាសាខ្មែរ"),
        ("a\u2028b\x85c\ufeffd", "a\u2028b\x85c\ufeffd"),
    ],
)
def test_plain_values_are_what_the_site_reads(text: str, value: object) -> None:
    found = load_mapping(f"k: {text}\n")["k"]
    assert found == value
    assert is_same(found, value)


def test_empty_and_comment_only_front_matter_is_an_empty_mapping() -> None:
    assert load_mapping("") == {}
    assert load_mapping("\n# nothing yet\n\n") == {}


def test_keys_become_text_as_in_javascript() -> None:
    assert load_mapping("1: a\n0x10: b\ntrue: c\nnull: d\n") == {"1": "a", "16": "b", "true": "c", "null": "d"}


def test_merge_keys_give_values_that_own_keys_override() -> None:
    text = "base: &b {p: 1, q: 2}\nx: {<<: *b, q: 3}\ny:\n  q: 4\n  <<: [*b, {r: 5}]\n"
    assert load_mapping(text) == {"base": {"p": 1, "q": 2}, "x": {"p": 1, "q": 3}, "y": {"q": 4, "p": 1, "r": 5}}


def test_two_aliases_give_two_values_that_do_not_share() -> None:
    data = load_mapping("a: &a [1]\nb: *a\n")
    assert data == {"a": [1], "b": [1]}
    assert data["a"] is not data["b"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\na: 2\n", "yaml_duplicate_key"),
        ('1: a\n"1": b\n', "yaml_duplicate_key"),
        ("a: {b: 1, b: 2}\n", "yaml_duplicate_key"),
        ("a: !!binary aGk=\n", "yaml_tag"),
        ("a: !!set {x}\n", "yaml_tag"),
        ("a: !!omap [x: 1]\n", "yaml_tag"),
        ("a: !!timestamp 2025-01-01\n", "yaml_tag"),
        ("a: !!python/object/apply:os.getcwd []\n", "yaml_tag"),
        ("a: !foo b\n", "yaml_tag"),
        ("a: !!int b\n", "yaml_tag"),
        ("a: !!map [b]\n", "yaml_tag"),
        ("a: !<tag:%ED%A0%80> b\n", "yaml_syntax"),
        ("1.5: a\n", "yaml_key"),
        (".nan: a\n", "yaml_key"),
        ("2025-01-01: a\n", "yaml_key"),
        ("[a]: 1\n", "yaml_key"),
        ("? {a: 1}\n: 1\n", "yaml_key"),
        ("{{ title }}: 1\n", "yaml_key"),
        ("a: .nan\n", "yaml_value"),
        ("a: -.inf\n", "yaml_value"),
        ("a: 9999-99-99\n", "yaml_value"),
        ("a: !!int 1e999\n", "yaml_tag"),
        ("a: !!float 1e999\n", "yaml_tag"),
        ("a: !!str\n  !!int 1\n", "yaml_tag"),
        ("a: ! &b c\n", "yaml_tag"),
        ('a: "x\\0y"\n', "yaml_value"),
        ("a: \ud800\n", "yaml_value"),
        ("<<: 5\n", "yaml_value"),
        ("<<: [" + "{}," * 101 + "]\n", "yaml_value"),
        ('a: "\\ud800"\n', "yaml_syntax"),
        ("a: x\0y\n", "yaml_syntax"),
        ("a: [1\n", "yaml_syntax"),
        ("\ta: 1\n", "yaml_syntax"),
        ("a: 1\n...\nb: 2\n", "yaml_syntax"),
        ("- a\n", "not_a_mapping"),
        ("text\n", "not_a_mapping"),
        ("~\n", "not_a_mapping"),
        ("a: &a [*a]\n", "yaml_alias"),
        ("a: &a\n  b: {c: *a}\n", "yaml_alias"),
        ("a: &a\n  <<: [[*a]]\n", "yaml_alias"),
        ("a: *b\n", "yaml_alias"),
        ("a: &a 1\n" + "".join(f"k{n}: *a\n" for n in range(33)), "yaml_alias"),
    ],
)
def test_what_cannot_be_front_matter_is_refused(text: str, code: str) -> None:
    assert code_of(text) == code


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 3)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (bomb(10), "yaml_too_many_nodes"),
        ("a: &a\n  <<: {}\n" + "b: [" + "[" * 40 + "]" * 40 + "]\n", "yaml_too_deep"),
        ("[" * 33 + "]" * 33, "yaml_too_deep"),
        ("[" * 30_000 + "]" * 30_000, "yaml_too_deep"),
        ("[" * 200_000 + "]" * 200_000, "yaml_too_large"),
        ("\n".join(" " * n + "a:" for n in range(300)), "yaml_too_deep"),
        ("? " * 1_000 + "a", "yaml_too_deep"),
        ("".join(f"k{n}: v\n" for n in range(100_000)), "yaml_too_large"),
        ("a: " + "x " * 2_500_000, "yaml_too_large"),
        ("[" + "a," * 30_000 + "]", "yaml_too_many_nodes"),
        ("a: " + "ក" * 22_000, "yaml_too_large"),
    ],
)
def test_hostile_text_is_refused_before_it_costs_anything(text: str, code: str) -> None:
    start = time.process_time()
    assert code_of(text) == code
    assert time.process_time() - start < 5


def test_depth_counts_what_aliases_bring_with_them() -> None:
    lines = ["a0: &a0 " + "[" * 10 + "]" * 10]
    lines += [f"a{n}: &a{n} " + "[" * 10 + f"*a{n - 1}" + "]" * 10 for n in range(1, 4)]
    assert code_of("\n".join(lines)) == "yaml_too_deep"


def test_limits_are_exact_and_can_be_given() -> None:
    assert load_mapping("a: " + "[" * 31 + "]" * 31)
    assert code_of("a: " + "[" * 32 + "]" * 32) == "yaml_too_deep"
    assert load_mapping("a: 12345", YamlLimits(max_bytes=8))
    assert code_of("a: 123456", YamlLimits(max_bytes=8)) == "yaml_too_large"


def test_a_problem_names_the_line_and_the_place() -> None:
    with pytest.raises(Invalid) as caught:
        load_mapping("a: 1\nb/c:\n  - d: .nan\n")
    (problem,) = caught.value.problems
    assert problem.pointer == "/data/b~1c/0/d"
    assert problem.detail.startswith("line 3: ")


def test_sameness_follows_json_and_not_python() -> None:
    assert is_same({"a": [1000, None]}, {"a": [1000.0, None]})
    assert not is_same(True, 1)
    assert not is_same(0, False)
    assert not is_same("1", 1)
    assert not is_same(date(2025, 1, 1), datetime(2025, 1, 1, tzinfo=UTC))
    assert not is_same(date(2025, 1, 1), "2025-01-01")
    assert not is_same([], {})


yaml_like = st.lists(
    st.sampled_from([*"abc019:-[]{},&*!|>'\"%@`#?=~. \n\t\r\\", "\n  ", ": ", "- ", "<<: ", "*a", "&a ", "!!str "]),
    max_size=40,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(st.one_of(yaml_like, st.text(max_size=60)))
def test_no_text_makes_the_loader_fail_in_another_way(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert isinstance(load_mapping(text), dict)
