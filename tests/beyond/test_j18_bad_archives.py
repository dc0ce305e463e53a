"""J18: an archive that no backup has written is refused before anything at all is written."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cms.actions.backup import backup
from cms.errors import Invalid
from tests.beyond import backups
from tests.components import cms
from tests.conftest import bearer, close, make_client, site_of

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a small site."""
    folder = tmp_path_factory.mktemp("good")
    ctx = backups.open_site(backups.make_site(folder / "site"))
    backups.delete(make_client(ctx), bearer(ctx, "admin"), "restored")
    backup(ctx, folder / "site.tar")
    close(ctx)
    return folder / "site.tar"


@pytest.fixture(scope="module")
def members(good: Path) -> Members:
    with tarfile.open(good) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar.getmembers()}


def written(path: Path, members: Members, *others: tarfile.TarInfo) -> Path:
    """An archive of these members, whose manifest is right unless it is given; the others are empty files or none."""
    empty = hashlib.sha256(b"").hexdigest()
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items() if name != "manifest.json"}
    digests |= {other.name: empty for other in others}
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            if name != "manifest.json":
                tar.addfile(plain(name, len(data)), io.BytesIO(data))
        for other in others:
            tar.addfile(other)
        manifest = members.get("manifest.json", json.dumps(digests).encode())
        tar.addfile(plain("manifest.json", len(manifest)), io.BytesIO(manifest))
    return path


def plain(name: str, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def special(kind: bytes, name: str = "site/src/content/news/en/x.md") -> tarfile.TarInfo:
    info = plain(name)
    info.type, info.linkname = kind, "site/src/content/news/en/plain.md"
    return info


def check_refused(archive: Path, folder: Path) -> None:
    """Neither the place nor what lies beside it has anything new."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(Invalid, match="is no whole backup, and nothing was restored"):
        backups.restored(archive, folder / "new")
    assert sorted(folder.rglob("*")) == before


ALIEN = [
    ".git/config", ".env", ".cms/cms.db", ".cms/secret", ".gitattributes", "package.json", "src/pages/index.astro",
    "src/content/.git/config", "src/content/news/.gitattributes", "src/assets/.env", ".astro/settings.json",
    ".astro/collections/.env", ".astro/collections/../../.git/config", "src/content/../../.git/config",
    "/etc/cron.d/x", "../beside.md", "src/content/news/en/a\\b.md", "src\\content\\news\\x.md",
    "src/content", "src/contents/x.md", "src/content//x.md", "src/content/./x.md", "src/assets/" + "n" * 256,
]  # fmt: skip
ELSEWHERE = [
    "/etc/passwd", "../site/src/content/x.md", "x", "other/src/content/x.md", "media/src/content/x.md",
    "media/.git/config", "private/secret", "private/trash/.x", "private/trash/../../x", "private/uploads/x",
    "tables/other.ndjson", "tables/git.ndjson", "tables/heartbeats.ndjson", "tables/tokens", "site/",
]  # fmt: skip


@pytest.mark.parametrize("name", [*(f"site/{name}" for name in ALIEN), *ELSEWHERE])
def test_a_file_that_is_none_of_a_site_is_refused(good: Path, members: Members, tmp_path: Path, name: str) -> None:
    check_refused(written(tmp_path / "bad.tar", members, plain(name)), tmp_path)


KINDS = {
    "symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE, "pipe": tarfile.FIFOTYPE, "folder": tarfile.DIRTYPE,
    "sparse file": tarfile.GNUTYPE_SPARSE,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_plain_file_is_refused(members: Members, tmp_path: Path, kind: str) -> None:
    text = members["site/src/content/news/en/plain.md"]
    data = members | {"manifest.json": b""}
    digests = json.loads(members["manifest.json"])
    # Of a link, the digest of what it points to: what reads through it finds nothing wrong.
    data["manifest.json"] = json.dumps(
        digests | {"site/src/content/news/en/x.md": hashlib.sha256(text).hexdigest()}
    ).encode()
    check_refused(written(tmp_path / "bad.tar", data, special(KINDS[kind])), tmp_path)


def test_a_name_that_comes_twice_or_lies_below_a_file_is_refused(members: Members, tmp_path: Path) -> None:
    twice = plain("site/src/content/news/en/plain.md")
    check_refused(
        written(tmp_path / "twice.tar", members | {"manifest.json": members["manifest.json"]}, twice), tmp_path
    )
    below = plain("site/src/content/news/en/plain.md/below.md")
    check_refused(written(tmp_path / "below.tar", without_manifest(members), below), tmp_path)


def without_manifest(members: Members) -> Members:
    return {name: data for name, data in members.items() if name != "manifest.json"}


def cut(data: bytes) -> Iterator[bytes]:
    """The archive without its end, and with a last file that is larger than all of it."""
    last = data.rindex(b"manifest.json")
    for end in (0, len(data) // 10, len(data) // 2, last, last + 600):
        yield data[:end]
    for size in (10**6, 10**12, 10**24):
        yield data[:last] + plain("manifest.json", size).tobuf(tarfile.GNU_FORMAT) + b"{}"
        yield data[:last] + plain("site/src/content/x.md", size).tobuf(tarfile.PAX_FORMAT) + data[last:]
    for wrong in ("-1", "-1000000", "x"):
        info = plain("site/src/content/x.md")
        info.pax_headers = {"size": wrong}
        yield data[:last] + info.tobuf(tarfile.PAX_FORMAT) + data[last:]


def test_one_that_is_cut_short_or_has_wrong_sizes_is_refused(good: Path, tmp_path: Path) -> None:
    for number, data in enumerate(cut(good.read_bytes())):
        file = tmp_path / f"{number}.tar"
        file.write_bytes(data)
        check_refused(file, tmp_path)


def test_a_manifest_or_a_description_that_is_wrong_is_refused(members: Members, tmp_path: Path) -> None:
    digests, about = json.loads(members["manifest.json"]), json.loads(members["about.json"])
    name = "site/src/content/news/en/plain.md"
    manifests = [digests | {name: "0" * 64}, {**digests, "site/src/content/more.md": "0" * 64}, [], None, "", 1]
    manifests.append({key: value for key, value in digests.items() if key != name})
    for number, manifest in enumerate(manifests):
        bad = members | {"manifest.json": json.dumps(manifest).encode()}
        check_refused(written(tmp_path / f"m{number}.tar", bad), tmp_path)
    abouts = [about | {"step": -1}, about | {"step": "1"}, about | {"format": None}, about | {"seq": True}, [], None]
    for number, said in enumerate(abouts):
        bad = without_manifest(members) | {"about.json": json.dumps(said).encode()}
        check_refused(written(tmp_path / f"a{number}.tar", bad), tmp_path)
    check_refused(written(tmp_path / "deep.tar", without_manifest(members) | {"about.json": b"[" * 100_000}), tmp_path)


def rows(members: Members, table: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in members[f"tables/{table}.ndjson"].splitlines()]


BAD_ROWS: dict[str, Callable[[dict[str, object]], list[object]]] = {
    "an unknown column": lambda row: [row | {"more": 1}],
    "a column too few": lambda row: [{name: value for name, value in row.items() if name != "sha256"}],
    "a list": lambda _: [[]],
    "null where there has to be a value": lambda row: [row | {"path": None}],
    "a number as text": lambda row: [row | {"path": 1}],
    "text as a number": lambda row: [row | {"time": "now"}],
    "no finite number": lambda row: [row | {"time": float("nan")}],
    "a number beyond all": lambda row: [row | {"time": 10**400}],
    "half a character": lambda row: [row | {"path": "\ud800"}],
    "a list as a value": lambda row: [row | {"path": []}],
    "bytes that are none": lambda row: [row | {"path": {"base64": "*"}}],
    "an unknown form": lambda row: [row | {"path": {"other": ""}}],
    "one row twice": lambda row: [row, row],
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_table_with_other_rows_is_refused(members: Members, tmp_path: Path, what: str) -> None:
    (row,) = rows(members, "trash")
    lines = "".join(json.dumps(bad) + "\n" for bad in BAD_ROWS[what](row)).encode()
    check_refused(written(tmp_path / "bad.tar", without_manifest(members) | {"tables/trash.ndjson": lines}), tmp_path)


def test_the_command_writes_nothing_of_a_bad_archive_and_all_of_a_good_one(members: Members, tmp_path: Path) -> None:
    bad = written(tmp_path / "bad.tar", without_manifest(members) | {"site/.git/config": b"[core]\nfsmonitor = x\n"})
    new = tmp_path / "new"
    (new / "src/content").mkdir(parents=True)
    result = cms(new, "restore", str(bad))
    assert (result.returncode, "'site/.git/config' is no file of a site" in result.stderr) == (1, True), result.stderr
    assert [path.name for path in new.rglob("*")] == ["src", "content"]
    there = backups.restored(written(tmp_path / "good.tar", without_manifest(members)), tmp_path / "there")
    found = backups.tree(site_of(there))
    assert {f"site/{name}": data for name, data in found.items()} == {
        name: data for name, data in members.items() if name.startswith("site/src/")
    }
    close(there)
