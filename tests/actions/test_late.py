"""A write that comes late, after its writer has lost the lock, is recognised, told in the history, and put right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from botocore.config import Config
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from cms.actions.heal import heal
from cms.context import Context
from cms.database import intents
from cms.database.engine import read, write
from cms.store import s3_client
from cms.store.base import version_of
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import eventually, make_client, reconcile, site_of, with_postgres
from tests.faulty import Proxy, faulty, node_behind

pytestmark = with_postgres

NAME = "news/en/a-day"
PHOTO = "own/a.jpg"
Ask = Callable[[FlaskClient], TestResponse]


@dataclass
class Node:
    """Another machine, which has a slow way to the bucket."""

    ctx: Context
    proxy: Proxy

    @contextmanager
    def held(self, ask: Ask, *ways: str, below: str = "src/") -> Iterator[Future[TestResponse]]:
        """What it asks the bucket for in one of these ways comes there at the end of the block; meanwhile it has lost
        its locks."""
        self.delay(*ways, below=below)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, make_client(self.ctx))
            try:
                assert eventually(lambda: self.proxy.met == 1)
                self._lose_locks()
                yield answer
            finally:
                self.proxy.released.set()

    def delay(self, *ways: str, below: str = "src/") -> None:
        """What it asks the bucket for next in these ways, or else to change, comes late."""
        files = f"/{self.ctx.settings.site.removeprefix('s3://')}/{below}"
        self.proxy.late = tuple(f"{way} {files}".encode() for way in ways or ("PUT", "DELETE"))
        self.proxy.fault, self.proxy.left = "late", 1

    def _lose_locks(self) -> None:
        with self.ctx.database.connect() as connection:
            held = "FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
            ended = f"SELECT count(pg_terminate_backend(pid, 5000)) {held} WHERE datname = current_database())"
            assert connection.execute(text(ended)).scalar_one() >= 1


@pytest.fixture
def node(ctx: Context, s3_url: str) -> Iterator[Node]:
    with faulty(s3_url) as proxy, node_behind(proxy, ctx) as made:
        yield Node(made, proxy)


@pytest.fixture
def impatient(ctx: Context, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """One that sends again what has no answer after a second."""
    monkeypatch.setattr(s3_client, "PORTABLE", s3_client.PORTABLE.merge(Config(read_timeout=1)))
    with faulty(s3_url) as proxy, node_behind(proxy, ctx, attempts=3) as made:
        yield Node(made, proxy)


def titled(title: str, headers: dict[str, str], etag: str) -> Ask:
    return lambda client: patch(client, headers, NAME, etag, {"data": {"title": title}})


def renamed(headers: dict[str, str], etag: str) -> Ask:
    return lambda client: patch(client, headers, NAME, etag, {"id": "en/another-day"})


def deleted(headers: dict[str, str], etag: str) -> Ask:
    return lambda client: client.delete(f"{ARTICLES}/{NAME}", headers={**headers, "If-Match": etag})


@contextmanager
def held(node: Node, ask: Ask) -> Iterator[None]:
    """As `node.held`; in the end it is told that others may have been faster, since it had lost its lock."""
    with node.held(ask) as answer:
        yield
    problem(answer.result(), 503, "busy")


def shown(client: FlaskClient) -> str | int:
    """The article's title, or the status without one."""
    answer = client.get(f"{ARTICLES}/{NAME}")
    return str(answer.get_json()["data"]["title"]) if answer.status_code == 200 else answer.status_code


def history(client: FlaskClient, headers: dict[str, str]) -> list[str]:
    items = client.get(f"/api/v1/history/{NAME}", headers=headers).get_json()["items"]
    return [f"{item['source']} {item['action']}" for item in items]


def test_a_save_that_comes_late_does_not_stay_on_top_of_another(
    ctx: Context, client: FlaskClient, admin: dict[str, str], node: Node
) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    with held(node, titled("Late", admin, etag)):
        assert titled("Faster", admin, etag)(client).status_code == 200
        faster = path.read_bytes()
    assert b"Late" in path.read_bytes()
    assert shown(client) == "Faster"
    reconcile(ctx)
    assert (path.read_bytes(), shown(client)) == (faster, "Faster")
    assert history(client, admin) == ["restore updated", "api updated", "api updated", "api created"]
    reconcile(ctx)
    assert len(history(client, admin)) == 4


def test_a_deletion_that_comes_late_takes_nothing_away(
    ctx: Context, client: FlaskClient, admin: dict[str, str], node: Node
) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    with held(node, deleted(admin, etag)):
        assert titled("Faster", admin, etag)(client).status_code == 200
    assert not path.exists()
    reconcile(ctx)
    assert b"Faster" in path.read_bytes()
    assert shown(client) == "Faster"


def test_a_save_that_comes_after_a_deletion_brings_nothing_back(
    ctx: Context, client: FlaskClient, admin: dict[str, str], node: Node
) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    with held(node, titled("Late", admin, etag)):
        assert deleted(admin, etag)(client).status_code == 204
    assert b"Late" in path.read_bytes()
    reconcile(ctx)
    assert not path.exists()
    assert shown(client) == 404


def test_a_save_whose_writer_died_and_that_nobody_has_overtaken_counts(
    ctx: Context, client: FlaskClient, admin: dict[str, str], node: Node
) -> None:
    etag = create_text(client, admin)
    with held(node, titled("Late", admin, etag)):
        heal(ctx)
    reconcile(ctx)
    assert shown(client) == "Late"
    assert history(client, admin) == ["files updated", "api created"]


def test_one_that_has_come_is_its_writers_and_does_not_come_again(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    before = path.read_bytes()
    after = before.replace(b"A day", b"Another day")
    with write(ctx.database) as tx:
        key = f"src/content/{NAME}.md"
        intents.add(tx, "Dara", (key, version_of(before)), (key, version_of(after)))
    path.write_bytes(after)
    reconcile(ctx)
    assert history(client, admin) == ["api updated", "api created"]
    assert titled("Next", admin, etag)(client).status_code == 412
    with read(ctx.database) as tx:
        assert intents.begun(tx) == []
    etag = client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    assert titled("Next", admin, etag)(client).status_code == 200
    saved = path.read_bytes()
    path.write_bytes(after)
    reconcile(ctx)
    assert (shown(client), path.read_bytes()) == ("Next", saved)
    assert history(client, admin)[0] == "restore updated"


def test_a_rename_that_was_undone_does_not_happen_late(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    create_text(client, admin)
    old, new = (site_of(ctx) / f"src/content/news/en/{name}.md" for name in ("a-day", "another-day"))
    before = old.read_bytes()
    after = before.replace(b"A day", b"Another day")
    with write(ctx.database) as tx:
        keys = [f"src/content/news/en/{path.name}" for path in (old, new)]
        intents.add(tx, "Dara", (keys[0], version_of(before)), (keys[1], version_of(after)))
    reconcile(ctx)
    new.write_bytes(after)
    reconcile(ctx)
    assert not new.exists()
    old.unlink()
    assert eventually(lambda: bool(reconcile(ctx)) and old.exists())  # rclone's list is late
    assert old.read_bytes() == before
    assert shown(client) == "A day at the library"
    assert client.get(f"{ARTICLES}/news/en/another-day").status_code == 404


def test_a_rename_that_lost_its_locks_takes_nothing_away(
    ctx: Context, client: FlaskClient, admin: dict[str, str], node: Node
) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    with node.held(renamed(admin, etag), "DELETE") as answer:
        assert path.with_name("another-day.md").exists()
        assert titled("Faster", admin, etag)(client).status_code == 200
        faster = path.read_bytes()
    problem(answer.result(), 503, "busy")
    assert not path.exists()
    reconcile(ctx)
    reconcile(ctx)
    assert (path.read_bytes(), shown(client)) == (faster, "Faster")
    assert not path.with_name("another-day.md").exists()
    assert client.get(f"{ARTICLES}/news/en/another-day").status_code == 404
    assert client.get("/readyz").get_json()["status"] == "ready"


def test_a_rename_that_others_have_finished_stays(
    ctx: Context, client: FlaskClient, admin: dict[str, str], node: Node
) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    with node.held(renamed(admin, etag), "HEAD", below=f"src/content/{NAME}.md") as answer:
        heal(ctx)
    assert answer.result().status_code in (412, 503)
    for _ in range(2):
        reconcile(ctx)
        assert (path.exists(), path.with_name("another-day.md").exists()) == (False, True)
        assert client.get(f"{ARTICLES}/news/en/another-day").status_code == 200


def test_a_rename_that_is_asked_for_again_stays(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    before = path.read_bytes()
    with write(ctx.database) as tx:
        old, new = (f"src/content/news/en/{name}.md" for name in ("a-day", "another-day"))
        intents.add(tx, "Dara", (old, version_of(before)), (new, version_of(before)))
    assert renamed(admin, etag)(client).status_code == 200
    for _ in range(2):
        reconcile(ctx)
        assert (path.exists(), path.with_name("another-day.md").read_bytes()) == (False, before)
        assert client.get(f"{ARTICLES}/news/en/another-day").status_code == 200


def test_one_that_was_sent_twice_comes_late_the_first_time(
    ctx: Context, client: FlaskClient, admin: dict[str, str], impatient: Node
) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    impatient.delay()
    answer = titled("First", admin, etag)(make_client(impatient.ctx))
    assert (answer.status_code, impatient.proxy.met) == (200, 1)
    first = path.read_bytes()
    assert titled("Second", admin, answer.headers["ETag"])(client).status_code == 200
    impatient.proxy.released.set()
    assert eventually(lambda: path.exists() and path.read_bytes() == first)
    reconcile(ctx)
    assert shown(client) == "Second"
    assert b"Second" in path.read_bytes()


def sent(headers: dict[str, str], etag: str, photo: bytes) -> Ask:
    """A photo in place of the one there is."""
    return lambda client: client.put(
        f"{IMAGES}/{PHOTO}", data=photo, headers={**headers, "If-Match": etag}, content_type="image/jpeg"
    )


def gone(headers: dict[str, str], etag: str) -> Ask:
    return lambda client: client.delete(f"{IMAGES}/{PHOTO}", headers={**headers, "If-Match": etag})


@pytest.fixture
def photo_tag(client: FlaskClient, admin: dict[str, str]) -> str:
    assert send(client, admin, (picture(), "a.jpg"), folder="own").status_code == 201
    return client.get(f"{IMAGES}/{PHOTO}").headers["ETag"]


@pytest.mark.parametrize("ask", [partial(sent, photo=picture(size=(90, 60))), gone], ids=["replaced", "deleted"])
def test_what_comes_late_to_a_photo_does_not_stay(
    ctx: Context, client: FlaskClient, admin: dict[str, str], node: Node, photo_tag: str, ask: Callable[..., Ask]
) -> None:
    path = site_of(ctx) / f"src/assets/{PHOTO}"
    with held(node, ask(admin, photo_tag)):
        assert sent(admin, photo_tag, picture(size=(70, 50)))(client).status_code == 200
        faster = path.read_bytes()
    assert not path.exists() or path.read_bytes() != faster
    reconcile(ctx)
    reconcile(ctx)
    assert path.read_bytes() == faster
    shown = client.get(f"{IMAGES}/{PHOTO}").get_json()
    assert (shown["width"], client.get(shown["url"]).data) == (70, faster)


def test_a_photo_that_was_sent_twice_comes_late_the_first_time(
    ctx: Context, client: FlaskClient, admin: dict[str, str], photo_tag: str, impatient: Node
) -> None:
    path = site_of(ctx) / f"src/assets/{PHOTO}"
    impatient.delay()
    answer = sent(admin, photo_tag, picture(size=(90, 60)))(make_client(impatient.ctx))
    assert (answer.status_code, impatient.proxy.met) == (200, 1)
    first = path.read_bytes()
    assert sent(admin, answer.headers["ETag"], picture(size=(70, 50)))(client).status_code == 200
    second = path.read_bytes()
    impatient.proxy.released.set()
    assert eventually(lambda: path.exists() and path.read_bytes() == first)
    reconcile(ctx)
    reconcile(ctx)
    assert path.read_bytes() == second
    assert client.get(f"{IMAGES}/{PHOTO}").get_json()["width"] == 70


def test_what_comes_late_to_a_photo_that_was_deleted_does_not_bring_it_back(
    ctx: Context, client: FlaskClient, admin: dict[str, str], impatient: Node
) -> None:
    path = site_of(ctx) / f"src/assets/{PHOTO}"
    impatient.delay()
    assert send(make_client(impatient.ctx), admin, (picture(), "a.jpg"), folder="own").status_code == 201
    stored = path.read_bytes()
    assert gone(admin, client.get(f"{IMAGES}/{PHOTO}").headers["ETag"])(client).status_code == 204
    impatient.proxy.released.set()
    assert eventually(lambda: path.exists() and path.read_bytes() == stored)
    for _ in range(2):
        reconcile(ctx)
        problem(client.get(f"{IMAGES}/{PHOTO}"), 404)
        assert not path.exists()


def test_a_photo_that_was_replaced_too_late_for_an_answer_is_in_the_trash(
    ctx: Context, client: FlaskClient, admin: dict[str, str], photo_tag: str, impatient: Node
) -> None:
    path = site_of(ctx) / f"src/assets/{PHOTO}"
    before = path.read_bytes()
    impatient.delay("PUT")
    impatient.proxy.left = 10  # each time that it is sent
    problem(sent(admin, photo_tag, picture(size=(90, 60)))(make_client(impatient.ctx)), 503, "storage")
    assert path.read_bytes() == before
    reconcile(ctx)
    impatient.proxy.left = 0
    impatient.proxy.released.set()
    assert eventually(lambda: path.read_bytes() != before)
    reconcile(ctx)
    now = client.get(f"{IMAGES}/{PHOTO}", headers=admin)
    (item,) = client.get("/api/v1/trash", headers=admin).get_json()["items"]
    restored = client.post(f"/api/v1/trash/{item['id']}", headers={**admin, "If-Match": now.headers["ETag"]})
    assert restored.status_code == 200, restored.text
    assert path.read_bytes() == before


def test_a_photo_that_others_have_restored_is_not_undone_with_an_upload(
    ctx: Context, client: FlaskClient, admin: dict[str, str], photo_tag: str
) -> None:
    path = site_of(ctx) / f"src/assets/{PHOTO}"
    before = path.read_bytes()
    assert gone(admin, photo_tag)(client).status_code == 204
    with write(ctx.database) as tx:
        intents.add(tx, "Dara", ("", ""), (f"src/assets/{PHOTO}", version_of(before)))
    (item,) = client.get("/api/v1/trash", headers=admin).get_json()["items"]
    assert client.post(f"/api/v1/trash/{item['id']}", headers=admin).status_code in (200, 201)
    reconcile(ctx)
    assert path.read_bytes() == before
    assert client.get(f"{IMAGES}/{PHOTO}").status_code == 200


def test_where_an_upload_was_undone_twice_nothing_is_put_for_a_while(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    with write(ctx.database) as tx:
        intent = intents.add(tx, "Dara", ("", ""), (f"src/assets/{PHOTO}", "0" * 64))
        intents.give_up(tx, intent.id)
    reconcile(ctx)
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="own").get_json()["items"]
    assert item["path"] == "own/a-2.jpg"


def test_a_drafts_photo_whose_upload_failed_is_nowhere_when_it_comes(
    ctx: Context, client: FlaskClient, admin: dict[str, str], node: Node
) -> None:
    create_text(client, admin, text=TEXT.replace("author:", "draft: true\nauthor:"))
    folder = site_of(ctx) / "src/assets"
    before = set(folder.rglob("*"))
    photo = (picture(size=(90, 60)), "secret.jpg")
    with held(node, lambda at: send(at, admin, photo, article=NAME)):
        heal(ctx)
    (came,) = [path for path in set(folder.rglob("*")) - before if path.is_file()]
    path = came.relative_to(folder).as_posix()
    reconcile(ctx)
    problem(client.get(f"{IMAGES}/{path}"), 404)
    assert path not in client.get("/api/v1/sync").text
    assert not came.exists()
    again = send(client, admin, photo, article=NAME)
    assert (again.status_code, again.get_json()["items"][0]["path"]) == (201, path)
    reconcile(ctx)
    assert came.exists()
    problem(client.get(f"{IMAGES}/{path}"), 404)


def test_who_puts_an_earlier_text_back_by_hand_is_no_latecomer(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    etag = create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    first = path.read_bytes()
    assert titled("Second", admin, etag)(client).status_code == 200
    path.write_bytes(first)
    reconcile(ctx)
    assert shown(client) == "A day at the library"
    assert path.read_bytes() == first


def test_what_others_write_into_the_bucket_is_taken_over(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    create_text(client, admin)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    path.write_bytes(path.read_bytes().replace(b"A day", b"By hand, a day"))
    reconcile(ctx)
    assert history(client, admin) == ["files updated", "api created"]
