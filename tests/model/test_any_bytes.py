"""Whatever bytes a file holds: a document, or an error that an editor is told; a photo, or an error, and nobody dies.

`CMS_TEST_EXAMPLES=100000` tries so many, always others; without it a few hundred, the same each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cms.actions.darkroom import Darkroom
from cms.errors import Invalid, TooLarge, UnsupportedType
from cms.model import article
from cms.model.document import Document
from cms.model.limits import Limits
from cms.model.splice import edit
from cms.model.yaml_values import is_same
from tests.api.test_images import picture
from tests.conftest import ROOT, SAMPLE
from tests.model.reading import read
from tests.model.test_photo_damage import PHOTOS

EXAMPLES = int(os.environ.get("CMS_TEST_EXAMPLES", "0"))
TEXTS = [path.read_bytes() for path in sorted((ROOT / "tests/awkward").glob("*.md"))]
TEXTS += [path.read_bytes() for path in sorted((SAMPLE / "src/content").rglob("*.md"))[:4]]
PIECES = [
    b"---\n", b"---", b"+++\n", b"\xef\xbb\xbf", b"\xff", b"\xe1\x9e", b"\0", b"\r", b"\r\n", b"\n\n", b"\t", b": ",
    b"- ", b"? ", b"<<: *a\n", b"&a ", b"*a", b"!!binary ", b"|+\n", b">-\n", b"#", b"'", b'"', b"[", b"}", b"{{}}",
    b"zz: 1\n", b"title: x\n", b"a: &a [*a]\n", b".nan", b"9" * 400, b"2025-02-30", "\u2028".encode(), b"\\uD800",
    b"%YAML 1.1\n", b"...\n", b"[a = 1]\n", b"a.b = 1\n", b"!!python/object:x ", b"\x1b", b"<!--", b"![](<", b"[^1]: ",
]  # fmt: skip


def changed(wholes: Sequence[bytes], pieces: Sequence[bytes], reach: int) -> st.SearchStrategy[bytes]:
    """One of the files with bytes cut out, put in, or others in their place, most of them within `reach`."""
    cut = st.tuples(
        st.integers(0, reach),
        st.integers(0, 12),
        st.one_of(st.just(b""), st.sampled_from(pieces), st.binary(max_size=4)),
    )

    def apply(drawn: tuple[bytes, list[tuple[int, int, bytes]]]) -> bytes:
        data, cuts = drawn
        for start, length, put in cuts:
            at = start % (len(data) + 1)
            data = data[:at] + put + data[at + length :]
        return data

    return st.tuples(st.sampled_from(wholes), st.lists(cut, max_size=6)).map(apply)


def tried(quick: int) -> settings:
    return settings(
        max_examples=EXAMPLES or quick,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@tried(400)
@given(
    st.one_of(changed(TEXTS, PIECES, 700), st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.binary())
)
@example(b"\n\n---title: One\ntags: []\n---\nBody.\n")
def test_any_bytes_are_a_document_or_an_error_with_its_reason(data: bytes) -> None:
    found = article.read("src/content/news/en/x.md", data, "0" * 64, Limits())
    try:
        document = read(data)
    except Invalid:
        assert all(problem.code and problem.detail for problem in found.problems)
        assert found.status == "broken"
        return
    assert document.text.encode() == data
    assert _try_edit(document, dict(document.data), None) in (document.text, None)
    _body_changes_alone(document)
    _a_new_key_adds_lines_alone(document)


def _try_edit(document: Document, wanted: dict[str, object], body: str | None) -> str | None:
    """The text after the edit, None where it is refused."""
    try:
        return edit(document, wanted, body)
    except Invalid:
        return None


def _body_changes_alone(document: Document) -> None:
    text = _try_edit(document, dict(document.data), "Another body.\n")
    if text is not None:
        assert text.startswith(document.text[: document.raw_end])
        assert read(text.encode()).body.rstrip("\r\n").endswith("Another body.")


def _a_new_key_adds_lines_alone(document: Document) -> None:
    if document.format != "yaml" or "added" in document.data:
        return
    text = _try_edit(document, {**document.data, "added": "x"}, None)
    if text is not None:
        start = document.raw_start  # behind the fence, and not always in a line of its own
        assert text.startswith(document.text[:start])
        rest = iter(text[start:].split("\n"))
        assert all(line in rest for line in document.raw.split("\n") if line.strip()), "a line was changed or moved"
        again = read(text.encode())
        assert is_same(again.data, {**document.data, "added": "x"})
        assert again.body == document.body


@pytest.fixture(scope="module")
def darkroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Darkroom, Path]]:
    with Darkroom(Limits(photo_pixels=1_000_000, photo_bytes=1_000_000)) as made:
        yield made, tmp_path_factory.mktemp("darkroom")


PARTS = [b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xc4", b"\xff\xff", b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff" * 8,
         b"IHDR", b"IDAT", b"IEND", b"iCCP", b"acTL", b"RIFF", b"VP8X", b"ALPH", b"ANIM", b"meta", b"iloc", b"irot",
         b"Exif\0\0", b"II*\0", b"MM\0*", b"8BIM"]  # fmt: skip


@tried(80)
@given(data=st.one_of(changed(list(PHOTOS.values()), PARTS, 900), changed(list(PHOTOS.values()), PARTS, 10**6)))
def test_any_bytes_are_a_photo_or_an_error_and_the_process_lives(darkroom: tuple[Darkroom, Path], data: bytes) -> None:
    room, folder = darkroom
    (folder / "in").write_bytes(data)
    code = None
    try:
        room.prepare(folder / "in", folder / "out", "a.jpg", "/files/0")
    except (Invalid, UnsupportedType, TooLarge) as error:
        code = error.code
    # `photo_costly` would be a process that had to be ended, or that ended by itself.
    assert code in (None, "photo_type", "photo_damaged", "photo_too_many_pixels")
    assert code or (folder / "out").stat().st_size


def test_after_all_that_the_next_photo_is_made(darkroom: tuple[Darkroom, Path]) -> None:
    room, folder = darkroom
    (folder / "in").write_bytes(picture())
    assert room.prepare(folder / "in", folder / "out", "a.jpg", "/files/0").width == 60
