"""S7: an edit by hand is not lost because the file is another user's, whose programs the service cannot see."""

from __future__ import annotations

import io
import json
import mmap
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
from PIL import Image

from tests.api.editing import MERGE_PATCH, TEXT
from tests.components import CmsServer, cms, cms_server, program, require
from tests.conftest import eventually
from tests.trust.users import EDITOR, WITHOUT_LEASES, reachable_site, require_root, start_as

FOLDER = "src/content/news/en"
PHOTO, GONE = "src/assets/news/late.png", "src/assets/news/gone.png"
EDIT = b"An edit by hand."


@contextmanager
def made_site(light_sample: Path) -> Iterator[Path]:
    require_root()
    require(program("setpriv"), "setpriv (util-linux)")
    with reachable_site(light_sample) as site:
        for way in WAYS:
            (site / FOLDER / f"{way}.md").write_text(TEXT.replace("A day", way))
        (site / PHOTO).write_bytes(png("teal"))
        (site / GONE).write_bytes(png("navy"))
        yield site


def give_away(site: Path) -> None:
    """Make all files the editor's."""
    for path in (site / "src").rglob("*"):
        os.chown(path, EDITOR, EDITOR)


@pytest.fixture(scope="module")
def server(light_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CmsServer]:
    """The service, which may do everything but see who has others' files open."""
    log = tmp_path_factory.mktemp("others") / "log"
    with made_site(light_sample) as site, cms_server(site, log, by=WITHOUT_LEASES) as server:
        yield server


def png(colour: str) -> bytes:
    with io.BytesIO() as out:
        Image.new("RGB", (64, 48), colour).save(out, "PNG")
        return out.getvalue()


@dataclass
class Client:
    """Somebody who may do everything, and asks for an article or a photo by its URL."""

    server: CmsServer
    token: str

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "", etag: str = "") -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "If-Match": etag}
        http = urllib3.PoolManager(retries=False, timeout=60)
        told = {name: value for name, value in headers.items() if value}
        answer = http.request(method, f"{self.server.url}/api/v1/{path}", body=body, headers=told)
        assert answer.status < 300, (method, path, answer.status, answer.data)
        return answer.headers["ETag"].encode() if method == "HEAD" else answer.data

    def change(self, method: str, path: str, body: bytes | None = None, kind: str = "", more: str = "") -> None:
        """Send the request with the tag of what is there."""
        self.ask(method, path + more, body, kind, self.ask("HEAD", path).decode())


@pytest.fixture(scope="module")
def client(server: CmsServer) -> Client:
    return Client(server, cms(server.site, "token", "create", "--name", "t", "--scope", "admin").stdout.strip())


def patch(client: Client, name: str) -> None:
    client.change("PATCH", f"articles/news/en/{name}", b'{"data": {"title": "By the service"}}', MERGE_PATCH)


def put(client: Client, name: str) -> None:
    client.change("PUT", f"articles/news/en/{name}", TEXT.encode(), "text/markdown")


def delete(client: Client, name: str) -> None:
    client.change("DELETE", f"articles/news/en/{name}")


def rename(client: Client, name: str) -> None:
    client.change("PATCH", f"articles/news/en/{name}", json.dumps({"id": f"en/{name}-new"}).encode(), MERGE_PATCH)


def publish(client: Client, name: str) -> None:
    path = f"articles/news/en/{name}"
    client.change("PATCH", path, b'{"data": {"title": "By the service"}}', MERGE_PATCH, "?draft=true")
    client.change("POST", path.replace("articles", "drafts"))


def restore(client: Client, name: str) -> None:
    items = json.loads(client.ask("GET", f"history/news/en/{name}"))["items"]
    etag = client.ask("HEAD", f"articles/news/en/{name}")
    client.ask("POST", f"history/news/en/{name}?seq={items[-1]['seq']}", etag=etag.decode())


WAYS: dict[str, Callable[[Client, str], None]] = {
    "patch": patch,
    "put": put,
    "delete": delete,
    "rename": rename,
    "publish": publish,
    "restore": restore,
}


def kept(site: Path) -> list[bytes]:
    return [path.read_bytes() for path in (site / "src").rglob("*.kept-*")]


def temporary(site: Path) -> list[str]:
    return [path.name for path in (site / "src").rglob(".tmp-*")]


@dataclass
class Editor:
    """A program of another user that has opened the file, and writes it when it is told to."""

    process: subprocess.Popen[str]

    @classmethod
    def open(cls, path: Path) -> Editor:
        script = 'exec 3<>"$1"; echo opened; read edit; printf %s "$edit" >&3'
        process = start_as(EDITOR, ["/bin/sh", "-c", script, "sh", str(path)])
        assert process.stdout is not None
        assert process.stdout.readline() == "opened\n"
        return cls(process)

    def write(self, text: str) -> None:
        self.process.communicate(f"{text}\n", timeout=60)
        assert self.process.returncode == 0


def test_what_others_write_after_a_save_to_the_file_that_they_had_opened_is_kept(
    server: CmsServer, client: Client
) -> None:
    site, before = server.site, {}
    give_away(site)
    for name, way in WAYS.items():
        path = site / FOLDER / f"{name}.md"
        if way is restore:  # what there is to go back to
            patch(client, name)
            os.chown(path, EDITOR, EDITOR)
        before[name] = path.read_bytes()
        editor = Editor.open(path)
        way(client, name)
        editor.write(f"By hand, beside {name}.")
    wanted = {f"By hand, beside {name}.".encode() for name in WAYS}
    assert eventually(lambda: {text[: len(edit)] for text in kept(site) for edit in wanted} >= wanted, 20), kept(site)
    for name, text in before.items():
        edit = f"By hand, beside {name}.".encode()
        assert edit + text[len(edit) :] in kept(site), "the file as the editor left it"
    # What was acknowledged is there too.
    assert b"By the service" in (site / FOLDER / "patch.md").read_bytes()
    assert (site / FOLDER / "put.md").read_bytes() == TEXT.encode()
    assert b"By the service" in (site / FOLDER / "publish.md").read_bytes()
    assert not (site / FOLDER / "delete.md").exists()
    assert not (site / FOLDER / "rename.md").exists()
    assert b"By the service" not in (site / FOLDER / "restore.md").read_bytes()
    assert (site / FOLDER / "rename-new.md").read_bytes() == before["rename"]
    assert server.log.read_text().count("cannot see other users' programs") == 1


def test_a_photo_and_a_mapped_file_are_kept_too(server: CmsServer, client: Client) -> None:
    site = server.site
    give_away(site)
    for path, method, url, body, kind in (
        (PHOTO, "PUT", "images/news/late.png", png("plum"), "image/png"),
        (GONE, "DELETE", "images/news/gone.png", None, ""),
        (f"{FOLDER}/patch.md", "PATCH", "articles/news/en/patch", b'{"data": {"title": "T"}}', MERGE_PATCH),
    ):
        with (site / path).open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as mapped:
            client.change(method, url, body, kind)
            mapped[: len(EDIT)] = EDIT
            assert eventually(lambda: any(text.startswith(EDIT) for text in kept(site)), 20)
        for file in (site / "src").rglob("*.kept-*"):
            file.unlink()
    assert (site / PHOTO).read_bytes() != png("teal")
    assert not (site / GONE).exists()


def test_nothing_is_left_when_nobody_writes_and_what_was_left_by_a_dead_server_is_looked_at(
    light_sample: Path, tmp_path: Path
) -> None:
    with made_site(light_sample) as site:
        check_what_is_left(site, tmp_path / "log")


def check_what_is_left(site: Path, log: Path) -> None:
    with cms_server(site, log, by=WITHOUT_LEASES) as server:
        give_away(site)
        found = json.loads(cms(site, "check", "--json", by=WITHOUT_LEASES).stdout)
        (told,) = [one for one in found if one["code"] == "writers_unseen"]
        assert told["severity"] == "warning"
        token = cms(site, "token", "create", "--name", "t", "--scope", "admin").stdout.strip()
        client = Client(server, token)
        patch(client, "patch")
        client.change("PUT", "images/news/late.png", png("plum"), "image/png")
        assert len(temporary(site)) == 2
        assert eventually(lambda: temporary(site) == [], 40)
        assert b".tmp-" not in client.ask("GET", "changes?limit=100"), "nobody took it for content"
        editor = Editor.open(site / FOLDER / "put.md")
        put(client, "put")
        put(client, "put")  # this time the file is the service's own
        assert len(temporary(site)) == 1
    editor.write(EDIT.decode())
    assert cms(site, "sync", by=WITHOUT_LEASES).returncode == 0
    assert temporary(site) == []
    assert [text[: len(EDIT)] for text in kept(site)] == [EDIT]
    assert "writers_unseen" not in cms(site, "check", "--json").stdout, "root sees them"
