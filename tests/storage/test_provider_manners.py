"""All that an editor does works with every provider's manners, or is refused with a reason; nothing is corrupted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.conftest import SITES, bearer, close, make_client, make_context, make_settings, reconcile
from tests.storage.journey import Editor, check_agreement, make_site, photo
from tests.storage.manners import Manner, Provider, provider

MANNERS = {
    "kept, once conflicts are over": Manner(conflicts=1),
    "kept for quoted tags, which are weak": Manner(
        wants="quoted", tags=lambda tag: f"W/{tag.upper()}", drops=("content-length",)
    ),
    "kept for bare tags": Manner(wants="bare", delete="ignored"),
    "refused": Manner("refused", "refused", "refused"),
    "ignored": Manner("ignored", "ignored", "ignored"),
    "racy": Manner("racy", "racy", "ignored"),
    "demanded, slowly": Manner(demands=True, delay_s=0.03, list_age_s=0.3),
    "few facts": Manner(tags=lambda tag: tag.strip('"'), lists_tags=False, drops=("last-modified", "content-length")),
    "no tags": Manner("kept", "ignored", "ignored", tags=lambda _: ""),
}

REFUSALS = {400, 403, 409, 412, 501}

manners = pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS)


@contextmanager
def at_work(url: str, buckets: Path, name: str, manner: Manner) -> Iterator[tuple[Editor, Provider]]:
    """An editor of a site in a bucket of a provider with the manner."""
    folder = buckets / SITES / name
    make_site(folder)
    with provider(url, buckets, manner) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        ctx = make_context(make_settings(f"s3://{SITES}/{name}", f"sqlite:///{folder.parents[1]}-{name}.db"))
        try:
            yield Editor(ctx, make_client(ctx), bearer(ctx, "admin"), folder), server
        finally:
            close(ctx)
            shutil.rmtree(folder)


@pytest.fixture
def work(
    manner: Manner, s3_url: str, bucket_folder: Path, tmp_path: Path, without_avif: None
) -> Iterator[tuple[Editor, Provider]]:
    with at_work(s3_url, bucket_folder, tmp_path.name, manner) as found:
        yield found


@manners
def test_all_works_and_no_guarded_hand_edit_is_lost(work: tuple[Editor, Provider], manner: Manner) -> None:
    editor, server = work
    do_all(editor, manner)
    assert [path for _, path, status in editor.refused if status not in (409, 412)] == []
    check_agreement(editor)
    race_by_hand(editor, server, manner)
    check_agreement(editor)
    assert server.checksums == set()
    assert {status for _, status in server.answers} <= {200, 204, 206, 404, *REFUSALS}


def do_all(editor: Editor, manner: Manner) -> None:
    assert editor.create("made").status_code == 201
    assert editor.create("made").status_code in (409, 412)
    assert editor.replace("first", "Changed").status_code == 200
    assert editor.replace("first", "Changed again").status_code == 200
    assert editor.rename("first", "moved").status_code == 200
    assert editor.upload("red", "a.jpg").status_code == 201
    assert editor.make_variants() == 1
    assert editor.replace_photo("notes/a.jpg", "blue").status_code == 200
    assert editor.delete_photo("notes/a.jpg").status_code == 204
    assert editor.restore_photo("notes/a.jpg").status_code == 200
    # A URL that is signed for everybody has no condition, which a policy may demand.
    assert editor.upload_directly("green", "b.jpg").status_code == (409 if manner.demands else 201)
    assert editor.make_variants() == (1 if manner.demands else 2)
    assert editor.delete("second").status_code == 204
    assert {path.name for path in editor.article("x").parent.iterdir()} == {"made.md", "moved.md"}


def race_by_hand(editor: Editor, server: Provider, manner: Manner) -> None:
    """Whatever is written by hand between our look and our request stays, where the server keeps the condition."""
    places = {name: editor.article(name) for name in ("made", "moved", "new")}
    places["a.jpg"] = editor.folder / "src/assets/notes/a.jpg"

    def race(kind: str, name: str, act: Callable[[], TestResponse]) -> None:
        file, by_hand = places[name], f"{name} by hand, {kind}"
        data = photo(by_hand) if name.endswith(".jpg") else f"---\ntitle: {by_hand}\n---\n".encode()

        def write(path: str) -> bool:
            return path.endswith(f"/{file.name}") and bool(file.write_bytes(data))

        server.at_a_write, server.written = write, False
        status = act().status_code
        assert server.written
        if manner.of(kind) == "kept":
            assert status in (409, 412)
            assert file.read_bytes() == data
        else:
            assert status < 300 or (status in (409, 412) and manner.of(kind) == "racy")
        reconcile(editor.ctx)

    race("replace", "made", lambda: editor.replace("made", "Ours"))
    race("create", "new", lambda: editor.create("new"))
    race("replace", "a.jpg", lambda: editor.replace_photo("notes/a.jpg", "purple"))
    race("delete", "a.jpg", lambda: editor.delete_photo("notes/a.jpg"))
    race("delete", "moved", lambda: editor.rename("moved", "moved-on"))
    race("delete", "made", lambda: editor.delete("made"))
