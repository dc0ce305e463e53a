"""No name leads anywhere but to what is there: AC-01 to AC-06 of the catalogue, on every route that takes a path."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.errors import CmsError
from cms.store import s3, swap
from cms.store.base import ABSENT, Key
from cms.store.directory import DirectoryStore
from cms.store.s3_client import connect
from tests.abuse.operations import operations
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_images import picture, send
from tests.conftest import bearer, close, make_client, make_context, make_settings, reconcile, site_of, state_of

OUTSIDE = "what lies outside"
NAMES = [
    "../../etc/passwd", "..", "../../site-secret/src/content/news/en/x", "../content-secret/x", "%2e%2e/x", "%252e",
    "..\\..\\x", "/etc/passwd", "C:\\x", "a/./b", "a//b", "en/../en/opening-day", "a\0b", ".git/config", ":(top)x",
    "x" * 300,
]  # fmt: skip


@pytest.fixture
def outside(ctx: Context, site: Path) -> Iterator[Path]:
    """A folder beside the site, and two beside its own folders, whose names begin as theirs; all stay as they are."""
    folder = site.with_name(f"{site.name}-secret")
    places = [folder / "src/content/news/en", site / "src/content-secret", site / "src/assets-secret"]
    for place in places:
        place.mkdir(parents=True)
        (place / "x.md").write_text(OUTSIDE)
    before = sorted(folder.rglob("*"))
    yield folder
    assert sorted(folder.rglob("*")) == before
    assert all((place / "x.md").read_text() == OUTSIDE for place in places)


def test_a_name_that_is_none_is_found_nowhere(client: FlaskClient, ctx: Context, outside: Path) -> None:
    """AC-01, AC-02, AC-06, AC-41, IB-25."""
    admins = cycle([bearer(ctx, "admin") for _ in range(20)])  # the writes of one token a second are limited
    before = state_of(ctx)
    told = 0
    for operation in operations(client, "GET", "PUT", "PATCH", "POST", "DELETE"):
        for name in operation.names:
            meant = {"collection": "news", "article_id": "en/opening-day", "path": "news/river-bus/photo-1.jpg"}
            for bad in NAMES:
                values = {one: [bad if one == name else meant.get(one, "x")] for one in operation.names}
                (url,) = operation.urls(values)
                sent: dict[str, Any] = {"headers": {**next(admins), "If-Match": '"x"'}}
                if operation.method in ("PUT", "PATCH", "POST"):
                    sent |= {"json": {}}
                answer = client.open(url, method=operation.method, **sent)
                expected = (404,) if operation.method == "GET" else (404, 405, 409, 412, 415, 422)
                assert answer.status_code in expected, (operation, bad, answer.text)
                problem(answer, answer.status_code)
                for hidden in (OUTSIDE, str(site_of(ctx)), "root:", "Traceback", "Errno"):
                    assert hidden not in answer.text
                told += 1
    assert told > 500
    assert state_of(ctx) == before


WHERE_IT_HURTS = [
    ".git/config", ".gitattributes", ".gitmodules", ".env", ".github/workflows/x", "en/.htaccess", "src/config.ts",
    "astro.config.mjs", "../../astro.config.mjs", "../config.ts", "package.json", "en/-rf",
    "en/--upload-pack=x", ":(top)x", "en/a\nb", "en/a\rb", "en/a b", "en/a%0ab", "../../.git/hooks/pre-commit",
]  # fmt: skip


def test_nothing_is_written_where_programs_read(
    client: FlaskClient, admin: dict[str, str], ctx: Context, site: Path
) -> None:
    """AC-06, AC-32, AC-43: by a new article, a new name, or a photo."""
    etag = create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    data = {"title": "t", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}
    for bad in WHERE_IT_HURTS:
        for answer in (
            client.post(f"{ARTICLES}/news", json={"id": bad, "data": data}, headers=admin),
            client.put(
                f"{ARTICLES}/news/{quote(bad)}",
                data=TEXT.encode(),
                headers={**admin, "If-None-Match": "*"},
                content_type="text/markdown",
            ),
            patch(client, admin, "news/en/a-day", etag, {"id": bad}),
            send(client, admin, (picture(), "a.jpg"), folder=bad),
        ):
            assert answer.status_code in (404, 422), (bad, answer.status_code, answer.text)
    assert state_of(ctx) == before


def test_what_is_no_plain_file_is_neither_read_nor_written(
    client: FlaskClient, admin: dict[str, str], ctx: Context, site: Path, outside: Path
) -> None:
    """AC-03, IB-51, IB-52: links, pipes and devices; a file of 10 GB, which takes no room; folders in folders."""
    folder = site / "src/content/news/en"
    secret = outside / "src/content/news/en/x.md"
    (folder / "link.md").symlink_to(secret)
    (folder / "dangling.md").symlink_to(outside / "none.md")
    (folder / "loop.md").symlink_to("loop.md")
    (folder / "up").symlink_to(outside / "src/content/news/en")
    os.mkfifo(folder / "pipe.md")
    with (folder / "huge.md").open("wb") as file:
        file.truncate(10 << 30)
    deep = folder.joinpath(*["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "x.md").write_text(TEXT)
    reconcile(ctx)
    listed = client.get(f"{ARTICLES}?status=broken&fields=id,problems", headers=admin).get_json()["items"]
    assert [(item["id"], item["problems"][0]["code"]) for item in listed] == [("en/huge", "article_too_large")]
    before = state_of_files(site)
    for name in ("link", "dangling", "loop", "pipe", "up/x"):
        problem(client.get(f"{ARTICLES}/news/en/{name}", headers=admin), 404)
        answer = client.put(
            f"{ARTICLES}/news/en/{name}",
            data=TEXT.encode(),
            headers={**admin, "If-None-Match": "*"},
            content_type="text/markdown",
        )
        assert answer.status_code in (404, 409, 412, 422, 503), (name, answer.text)
    assert state_of_files(site) == before
    assert client.get(f"{ARTICLES}/news/en/opening-day").status_code == 200


def state_of_files(site: Path) -> dict[str, str]:
    """What each name in the site is, without opening it."""
    names = [path for path in site.rglob("*") if ".cms" not in path.parts]
    return {str(path): f"{path.lstat().st_mode} {path.lstat().st_size} {path.lstat().st_ino}" for path in names}


def test_a_folder_that_turns_into_a_link_leads_nowhere(tmp_path: Path) -> None:
    """AC-04: a thread takes the folder away and puts a link in its place, all the time."""
    store = DirectoryStore(tmp_path / "site")
    folder, outside = tmp_path / "site/src/content/blog", tmp_path / "outside"
    folder.mkdir(parents=True)
    folder.with_name("link").symlink_to(outside)
    outside.mkdir()
    (outside / "secret.md").write_text(OUTSIDE)
    stop = threading.Event()
    turns = 0

    def turn() -> None:
        nonlocal turns
        parent = os.open(folder.parent, os.O_RDONLY)
        while not stop.is_set():
            swap.exchange("blog", "link", parent)
            turns += 1
        os.close(parent)

    thread = threading.Thread(target=turn)
    thread.start()
    written = 0
    try:
        for number in range(20_000):
            if number >= 300 and written > 10:
                break
            key = Key(f"src/content/blog/{number}.md")
            with suppress(CmsError):
                store.write(key, b"mine", expect=ABSENT)
                written += 1
            assert not [stat for stat in store.list("src") if "secret" in stat.key]
            assert store.read(Key("src/content/blog/secret.md")) is None
    finally:
        stop.set()
        thread.join()
    assert [path.name for path in outside.iterdir()] == ["secret.md"]
    assert turns > 100
    assert written > 10


def test_every_request_to_the_bucket_stays_below_the_prefix(
    s3_url: str, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AC-05: whatever is uploaded, replaced, deleted, listed or announced, under whatever name."""
    keys: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        keys.extend(str(params[name]) for name in ("Key", "Prefix") if params.get(name))

    client_of = connect

    def connected(*args: Any, **named: Any) -> Any:
        made = client_of(*args, **named)
        made.meta.events.register("provide-client-params.s3", lambda params, **_: note(params))
        return made

    monkeypatch.setattr(s3, "connect", connected)
    for path in (site / "src/assets").rglob("*.*"):
        if path.parent.name != "river-bus":
            path.unlink()
    ctx = make_context(make_settings(site, f"sqlite:///{tmp_path}/cms.db", media=f"s3://photos/{tmp_path.name}/in"))
    client, admin = make_client(ctx), bearer(ctx, "admin")
    (item,) = send(client, admin, (picture(), "../../x.jpg"), folder="new").get_json()["items"]
    for name in ("../x.jpg", "/x.jpg", "a//b.jpg", "..%2fx.jpg", "a\0b.jpg", "new/../../x.jpg"):
        url = f"/api/v1/images/{quote(name)}"
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = client.open(url, method=method, headers={**admin, "If-Match": '"x"'})
            assert answer.status_code in (404, 415, 422), (method, name, answer.text)
        asked = {"folder": "new", "files": [{"name": name, "bytes": 10, "type": "image/jpeg"}]}
        assert client.post("/api/v1/uploads", json=asked, headers=admin).status_code in (201, 422, 501)
        asked["folder"] = name
        assert client.post("/api/v1/uploads", json=asked, headers=admin).status_code in (422, 501)
    etag = client.get(f"/api/v1/images/{item['path']}").headers["ETag"]
    client.delete(f"/api/v1/images/{item['path']}", headers={**admin, "If-Match": etag})
    close(ctx)
    assert len(keys) > 5
    inside = (f"{tmp_path.name}/in/", "private/")
    assert [key for key in keys if not key.startswith(inside) or ".." in key or "//" in key] == []
