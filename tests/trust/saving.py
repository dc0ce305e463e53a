"""An editor who saves one article again and again."""

from __future__ import annotations

import time

import urllib3

from tests.api.editing import MERGE_PATCH


class Editor:
    """Whoever has the token saves the article at `url`; `data` is merged into its front matter."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        self._etag = self._http.request("GET", url, headers=self._headers).headers["ETag"]

    def save(self, data: dict[str, object]) -> tuple[float, float]:
        """When the request began and when it was acknowledged, by the monotonic clock."""
        headers = {**self._headers, "If-Match": self._etag, "Content-Type": MERGE_PATCH}
        began = time.monotonic()
        answer = self._http.request("PATCH", self._url, json={"data": data}, headers=headers)
        assert answer.status == 200, answer.data
        self._etag = answer.headers["ETag"]
        return began, time.monotonic()
