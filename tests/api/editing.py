"""What an editor's client does: reads an article, and changes it by its tag."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

ARTICLES = "/api/v1/articles"
MERGE_PATCH = "application/merge-patch+json"

TEXT = """\
---
# written by hand
title: 'A day at the library'   # shown in lists
description: >-
  Folded over
  two lines.
date: 2025-06-24
author: Reading Room

image: "@/assets/news/river-bus/photo-1.jpg"
tags: [books, "open day"]
---

First paragraph.

---

![The hall](@/assets/news/river-bus/photo-1.jpg)
"""


def create_text(client: FlaskClient, headers: dict[str, str], name: str = "news/en/a-day", text: str = TEXT) -> str:
    """Make the article from its whole file; returns its tag."""
    response = client.put(
        f"{ARTICLES}/{name}",
        data=text.encode(),
        headers={**headers, "If-None-Match": "*"},
        content_type="text/markdown",
    )
    assert response.status_code == 201, response.text
    return response.headers["ETag"]


def patch(client: FlaskClient, headers: dict[str, str], name: str, etag: str | None, body: Any) -> TestResponse:
    condition = {} if etag is None else {"If-Match": etag}
    return client.patch(f"{ARTICLES}/{name}", json=body, headers={**headers, **condition}, content_type=MERGE_PATCH)


def problem(response: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    """The error in the response, which has the one shape that errors have."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    found: dict[str, Any] = response.get_json()
    assert found["status"] == status
    assert {"type", "title", "detail", "code", "request_id"} <= found.keys()
    assert code is None or found["code"] == code, found
    return found
