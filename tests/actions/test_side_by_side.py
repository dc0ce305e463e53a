"""What changed in a bucket is found by going through it in order, and gone on with where that was broken off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cms.actions import seen as seen_module
from cms.actions.reconcile import Reconciler
from cms.actions.seen import Seen
from cms.actions.side_by_side import NotInOrder, side_by_side
from cms.actions.survey import look
from cms.context import Context
from cms.errors import Unavailable
from cms.store import s3_bucket
from cms.store.base import Key, Stat
from tests.api.editing import TEXT
from tests.conftest import reconcile, site_of, with_postgres
from tests.faulty import Proxy, faulty, node_behind


def stats(*keys: str) -> Iterator[Stat]:
    return (Stat(Key(key), 1, f"mark of {key}", 0.0, 0.0) for key in keys)


def test_each_key_of_either_is_told_once() -> None:
    believed = iter([("a", "1"), ("b", "2"), ("d", "4"), ("e", "5")])
    found = list(side_by_side(stats("b", "c", "d"), believed))
    assert [(key, stat is not None, mark) for key, stat, mark in found] == [
        ("a", False, "1"),
        ("b", True, "2"),
        ("c", True, None),
        ("d", True, "4"),
        ("e", False, "5"),
    ]
    assert list(side_by_side(stats(), iter(()))) == []
    assert [key for key, _, _ in side_by_side(stats("a"), iter(()))] == ["a"]


def test_a_list_in_no_order_is_not_believed() -> None:
    with pytest.raises(NotInOrder):
        list(side_by_side(stats("b", "a"), iter(())))


@pytest.fixture
def proxy(s3_url: str) -> Iterator[Proxy]:
    with faulty(s3_url) as made:
        yield made


@pytest.fixture
def node(ctx: Context, proxy: Proxy) -> Iterator[Context]:
    with node_behind(proxy, ctx) as made:
        yield made


@with_postgres
def test_a_look_that_is_broken_off_goes_on_where_it_was(
    node: Context, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_bucket, "PAGE", 20)
    folder = site_of(node) / "src/content/news/en"
    for number in range(40):
        (folder / f"many-{number:04}.md").write_text(TEXT)
    reconcile(node)
    (folder / "many-0001.md").write_text(TEXT + "changed\n")
    (folder / "many-0002.md").unlink()
    (folder / "many-0038.md").write_text(TEXT + "changed\n")
    (folder / "many-0039.md").unlink()
    (folder / "zz-new.md").write_text(TEXT)
    seen = Seen(node)
    proxy.fault, proxy.left, proxy.spared = "outage", 1, 1
    with pytest.raises(Unavailable):
        look(seen, at_media=True)
    assert "src/content/news/en/many-0001.md" in seen.changed
    assert "src/content/news/en/zz-new.md" not in seen.changed
    proxy.left, proxy.asked = 0, []
    look(seen, at_media=True)
    whole = Seen(node)
    look(whole, at_media=True)
    assert (seen.changed, seen.new, seen.gone) == (whole.changed, whole.new, whole.gone)
    assert set(seen.changed) == {f"src/content/news/en/{name}.md" for name in ("many-0001", "many-0038", "zz-new")}
    assert seen.gone == [f"src/content/news/en/many-{number:04}.md" for number in (2, 39)]
    assert (seen.collections, seen.annotations) == (whole.collections, whole.annotations)
    report = Reconciler(node).run()
    assert report.held is None


@with_postgres
def test_what_was_put_there_just_now_is_looked_at_once_more(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    (site_of(ctx) / "src/content/news/en/just-now.md").write_text(TEXT)
    monkeypatch.setattr(seen_module, "RACY_S", 60.0)
    reconcile(ctx)
    again = Seen(ctx)
    look(again, at_media=True)
    assert set(again.changed) == {"src/content/news/en/just-now.md"}
    assert again.new == set()
    monkeypatch.setattr(seen_module, "RACY_S", 0.0)
    reconcile(ctx)
    once_more = Seen(ctx)
    look(once_more, at_media=True)
    assert once_more.changed == {}


@with_postgres
def test_names_in_every_alphabet_and_folders_beside_files_are_in_order(ctx: Context) -> None:
    folder = site_of(ctx) / "src/content/news/en"
    for name in ("a-b/x", "a/x", "a.x", "A", "Z", "a", "é", "ខ្មែរ", "ខ្មែរ/ក", "～", "𝔘", "a b"):
        path = folder / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(TEXT)
    reconcile(ctx)
    seen = Seen(ctx)
    look(seen, at_media=True)
    # What has been read has its mark; nothing is new, and nothing gone.
    assert (seen.new, seen.gone) == (set(), [])
    assert seen.reached
