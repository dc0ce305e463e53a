"""An MDX article in a copy of the sample site, and requests that change it."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from tests.api.editing import ARTICLES, MERGE_PATCH
from tests.conftest import bearer, reconcile, site_of

NAME = "news/en/chart"
KEY = f"src/content/{NAME}.mdx"
PHOTO = "news/river-bus/photo-1.jpg"
FRONT = """\
---
# written by hand
title: 'A chart'   # shown in lists
description: All loans
date: 2025-06-24
author: Reading Room
tags: [books, "open day"]
---
"""
BODY = """\
import hero from '../../../assets/news/river-bus/photo-1.jpg';
export const year = {2025};

<script>alert(1)</script>

# Loans {year}

The reading room lent *many* books.

```js
import x from './gone';  // src/assets/news/gone.jpg
```

![Gone](../../../assets/news/gone.jpg) <img src={hero.src} />
"""
TEXT = f"{FRONT}\n{BODY}"
EDITOR = ("articles:write", "articles:publish", "articles:read-drafts")
CODE = "articles:write-code"


def add_mdx(ctx: Context, text: str = TEXT, key: str = KEY) -> None:
    file = site_of(ctx) / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    reconcile(ctx)


def text_at(ctx: Context, key: str = KEY) -> str:
    return (site_of(ctx) / key).read_text()


def editor(ctx: Context, *more: str) -> dict[str, str]:
    """The headers of somebody who may do all with articles, and `more`, but write code."""
    return bearer(ctx, *EDITOR, *more)


def tag(client: FlaskClient, headers: dict[str, str], path: str = f"{ARTICLES}/{NAME}") -> str:
    return client.get(path, headers=headers).headers["ETag"]


def change(client: FlaskClient, headers: dict[str, str], body: Any, query: str = "") -> TestResponse:
    """A merge patch of the article as it is now."""
    condition = {"If-Match": tag(client, headers)}
    url = f"{ARTICLES}/{NAME}{query}"
    return client.patch(url, json=body, headers={**headers, **condition}, content_type=MERGE_PATCH)
