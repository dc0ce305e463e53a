"""A site with something unpublished of every kind, each kind with a word of its own in all that it says; and its twin,
the same site without any of that."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from flask.testing import FlaskClient
from sqlalchemy import insert

from cms.context import Context
from cms.database.engine import write
from cms.database.tables import conflicts
from cms.model.scopes import SCOPES
from tests.api.copying import Editor
from tests.api.editing import ARTICLES, MERGE_PATCH, TEXT
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import SAMPLE, bearer, close, copy_site, make_client, make_context, make_settings, reconcile, shrink
from tests.receiver import Receiver, receiving
from tests.telling import deliver_due, make_hook

Headers = dict[str, str]

FILES = ("draft", "scheduled", "broken", "twin")
KINDS = (*FILES, "copy", "gone", "trash", "conflict")
"""What lies in files; then a working copy, a deleted draft, a deleted photo of it, and a conflict with git."""
OPEN = "en/lonely"
"""A published article: the draft of its translation is `twin`, its working copy `copy`."""


def word_of(kind: str) -> str:
    return f"zq{kind}"


def id_of(kind: str) -> str:
    return {"twin": "km/lonely", "copy": OPEN}.get(kind, f"en/{word_of(kind)}")


def photo_of(kind: str) -> str:
    return f"hush/{word_of(kind)}.jpg"


def text_of(kind: str) -> str:
    """An article that says the kind's word in its title, its body, its tags and of its photo."""
    word = word_of(kind)
    text = TEXT.replace("A day at the library", f"{word} title").replace("First paragraph.", f"A {word} body.")
    text = text.replace("news/river-bus/photo-1.jpg", photo_of(kind)).replace("The hall", f"{word} alt")
    text = text.replace("[books,", f"[{word},")
    more = {"scheduled": "until: 2999-01-01\n", "broken": "x: {\n"}.get(kind, "draft: true\n")
    return text.replace("tags:", f"{more}tags:")


class Planted(NamedTuple):
    ctx: Context
    client: FlaskClient
    receiver: Receiver
    tokens: dict[str, Headers]
    own: dict[str, str]
    """Ids that chance gave, each by what it is."""
    secrets: list[str]
    """What opens something: of each token, of the webhook and of the preview."""


SEES_NO_DRAFTS = (
    "none",
    "read",
    "articles:read-drafts:places articles:write:places articles:publish:places",
    " ".join(scope for scope in SCOPES if scope not in ("articles:read-drafts", "admin")),
)
"""Nobody; a reader; all that there is to know of another collection; everything but what it takes, which one scope of
it alone does not exceed: scopes only ever add."""
SEES_DRAFTS = ("articles:read-drafts", "admin")


@contextmanager
def planted(folder: Path) -> Iterator[tuple[Planted, Planted]]:
    """The site, and its twin."""
    with ExitStack() as stack:
        yield stack.enter_context(_site(folder / "site", True)), stack.enter_context(_site(folder / "twin", False))


@contextmanager
def _site(folder: Path, has_more: bool) -> Iterator[Planted]:
    root = copy_site(SAMPLE, folder / "content")
    for path in (root / "src/assets").rglob("*.*"):
        if path.parent.name != "river-bus":
            path.unlink()
    shrink(root, 60)
    (root / "src/content/news.cms.json").write_text('{"publish": "until"}')
    (root / f"src/content/news/{OPEN}.md").write_text(TEXT)
    if has_more:
        _lay_files(root)
    for path in (path for path in root.rglob("*") if path.is_file()):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    ctx = make_context(make_settings(root, f"sqlite:///{folder}/cms.db", webhooks_allow_private=True))
    client = make_client(ctx)
    tokens = {name: bearer(ctx, *name.split()) if name != "none" else {} for name in SEES_NO_DRAFTS + SEES_DRAFTS}
    with receiving() as receiver:
        hook = make_hook(client, tokens["admin"], receiver.url)
        secrets = [headers["Authorization"].split("_", 2)[2] for headers in tokens.values() if headers]
        made = Planted(ctx, client, receiver, tokens, {"webhook_id": hook["id"]}, [*secrets, hook["secret"]])
        if has_more:
            _edit(made)
        (root / "src/content/news/en/open.md").write_text(TEXT)  # so that there is something to be told
        os.utime(root / "src/content/news/en/open.md", (1_700_000_000, 1_700_000_000))
        reconcile(ctx)
        while deliver_due(ctx):
            pass
        yield made
    close(ctx)


def _lay_files(root: Path) -> None:
    (root / "src/assets/hush").mkdir()
    for kind in FILES:
        (root / "src/assets" / photo_of(kind)).write_bytes(picture(size=(50 + len(kind), 30)))
    for kind in FILES:
        (root / f"src/content/news/{id_of(kind)}.md").write_text(text_of(kind))


def _edit(site: Planted) -> None:
    """What only requests can make: words of photos, a working copy and a link to it, a draft and a photo deleted."""
    client, admin = site.client, site.tokens["admin"]
    editor = Editor(client, admin)
    for kind in FILES:
        url = f"{IMAGES}/{photo_of(kind)}"
        tag = {"If-Match": client.get(url, headers=admin).headers["ETag"]}
        said = {"alt": {"en": f"{word_of(kind)} said"}}
        response = client.patch(url, json=said, headers={**admin, **tag}, content_type=MERGE_PATCH)
        assert response.status_code == 200, response.text
    word = word_of("copy")
    body = {"data": {"title": word, "tags": [word]}, "body": f"{word} ![{word}](@/assets/news/river-bus/photo-2.jpg)\n"}
    response = editor.save(client.get(f"{ARTICLES}/news/{OPEN}").headers["ETag"], body, f"news/{OPEN}")
    assert response.status_code == 200, response.text
    response = client.post("/api/v1/previews", json={"collection": "news", "id": OPEN}, headers=admin)
    site.own["preview"] = response.get_json()["preview_id"]
    site.secrets.append(response.get_json()["url"].rpartition("/")[2])
    _delete(site)
    with write(site.ctx.database) as tx:
        text = word_of("conflict").encode()
        sides = dict.fromkeys(("base", "ours", "theirs"), text)
        names = {"path": f"src/content/news/{id_of('draft')}.md", "key": f"src/content/news/{id_of('draft')}.md"}
        tx.execute(
            insert(conflicts).values(**names, **sides, time=time.time(), author="zqconflict", commit_id="c", seq=1)
        )


def _delete(site: Planted) -> None:
    client, admin = site.client, site.tokens["admin"]
    url, text = (
        f"{ARTICLES}/news/{id_of('gone')}",
        text_of("gone").replace(photo_of("gone"), "news/river-bus/photo-1.jpg"),
    )
    tags = {**admin, "If-None-Match": "*"}
    made = client.put(url, data=text.encode(), headers=tags, content_type="text/markdown")
    assert made.status_code == 201, made.text
    sent = send(client, admin, (picture(size=(44, 33)), "zqtrash.jpg"), article=f"news/{id_of('gone')}")
    assert client.delete(url, headers={**admin, "If-Match": made.headers["ETag"]}).status_code == 204
    photo = f"{IMAGES}/{sent.get_json()['items'][0]['path']}"
    tag = client.get(photo, headers=admin).headers["ETag"]
    assert client.delete(photo, headers={**admin, "If-Match": tag}).status_code == 204
    site.own["trash_id"] = client.get("/api/v1/trash", headers=admin).get_json()["items"][0]["id"]
