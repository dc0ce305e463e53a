"""Serves a site from a disk of its own, fills it up and makes it read-only; prints what was answered.

Runs where it may mount (`unshare`): `python -m tests.faults.on_small_disk <folder to mount on>`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.actions import reserve
from cms.context import Context
from cms.model.limits import Limits
from cms.store import condition
from tests.api.editing import ARTICLES, TEXT, create_text, patch
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import SAMPLE, bearer, close, copy_site, make_client, make_context, make_settings, site_of

NAME, DOOMED = "news/en/a-day", "news/en/another-day"
PHOTO = "apart/a.jpg"
BYTES = 400_000
"""The most that a photo may have: the reserve depends on it."""


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as out, suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    out.write(bytes(size))


def told(response: TestResponse) -> list[Any]:
    found = response.get_json() if "json" in (response.mimetype or "") else {}
    return [response.status_code, found.get("code"), "Retry-After" in response.headers]


def ready(client: FlaskClient) -> list[str]:
    return [notice["name"] for notice in client.get("/readyz").get_json()["notices"]]


def details(client: FlaskClient, headers: dict[str, str]) -> str:
    """What operators are told of the folder, and the public is not."""
    (notice,) = client.get("/readyz", headers=headers).get_json()["notices"]
    assert "detail" not in client.get("/readyz").text
    return str(notice["detail"])


def delete(client: FlaskClient, headers: dict[str, str], url: str) -> TestResponse:
    return client.delete(url, headers={**headers, "If-Match": client.get(url).headers["ETag"]})


def save(client: FlaskClient, headers: dict[str, str], etag: str, number: int) -> TestResponse:
    text = "".join(f"Line {number} of save {number}\n" for _ in range(200))
    return patch(client, headers, NAME, etag, {"body": text})


def on_a_full_disk(ctx: Context, disk: Path) -> dict[str, Any]:
    client, headers = make_client(ctx), bearer(ctx, "admin")
    etag = create_text(client, headers, NAME)
    create_text(client, headers, DOOMED)
    assert send(client, headers, (picture(size=(500, 400)), "a.jpg"), folder="apart").status_code == 201
    reader = bearer(ctx, "articles:read-drafts")
    reserve.keep(ctx)
    fill(disk)
    found = {
        "save": told(save(client, headers, etag, 1)),
        "create": told(
            client.put(
                f"{ARTICLES}/news/en/third",
                data=TEXT.encode() * 30,
                headers={**headers, "If-None-Match": "*"},
                content_type="text/markdown",
            )
        ),
        "upload": told(send(client, headers, (picture(size=(600, 500)), "b.jpg"), folder="apart")),
        "read": told(client.get(f"{ARTICLES}/{NAME}")),
        "ready": ready(client),
        "told": details(client, headers),
        "delete by others": [told(delete(client, others, f"{ARTICLES}/{DOOMED}")) for others in ({}, reader)],
        "reserve": (site_of(ctx) / ".cms/reserve").exists(),
        "delete article": told(delete(client, headers, f"{ARTICLES}/{DOOMED}")),
        "delete photo": told(delete(client, headers, f"{IMAGES}/{PHOTO}")),
        "trash": len(client.get("/api/v1/trash", headers=headers).get_json()["items"]),
        "gone": [client.get(f"{ARTICLES}/{DOOMED}").status_code, client.get(f"{IMAGES}/{PHOTO}").status_code],
        "temporary": sorted(path.name for path in (disk / "site/src").rglob(".tmp-*")),
    }
    (disk / "filler").unlink()
    found["save with room"] = told(save(client, headers, etag, 2))
    found["ready with room"] = ready(client)
    return found


def on_a_read_only_disk(ctx: Context, disk: Path) -> dict[str, Any]:
    client, headers = make_client(ctx), bearer(ctx, "admin")
    etag = client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    _mount("-o", "remount,ro", str(disk))
    found = {
        "save": told(save(client, headers, etag, 3)),
        "delete": told(delete(client, headers, f"{ARTICLES}/{NAME}")),
        "read": told(client.get(f"{ARTICLES}/{NAME}")),
        "told": details(client, headers),
    }
    _mount("-o", "remount,rw", str(disk))
    found["save again"] = told(save(client, headers, etag, 4))
    return found


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def main(folder: str, elsewhere: str) -> None:
    condition.READ_ONLY_S = 0  # type: ignore[attr-defined]  # every look is a probe
    disk = Path(folder)
    _mount("-t", "tmpfs", "-o", "size=24m", "none", folder)
    (disk / "tmp").mkdir()
    os.environ["TMPDIR"] = str(disk / "tmp")
    site = copy_site(SAMPLE, disk / "site")
    ctx = make_context(make_settings(site, f"sqlite:///{site}/.cms/cms.db", limits=Limits(photo_bytes=BYTES)))
    found = {"full": on_a_full_disk(ctx, disk)}
    close(ctx)
    # A database that is open keeps its disk from being read-only.
    ctx = make_context(make_settings(site, f"sqlite:///{elsewhere}/cms.db"))
    found["read-only"] = on_a_read_only_disk(ctx, disk)
    close(ctx)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
