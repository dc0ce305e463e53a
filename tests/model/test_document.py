"""Reading a file apart and writing a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cms.errors import Invalid
from cms.model.frontmatter_format import TomlFrontMatter, YamlFrontMatter
from cms.model.yaml_values import is_same
from tests.conftest import REAL
from tests.model.reading import LIMITS, new, read

SAMPLES = sorted((REAL / "src/content").rglob("*.md"))


def code_of(data: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        read(data)
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "kind", "raw", "body"),
    [
        ("---\na: 1\n---\n\nText\n", "yaml", "\na: 1\n", "\nText\n"),
        ("---\r\na: 1\r\n---\r\nText", "yaml", "\r\na: 1\r\n", "Text"),
        ("\ufeff---\na: 1\n---\nText", "yaml", "\na: 1\n", "Text"),
        ("\n \n---\na: 1\n---\nText", "yaml", "\na: 1\n", "Text"),
        ("---\na: 1\n---", "yaml", "\na: 1\n", ""),
        ("---\na: 1\n---  \n  body  \n\n", "yaml", "\na: 1\n", "  body  \n\n"),
        ("---\n---\nText", "yaml", "\n", "Text"),
        ("---\n# only this\n---\nText", "yaml", "\n# only this\n", "Text"),
        ("---\na: 1\n---\nText\n\n---\n\nmore", "yaml", "\na: 1\n", "Text\n\n---\n\nmore"),
        ("---\na: 1\n---more", "yaml", "\na: 1\n", "more"),
        ("+++\na = 1\n+++\nText", "toml", "\na = 1\n", "Text"),
        ("Text\n\n---\n\nmore", "none", "", "Text\n\n---\n\nmore"),
        ("\ufeffText", "none", "", "Text"),
        ("", "none", "", ""),
    ],
)
def test_a_file_comes_apart_where_the_site_takes_it_apart(text: str, kind: str, raw: str, body: str) -> None:
    document = read(text.encode())
    assert (document.format, document.raw, document.body) == (kind, raw, body)
    assert document.text == text
    assert document.text[document.raw_start : document.raw_end] == raw
    assert document.text[: document.body_start] + document.body == text


def test_what_is_no_document_is_refused() -> None:
    assert code_of(b"\xff\xfe") == "not_utf8"
    assert code_of("a".encode("utf-16")) == "not_utf8"
    assert code_of(b"---\ntitle: a\n\nText\n") == "front_matter_unterminated"
    assert code_of(b"---\n- a\n---\n") == "not_a_mapping"
    assert code_of(b"---\ntext\n---\n") == "not_a_mapping"
    assert code_of(b"+++\na = \n+++\n") == "toml_syntax"
    assert code_of(b"+++\na = nan\n+++\n") == "yaml_value"
    assert code_of(b"+++\na = " + b"[" * 20_000 + b"\n+++\n").startswith("toml_")
    assert code_of(b"+++\na = " + b"[" * 40 + b"]" * 40 + b"\n+++\n") == "yaml_too_deep"
    assert code_of(b"+++\n#" + b"x" * 70_000 + b"\n+++\n") == "toml_too_large"


def test_a_line_of_dashes_is_not_an_open_fence() -> None:
    assert read(b"-----\n\nText").format == "none"


def test_toml_is_read_and_not_written_anew() -> None:
    data = read(b"+++\nd = 2025-06-24\nt = 2025-06-24T10:00:00+07:00\nl = [1, {a = 'b'}]\nc = 07:30:00\n+++\n").data
    moment = datetime(2025, 6, 24, 3, tzinfo=UTC)
    assert data == {"d": date(2025, 6, 24), "t": moment, "l": [1, {"a": "b"}], "c": "07:30:00"}
    with pytest.raises(Invalid) as caught:
        TomlFrontMatter().export(data)
    assert caught.value.code == "toml_new"


def test_the_handlers_find_split_and_load_a_file() -> None:
    handler = YamlFrontMatter()
    assert handler.detect("---\na: 1\n---\nText")
    assert not handler.detect("Text")
    assert handler.split("---\na: 1\n---\nText") == ("\na: 1\n", "Text")
    assert handler.load("a: no", limits=LIMITS) == {"a": "no"}


def test_a_new_file_looks_as_a_person_would_write_it() -> None:
    data = {
        "title": "Training: day one",
        "author": "ក្រសួងប្រៃសណីយ៍",
        "date": date(2025, 6, 24),
        "at": datetime(2025, 6, 24, 10, tzinfo=timezone(timedelta(hours=7))),
        "draft": False,
        "image": None,
        "tags": [],
        "count": 3,
        "facilities": ["Computer Lab", "no", {"name": "Hall", "floors": [1, 2]}],
        "contact": {"address": "Takeo", "mapUrl": "https://example.org/a?b=c#d"},
        "text": "one\n\n  two\n",
    }
    assert new(data, "\nHello\n") == (
        "---\n"
        'title: "Training: day one"\n'
        "author: ក្រសួងប្រៃសណីយ៍\n"
        "date: 2025-06-24\n"
        "at: 2025-06-24T10:00:00+07:00\n"
        "draft: false\n"
        "image: null\n"
        "tags: []\n"
        "count: 3\n"
        "facilities:\n"
        "  - Computer Lab\n"
        '  - "no"\n'
        "  - name: Hall\n"
        "    floors:\n"
        "      - 1\n"
        "      - 2\n"
        "contact:\n"
        "  address: Takeo\n"
        "  mapUrl: https://example.org/a?b=c#d\n"
        "text: |\n"
        "  one\n"
        "\n"
        "    two\n"
        "---\n"
        "\nHello\n"
    )


def test_a_new_file_may_be_empty() -> None:
    assert new({}, "") == "---\n---\n"
    assert read(new({}, "").encode()).data == {}


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        10**400,
        pytest.param(10**5000, id="5000 digits"),
        "a\0b",
        "\ud800",
        {1: "x"},
        {"a\0": 1},
        {1, 2},
        b"x",
        datetime(2025, 1, 1),
    ],
)
def test_values_that_front_matter_cannot_hold_are_refused_by_name(value: object) -> None:
    with pytest.raises(Invalid) as caught:
        new({"a": [value]}, "")
    assert caught.value.code in ("yaml_value", "yaml_key")
    assert caught.value.problems[0].pointer.startswith("/data/a/0")


def test_data_that_is_nested_too_deep_is_refused() -> None:
    value: object = "x"
    for _ in range(5_000):
        value = [value]
    with pytest.raises(Invalid) as caught:
        new({"a": value}, "")
    assert caught.value.code == "yaml_too_deep"


TEXTS = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="01289.eE_+-xob: TZ~", max_size=12),
    st.text(alphabet="ab \n\t#:-,[]{}'\"|>&*!%@?=<\r\\\x85\u2028\ufeffខ្មែរ\u200b", max_size=20),
    st.sampled_from(
        ["no", "yes", "null", "12:30:45", "1_000", "0o14", "<<", "=", "2025-06-24", "...", "---", "\n", " "]
    ),
).filter(lambda text: "\0" not in text)
SCALARS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(min_value=date(100, 1, 1)),
    st.datetimes(min_value=datetime(100, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.text(max_size=20))
def test_every_new_file_reads_back_equal(data: Mapping[str, object], body: str) -> None:
    document = read(new(data, body).encode())
    assert is_same(document.data, dict(data))
    assert list(document.data) == list(data)
    assert document.body == body


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_texts_are_texts_for_pyyaml_too(texts: list[str]) -> None:
    raw = read(new({"a": texts, "b": texts[0]}, "").encode()).raw
    assert yaml.load(raw, Loader=yaml.CSafeLoader) == {"a": texts, "b": texts[0]}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_read_without_loss(path: Path) -> None:
    data = path.read_bytes()
    document = read(data)
    assert document.text.encode() == data
    assert is_same(read(new(document.data, document.body).encode()).data, document.data)
