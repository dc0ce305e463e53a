"""A server that is killed in the middle of an upload: no photo is seen that the editor was not told of."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from PIL import Image
from sqlalchemy import update

from cms.actions.answers import LEASE_S
from cms.app import create_context
from cms.database import changes, images
from cms.database.engine import read, write
from cms.database.tables import answers
from cms.store import open_store
from tests.api.test_images import IMAGES
from tests.components import CmsServer, cms, cms_server
from tests.conftest import close, eventually, make_settings
from tests.faulty import Proxy, faulty


def photo() -> bytes:
    """Another one each time, and large enough for its PUT to be cut."""
    out = io.BytesIO()
    Image.frombytes("RGB", (200, 150), os.urandom(200 * 150 * 3)).save(out, "JPEG")
    return out.getvalue()


@dataclass(frozen=True)
class Site:
    """A site whose photos go to a bucket, by way of a proxy."""

    folder: Path
    media: str
    proxy: Proxy
    headers: dict[str, str]

    @contextmanager
    def server(self, log: str) -> Iterator[CmsServer]:
        """Without background work: what is found afterwards is the upload's doing."""
        with cms_server(self.folder, self.folder.parent / log, "--no-worker", CMS_MEDIA=self.media) as server:
            yield server

    def send(self, server: CmsServer, *files: tuple[str, bytes]) -> Any:
        fields: list[tuple[str, str | tuple[str, bytes]]] = [("folder", "new"), *(("files", file) for file in files)]
        return urllib3.request(
            "POST", server.url + IMAGES, fields=fields, headers=self.headers, timeout=60, retries=False
        )

    def keys(self) -> list[str]:
        return sorted(stat.key for stat in open_store(self.media).list("src"))


@pytest.fixture
def bucket(site: Path, tmp_path: Path, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    media = f"s3://photos/{tmp_path.name}"
    with faulty(s3_url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        made = cms(site, "token", "create", "--name", "test", "--scope", "admin", CMS_MEDIA=media)
        yield Site(site, media, proxy, {"Authorization": f"Bearer {made.stdout.strip()}"})


def kill_in_the_middle(bucket: Site, *files: tuple[str, bytes], after: int) -> None:
    """End the server, all of it at once, when so many photos are stored and the next one's PUT is under way."""
    proxy = bucket.proxy
    proxy.fault, proxy.spared, proxy.left, proxy.cut_after = "hold", after, 1000, 5000
    with bucket.server("killed") as server, ThreadPoolExecutor() as pool:
        answer = pool.submit(bucket.send, server, *files)
        assert eventually(lambda: proxy.met and len(bucket.keys()) == after)
        os.killpg(server.process.pid, signal.SIGKILL)
        assert isinstance(answer.exception(), urllib3.exceptions.HTTPError)
    proxy.left = 0


def test_a_photo_whose_put_broke_off_is_nowhere(bucket: Site) -> None:
    file = ("a.jpg", photo())
    kill_in_the_middle(bucket, file, after=0)
    assert bucket.keys() == []
    ctx = create_context(make_settings(bucket.folder, f"sqlite:///{bucket.folder}/.cms/cms.db", media=bucket.media))
    with read(ctx.database) as tx:
        assert images.get(tx, "new/a.jpg") is None
        assert changes.latest(tx, "image", "", "new/a.jpg") is None
    close(ctx)
    with bucket.server("after") as server:
        answer = bucket.send(server, file)
        assert answer.status == 201, answer.data
        assert [item["path"] for item in answer.json()["items"]] == ["new/a.jpg"]
    assert bucket.keys() == ["src/assets/new/a.jpg"]


def test_of_several_photos_of_which_some_were_stored_none_is_listed(bucket: Site) -> None:
    files = [("a.jpg", photo()), ("b.jpg", photo())]
    kill_in_the_middle(bucket, *files, after=1)
    with bucket.server("after") as server:
        synced = cms(bucket.folder, "sync", CMS_MEDIA=bucket.media)
        assert synced.returncode == 0, synced.stderr
        listed = urllib3.request("GET", f"{server.url}{IMAGES}?folder=new", retries=False)
        assert listed.json()["items"] == []
        assert bucket.keys() == []
        answer = bucket.send(server, *files)
        assert answer.status == 201, answer.data
        assert [item["path"] for item in answer.json()["items"]] == ["new/a.jpg", "new/b.jpg"]
    assert bucket.keys() == ["src/assets/new/a.jpg", "src/assets/new/b.jpg"]


def test_a_request_whose_server_was_killed_is_answered_a_minute_later(bucket: Site) -> None:
    bucket.headers["Idempotency-Key"] = "first-try"
    file = ("a.jpg", photo())
    kill_in_the_middle(bucket, file, after=0)
    with bucket.server("after") as server:
        early = bucket.send(server, file)
        assert (early.status, early.json()["code"]) == (409, "under_way")
        assert early.headers["Retry-After"] == "5"
        ctx = create_context(make_settings(bucket.folder, f"sqlite:///{bucket.folder}/.cms/cms.db", media=bucket.media))
        with write(ctx.database) as tx:
            tx.execute(update(answers).values(time=answers.c.time - LEASE_S))
        close(ctx)
        first = bucket.send(server, file)
        assert first.status == 201, first.data
        assert bucket.send(server, file).data == first.data
    assert bucket.keys() == ["src/assets/new/a.jpg"]
