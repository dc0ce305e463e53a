"""A backup holds all that a site is, and brings it back whole into an empty place, and into no other."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from cms.actions import deliver
from cms.actions.archive import check
from cms.actions.backup import backup
from cms.actions.restore import restore
from cms.app import create_context
from cms.context import Context
from cms.database import migrations
from cms.database.engine import read
from cms.errors import Exists, Invalid
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.components import cms, program, settings_environment
from tests.conftest import (
    close,
    eventually,
    make_client,
    make_context,
    make_settings,
    postgres_database,
    site_of,
    state_of,
)
from tests.receiver import Receiver

NEWS = "news/en/opening-day"


def tree(site: Path) -> dict[str, bytes]:
    return {str(path.relative_to(site)): path.read_bytes() for path in (site / "src").rglob("*") if path.is_file()}


def lived_in(ctx: Context, headers: dict[str, str], receiver: Receiver) -> FlaskClient:
    """The site after a few days: saves, a rename, a deletion, a replaced photo, a working copy, a webhook."""
    client = make_client(ctx)
    hook = {"url": receiver.url, "quiet_s": 0, "max_wait_s": 1}
    assert client.post("/api/v1/webhooks", json=hook, headers=headers).status_code == 201
    etag = create_text(client, headers)
    etag = patch(client, headers, "news/en/a-day", etag, {"data": {"title": "ថ្ងៃ"}}).headers["ETag"]
    assert patch(client, headers, "news/en/a-day", etag, {"id": "en/the-day"}).status_code == 200
    etag = create_text(client, headers, "news/en/gone")
    assert client.delete(f"{ARTICLES}/news/en/gone", headers={**headers, "If-Match": etag}).status_code == 204
    draft = {**headers, "If-Match": client.get(f"{ARTICLES}/{NEWS}").headers["ETag"]}
    body = {"data": {"title": "Later"}}
    saved = client.patch(
        f"{ARTICLES}/{NEWS}?draft=true", json=body, headers=draft, content_type="application/merge-patch+json"
    )
    assert saved.status_code == 200, saved.text
    image = "/api/v1/images/places/river-house.png"
    going = {**headers, "If-Match": client.get(image).headers["ETag"]}
    fields = client.patch(
        image, json={"alt": {"en": "A house"}}, headers=going, content_type="application/merge-patch+json"
    )
    assert fields.status_code == 200, fields.text
    unused = "/api/v1/images/news/river-bus/photo-2.jpg"
    photo = (site_of(ctx) / "src/assets/news/4-post/photo-1.jpg").read_bytes()
    going = {**headers, "If-Match": client.get(unused).headers["ETag"]}
    replaced = client.put(unused, data=photo, headers=going, content_type="image/jpeg")
    assert replaced.status_code == 200, replaced.text
    return client


def everything(client: FlaskClient, headers: dict[str, str]) -> dict[str, Any]:
    """What an editor finds, cursors and answers' times aside."""
    urls = ["/api/v1/changes?limit=100", "/api/v1/tokens", f"/api/v1/drafts/{NEWS}", "/api/v1/drafts", "/api/v1/trash",
            "/api/v1/history/news/en/the-day?limit=100", "/api/v1/articles?limit=100",
            "/api/v1/images/places/river-house.png"]  # fmt: skip
    found = {url: client.get(url, headers=headers) for url in urls}
    assert {answer.status_code for answer in found.values()} == {200}, {u: a.text for u, a in found.items()}
    return {url: answer.get_json() for url, answer in found.items()}


def empty_place(folder: Path, database: str | None = None) -> Context:
    (folder / "src/content").mkdir(parents=True)
    return create_context(
        make_settings(folder, database or f"sqlite:///{folder}/.cms/cms.db", webhooks_allow_private=True)
    )


@pytest.fixture
def empty_postgres_url(postgres_server: Engine, tmp_path: Path) -> Iterator[str]:
    name = "e" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]
    with postgres_database(postgres_server, name, "template1") as url:
        yield url


@pytest.mark.parametrize(
    ("database_url", "target"),
    [("sqlite", "sqlite"), ("sqlite", "postgres"), ("postgres", "sqlite")],
    indirect=["database_url"],
)
def test_a_site_comes_back_whole(
    ctx: Context, admin: dict[str, str], receiver: Receiver, tmp_path: Path, target: str, request: pytest.FixtureRequest
) -> None:
    client = lived_in(ctx, admin, receiver)
    cursor = client.get("/api/v1/sync").data.splitlines()[-1]
    before, before_tree = everything(client, admin), tree(site_of(ctx))
    backup(ctx, tmp_path / "site.tar")
    assert (tmp_path / "site.tar").stat().st_mode & 0o777 == 0o600
    assert admin["Authorization"].split("_", 2)[2].encode() not in (tmp_path / "site.tar").read_bytes()

    there = empty_place(
        tmp_path / "new", request.getfixturevalue("empty_postgres_url") if target == "postgres" else None
    )
    restore(there, check(tmp_path / "site.tar"))
    again = make_client(there)
    assert tree(site_of(there)) == before_tree
    assert everything(again, admin) == before
    old = json.loads(cursor)["cursor"]
    problem(again.get(f"/api/v1/sync?cursor={old}"), 410)
    (item,) = again.get("/api/v1/trash", headers=admin).get_json()["items"]
    unused = again.get(f"/api/v1/images/{item['path']}").headers["ETag"]
    back = again.post(f"/api/v1/trash/{item['id']}", headers={**admin, "If-Match": unused})
    assert back.status_code == 200, back.text

    receiver.messages.clear()
    copy = again.get(f"/api/v1/drafts/{NEWS}", headers=admin)
    published = again.post(f"/api/v1/drafts/{NEWS}", headers={**admin, "If-Match": copy.headers["ETag"]})
    assert published.status_code == 200, published.text
    assert b"title: Later" in tree(site_of(there))[f"src/content/{NEWS}.md"]
    # It waits for the variants of photos, which nobody makes here, as long as it waits at most.
    (webhook_id,) = eventually(lambda: deliver.due(there))
    assert deliver.deliver(there, webhook_id)
    (message,) = receiver.messages
    assert NEWS in json.loads(message[1])["ids"]
    assert again.get(f"/api/v1/sync?cursor={json.loads(message[1])['cursor']}").status_code == 200
    close(there)


def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(
    ctx: Context, admin: dict[str, str], tmp_path: Path
) -> None:
    other = create_context(ctx.settings)
    writing, is_done = make_client(other), threading.Event()
    names = ["news/en/moving", "news/en/moved"]
    create_text(writing, admin, names[0])

    def write() -> None:
        number = 0
        while not is_done.is_set():
            number += 1
            etag = writing.get(f"{ARTICLES}/{names[0]}").headers["ETag"]
            body = {"id": names[1].removeprefix("news/"), "data": {"title": f"Edit {number}"}}
            assert patch(writing, admin, names[0], etag, body).status_code == 200
            names.reverse()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(2):
            backup(ctx, tmp_path / f"{number}.tar")
    finally:
        is_done.set()
        writer.join()
    log = make_client(ctx).get("/api/v1/changes", headers={**admin, "Accept": "application/x-ndjson"}).data.splitlines()
    for number in range(2):
        there = empty_place(tmp_path / f"new{number}")
        archive = check(tmp_path / f"{number}.tar")
        restore(there, archive)
        found = make_client(there).get("/api/v1/changes", headers={**admin, "Accept": "application/x-ndjson"})
        lines = found.data.splitlines()
        assert lines[-archive.seq :] == log[-archive.seq :]
        # Each file is as the log says it was then; a rename that was under way is finished.
        assert [json.loads(line)["source"] for line in lines[: -archive.seq]] in ([], ["api", "api"])
        moving = [name for name in tree(site_of(there)) if "/mov" in name]
        assert len(moving) == 1
        close(there)
    close(other)


def test_articles_that_go_or_change_while_files_are_read_are_taken_from_the_log(ctx: Context, tmp_path: Path) -> None:
    site = site_of(ctx)
    before = tree(site)

    def interfere(done: int, _total: int) -> None:
        if done == 1:
            (site / f"src/content/{NEWS}.md").unlink()
            (site / "src/content/news/en/river-bus.md").write_bytes(b"other")
            (site / "src/content/news/en/new.md").write_bytes(b"new")

    backup(ctx, tmp_path / "site.tar", interfere)
    there = empty_place(tmp_path / "new")
    restore(there, check(tmp_path / "site.tar"))
    assert tree(site_of(there)) == before
    close(there)


def test_a_place_that_is_not_empty_is_left_as_it_is(ctx: Context, site: Path, tmp_path: Path) -> None:
    backup(ctx, tmp_path / "site.tar")
    archive = check(tmp_path / "site.tar")
    before = state_of(ctx)
    with pytest.raises(Exists, match="database"):
        restore(ctx, archive)  # the same files, a database in use
    assert state_of(ctx) == before
    other = tmp_path / "other"
    for name, data in (("src/content/news/en/own.md", b"own"), ("src/content/news/en/opening-day.md", b"other")):
        there = empty_place(other / name.replace("/", "-"))
        file = site_of(there) / name
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        with pytest.raises(Exists, match="is there already"):
            restore(there, archive)
        assert tree(site_of(there)) == {name: data}
        assert not (site_of(there) / ".cms/cms.db").exists()
        close(there)
    with pytest.raises(Exists):
        backup(ctx, tmp_path / "site.tar")


def test_a_restore_that_was_broken_off_is_done_again(ctx: Context, tmp_path: Path) -> None:
    backup(ctx, tmp_path / "site.tar")
    there = empty_place(tmp_path / "new")

    def stop(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    archive = check(tmp_path / "site.tar")
    with pytest.raises(KeyboardInterrupt):
        restore(there, archive, stop)
    assert 0 < len(tree(site_of(there))) < len(tree(site_of(ctx)))
    restore(there, archive)
    assert tree(site_of(there)) == tree(site_of(ctx))
    close(there)


@pytest.mark.usefixtures("can_interrupt")
def test_a_backup_that_is_broken_off_leaves_nothing(light_site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for number in range(40):
        (light_site / f"src/assets/large-{number}.bin").write_bytes(b"x" * 2_000_000)
    cms(light_site, "sync")
    command = [str(program("cms")), "backup", str(folder / "site.tar")]
    process = subprocess.Popen(
        command, env=settings_environment(light_site), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not any(folder.iterdir()) and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode != 0
    assert list(folder.iterdir()) == []


def damaged(path: Path) -> list[bytes]:
    """The archive with one thing wrong: cut short, a bit turned anywhere, a file too many or too few."""
    whole = path.read_bytes()
    found = [whole[: len(whole) // 2], whole[:512], b"", b"no archive at all" * 100]
    with tarfile.open(path) as tar:
        for member in tar.getmembers():
            if member.size and member.name.startswith(
                ("about", "manifest", "tables/changes", "site/src/content/news/en")
            ):
                place = member.offset_data + member.size // 2
                found.append(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
                place = member.offset + 3  # in the name
                found.append(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        first = tar.getmembers()[0]
        end = tar.getmembers()[1].offset
        found += [whole[end:], whole[:end] + whole]
        assert first.name == "about.json"
    return found


def test_a_damaged_archive_is_refused_and_leaves_nothing(ctx: Context, tmp_path: Path) -> None:
    backup(ctx, tmp_path / "site.tar")
    cases = damaged(tmp_path / "site.tar")
    assert len(cases) > 15
    for case in cases:
        (tmp_path / "damaged.tar").write_bytes(case)
        with pytest.raises(Invalid):
            check(tmp_path / "damaged.tar")
    new = tmp_path / "new"
    (new / "src/content").mkdir(parents=True)
    result = cms(new, "restore", str(tmp_path / "damaged.tar"))
    assert (result.returncode, "no whole backup" in result.stderr) == (1, True)
    assert [path.name for path in new.rglob("*")] == ["src", "content"]


def test_a_file_that_leads_out_of_the_place_is_refused(ctx: Context, tmp_path: Path) -> None:
    backup(ctx, tmp_path / "site.tar")
    with tarfile.open(tmp_path / "site.tar") as tar:
        data = {m.name: (tar.extractfile(m) or io.BytesIO()).read() for m in tar.getmembers()}
    digests = json.loads(data.pop("manifest.json"))
    name = "site/src/../../../evil.md"
    data[name], digests[name] = b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        for own, content in {**data, "manifest.json": json.dumps(digests).encode()}.items():
            info = tarfile.TarInfo(own)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    there = empty_place(tmp_path / "new")
    with pytest.raises(Invalid):
        restore(there, check(tmp_path / "evil.tar"))
    assert tree(site_of(there)) == {}
    assert not list(tmp_path.rglob("evil.md"))
    close(there)


def test_an_archive_of_an_earlier_schema_is_brought_up_to_date(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(ctx, tmp_path / "site.tar")
    with monkeypatch.context() as later:
        later.setattr(migrations, "STEPS", (*migrations.STEPS, _a_later_step))
        there = empty_place(tmp_path / "new")
        restore(there, check(tmp_path / "site.tar"))
    with read(there.database) as tx:
        assert tx.exec_driver_sql("SELECT note FROM webhooks").all() == []
        assert tx.exec_driver_sql("SELECT max(version) FROM schema_version").scalar() == len(migrations.STEPS) + 1
    close(there)


def _a_later_step(tx: Any) -> None:
    tx.exec_driver_sql("ALTER TABLE webhooks ADD COLUMN note TEXT NOT NULL DEFAULT 'n'")


def test_an_archive_of_a_later_version_is_refused(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr("cms.actions.backup.FORMAT", 2)
        backup(ctx, tmp_path / "site.tar")
    with pytest.raises(Invalid, match="later version"):
        check(tmp_path / "site.tar")


def test_the_commands_bring_a_site_back(light_site: Path, tmp_path: Path) -> None:
    cms(light_site, "token", "create", "--name", "Desk", "--scope", "admin")
    made = cms(light_site, "backup", str(tmp_path / "site.tar"))
    assert (made.returncode, "files." in made.stdout) == (0, True), made.stderr
    new = tmp_path / "new"
    (new / "src/content").mkdir(parents=True)
    back = cms(new, "restore", str(tmp_path / "site.tar"))
    assert back.returncode == 0, back.stderr
    assert tree(new) == tree(light_site)
    assert cms(new, "token", "list").stdout == cms(light_site, "token", "list").stdout != ""
    assert cms(new, "check").stdout == "No problems.\n"
    again = cms(new, "restore", str(tmp_path / "site.tar"))
    assert (again.returncode, "in use already" in again.stderr) == (1, True)


def test_photos_in_a_bucket_stay_there(site: Path, tmp_path: Path, s3_url: str) -> None:
    ctx = make_context(make_settings(site, f"sqlite:///{tmp_path}/cms.db", media=f"s3://photos/{tmp_path.name}"))
    backup(ctx, tmp_path / "site.tar")
    assert {name.split("/")[0] for name in check(tmp_path / "site.tar").digests} == {"about.json", "site", "tables"}
    close(ctx)
