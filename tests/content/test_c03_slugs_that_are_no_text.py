"""C3, K3: a `slug` in front matter that is no text makes the id that JavaScript's `String()` makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, patch
from tests.conftest import reconcile
from tests.trust.poison import yaml_file

IDS = {
    "2024": "2024", "0x1F": "31", "0b11": "3", "0o17": "15", "0123": "123", "+7": "7", "-7": "-7", "1.50": "1.5",
    "1.10": "1.1", "1e3": "1000", "1e21": "1e+21", "123e18": "123000000000000000000", "1.5e300": "1.5e+300",
    "0.000001": "0.000001", "0.00000012": "1.2e-7", "9007199254740993": "9007199254740992",
    "12345678901234567890": "12345678901234567000", "true": "true", "[a, b]": "a,b", "[a, [b, 1.0], null, true]":
    "a,b,1,,true", "{a: 1}": "[object Object]", "[{}, x]": "[object Object],x", "'2024'": "2024",
}  # fmt: skip
FALSY = ("0", "-0", "0.0", "false", "null", "~", "", "''", '""')
REFUSED = ("2024-01-02", "2024-01-02T03:04:05Z", "[2024-01-02]", "{toString: x}", "[]", "[[]]", "[null]")


@pytest.mark.parametrize(("written", "article_id"), IDS.items())
def test_an_id_is_what_javascript_writes(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, written: str, article_id: str
) -> None:
    (site / "src/content/news/post.md").write_bytes(yaml_file(f"slug: {written}"))
    reconcile(ctx)
    path = f"{ARTICLES}/news/{article_id}"
    assert client.get(path).get_json()["path"] == "src/content/news/post.md"
    assert client.get(path, headers=admin).get_json()["id"] == article_id
    wanted = {"id": article_id, "data": {"title": "t"}, "body": ""}
    created = client.post(f"{ARTICLES}/news", json=wanted, headers=admin)
    assert created.status_code in (409, 422), created.text  # an article would be lost in a build


@pytest.mark.parametrize("written", FALSY)
def test_a_slug_that_counts_as_false_leaves_the_id_to_the_path(
    ctx: Context, client: FlaskClient, site: Path, written: str
) -> None:
    (site / "src/content/news/post.md").write_bytes(yaml_file(f"slug: {written}"))
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/post").status_code == 200


@pytest.mark.parametrize("written", REFUSED)
def test_a_slug_that_makes_no_id_is_named(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, written: str
) -> None:
    file = site / "src/content/news/post.md"
    file.write_bytes(yaml_file(f"slug: {written}"))
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/post").status_code == 404
    found = client.get(f"{ARTICLES}/news/post", headers=admin).get_json()
    assert found["status"] == "broken"
    assert [problem["pointer"] for problem in found["problems"]] == ["/data/slug"], found


def test_a_number_sent_as_slug_is_as_its_text(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    sent: tuple[object, ...] = (2024, "2024", 1.5, True, ["a"], {})
    for slug in sent:
        answer = client.post(
            f"{ARTICLES}/news", json={"id": "en/x", "data": {"title": "t", "slug": slug}, "body": ""}, headers=admin
        )
        assert answer.status_code == 422, answer.text
        assert [problem["code"] for problem in answer.get_json()["errors"]] == ["id_change"], answer.text
    assert client.get(f"{ARTICLES}/news/en/x", headers=admin).status_code == 404


def test_a_file_whose_slug_is_a_number_gets_a_text_by_renaming(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    file = site / "src/content/news/post.md"
    file.write_bytes(yaml_file("slug: 2024"))
    reconcile(ctx)
    etag = client.get(f"{ARTICLES}/news/2024", headers=admin).headers["ETag"]
    renamed = patch(client, admin, "news/2024", etag, {"id": "en/2025"})
    assert renamed.status_code == 200, renamed.text
    assert b"\nslug: en/2025\n" in file.read_bytes()
