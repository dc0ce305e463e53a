"""J19: a Git LFS pointer in place of a photo is told, and is not served as a photo."""

from __future__ import annotations

from pathlib import Path

from cms.actions.check import check
from cms.database.engine import write
from cms.database.git import ask_for_pull
from tests.conftest import reconcile
from tests.forge import desk

PHOTO = "src/assets/news/opening-day/pointer.jpg"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n".format("4d7a2146" * 8)


def test_a_pointer_is_told_and_not_served(tmp_path: Path) -> None:
    with desk(tmp_path, "push") as at:
        assert "image_lfs_pointer" not in {finding.code for finding in check(at.ctx)}
        at.developer.push({PHOTO: POINTER})
        with write(at.ctx.database) as tx:
            ask_for_pull(tx)
        at.keep()
        reconcile(at.ctx)
        assert [finding.path for finding in check(at.ctx) if finding.code == "image_lfs_pointer"] == [PHOTO]
        answer = at.client.get(f"/media/{PHOTO.removeprefix('src/assets/')}", headers=at.editor)
        assert answer.status_code == 404
        assert answer.mimetype == "application/problem+json"
        assert at.site.read(PHOTO) == POINTER
