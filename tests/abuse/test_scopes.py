"""Each write is refused to who lacks one of the scopes that it needs, whatever else they have; and nothing is changed.

The writes are those of the API's own description; one that is new there has to be told here how it is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert
from werkzeug.test import TestResponse

from cms.context import Context
from cms.database.engine import write
from cms.database.tables import conflicts
from cms.model.scopes import SCOPES
from tests.abuse.operations import Operation, operations
from tests.api.copying import Editor
from tests.api.editing import ARTICLES, MERGE_PATCH, TEXT, create_text, patch, problem
from tests.api.test_images import IMAGES, picture, send
from tests.api.test_sync import feed
from tests.api.test_uploads import put
from tests.components import s3_environment
from tests.conftest import (
    SAMPLE,
    bearer,
    close,
    copy_site,
    make_client,
    make_context,
    make_settings,
    reconcile,
    state_of,
)
from tests.receiver import Receiver, receiving
from tests.telling import make_hook

pytestmark = pytest.mark.xdist_group("abuse")

Headers = dict[str, str]
V1 = "/api/v1"
WHOLE = {"title": "t", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}


class Site(NamedTuple):
    """A site in which each write has something of its own to be done to."""

    ctx: Context
    client: FlaskClient
    admin: Headers
    receiver: Receiver

    def article(self, name: str) -> tuple[str, str]:
        """An article for this write alone: its id, and its tag."""
        url = f"{ARTICLES}/news/en/{name}"
        if self.client.get(url).status_code == 404:
            text = TEXT.replace("A day", name).replace("news/river-bus/photo-1.jpg", "news/river-bus/photo-2.jpg")
            create_text(self.client, self.admin, f"news/en/{name}", text)
        return f"en/{name}", self.client.get(url).headers["ETag"]

    def copy(self, name: str) -> tuple[str, str]:
        """A working copy of such an article: its address, and its tag."""
        own_id, etag = self.article(name)
        editor = Editor(self.client, self.admin)
        if editor.read(f"news/{own_id}").status_code == 404:
            editor.save(etag, {"data": {"title": "Mine"}}, f"news/{own_id}")
        return f"{V1}/drafts/news/{own_id}", editor.read(f"news/{own_id}").headers["ETag"]

    def photo(self, name: str) -> tuple[str, str]:
        """A photo: its address, and its tag."""
        url = f"{IMAGES}/own/{name}.jpg"
        if self.client.get(url).status_code == 404:
            sent = send(self.client, self.admin, (picture(size=(30 + len(name), 20)), f"{name}.jpg"), folder="own")
            assert sent.status_code == 201, sent.text
        return url, self.client.get(url).headers["ETag"]

    def trashed(self, name: str) -> str:
        """A photo in the trash: its address there."""
        asked = {"path": f"own/{name}.jpg"}
        found = self.client.get(f"{V1}/trash", query_string=asked, headers=self.admin).get_json()["items"]
        if not found:
            url, etag = self.photo(name)
            assert self.client.delete(url, headers={**self.admin, "If-Match": etag}).status_code == 204
            return self.trashed(name)
        return f"{V1}/trash/{found[0]['id']}"

    def webhook(self) -> str:
        found = self.client.get(f"{V1}/webhooks", headers=self.admin).get_json()["items"]
        hook = found[0] if found else make_hook(self.client, self.admin, self.receiver.url)
        return f"{V1}/webhooks/{hook['id']}"

    def delivery(self) -> str:
        url = self.webhook()
        assert self.client.post(f"{url}/test", headers=self.admin).status_code == 200
        found = self.client.get(f"{url}/deliveries", headers=self.admin).get_json()["items"]
        return f"{url}/deliveries/{found[0]['id']}/redeliver"


Asked = tuple[str, dict[str, Any]]
"""A request: its address, and all that it takes but who asks."""


def tagged(found: tuple[str, str], **sent: Any) -> Asked:
    return found[0], {"headers": {"If-Match": found[1]}, **sent}


def of_article(site: Site, name: str, **sent: Any) -> Asked:
    own_id, etag = site.article(name)
    return tagged((f"{ARTICLES}/news/{own_id}", etag), **sent)


def of_form(site: Site, name: str) -> Asked:
    own_id, _ = site.article(name)
    form = {"files": [(io.BytesIO(picture(size=(71, 31))), "form.jpg")], "article": f"news/{own_id}"}
    return IMAGES, {"data": form, "content_type": "multipart/form-data"}


def of_announced(site: Site, name: str) -> Asked:
    own_id, _ = site.article(name)
    file = {"name": "a.jpg", "bytes": len(picture()), "type": "image/jpeg"}
    return f"{V1}/uploads", {"json": {"article": f"news/{own_id}", "files": [file]}}


def of_arrived(site: Site, name: str) -> Asked:
    url, sent = of_announced(site, name)
    (item,) = site.client.post(url, headers=site.admin, **sent).get_json()["items"]
    assert put(item) == 200
    return f"{url}/{item['id']}/complete", {}


def of_stale(site: Site, name: str) -> Asked:
    own_id, etag = site.article(name)
    create_text(site.client, site.admin, f"news/km/{name}", TEXT)
    patch(site.client, site.admin, f"news/{own_id}", etag, {"body": "Another.\n"})
    version = site.client.get(f"{ARTICLES}/news/{own_id}").headers["ETag"][1:65]
    body = {"id": f"km/{name}", "source_version": version}
    return f"{V1}/collections/news/translations", {"json": body}


def of_conflict(site: Site, name: str) -> Asked:
    with write(site.ctx.database) as tx:
        values = {"path": f"{name}.txt", "time": 0.0, "author": "x", "commit_id": "c", "seq": 1}
        tx.execute(insert(conflicts).values(values))
    return f"{V1}/conflicts/{name}.txt", {}


def of_preview(site: Site, name: str) -> Asked:
    url, _ = site.copy(name)
    collection, own_id = url.removeprefix(f"{V1}/drafts/").split("/", 1)
    return f"{V1}/previews", {"json": {"collection": collection, "id": own_id}}


def of_link(site: Site, name: str) -> Asked:
    url, sent = of_preview(site, name)
    made = site.client.post(url, headers=site.admin, **sent).get_json()
    return f"{url}/{made['preview_id']}", {}


def of_token(site: Site, name: str) -> Asked:
    made = site.client.post(f"{V1}/tokens", json={"name": name, "scopes": ["tokens"]}, headers=site.admin).get_json()
    return f"{V1}/tokens/{made['id']}", {}


def of_restored(site: Site, name: str) -> Asked:
    own_id, etag = site.article(name)
    etag = patch(site.client, site.admin, f"news/{own_id}", etag, {"body": "Another.\n"}).headers["ETag"]
    url = f"{V1}/history/news/{own_id}"
    first = site.client.get(url, headers=site.admin).get_json()["items"][-1]["seq"]
    return tagged((f"{url}?seq={first}", etag))


WRITE, PUBLISH, DRAFTS = "articles:write", "articles:publish", "articles:read-drafts"
MERGE = {"json": {"data": {"title": "New"}}, "content_type": MERGE_PATCH}

WRITES: dict[str, tuple[tuple[str, ...], Callable[[Site, str], Asked]]] = {
    "create_article": (
        (WRITE, PUBLISH),
        lambda _, name: (f"{ARTICLES}/news", {"json": {"id": f"en/{name}", "data": WHOLE, "body": ""}}),
    ),
    "put_article": ((WRITE, PUBLISH), lambda s, name: of_article(s, name, json={"data": WHOLE, "body": ""})),
    "put_article text": (
        (WRITE, PUBLISH),
        lambda s, name: of_article(s, name, data=TEXT.encode(), content_type="text/markdown"),
    ),
    "put_article new": (
        (WRITE, PUBLISH),
        lambda _, name: (
            f"{ARTICLES}/news/en/{name}",
            {"data": TEXT.encode(), "content_type": "text/markdown", "headers": {"If-None-Match": "*"}},
        ),
    ),
    "put_article draft": (
        (WRITE, DRAFTS),
        lambda s, name: of_article(
            s, name, data=TEXT.encode(), content_type="text/markdown", query_string={"draft": "true"}
        ),
    ),
    "patch_article": ((WRITE, PUBLISH), lambda s, name: of_article(s, name, **MERGE)),
    "patch_article to draft": (
        (WRITE, PUBLISH),
        lambda s, name: of_article(s, name, json={"data": {"draft": True}}, content_type=MERGE_PATCH),
    ),
    "patch_article name": (
        (WRITE, PUBLISH),
        lambda s, name: of_article(s, name, json={"id": f"en/{name}-moved"}, content_type=MERGE_PATCH),
    ),
    "patch_article draft": (
        (WRITE, DRAFTS),
        lambda s, name: of_article(s, name, **MERGE, query_string={"draft": "true"}),
    ),
    "delete_article": ((WRITE, PUBLISH), of_article),
    "restore_revision": ((WRITE, PUBLISH, DRAFTS), of_restored),
    "publish_draft": ((WRITE, PUBLISH, DRAFTS), lambda s, name: tagged(s.copy(name))),
    "discard_draft": ((WRITE, DRAFTS), lambda s, name: tagged(s.copy(name))),
    "create_preview": ((DRAFTS,), of_preview),
    "revoke_preview": ((DRAFTS,), of_link),
    "confirm_translation": ((WRITE, DRAFTS), of_stale),
    "settle_conflict": ((PUBLISH,), of_conflict),
    "upload_images": (("images:write",), of_form),
    "replace_image": (
        ("images:write", PUBLISH),
        lambda s, name: tagged(s.photo(name), data=picture(size=(77, 22)), content_type="image/jpeg"),
    ),
    "describe_image": (
        ("images:write", PUBLISH),
        lambda s, name: tagged(s.photo(name), json={"credit": "Me"}, content_type=MERGE_PATCH),
    ),
    "delete_image": (("images:write", PUBLISH), lambda s, name: tagged(s.photo(name))),
    "restore_image": (("images:write", PUBLISH), lambda s, name: (s.trashed(name), {})),
    "purge_image": (("images:write",), lambda s, name: (s.trashed(name), {})),
    "begin_uploads": (("images:write",), of_announced),
    "complete_upload": (("images:write",), of_arrived),
    "create_webhook": (("webhooks",), lambda s, _: (f"{V1}/webhooks", {"json": {"url": s.receiver.url}})),
    "patch_webhook": (("webhooks",), lambda s, _: (s.webhook(), {"json": {"quiet_s": 1}})),
    "test_webhook": (("webhooks",), lambda s, _: (f"{s.webhook()}/test", {})),
    "redeliver": (("webhooks",), lambda s, _: (s.delivery(), {})),
    "delete_webhook": (("webhooks",), lambda s, _: (s.webhook(), {})),
    "report_build": (("builds",), lambda s, _: (f"{V1}/builds", {"json": {"cursor": feed(s.client)[1]}})),
    "create_token": (("tokens",), lambda _, name: (f"{V1}/tokens", {"json": {"name": name, "scopes": ["tokens"]}})),
    "revoke_token": (("tokens",), of_token),
}
"""What each write needs, all of it, and how it is asked for; it would be done."""

HIDDEN = {("revoke_preview", ("articles:read-drafts:places",))}
"""Where not even that it is there is told."""

SIGNED = {"git_pushed"}
"""What a forge calls, which has no token; `tests/api/test_git_hook.py` is about its signatures."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, s3_url: str) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("scopes")
    root = copy_site(SAMPLE, folder / "content")
    for path in (root / "src/assets").rglob("*.*"):
        if path.parent.name != "river-bus":
            path.unlink()
    with pytest.MonkeyPatch.context() as patched, receiving() as receiver:
        for name, value in s3_environment(s3_url).items():
            patched.setenv(name, value)
        database, media = f"sqlite:///{folder}/cms.db", f"s3://photos/{folder.name}"
        ctx = make_context(make_settings(root, database, media=media, webhooks_allow_private=True))
        yield Site(ctx, make_client(ctx), bearer(ctx, "admin"), receiver)
        close(ctx)


@pytest.fixture(scope="module")
def methods(site: Site) -> dict[str, Operation]:
    return {operation.name: operation for operation in operations(site.client, "POST", "PUT", "PATCH", "DELETE")}


def too_small(needed: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Each scope alone, those that are needed for another collection, and everything but one of those needed."""
    every = [scope for scope in SCOPES if scope != "admin"]
    found: list[tuple[str, ...]] = [(scope,) for scope in every if set(needed) != {scope}]
    found += [tuple(scope for scope in every if scope != missing) for missing in needed]
    narrowed = tuple(f"{scope}:places" if scope.startswith(("articles:", "images:")) else scope for scope in needed)
    return [*found, narrowed] if narrowed != needed else found


@pytest.mark.parametrize("name", WRITES)
def test_who_lacks_one_of_the_scopes_is_refused_and_nothing_is_changed(
    site: Site, methods: dict[str, Operation], name: str
) -> None:
    """AC-18: the refusal is no proof; files, bucket, tables and receivers are looked at."""
    needed, ask = WRITES[name]
    method, own = methods[name.split(maxsplit=1)[0]].method, name.replace("_", "-").replace(" ", "-")
    url, sent = ask(site, own)
    condition = sent.pop("headers", {})
    refused = {scopes: bearer(site.ctx, *scopes) for scopes in too_small(needed)}
    enough = bearer(site.ctx, *needed)
    reconcile(site.ctx)
    before, told = state_of(site.ctx), len(site.receiver.messages)
    assert problem(asked(site, method, url, condition, sent), 401)["code"] == "not_authenticated"
    for scopes, headers in refused.items():
        found = asked(site, method, url, {**condition, **headers}, sent)
        status = 404 if (name, scopes) in HIDDEN else 403
        assert (scopes, found.status_code) == (scopes, status), found.text
        assert not {"current_version", "moved_to", "used_by"} & problem(found, status).keys()
    assert (state_of(site.ctx), len(site.receiver.messages)) == (before, told)
    done = asked(site, method, url, {**condition, **enough}, sent)
    assert done.status_code < 300, done.text


def asked(site: Site, method: str, url: str, headers: Headers, sent: dict[str, Any]) -> TestResponse:
    if url == IMAGES:
        sent = of_form(site, "upload-images")[1]  # a file is read once
    return site.client.open(url, method=method, headers=headers, **sent)


def test_every_write_there_is_is_tried(methods: dict[str, Operation]) -> None:
    assert {name.split()[0] for name in WRITES} == methods.keys() - SIGNED
