"""A small site in a bucket, all that an editor does there, and whether bucket, API and database agree afterwards."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from werkzeug.test import TestResponse

from cms.actions import renditions
from cms.actions.reconcile import Report
from cms.context import Context
from cms.database.derived import articles as articles_table
from cms.database.engine import read
from cms.model import ids
from tests.api.editing import ARTICLES, patch
from tests.api.test_images import IMAGES, send
from tests.api.test_uploads import UPLOADS
from tests.conftest import eventually, reconcile

TRASH = "/api/v1/trash"
TEXTS = {name: f"---\ntitle: {name}\n---\n\nThe {name}.\n" for name in ("first", "second")}


def photo(name: str) -> bytes:
    """A photo of its own for each name, wide enough for a variant."""
    out, (red, green, blue, *_) = io.BytesIO(), hashlib.sha256(name.encode()).digest()
    Image.new("RGB", (400, 40), (red, green, blue)).save(out, "JPEG")
    return out.getvalue()


def make_site(folder: Path) -> None:
    """Two articles in the folder, of which each may be edited."""
    (folder / ids.CONTENT / "notes").mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / ids.CONTENT / f"notes/{name}.md").write_text(text)


@dataclass(slots=True)
class Editor:
    """`folder` holds what is in the bucket, where somebody may write by hand; `refused` collects the answers that were
    no success, as method, path and status."""

    ctx: Context
    client: FlaskClient
    headers: dict[str, str]
    folder: Path
    refused: list[tuple[str, str, int]] = field(default_factory=list)

    def article(self, name: str) -> Path:
        return self.folder / ids.CONTENT / f"notes/{name}.md"

    def tag(self, url: str) -> str:
        return str(self.client.get(url, headers=self.headers).headers.get("ETag", '"none"'))

    def create(self, name: str) -> TestResponse:
        text = f"---\ntitle: {name}\n---\n\nMade.\n"
        headers = {**self.headers, "If-None-Match": "*"}
        url = f"{ARTICLES}/notes/{name}"
        return self._done(self.client.put(url, data=text.encode(), headers=headers, content_type="text/markdown"))

    def replace(self, name: str, title: str) -> TestResponse:
        return self._patch(name, {"data": {"title": title}})

    def rename(self, name: str, new: str) -> TestResponse:
        return self._patch(name, {"id": new})

    def delete(self, name: str) -> TestResponse:
        url = f"{ARTICLES}/notes/{name}"
        return self._done(self.client.delete(url, headers={**self.headers, "If-Match": self.tag(url)}))

    def upload(self, shown: str, name: str) -> TestResponse:
        return self._done(send(self.client, self.headers, (photo(shown), name), folder="notes"))

    def replace_photo(self, path: str, shown: str) -> TestResponse:
        headers = {**self.headers, "If-Match": self.tag(f"{IMAGES}/{path}")}
        url = f"{IMAGES}/{path}"
        return self._done(self.client.put(url, data=photo(shown), headers=headers, content_type="image/jpeg"))

    def delete_photo(self, path: str) -> TestResponse:
        headers = {**self.headers, "If-Match": self.tag(f"{IMAGES}/{path}")}
        return self._done(self.client.delete(f"{IMAGES}/{path}", headers=headers))

    def restore_photo(self, path: str) -> TestResponse:
        """Bring back what was there last."""
        item, *_ = self.client.get(f"{TRASH}?path={path}", headers=self.headers).get_json()["items"]
        return self._done(self.client.post(f"{TRASH}/{item['id']}", headers=self.headers))

    def upload_directly(self, shown: str, name: str) -> TestResponse:
        """Announce a photo, PUT it where the answer says, and have it taken in; returns the last answer."""
        data = photo(shown)
        file = {"name": name, "bytes": len(data), "type": "image/jpeg"}
        begun = self.client.post(UPLOADS, json={"files": [file], "folder": "notes"}, headers=self.headers)
        assert begun.status_code == 201, begun.text
        (item,) = begun.get_json()["items"]
        put = urllib3.request(item["method"], item["url"], body=data, headers=item["headers"], retries=False)
        done = self.client.post(f"{UPLOADS}/{item['id']}/complete", headers=self.headers)
        assert (put.status, done.status_code) in {(200, 201), (403, 409)}, done.text
        return self._done(done)

    def make_variants(self) -> int:
        """Make what is missing; returns how many variants are served by now."""
        renditions.make(self.ctx)
        items = self.client.get(IMAGES, headers=self.headers).get_json()["items"]
        urls = [variant["url"] for item in items for variant in item["variants"]]
        assert all(self.client.get(url).status_code == 200 for url in urls)
        return len(urls)

    def _patch(self, name: str, change: Any) -> TestResponse:
        url = f"{ARTICLES}/notes/{name}"
        return self._done(patch(self.client, self.headers, f"notes/{name}", self.tag(url), change))

    def _done(self, response: TestResponse) -> TestResponse:
        if response.status_code >= 300:
            self.refused.append((response.request.method, response.request.path, response.status_code))
            assert response.get_json()["detail"]
        return response


def check_agreement(editor: Editor) -> None:
    """Assert that passes come to an end, and that bucket, API and database have the same files then."""
    ctx, client, headers = editor.ctx, editor.client, editor.headers
    assert eventually(lambda: reconcile(ctx) == Report())
    files = {path.relative_to(editor.folder).as_posix(): path.read_bytes() for path in _files(editor.folder / "src")}
    articles = {name: data for name, data in files.items() if name.endswith(".md")}
    listed = client.get(f"{ARTICLES}?limit=100", headers=headers).get_json()["items"]
    assert len(listed) == len(articles)
    with read(ctx.database) as tx:
        rows = tx.execute(select(articles_table.c.key, articles_table.c.version))
        versions = {row.key: row.version for row in rows}
    assert versions == {name: hashlib.sha256(data).hexdigest() for name, data in articles.items()}
    for name, data in articles.items():
        url = f"{ARTICLES}/{name.removeprefix(ids.CONTENT).removesuffix('.md')}"
        assert client.get(url, headers={**headers, "Accept": "text/markdown"}).data == data
    images = client.get(IMAGES, headers=headers).get_json()["items"]
    photos = {name.removeprefix(ids.ASSETS): data for name, data in files.items() if name not in articles}
    assert {item["path"]: item["sha256"] for item in images} == {
        path: hashlib.sha256(data).hexdigest() for path, data in photos.items()
    }
    assert all(client.get(f"/media/{path}").data == data for path, data in photos.items())


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
