"""What an editor's client does with working copies: save, read, publish and discard them by their tags."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.editing import ARTICLES, MERGE_PATCH

NAME = "news/en/a-day"
DRAFTS = "/api/v1/drafts"
COPY = f"{DRAFTS}/{NAME}"
PREVIEWS = "/api/v1/previews"


class Editor:
    """A client with somebody's headers."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def save(self, etag: str | None, body: Any, name: str = NAME, query: str = "", **headers: str) -> TestResponse:
        """Change the working copy, or begin one, by a merge patch."""
        url = f"{ARTICLES}/{name}?draft=true{query}"
        return self.client.patch(url, json=body, headers=self._tagged(etag, headers), content_type=MERGE_PATCH)

    def put(self, etag: str | None, body: Any, **headers: str) -> TestResponse:
        """Replace the working copy's text, or its data and body."""
        sent: dict[str, Any] = {"json": body}
        if isinstance(body, str):
            sent = {"data": body.encode(), "content_type": "text/markdown"}
        return self.client.put(f"{ARTICLES}/{NAME}?draft=true", headers=self._tagged(etag, headers), **sent)

    def read(self, name: str = NAME) -> TestResponse:
        return self.client.get(f"{DRAFTS}/{name}", headers=self.headers)

    def publish(self, etag: str | None, name: str = NAME, query: str = "", **headers: str) -> TestResponse:
        return self.client.post(f"{DRAFTS}/{name}{query}", headers=self._tagged(etag, headers))

    def discard(self, etag: str | None, name: str = NAME, **headers: str) -> TestResponse:
        return self.client.delete(f"{DRAFTS}/{name}", headers=self._tagged(etag, headers))

    def listed(self, query: str = "") -> list[dict[str, Any]]:
        response = self.client.get(f"{DRAFTS}{query}", headers=self.headers)
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.get_json()["items"]
        return items

    def preview(self, **body: Any) -> TestResponse:
        collection, _, own_id = NAME.partition("/")
        return self.client.post(PREVIEWS, json={"collection": collection, "id": own_id, **body}, headers=self.headers)

    def _tagged(self, etag: str | None, headers: dict[str, str]) -> dict[str, str]:
        return {**self.headers, **({} if etag is None else {"If-Match": etag}), **headers}
