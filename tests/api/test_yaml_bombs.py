"""Front matter made to hurt is refused on the way in, and only reported where somebody put it by hand.

The names are those of a catalogue of hostile input: IB-01 to IB-16 are what can be done to a YAML parser.
"""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.conftest import bearer, reconcile, site_of, state_of

REST = "title: t\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n"


def nested_aliases(levels: int) -> str:
    first = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    return first + "".join(f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * 9) + "]\n" for i in range(1, levels))


def merges(levels: int) -> str:
    first = "a0: &a0 {x: 1}\n"
    return first + "".join(f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, levels))


def block(depth: int) -> str:
    return "\n".join(" " * i + "a:" for i in range(depth)) + "\n"


BOMBS: list[tuple[str, str, str]] = [
    ("IB-01 alias bomb", nested_aliases(9), "yaml_too_many_nodes"),
    ("IB-02 recursive alias", "a: &a [*a]\n", "yaml_alias"),
    ("IB-03 nested flow, 33", "a: " + "[" * 33 + "]" * 33 + "\n", "yaml_too_deep"),
    ("IB-03 nested flow, 1,000", "a: " + "[" * 1000 + "]" * 1000 + "\n", "yaml_too_deep"),
    ("IB-03 nested flow, 30,000", "a: " + "[" * 30_000 + "]" * 30_000 + "\n", "yaml_too_deep"),
    ("IB-03 nested flow, 200,000", "a: " + "[" * 200_000 + "]" * 200_000 + "\n", "yaml_too_large"),
    ("IB-04 nested block", block(300), "yaml_too_deep"),
    ("IB-04 nested block, 2,000", block(2000), "article_too_large"),
    ("IB-04 nested keys", "? " * 1000 + "a\n", "yaml_too_deep"),
    ("IB-05 many keys", "".join(f"k{i}: v\n" for i in range(100_000)), "yaml_too_large"),
    ("IB-05 many short keys", "".join(f"{i:x}:\n" for i in range(10_500)), "yaml_too_many_nodes"),
    ("IB-06 huge scalar", "a: " + "x " * 40_000 + "\n", "yaml_too_large"),
    ("IB-07 many items", "a: [" + "a," * 25_000 + "]\n", "yaml_too_many_nodes"),
    ("IB-07 many items, 200,000", "a: [" + "a," * 200_000 + "]\n", "yaml_too_large"),
    ("IB-08 merge keys", merges(6), "yaml_alias"),
    ("IB-09 duplicate keys", "draft: true\ndraft: false\n", "yaml_duplicate_key"),
    ("IB-10 python tag", "a: !!python/object/apply:os.getcwd []\n", "yaml_tag"),
    ("IB-10 binary", "a: !!binary aGk=\n", "yaml_tag"),
    ("IB-10 set", "a: !!set {x}\n", "yaml_tag"),
    ("IB-10 own tag", "a: !foo x\n", "yaml_tag"),
    ("IB-11 not a number", "a: .nan\n", "yaml_value"),
    ("IB-11 infinite", "a: -.inf\n", "yaml_value"),
    ("IB-13 NUL", 'a: "x\\0y"\n', "yaml_value"),
    ("IB-13 raw NUL", "a: x\0y\n", "yaml_syntax"),
    ("IB-13 half a character", 'a: "\\uD800"\n', "yaml_syntax"),
    ("IB-14 list as key", "? [a]\n: 1\n", "yaml_key"),
    ("IB-15 scalar", "text\n", "not_a_mapping"),
    ("IB-15 list", "- a\n", "not_a_mapping"),
]


@pytest.mark.parametrize(("raw", "code"), [(raw, code) for _, raw, code in BOMBS], ids=[name for name, *_ in BOMBS])
def test_a_bomb_is_refused_and_where_it_lies_only_reported(
    ctx: Context, client: FlaskClient, admin: dict[str, str], raw: str, code: str
) -> None:
    rest = "" if code == "not_a_mapping" else REST
    text = f"---\n{raw}{rest}---\nBody.\n".encode()
    etag = create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    for name, condition in (("en/new", {"If-None-Match": "*"}), ("en/a-day", {"If-Match": etag})):
        url, headers = f"{ARTICLES}/news/{name}", {**admin, **condition}
        found = problem(client.put(url, data=text, headers=headers, content_type="text/markdown"), 422)
        assert [item["code"] for item in found["errors"]] == [code]
    assert state_of(ctx) == before
    path = site_of(ctx) / "src/content/news/en/bomb.md"
    path.write_bytes(text)
    reconcile(ctx)
    shown = client.get(f"{ARTICLES}/news/en/bomb", headers=bearer(ctx, "articles:read-drafts")).get_json()
    assert (shown["status"], [item["code"] for item in shown["problems"]]) == ("broken", [code])
    problem(client.get(f"{ARTICLES}/news/en/bomb"), 404)
    assert path.read_bytes() == text


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("a: 12:30:45\n", "12:30:45"),
        ("a: NO\n", "NO"),
        ("a: 014\n", 14),
        ("a: 1e3\n", 1000),
        ("a: 2024-02-30\n", "2024-03-01"),
        ("a: " + "9" * 5000 + "\n", "9" * 5000),
        ("a: 0x" + "f" * 20_000 + "\n", "0x" + "f" * 20_000),
        ("1: x\na: y\n", "y"),
        ("content: x\nhandler: y\na: z\n", "z"),
        ("base: &b {x: 1}\na:\n  <<: *b\n", {"x": 1}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_only_looks_dangerous_is_read_as_the_site_reads_it(
    ctx: Context, client: FlaskClient, admin: dict[str, str], raw: str, value: object
) -> None:
    """IB-11, IB-12, IB-14, and what is just within the limits."""
    folder = site_of(ctx) / "src/content/loose"
    folder.mkdir()
    (folder / "x.md").write_text(f"---\n{raw}---\n")
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/loose/x").get_json()["data"]["a"] == value


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff---\ntitle: t\n---\nBody",
        "---\r\ntitle: t\r\n---\r\nBody",
        "\n\n---\ntitle: t\n---\nBody",
        "---   \ntitle: t\n---   \nBody",
        "---\ntitle: t\n---\nBody\n\n---\n\nmore: text\n---\n",
        "+++\ntitle = 't'\n+++\nBody",
        "---\n---\nBody",
        "No front matter.",
        "",
    ],
)
def test_ib_15_every_shape_of_front_matter_keeps_its_bytes(
    ctx: Context, client: FlaskClient, admin: dict[str, str], text: str
) -> None:
    folder = site_of(ctx) / "src/content/loose"
    folder.mkdir()
    (folder / "x.md").write_bytes(text.encode())
    reconcile(ctx)
    article = client.get(f"{ARTICLES}/loose/x")
    same = {"data": article.get_json()["data"], "body": article.get_json()["body"]}
    headers = {**admin, "If-Match": article.headers["ETag"]}
    assert client.put(f"{ARTICLES}/loose/x", json=same, headers=headers).status_code == 200
    assert (folder / "x.md").read_bytes() == text.encode()


def test_ib_16_a_patch_of_one_field_changes_one_line(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    text = '---\ntitle: a # c\nz: 1\nb: "01"\n---\n\n  body  \n\n'
    folder = site_of(ctx) / "src/content/loose"
    folder.mkdir()
    (folder / "x.md").write_text(text)
    reconcile(ctx)
    etag = client.get(f"{ARTICLES}/loose/x").headers["ETag"]
    assert patch(client, admin, "loose/x", etag, {"data": {"z": 2}}).status_code == 200
    assert (folder / "x.md").read_text() == text.replace("z: 1", "z: 2")
