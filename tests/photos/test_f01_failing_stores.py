"""F1: variants that cannot be kept, as on a full disk, are not made over and over without rest."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from cms.actions.renditions import Lane
from cms.actions.steps import Step
from cms.actions.take_over import EVERY_S
from cms.actions.worker import FAILED_MOST_S, Round, _repeat
from tests.conftest import close, make_context, make_settings, reconcile
from tests.photos.stock import grainy, have


class Waits(threading.Event):
    """Notes how long the rounds wait, and ends them after the first pause."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        self.set()
        return True


def test_a_lane_rests_while_what_it_makes_cannot_be_kept(tmp_path: Path) -> None:
    site = tmp_path / "site"
    photo = site / "src/assets/new.jpg"
    grainy(photo, (1500, 1000))
    ctx = make_context(make_settings(site, f"sqlite:///{tmp_path}/own.db"))
    reconcile(ctx)
    in_the_way = site / ".cms/variants" / hashlib.sha256(photo.read_bytes()).hexdigest()
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.touch()
    lane = Lane(ctx, ["rendition"])
    one = Round(Step("renditions"), lambda: lane.run(lambda: False), EVERY_S, rests="failed")
    failed, done = Waits(), Waits()
    try:
        _repeat(one, failed)
        assert one.step.has_failed
        assert not have(ctx)
        in_the_way.unlink()
        _repeat(one, done)
        assert have(ctx) == {"new.jpg"}
    finally:
        close(ctx)
    assert EVERY_S < failed.seconds[0] <= FAILED_MOST_S, "it was in vain"
    assert done.seconds == [EVERY_S], "however long the round took"
