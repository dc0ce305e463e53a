"""F1: of a photo that is deleted while its variants are in the making, none is left, and nobody waits for them."""

from __future__ import annotations

from pathlib import Path

from cms.actions.renditions import Lane
from tests.api.test_images import IMAGES
from tests.conftest import bearer, close, make_client, make_context, make_settings, reconcile
from tests.photos.stock import grainy, have
from tests.photos.test_f01_new_photos_first import darkrooms


def test_no_variant_is_left_of_a_photo_that_is_deleted_while_they_are_made(tmp_path: Path) -> None:
    site, photo, answers = tmp_path / "site", f"{IMAGES}/costly.jpg", list[int]()
    grainy(site / "src/assets/costly.jpg", (700, 4000))
    ctx = make_context(make_settings(site, f"sqlite:///{tmp_path}/own.db"))
    reconcile(ctx)
    client, admin = make_client(ctx), bearer(ctx, "admin")

    def is_stopped() -> bool:
        if darkrooms() and not answers:
            assert not have(ctx), "it is under way"
            named = {**admin, "If-Match": client.get(photo).headers["ETag"]}
            answers.append(client.delete(photo, headers=named).status_code)
        return False

    try:
        assert Lane(ctx, ["rendition"]).run(is_stopped) == 1
        assert answers == [204]
        assert client.get(photo).status_code == 404
        assert [stat.key for stat in ctx.variants.list("variants")] == []
    finally:
        close(ctx)
