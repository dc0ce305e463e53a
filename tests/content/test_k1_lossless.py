"""K1: an edit that cannot be made where it stands is made to that entry alone, and never to another list."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.conftest import site_of

HEAD = "title: A day\ndescription: Told\ndate: 2025-06-24\nauthor: Sok\ntags: [books]\n"
LINKS = "links:\n  - 'home'   # keep me\n  # and me\n  - {name: News}\n"
ABSORBED = "links:\n  - - a # one\n    -\n  - b # two\n  - c\n"  # js-yaml reads `b` as an item of the inner list
QUESTION = "links:\n  - ?\n  - where   # short\n  - 'q'\n"


def yaml(more: str) -> str:
    return f"---\n{HEAD}{more}---\nText.\n"


Case = tuple[str, dict[str, Any], str, str]
"""What is added to the front matter, the patch of the data, and which part of the file it changes to what."""


@pytest.mark.parametrize(
    "case",
    [
        (
            LINKS + "place: {city: Kampot}\n",
            {"place": {"city": None, "region": "South"}, "links": ["home", {"name": "Olds"}]},
            "News}\nplace: {city: Kampot}",
            "Olds}\nplace: {region: South}",
        ),
        (LINKS, {"links": ["home", "two\nlines\n"]}, "- {name: News}", "- |\n    two\n    lines"),
        (LINKS + "  # below\n", {"links": ["home", "two\nlines\n"]}, "- {name: News}", "- |\n    two\n    lines"),
        (LINKS, {"links": [{"a": "x\ny"}, {"name": "News"}]}, "- 'home' ", '- {a: "x\\ny"} '),
        (QUESTION, {"links": [{"null": None}, "where", "q", "new"]}, "- 'q'\n", "- 'q'\n  - new\n"),
        (QUESTION, {"links": [{"null": None}, "there", "q"]}, "where", "there"),
        (QUESTION, {"links": ["where", "q"]}, "  - ?\n", ""),
        ("links: [x, a, b]\n", {"links": ["x"]}, "[x, a, b]", "[x]"),
        ("links: [x, a, b, c]\n", {"links": ["x", "c"]}, "[x, a, b, c]", "[x, c]"),
        ("links: [x, a, b]\n", {"links": ["b"]}, "[x, a, b]", "[b]"),
        ("links: [~, a, b]\n", {"links": ["x", "a", None]}, "[~, a, b]", "[x, a, null]"),
        ("links:\n- ~\n- a # c\n- b\n", {"links": ["x", "a", None]}, "- ~\n- a # c\n- b", "- x\n- a # c\n- null"),
        (
            "links:\n- {t: x, a: 1, b: 2}\n- {t: x, a: 5}\n",
            {"links": [{"t": "x", "a": 6}]},
            "- {t: x, a: 1, b: 2}\n- {t: x, a: 5}",
            "- {t: x, a: 6}",
        ),
        ("links: [[], [[a, 'b']], c]\n", {"links": [[["d", "b"]], "c"]}, "[[], [[a, ", "[[[d, "),
        (ABSORBED, {"links": [["a", None, "x"], "c"]}, "- b", "- x"),
        (ABSORBED, {"links": [["x", None, "b"], "d"]}, ABSORBED, ABSORBED.replace("- a", "- x").replace("- c", "- d")),
        ("m:\n  ? a\n  : b\n  c: d\n", {"m": {"e": 1}}, "c: d\n", "c: d\n  e: 1\n"),
        ("m:\n  ? a\n  : b\n", {"m": {"e": 1}}, ": b\n", ": b\n  e: 1\n"),
        ("m:\n  ? a\n  : b\n", {"m": {"a": "c"}}, ": b\n", ": c\n"),
    ],
)
def test_what_does_not_change_stays(ctx: Context, client: FlaskClient, admin: dict[str, str], case: Case) -> None:
    more, data, old, new = case
    text = yaml(more)
    etag = create_text(client, admin, text=text)
    answer = patch(client, admin, "news/en/a-day", etag, {"data": data})
    assert answer.status_code == 200, answer.text
    assert text.count(old) == 1
    right = text.replace(old, new)
    assert (site_of(ctx) / "src/content/news/en/a-day.md").read_text() == right
    put = {"data": answer.get_json()["data"], "body": answer.get_json()["body"]}
    tag = create_again(client, admin, answer.headers["ETag"], text)
    answer = client.put(f"{ARTICLES}/news/en/a-day", json=put, headers={**admin, "If-Match": tag})
    assert answer.status_code == 200, answer.text
    assert (site_of(ctx) / "src/content/news/en/a-day.md").read_text() == right


def toml(more: str) -> str:
    head = 'title = "A day"\ndescription = "Told"\ndate = 2025-06-24\nauthor = "Sok"\ntags = ["books"]\n'
    return f"+++\n{head}{more}+++\nText.\n"


@pytest.mark.parametrize(
    "case",
    [
        (
            "links = [\n  'home', # keep me\n  # and me\n  \"news\",\n]\n",
            {"links": ["home", {"name": "News"}]},
            '"news",',
            '{name = "News"},',
        ),
        ("links = ['x', 'a', 'b']\n", {"links": ["x"]}, "['x', 'a', 'b']", "['x']"),
        ("links = [[], [['a', \"b\"]], 'c']\n", {"links": [[["d", "b"]], "c"]}, "[[], [['a', ", "[[['d', "),
        ("a.b = 1 # c\n", {"a": {"c": 2}}, "a.b = 1 # c\n", "a.b = 1 # c\na.c = 2\n"),
        ("[[x]]\na = 1\n# two\n[[x]]\na = 2\n", {"x": [{"a": 2}]}, "[[x]]\na = 1\n", ""),
        ("[[x]]\na = 1 # c\n", {"x": [{"a": 1}, {"a": 2}]}, "a = 1 # c\n", "a = 1 # c\n\n[[x]]\na = 2\n"),
    ],
)
def test_what_does_not_change_in_toml_stays(
    ctx: Context, client: FlaskClient, admin: dict[str, str], case: Case
) -> None:
    more, data, old, new = case
    etag = create_text(client, admin, text=toml(more))
    answer = patch(client, admin, "news/en/a-day", etag, {"data": data})
    assert answer.status_code == 200, answer.text
    assert toml(more).count(old) == 1
    assert (site_of(ctx) / "src/content/news/en/a-day.md").read_text() == toml(more).replace(old, new)


def test_what_toml_cannot_say_is_refused_at_its_entry(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    text = toml("links = ['a', 'b']\n[[x]]\na = 1\n")
    etag = create_text(client, admin, text=text)
    for data, where in (
        ({"links": ["a", None]}, "/data/links/1"),
        ({"links": [{"a": {"b": [None]}}]}, "/data/links/0/a/b/0"),
        ({"x": [{"a": 1}, "two"]}, "/data/x/1"),
    ):
        found = problem(patch(client, admin, "news/en/a-day", etag, {"data": data}), 422)
        assert [(item["code"], item["pointer"]) for item in found["errors"]] == [("cannot_edit", where)]
        assert "leave" in found["errors"][0]["detail"] or "edit the file by hand" in found["errors"][0]["detail"]
    assert (site_of(ctx) / "src/content/news/en/a-day.md").read_text() == text


def create_again(client: FlaskClient, admin: dict[str, str], etag: str, text: str) -> str:
    """Put the whole file; returns its tag."""
    headers = {**admin, "If-Match": etag}
    url = f"{ARTICLES}/news/en/a-day"
    return client.put(url, data=text.encode(), headers=headers, content_type="text/markdown").headers["ETag"]


def test_what_would_damage_other_lines_is_refused_at_its_entry(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    """The blank line above `z` would become the end of the text in `links`."""
    text = yaml("place: x\nlinks:\n  - |+\n    one\n  - two\n\n# above\nz: 1\n")
    etag = create_text(client, admin, text=text)
    data = {"author": "Dara", "place": "y", "links": ["one\n"], "z": 2}
    found = problem(patch(client, admin, "news/en/a-day", etag, {"data": data}), 422)
    assert [(item["code"], item["pointer"]) for item in found["errors"]] == [("cannot_edit", "/data/links")]
    assert "edit the file by hand" in found["errors"][0]["detail"]
    assert (site_of(ctx) / "src/content/news/en/a-day.md").read_text() == text
