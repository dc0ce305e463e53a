"""The ways to write, each with a small site to do it to; what the site says before and after."""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.actions import leftovers, tokens
from cms.app import create_context
from cms.context import Context
from cms.model.scopes import SERVICE
from cms.settings import Settings
from tests.api.editing import ARTICLES, MERGE_PATCH, TEXT, create_text, patch
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import SAMPLE, close, make_client, make_context, make_settings, reconcile, site_of
from tests.forge import Clone, keep

NAME, OTHER, NEW = "news/en/a-day", "news/en/another", "news/en/new"
HISTORY, TRASH, DRAFTS = (f"/api/v1/{name}" for name in ("history", "trash", "drafts"))
PHOTO = "apart/a.jpg"


@dataclass(frozen=True)
class Desk:
    """An editor at a site's service."""

    ctx: Context
    client: FlaskClient
    headers: dict[str, str]

    def tagged(self, url: str) -> dict[str, str]:
        tag = self.client.get(url, headers=self.headers).headers.get("ETag")
        return self.headers if tag is None else {**self.headers, "If-Match": tag}

    def items(self, url: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(url, headers=self.headers).get_json()["items"]
        return found


Step = Callable[[Desk], TestResponse]


@dataclass(frozen=True)
class Scenario:
    """`act` is what may fail at any point; `before` is done to the site first."""

    act: Step
    before: Callable[[Desk], object] = lambda _: None
    git: str = "off"


def _create(desk: Desk) -> TestResponse:
    headers = {**desk.headers, "If-None-Match": "*"}
    return desk.client.put(f"{ARTICLES}/{NEW}", data=TEXT.encode(), headers=headers, content_type="text/markdown")


def _title(desk: Desk, title: str, name: str = NAME) -> TestResponse:
    etag = desk.client.get(f"{ARTICLES}/{name}").headers.get("ETag")
    return patch(desk.client, desk.headers, name, etag, {"data": {"title": title}})


def _update(desk: Desk) -> TestResponse:
    return _title(desk, "Another day")


def _rename(desk: Desk) -> TestResponse:
    etag = desk.client.get(f"{ARTICLES}/{NAME}").headers.get("ETag")
    return patch(desk.client, desk.headers, NAME, etag, {"id": "en/renamed", "data": {"title": "Renamed"}})


def _delete(desk: Desk) -> TestResponse:
    return desk.client.delete(f"{ARTICLES}/{NAME}", headers=desk.tagged(f"{ARTICLES}/{NAME}"))


def _refer(desk: Desk) -> None:
    """Have two articles refer to the first one."""
    content = site_of(desk.ctx) / "src/content"
    (content / "news.cms.json").write_text('{"references": {"related": "news"}}')
    for name in ("en/one", "en/two"):
        (content / f"news/{name}.md").write_text(TEXT.replace("tags:", "related: [en/a-day, en/another]\ntags:"))
    reconcile(desk.ctx)


def _rename_referenced(desk: Desk) -> TestResponse:
    return _together(desk, "PATCH", {"id": "en/renamed", "data": {"title": "Renamed"}})


def _slug_referenced(desk: Desk) -> TestResponse:
    return _together(desk, "PATCH", {"data": {"slug": "en/renamed", "title": "Renamed"}})


def _delete_referenced(desk: Desk) -> TestResponse:
    return _together(desk, "DELETE")


def _together(desk: Desk, method: str, change: Any = None) -> TestResponse:
    url = f"{ARTICLES}/{NAME}"
    sent = {} if change is None else {"json": change, "content_type": MERGE_PATCH}
    return desk.client.open(f"{url}?update_references=true", method=method, headers=desk.tagged(url), **sent)


def _begin_copy(desk: Desk) -> TestResponse:
    url = f"{ARTICLES}/{NAME}"
    return desk.client.patch(
        f"{url}?draft=true",
        json={"body": "A working copy.\n"},
        headers=desk.tagged(url),
        content_type=MERGE_PATCH,
    )


def _publish(desk: Desk) -> TestResponse:
    return desk.client.post(f"{DRAFTS}/{NAME}", headers=desk.tagged(f"{DRAFTS}/{NAME}"))


def _restore(desk: Desk) -> TestResponse:
    seq = desk.items(f"{HISTORY}/{NAME}")[-1]["seq"]
    return desk.client.post(f"{HISTORY}/{NAME}?seq={seq}", headers=desk.tagged(f"{ARTICLES}/{NAME}"))


def _upload(desk: Desk) -> TestResponse:
    files = ((picture(size=(61, 40)), "b.jpg"), (picture(size=(62, 40)), "c.jpg"))
    return send(desk.client, desk.headers, *files, folder="apart")


def _replace_photo(desk: Desk) -> TestResponse:
    url = f"{IMAGES}/{PHOTO}"
    data = picture(size=(63, 40))
    return desk.client.put(url, data=data, headers=desk.tagged(url), content_type="image/jpeg")


def _delete_photo(desk: Desk) -> TestResponse:
    return desk.client.delete(f"{IMAGES}/{PHOTO}", headers=desk.tagged(f"{IMAGES}/{PHOTO}"))


def _restore_photo(desk: Desk) -> TestResponse:
    gone = desk.items(f"{TRASH}?path={PHOTO}")
    if not gone:  # it was brought back before the call that failed
        return desk.client.get(f"{IMAGES}/{PHOTO}")
    return desk.client.post(f"{TRASH}/{gone[-1]['id']}", headers=desk.tagged(f"{IMAGES}/{PHOTO}"))


def _commit(desk: Desk) -> TestResponse:
    answer = _update(desk)
    keep(desk.ctx)
    return answer


def _push_as_developer(desk: Desk) -> None:
    """A commit on the remote that the site has not."""
    site = site_of(desk.ctx)
    keep(desk.ctx)
    developer = Clone(site.parent / "developer")
    Clone(site.parent).git("clone", "-q", str(site.parent / "remote.git"), str(developer.folder))
    text = TEXT.replace("First paragraph", "A developer's paragraph")
    developer.push({f"src/content/{OTHER}.md": text, "package.json": "{}"})
    shutil.rmtree(developer.folder)


SCENARIOS: Mapping[str, Scenario] = {
    "create": Scenario(_create),
    "update": Scenario(_update),
    "rename": Scenario(_rename),
    "delete": Scenario(_delete),
    "rename with references": Scenario(_rename_referenced, _refer),
    "slug with references": Scenario(_slug_referenced, _refer),
    "delete with references": Scenario(_delete_referenced, _refer),
    "publish": Scenario(_publish, _begin_copy),
    "restore": Scenario(_restore, _update),
    "restore deleted": Scenario(_restore, _delete),
    "upload": Scenario(_upload),
    "replace photo": Scenario(_replace_photo),
    "delete photo": Scenario(_delete_photo),
    "restore photo": Scenario(_restore_photo, _delete_photo),
    "commit": Scenario(_commit, git="commit"),
    "pull and push": Scenario(_commit, _push_as_developer, git="push"),
}


@dataclass(frozen=True)
class World:
    """A site as it is before the scenario of that name, of which copies are made; `token` is an editor's."""

    folder: Path
    name: str
    token: str

    @property
    def scenario(self) -> Scenario:
        return SCENARIOS[self.name]

    def settings(self, folder: Path) -> Settings:
        site = folder / "site"
        return make_settings(
            site,
            f"sqlite:///{site}/.cms/cms.db",
            git=self.scenario.git,
            git_remote=str(folder / "remote.git") if self.scenario.git == "push" else None,
        )

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Path]:
        """The folder with a copy, and nothing of it afterwards."""
        shutil.copytree(self.folder, folder, symlinks=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    @contextmanager
    def desk(self, folder: Path, *, is_prepared: bool = True) -> Iterator[Desk]:
        """The service of a copy, made ready as at each start, unless that is left out."""
        ctx = make_context(self.settings(folder)) if is_prepared else create_context(self.settings(folder))
        try:
            yield Desk(ctx, make_client(ctx), {"Authorization": f"Bearer {self.token}"})
        finally:
            close(ctx)


def make_world(folder: Path, name: str) -> World:
    scenario, site = SCENARIOS[name], folder / "site"
    for part in ("src/content/news/en/river-bus.md", "src/content/news.schema.json", "src/assets/news/river-bus"):
        source, target = SAMPLE / part, site / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    if scenario.git != "off":
        clone = Clone(site)
        clone.git("init", "-q", "-b", "main")
        clone.git("add", "-A")
        clone.git("commit", "-qm", "The site")
        clone.git("clone", "-q", "--bare", str(site), str(folder / "remote.git"))
    world = World(folder, name, "")
    with world.desk(folder) as desk:
        token = tokens.create(desk.ctx, SERVICE, "editor", ["admin"])[1]
    world = World(folder, name, token)
    with world.desk(folder) as desk:
        create_text(desk.client, desk.headers, NAME)
        create_text(desk.client, desk.headers, OTHER)
        assert send(desk.client, desk.headers, (picture(), "a.jpg"), folder="apart").status_code == 201
        scenario.before(desk)
    return world


def recover(desk: Desk) -> None:
    """What a start and a round of the background work do, as if a day had passed for what is left lying about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leftovers, "LIVES_S", 0)
        leftovers.clear_all(desk.ctx)
    reconcile(desk.ctx)
    if desk.ctx.repository is not None:
        for _ in range(2):
            keep(desk.ctx)
            reconcile(desk.ctx)  # what was pulled counts once it is still


def view(desk: Desk) -> dict[str, str]:
    """What lies in the site, and what the API says of it; the two have to agree."""
    site = site_of(desk.ctx)
    found = {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((site / "src").rglob("*"))
        if path.is_file()
    }
    for item in desk.items(f"{ARTICLES}?limit=100&fields=version,data,path,body"):
        assert found[item["path"]] == item["version"]
        found[f"article {item['id']}"] = item["data"]["title"]
    for item in desk.items(f"{IMAGES}?limit=100"):
        assert found[f"src/assets/{item['path']}"] == item["sha256"]
        found[f"photo {item['path']}"] = str(item["alt"])
    articles = [name for name in found if name.endswith(".md")]
    photos = [name for name in found if name.startswith("src/assets/")]
    assert len([name for name in found if name.startswith("article ")]) == len(articles)
    assert len([name for name in found if name.startswith("photo ")]) == len(photos)
    if desk.ctx.repository is not None:
        for line in Clone(site).git("status", "--porcelain").splitlines():
            # What was written and not acknowledged passes for a hand edit, which is somebody else's to commit.
            name = line.split()[-1].removeprefix("src/content/").removesuffix(".md")
            assert desk.items(f"{HISTORY}/{name}")[0]["source"] == "files", line
    return found


@functools.cache
def outcomes(world: World) -> tuple[dict[str, str], dict[str, str]]:
    """What is there before the scenario and after it, when nothing fails."""
    with world.copied(world.folder.with_name("outcome")) as folder, world.desk(folder) as desk:
        recover(desk)
        before = view(desk)
        assert world.scenario.act(desk).status_code < 300
        recover(desk)
        return before, view(desk)
