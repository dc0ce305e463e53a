"""C23: a body that comes by JSON gets the line ends of the file, and a file that comes whole keeps its own."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, create_text, patch
from tests.conftest import site_of

URL = f"{ARTICLES}/news/en/a-day"
DATA: dict[str, Any] = {
    "title": "A day", "description": "Told", "date": "2025-06-24", "author": "Sok", "tags": ["books"],
}  # fmt: skip
FRONT = '---\ntitle: A day\ndescription: Told\ndate: 2025-06-24\nauthor: Sok\ntags: ["books"]\n---\n'
LF = FRONT + "\nPara one\n\n- a\n- b\n\nLast\n"
CRLF = LF.replace("\n", "\r\n")
MIXED = CRLF.replace("- a\r\n", "- a\n").replace("Last\r\n", "Last\n")
FRONT_ONLY = CRLF.replace(CRLF[len(FRONT.replace("\n", "\r\n")) :], LF[len(FRONT) :])
TEXTS = (LF, CRLF, MIXED, FRONT_ONLY, LF.removesuffix("\n"), CRLF.removesuffix("\r\n"))


def file(ctx: Context) -> str:
    return (site_of(ctx) / "src/content/news/en/a-day.md").read_bytes().decode()


@pytest.mark.parametrize("text", TEXTS)
def test_only_changed_lines_change(ctx: Context, client: FlaskClient, admin: dict[str, str], text: str) -> None:
    etag = create_text(client, admin, text=text)
    article = client.get(URL, headers=admin).get_json()
    as_one = article["body"].replace("\r\n", "\n").replace("Para one", "Para one!\n\nTwo")
    newline = "\n" if text in (LF, LF.removesuffix("\n"), FRONT_ONLY) else "\r\n"
    new = text.replace("Para one", f"Para one!{newline}{newline}Two")
    for sent in (as_one, as_one.replace("\n", "\r\n")):
        headers = {**admin, "If-Match": etag}
        tried = client.put(f"{URL}?dry_run=true", json={"data": article["data"], "body": sent}, headers=headers)
        changed = [line for line in tried.get_json()["diff"].split("\n")[2:] if line.startswith(("+", "-"))]
        assert [line.strip() for line in changed] == ["-Para one", "+Para one!", "+", "+Two"]
        answer = patch(client, admin, "news/en/a-day", etag, {"body": sent})
        assert answer.status_code == 200, answer.text
        assert file(ctx) == new
        etag = create_text_again(client, admin, answer.headers["ETag"], text)


def create_text_again(client: FlaskClient, admin: dict[str, str], etag: str, text: str) -> str:
    """Put the whole file; returns its tag."""
    headers = {**admin, "If-Match": etag}
    answer = client.put(URL, data=text.encode(), headers=headers, content_type="text/markdown")
    assert answer.status_code == 200, answer.text
    return answer.headers["ETag"]


@pytest.mark.parametrize("query", ["", "?draft=true"])
def test_what_a_client_reads_and_sends_back_changes_no_byte(
    ctx: Context, client: FlaskClient, admin: dict[str, str], query: str
) -> None:
    etag = create_text(client, admin)
    for text in TEXTS:
        etag = create_text_again(client, admin, etag, text)
        article = client.get(URL, headers=admin).get_json()
        for body in (article["body"], article["body"].replace("\r\n", "\n")):
            sent = {"data": article["data"], "body": body}
            answer = client.put(URL + query, json=sent, headers={**admin, "If-Match": etag})
            assert answer.status_code == 200, answer.text
            assert answer.get_json()["body"] == article["body"]
            assert file(ctx) == text
            etag = answer.headers["ETag"]
        if query:
            sent = {"data": article["data"], "body": article["body"].replace("\r\n", "\n") + "\nMore\n"}
            answer = client.put(URL + query, json=sent, headers={**admin, "If-Match": etag})
            assert answer.status_code == 200, answer.text
            more = answer.get_json()["body"].removeprefix(article["body"])
            assert more == ("\nMore\n" if "\r" not in article["body"] else "\r\nMore\r\n")
            headers = {**admin, "If-Match": answer.headers["ETag"]}
            assert client.delete(URL.replace("articles", "drafts"), headers=headers).status_code == 204
            etag = client.get(URL, headers=admin).headers["ETag"]


def test_a_whole_file_has_the_line_ends_that_it_came_with(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    etag = create_text(client, admin, text=CRLF)
    create_text_again(client, admin, etag, LF)
    assert file(ctx) == LF


def test_a_new_article_has_one_kind_of_line_end(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    sent = {"id": "en/a-day", "data": DATA, "body": "One\r\n\r\nTwo\r\n"}
    answer = client.post(f"{ARTICLES}/news", json=sent, headers=admin)
    assert answer.status_code == 201, answer.text
    assert "\r" not in file(ctx)
    assert answer.get_json()["body"] == "One\n\nTwo\n"
