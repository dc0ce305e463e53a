"""A small site to back up, what an editor does to it meanwhile, and the archive's way back."""

from __future__ import annotations

import io
from pathlib import Path

from flask.testing import FlaskClient
from PIL import Image

from cms.actions.archive import check
from cms.actions.check import check as check_content
from cms.actions.finding import Finding
from cms.actions.restore import restore
from cms.app import create_context
from cms.context import Context
from tests.api.editing import ARTICLES, MERGE_PATCH
from tests.conftest import close, make_context, make_settings, reconcile, site_of

IMAGES = "/api/v1/images"
PHOTOS = ("deleted", "moved", "replaced", "restored", "still")
ARTICLE = "news/en/photos"


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, "PNG")
    return out.getvalue()


def make_site(folder: Path) -> Path:
    """An article that shows four photos, and one that will go into the trash."""
    for name, colour in zip(PHOTOS, ("red", "green", "blue", "white", "gray"), strict=True):
        file = folder / f"src/assets/news/{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(colour))
    schema = folder / ".astro/collections/news.schema.json"
    schema.parent.mkdir(parents=True)
    schema.write_text('{"type": "object", "properties": {"title": {"type": "string"}}}')
    shown = "".join(f"![{name}](@/assets/news/{name}.png)\n" for name in PHOTOS if name != "restored")
    for name, body in ((ARTICLE, shown), ("news/en/plain", "Text\n"), ("news/en/renamed", "Text\n")):
        file = folder / f"src/content/{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"---\ntitle: {name}\ndate: 2025-06-24\n---\n{body}")
    return folder


def open_site(folder: Path) -> Context:
    (folder / "src/content").mkdir(parents=True, exist_ok=True)
    return make_context(make_settings(folder, f"sqlite:///{folder}/.cms/cms.db"))


def restored(file: Path, folder: Path) -> Context:
    """Do what `cms restore` does."""
    archive = check(file)
    (folder / "src/content").mkdir(parents=True)
    ctx = create_context(make_settings(folder, f"sqlite:///{folder}/.cms/cms.db"))
    restore(ctx, archive)
    return ctx


def tree(site: Path) -> dict[str, bytes]:
    return {str(path.relative_to(site)): path.read_bytes() for path in (site / "src").rglob("*") if path.is_file()}


def state(ctx: Context, client: FlaskClient, headers: dict[str, str]) -> tuple[dict[str, bytes], list[Finding], object]:
    """All files, what `cms check` finds, and the trash with its bytes."""
    trash = client.get("/api/v1/trash", headers=headers).get_json()["items"]
    kept = {item["id"]: ctx.private.read(f"trash/{item['id']}") for item in trash}  # type: ignore[arg-type]
    return tree(site_of(ctx)), check_content(ctx), (trash, kept)


def take_out(client: FlaskClient, headers: dict[str, str], name: str = ARTICLE) -> None:
    """Leave the article without photos."""
    etag = client.get(f"{ARTICLES}/{name}").headers["ETag"]
    done = client.patch(
        f"{ARTICLES}/{name}", json={"body": ""}, headers={**headers, "If-Match": etag}, content_type=MERGE_PATCH
    )
    assert done.status_code == 200, done.text


def delete(client: FlaskClient, headers: dict[str, str], name: str) -> None:
    url = f"{IMAGES}/news/{name}.png"
    done = client.delete(url, headers={**headers, "If-Match": client.get(url, headers=headers).headers["ETag"]})
    assert done.status_code == 204, done.text


def edit(ctx: Context, client: FlaskClient, headers: dict[str, str]) -> None:
    """Delete, replace, move, restore and send photos; delete, rename and write articles."""
    site = site_of(ctx)
    take_out(client, headers)
    delete(client, headers, "deleted")
    url = f"{IMAGES}/news/replaced.png"
    etag = client.get(url, headers=headers).headers["ETag"]
    done = client.put(url, data=png("black"), headers={**headers, "If-Match": etag}, content_type="image/png")
    assert done.status_code == 200, done.text
    (site / "src/assets/news/moved.png").rename(site / "src/assets/news/there.png")
    reconcile(ctx)
    (item,) = (i for i in client.get("/api/v1/trash", headers=headers).get_json()["items"] if "restored" in i["path"])
    assert client.post(f"/api/v1/trash/{item['id']}", headers=headers).status_code == 200
    sent = client.post(
        IMAGES, data={"files": (io.BytesIO(png("pink")), "new.png"), "folder": "news"}, headers=headers,
        content_type="multipart/form-data",
    )  # fmt: skip
    assert sent.status_code == 201, sent.text
    etag = client.get(f"{ARTICLES}/news/en/plain").headers["ETag"]
    assert client.delete(f"{ARTICLES}/news/en/plain", headers={**headers, "If-Match": etag}).status_code == 204
    etag = client.get(f"{ARTICLES}/news/en/renamed").headers["ETag"]
    body = {"id": "en/other", "data": {"title": "Other"}}
    done = client.patch(
        f"{ARTICLES}/news/en/renamed", json=body, headers={**headers, "If-Match": etag}, content_type=MERGE_PATCH
    )
    assert done.status_code == 200, done.text
    (site / "src/content/news/en/by-hand.md").write_text("---\ntitle: By hand\ndate: 2025-06-24\n---\n")


def close_all(*contexts: Context) -> None:
    for ctx in contexts:
        close(ctx)
