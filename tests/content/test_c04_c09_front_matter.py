"""C4 to C9: what Astro's parser reads is served with its value, and what it refuses is neither saved nor unnamed."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.actions.check import check
from cms.context import Context
from tests.api.editing import ARTICLES, patch, problem
from tests.conftest import reconcile, site_of, state_of

PARTY = "\U0001f389 Party"
READ: dict[str, tuple[str, object]] = {
    "c04 lower case": ('a: "\\ud83c\\udf89 Party"\n', PARTY),
    "c04 upper case": ('a: "\\uD83C\\uDF89 Party"\n', PARTY),
    "c04 in a key and a list": ('a: {"\\ud83c\\udf89": ["\\ud83c\\udf89"]}\n', {PARTY[0]: [PARTY[0]]}),
    "c04 one code": ('a: "\\U0001F389 Party"\n', PARTY),
    "c05 line": ("t: T\n\t\na: 1\n", 1),
    "c05 line with spaces": ("t: T\n  \t \na: 1\n", 1),
    "c05 in a list": ("a:\n  - b\n\t\n  - c\n", ["b", "c"]),
    "c05 comment": ("a: b\n\t# note\nc: d\n", "b"),
    "c05 below a block": ("a: |\n  x\n\t\nb: c\n", "x\n"),
    "c05 last line": ("a: b\n\t\n", "b"),
    "c05 in quotes": ('a: "b\n\t\n  c"\n', "b\nc"),
    "c05 in a flow list": ("a: [b,\n\t\n\tc]\n", ["b", "c"]),
    "c06 literal": ("a: |\n  \tmake\n  x\n", "\tmake\nx\n"),
    "c06 folded": ("a: >\n  \tx\n", "\tx\n"),
    "c06 stripped": ("a: |-\n  \ta\n    b\n", "\ta\n  b"),
    "c06 kept": ("a: |+\n  \ta\n\n", "\ta\n\n"),
    "c06 in a list": ("a:\n- |\n  \tx\n- y\n", ["\tx\n", "y"]),
    "c06 behind blank lines": ("a: |\n\n  \tx\n", "\n\tx\n"),
    "c07 first": ("a: {name:, url: x}\n", {"name": None, "url": "x"}),
    "c07 alone": ("a: {k:}\n", {"k": None}),
    "c07 in a list": ("a: [k:]\n", [{"k": None}]),
    "c07 colon": ("a: [:x, y]\n", [":x", "y"]),
    "c07 question mark": ("a: [?x, ?y]\n", ["?x", "?y"]),
    "c07 no key": ("a: {: x}\n", {"null": "x"}),
    "c07 quoted": ('a: {"k":v, "l":}\n', {"k": "v", "l": None}),
    "c08 mapping": ("a:\n- t: a\n  i:\n  - x\n  -\n- t: b\n", [{"t": "a", "i": ["x", None, {"t": "b"}]}]),
    "c08 list": ("a:\n  - - x\n    -\n  - y\n", [["x", None, "y"]]),
    "c08 not the last": ("a:\n  - -\n    - x\n  - y\n", [[None, "x"], "y"]),
    "c09 tabs": ("a:\tb\n", "b"),
    "c09 too large a number": ("a: 1e999\n", "1e999"),
    "c09 document start": ("a: b\n# c\n...\n", "b"),
    "c09 merge with itself": ("a: &a\n  x: 1\n  <<: *a\n", {"x": 1}),
    "c09 nested key with an anchor": ("a: &b k: v\n", {"k": "v"}),
}
REFUSED = {
    "c05 before a key": ("a: 1\n\tb: 2\n", 4),
    "c05 before a dash": ("a:\n- b\n\t- c\n", 5),
    "c07 comma": ("a: [b,, c]\n", 3),
    "c07 dash": ("a: [- b]\n", 3),
    "c09 flow list": ("tags: [one, two\nthree]\n", 4),
    "c09 flow map": ("a:\n  b: [x\n y]\n", 5),
    "c09 block": ("d:\n>-\n  x\n", 4),
    "c09 header": ("d: |#c\n  x\n", 3),
    "c09 twice": ("a: 1\na: 2\n", 4),
    "c09 no end": ("a: 'b\nc: d\n", 3),
    "c09 no space": ('"a":b\n', 3),
    "c09 colon in a text": ("a: b: c\n", 3),
    "c09 tag": ("a: !foo b\n", 3),
    "c09 tag of another kind": ("a: !!int b\n", 3),
    "c09 alias": ("a: *b\n", 3),
    "c09 invisible character": ("a: b\x07c\n", 3),
    "c09 escape": ('a: "\\q"\n', 3),
    "c09 indentation": ("a: 1\n b: 2\n", 4),
}

TOML_REFUSED = ["n = 9007199254740992", "n = [-9007199254740992]", "n = 9223372036854775808", "n = 1\r"]


def file_of(raw: str) -> bytes:
    return f"---\ntitle: T\n{raw}---\nBody\n".encode()


@pytest.fixture
def folder(ctx: Context) -> Path:
    """Return the folder of a collection without a schema."""
    found = site_of(ctx) / "src/content/loose"
    found.mkdir()
    (found / "x.md").write_text("x\n")
    reconcile(ctx)
    return found


def put(client: FlaskClient, headers: dict[str, str], text: bytes) -> TestResponse:
    sent = {**headers, "If-None-Match": "*"}
    return client.put(f"{ARTICLES}/loose/saved", data=text, headers=sent, content_type="text/markdown")


def test_what_astro_reads_is_read_with_the_same_value(
    ctx: Context, client: FlaskClient, admin: dict[str, str], folder: Path
) -> None:
    for number, (raw, _) in enumerate(READ.values()):
        (folder / f"f{number}.md").write_bytes(file_of(raw))
    reconcile(ctx)
    for number, (name, (_, value)) in enumerate(READ.items()):
        shown = client.get(f"{ARTICLES}/loose/f{number}")
        assert shown.status_code == 200, name
        assert shown.get_json()["data"]["a"] == value, name
    assert [found for found in check(ctx) if found.path.startswith("src/content/loose/")] == []


def test_what_astro_reads_is_saved_as_it_is(client: FlaskClient, admin: dict[str, str], folder: Path) -> None:
    for name, (raw, value) in READ.items():
        saved = put(client, admin, file_of(raw))
        assert saved.status_code == 201, (name, saved.text)
        assert (folder / "saved.md").read_bytes() == file_of(raw), name
        assert saved.get_json()["data"]["a"] == value, name
        headers = {**admin, "If-Match": saved.headers["ETag"]}
        assert client.delete(f"{ARTICLES}/loose/saved", headers=headers).status_code == 204, name


def test_what_astro_refuses_is_not_saved_and_named_by_check(
    ctx: Context, client: FlaskClient, admin: dict[str, str], folder: Path
) -> None:
    before = state_of(ctx)
    said: dict[str, tuple[str, str]] = {}
    for name, (raw, line) in REFUSED.items():
        (error,) = problem(put(client, admin, file_of(raw)), 422)["errors"]
        assert error["detail"].startswith(f"line {line}: "), (name, error)
        said[name] = error["code"], error["detail"]
    assert state_of(ctx) == before
    assert [path.name for path in folder.iterdir()] == ["x.md"]
    for number, (raw, _) in enumerate(REFUSED.values()):
        (folder / f"f{number}.md").write_bytes(file_of(raw))
    reconcile(ctx)
    found = {one.path: (one.severity, one.code, one.detail) for one in check(ctx)}
    for number, name in enumerate(REFUSED):
        assert found[f"src/content/loose/f{number}.md"] == ("error", *said[name])
        assert client.get(f"{ARTICLES}/loose/f{number}").status_code == 404


def test_c09_toml_that_astro_refuses_is_not_saved_and_named_by_check(
    ctx: Context, client: FlaskClient, admin: dict[str, str], folder: Path
) -> None:
    texts = [f'+++\r\ntitle = "T"\r\n{line}\r\n+++\r\nBody\r\n'.encode() for line in TOML_REFUSED]
    before = state_of(ctx)
    for text in texts:
        (error,) = problem(put(client, admin, text), 422)["errors"]
        assert error["code"] in ("toml_value", "toml_syntax"), text
    assert state_of(ctx) == before
    for number, text in enumerate(texts):
        (folder / f"f{number}.md").write_bytes(text)
    reconcile(ctx)
    found = {one.path for one in check(ctx) if one.severity == "error"}
    assert found >= {f"src/content/loose/f{number}.md" for number in range(len(TOML_REFUSED))}
    text = b'+++\r\ntitle = "T"\r\nn = 9007199254740991\r\n+++\r\nBody\r\n'
    assert put(client, admin, text).get_json()["data"]["n"] == 2**53 - 1


def test_an_edit_beside_all_this_changes_its_own_line(
    ctx: Context, client: FlaskClient, admin: dict[str, str], folder: Path
) -> None:
    for number, (raw, _) in enumerate(READ.values()):
        (folder / f"f{number}.md").write_bytes(file_of(raw))
    reconcile(ctx)
    for number, (name, (raw, _)) in enumerate(READ.items()):
        etag = client.get(f"{ARTICLES}/loose/f{number}").headers["ETag"]
        saved = patch(client, admin, f"loose/f{number}", etag, {"data": {"title": "New"}})
        assert saved.status_code == 200, (name, saved.text)
        assert (folder / f"f{number}.md").read_bytes() == file_of(raw).replace(b"title: T", b"title: New"), name
