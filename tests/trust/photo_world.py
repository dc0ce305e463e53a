"""A small site of two collections with a photo in each state that a photo may be in, and what its public sees of it.

Each collection has the same articles and photos, so that what a token of the one does to the other can be asked.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from werkzeug.test import TestResponse

from cms.context import Context
from cms.database import commits
from tests.api.editing import MERGE_PATCH
from tests.conftest import ClosingClient, bearer, close, make_client, make_context, make_settings

V1 = "/api/v1"
Headers = dict[str, str]
COLLECTIONS = ("news", "places")
HERO = "site/hero.jpg"
"""A public photo that no article shows, and that is at home in no collection."""


@lru_cache(maxsize=256)
def picture_of(name: str) -> bytes:
    """A small JPEG of its own for each name."""
    number = sum(place * ord(letter) for place, letter in enumerate(name, start=1))
    image = Image.new("RGB", (20 + number % 13, 20 + number % 7), (number % 251, number // 251 % 251, len(name)))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def text_of(title: str, *photos: str, more: str = "") -> str:
    shown = "\n".join(f"![{title}](/src/assets/{path})\n" for path in photos)
    return f"---\ntitle: {title}\n{more}---\n\n{shown}"


@dataclass(slots=True)
class World:
    """The site; `secret` are the paths of the photos that anonymous readers do not see, by collection."""

    ctx: Context
    root: Path
    client: ClosingClient
    admin: Headers
    secret: dict[str, list[str]] = field(default_factory=dict)

    def etag(self, url: str) -> str:
        return str(self.client.get(url, headers=self.admin).headers.get("ETag", '"none"'))

    def put(self, path: str, data: bytes | str) -> None:
        """Put a file below `src` by hand."""
        _write(self.root / "src" / path, data.encode() if isinstance(data, str) else data)

    def send(self, headers: Headers, content: bytes, name: str, **form: str) -> TestResponse:
        data = {"files": [(io.BytesIO(content), name)], **form}
        return self.client.post(f"{V1}/images", data=data, headers=headers, content_type="multipart/form-data")

    def patch(self, headers: Headers, article: str, body: Any, query: str = "") -> TestResponse:
        """Change an article, or its working copy, by the tag that it has now."""
        url = f"{V1}/articles/{article}"
        copy = f"{V1}/drafts/{article}"
        is_begun = query and self.client.get(copy, headers=self.admin).status_code == 200
        tag = {"If-Match": self.etag(copy if is_begun else url)}
        return self.client.patch(f"{url}{query}", json=body, headers={**headers, **tag}, content_type=MERGE_PATCH)

    def change(self, headers: Headers, method: str, path: str, **sent: Any) -> TestResponse:
        """Change a photo by the tag that it has now."""
        url = f"{V1}/images/{path}"
        return self.client.open(url, method=method, headers={**headers, "If-Match": self.etag(url)}, **sent)

    def is_public(self, path: str) -> bool:
        """Whether every route tells anonymous readers of the photo, or none does."""
        found = {
            self.client.get(f"{V1}/images/{path}").status_code == 200,
            self.client.get(f"/media/{path}").status_code == 200,
            path in {item["path"] for item in self.items("images")},
            path in {line.get("path") for line in self.sync() if line["type"] == "image"},
        }
        assert len(found) == 1, path
        return found.pop()

    def items(self, what: str, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(f"{V1}/{what}?limit=100{query}").get_json()["items"]
        return found

    def sync(self, **query: str) -> list[dict[str, Any]]:
        response = self.client.get(f"{V1}/sync", query_string=query)
        assert response.status_code == 200, response.text
        return [json.loads(line) for line in response.text.splitlines()]

    def public(self) -> dict[str, str]:
        """What anonymous readers get: articles, photos with their bytes, the feed, its cursor and its tag."""
        found = {"sync": self.client.get(f"{V1}/sync")}
        found |= {name: self.client.get(f"{V1}/images?limit=100{query}") for name, query in _LISTS.items()}
        found["articles"] = self.client.get(f"{V1}/articles?limit=100&fields=body,html,images,data,digest,updated_at")
        for item in found["images"].get_json()["items"]:
            found[f"media {item['path']}"] = self.client.get(f"/media/{item['path']}")
        return {
            name: f"{response.status_code} {response.headers.get('ETag')} {response.data.decode('latin-1')}"
            for name, response in found.items()
        }


class Snapshot:
    """The site's files and its database as they are now, to go back to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._files = dict(_files(world.root))
        with closing(sqlite3.connect(_database_of(world))) as source:
            source.backup(self._database)

    def restore(self) -> None:
        now = dict(_files(self._world.root))
        for path in now.keys() - self._files.keys():
            path.unlink()
        for path, data in self._files.items():
            if now.get(path) != data:
                _write(path, data)
        with closing(sqlite3.connect(_database_of(self._world))) as target:
            self._database.backup(target)
        counter = commits.of(self._world.ctx.database)
        counter.end(counter.announce())

    def close(self) -> None:
        self._database.close()


def _files(root: Path) -> Iterator[tuple[Path, bytes]]:
    for path in root.rglob("*"):
        if path.is_file() and "locks" not in path.parts:
            yield path, path.read_bytes()


def _database_of(world: World) -> str:
    return world.ctx.settings.database.removeprefix("sqlite:///")


_LISTS = {"images": "", "unused": "&unused=true"}


@contextmanager
def photo_world(folder: Path) -> Iterator[World]:
    """The site, in a folder of its own."""
    root = folder / "site"
    _lay_files(root)
    ctx = make_context(make_settings(root, f"sqlite:///{folder}/cms.db", webhooks_allow_private=True))
    application = make_client(ctx).application
    world = World(ctx, root, ClosingClient(application, application.response_class), bearer(ctx, "admin"))
    for collection in COLLECTIONS:
        _edit(world, collection)
    yield world
    close(ctx)


def _lay_files(root: Path) -> None:
    """Articles and photos as somebody puts them there by hand."""
    photos = [HERO]
    for collection in COLLECTIONS:
        photos += [f"{collection}/{name}.jpg" for name in ("seen", "draft", "soon", "old")]
        articles = {
            "open": text_of("open", f"{collection}/seen.jpg"),
            "draft": text_of("draft", f"{collection}/draft.jpg", more="draft: true\n"),
            "soon": text_of("soon", f"{collection}/soon.jpg", more="until: 2999-01-01\n"),
            "past": text_of("past", f"{collection}/old.jpg"),
        }
        _write(root / f"src/content/{collection}.cms.json", b'{"publish": "until"}')
        for name, text in articles.items():
            _write(root / f"src/content/{collection}/en/{name}.md", text.encode())
    for path in photos:
        _write(root / f"src/assets/{path}", picture_of(path))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _edit(world: World, collection: str) -> None:
    """What only requests can make: photos that wait for an article, a working copy, photos in the trash."""
    admin, own = world.admin, f"{collection}/en"
    _ok(world.patch(admin, f"{own}/past", {"body": "Nothing.\n"}))
    sent = {}
    for name in ("wait", "copy", "gone"):
        response = _ok(world.send(admin, picture_of(f"{collection}-{name}"), f"{name}.jpg", article=f"{own}/open"))
        sent[name] = response.get_json()["items"][0]["path"]
    _ok(world.patch(admin, f"{own}/open", {"body": f"![](/src/assets/{sent['copy']})\n"}, "?draft=true"))
    _ok(world.change(admin, "DELETE", sent["gone"]))
    shown = _ok(world.send(admin, picture_of(f"{collection}-lost"), "lost.jpg", folder=f"{collection}-lost"))
    _ok(world.change(admin, "DELETE", shown.get_json()["items"][0]["path"]))
    world.secret[collection] = [f"{collection}/draft.jpg", f"{collection}/soon.jpg", sent["wait"], sent["copy"]]


def _ok(response: TestResponse) -> TestResponse:
    assert response.status_code < 300, response.text
    return response
