"""Every article of a whole site, and a shelf of awkward files, edited through the API: only what is meant changes.

The site is the one that CMS_TEST_SITE names, else the sample. What was written is read back by the site's own parser.
Each edit is made to one in `CMS_TEST_SHARE` of the site's articles (12; 1 for all of them), and to the whole shelf.
"""

from __future__ import annotations

import copy
import difflib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.model.pointer import strings
from tests.conftest import REAL, ROOT, bearer, close, copy_site, make_client, make_context, make_settings, site_of
from tests.javascript import read_in_javascript
from tests.model.reading import read

pytestmark = pytest.mark.xdist_group("lossless")  # one process makes the shelf

AWKWARD = ROOT / "tests/awkward"
SHARE = int(os.environ.get("CMS_TEST_SHARE", "12"))
NEW = 'ថ្មី: it\'s "new" # 1'


@dataclass
class Shelf:
    """All articles of a site, each as its file is now."""

    ctx: Context
    client: FlaskClient
    admin: dict[str, str]
    names: list[str]

    def get(self, name: str) -> tuple[dict[str, Any], str]:
        response = self.client.get(f"/api/v1/articles/{name}", headers=self.admin)
        return response.get_json(), response.headers["ETag"]

    def file(self, article: dict[str, Any]) -> Path:
        path: str = article["path"]
        return site_of(self.ctx) / path

    def patch(self, name: str, etag: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
        headers = {**self.admin, "If-Match": etag, "Content-Type": "application/json-patch+json"}
        response = self.client.patch(f"/api/v1/articles/{name}", data=json.dumps(operations), headers=headers)
        assert response.status_code == 200, (name, operations, response.text)
        found: dict[str, Any] = response.get_json()
        return found


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("lossless")
    site = copy_site(REAL, folder / "site")
    shutil.copytree(AWKWARD, site / "src/content/awkward")
    ctx = make_context(make_settings(site, f"sqlite:///{folder}/cms.db"))
    admin, client = bearer(ctx, "admin"), make_client(ctx)
    lines = client.get("/api/v1/sync?drafts=true&fields=id", headers=admin).text.splitlines()
    articles = [line for line in map(json.loads, lines) if line["type"] == "article"]
    yield Shelf(ctx, client, admin, [f"{article['collection']}/{article['id']}" for article in articles])
    close(ctx)


def all_files(shelf: Shelf) -> dict[str, bytes]:
    folder = site_of(shelf.ctx) / "src/content"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.md")}


def test_the_shelf_is_full(shelf: Shelf) -> None:
    assert len(shelf.names) == len(all_files(shelf))
    assert sum(name.startswith("awkward/") for name in shelf.names) == len(list(AWKWARD.iterdir()))


def test_saving_everything_unchanged_changes_no_byte(shelf: Shelf) -> None:
    before = all_files(shelf)
    for name in shelf.names:
        article, etag = shelf.get(name)
        url, headers = f"/api/v1/articles/{name}", {**shelf.admin, "If-Match": etag}
        same = {"data": article["data"], "body": article["body"]}
        steps = json.dumps([{"op": "add", "path": f"/{part}", "value": value} for part, value in same.items()])
        patching = {**headers, "Content-Type": "application/json-patch+json"}
        for answer in (
            shelf.client.put(url, json=same, headers=headers),
            shelf.client.patch(url, data=steps, headers=patching),
        ):
            assert answer.status_code == 200, (name, answer.text)
            assert answer.headers["ETag"] == etag, name
    assert all_files(shelf) == before


def span(lines: list[str], key: str) -> range:
    """The lines of a top-level entry, by its indentation alone."""
    start = next(i for i, line in enumerate(lines) if re.match(rf"[\"'\[]*{re.escape(key)}\b", line))
    rest = range(start + 1, len(lines))
    ends = r"\[|\+\+\+" if lines[start].startswith("[") else r"[^\s\-\]}#+]|---|\+\+\+"
    is_next = (i for i in rest if re.match(ends, lines[i]))
    return range(start, next(is_next, len(lines)))


def check_lines(name: str, key: str, before: bytes, after: bytes) -> int:
    """Whether only lines of one entry differ; returns how many."""
    old, new = (data.decode().split("\n") for data in (before, after))
    changed = 0
    for kind, old_start, old_end, new_start, new_end in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        if kind != "equal":
            allowed = span(new if old_start == old_end else old, key)
            place = range(new_start, new_end) if old_start == old_end else range(old_start, old_end)
            assert set(place) <= set(allowed), (name, key, old[old_start:old_end], new[new_start:new_end])
            changed += max(old_end - old_start, new_end - new_start)
    return changed


def read_back(shelf: Shelf, node: str, expected: dict[Path, Any]) -> None:
    """The site's own parser reads from the files what was asked for."""
    yaml = {path: data for path, data in expected.items() if not path.read_bytes().startswith(b"+++")}
    found = read_in_javascript(node, [path.read_bytes().decode() for path in yaml])
    for (path, data), theirs in zip(yaml.items(), found, strict=True):
        assert plain(theirs["value"]) == plain(data), path


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        day = value.get("$date")
        return day.removesuffix("T00:00:00.000Z") if day else {name: plain(item) for name, item in value.items()}
    return float(value) if type(value) is int else value


def title_of(data: dict[str, Any]) -> str:
    return "title" if "title" in data else "name"


def first_list(data: dict[str, Any]) -> str | None:
    return next((key for key, value in data.items() if isinstance(value, list) and value), None)


def deepest(data: dict[str, Any]) -> str | None:
    """The pointer of the text that lies deepest, of all but those that are dates or photos."""
    other = re.compile(r"\d{4}-|\.\w{3,4}$|:")
    free = [where for where, text in strings(data) if where.count("/") > 1 and not other.search(text)]
    return max(free, key=lambda where: where.count("/"), default=None)


def at(data: dict[str, Any], pointer: str) -> tuple[Any, Any]:
    """What holds the place, and the place in it."""
    *parents, last = pointer.split("/")[1:]
    holder: Any = data
    for part in parents:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    return holder, int(last) if isinstance(holder, list) else last


EDITS = [("set",), ("add", "delete"), ("list insert", "list delete"), ("nested",), ("body",)]
"""Those of one group are made to the same articles, the second to what the first has left."""


def steps(edit: str, article: dict[str, Any]) -> tuple[str, list[dict[str, Any]]] | None:
    """The entry that an edit means and the JSON Patch for it; None where the article has no such place."""
    data = article["data"]
    title, listed, deep = title_of(data), first_list(data), deepest(data)
    if edit == "set":
        return title, [{"op": "replace", "path": f"/data/{title}", "value": NEW}]
    if edit == "add":
        return "draft", [{"op": "add", "path": "/data/draft", "value": False}]
    if edit == "delete":
        return "draft", [{"op": "remove", "path": "/data/draft"}]
    if edit.startswith("list") and listed is not None:
        operation = {"op": "add", "value": data[listed][0]} if edit == "list insert" else {"op": "remove"}
        return listed, [{"path": f"/data/{listed}/0", **operation}]
    if edit == "nested" and deep is not None:
        return deep.split("/")[1], [{"op": "replace", "path": f"/data{deep}", "value": NEW}]
    return None if edit != "body" else ("", [{"op": "replace", "path": "/body", "value": "New.\n\n---\n\nបាទ\n"}])


def test_only_the_meant_lines_change_and_the_site_reads_them(shelf: Shelf, nodejs: str) -> None:
    """One after the other: each edit finds the files as the one before it left them."""
    ours = [name for name in shelf.names if name.startswith("awkward/")]
    site = sorted(set(shelf.names) - set(ours))
    for number, edits in enumerate(EDITS):
        for edit in edits:
            edit_all(shelf, nodejs, edit, [*ours, *site[number % SHARE :: SHARE]])


def edit_all(shelf: Shelf, node: str, edit: str, names: list[str]) -> None:
    expected: dict[Path, Any] = {}
    for name in names:
        article, etag = shelf.get(name)
        found = steps(edit, article)
        if found is None:
            continue
        entry, operations = found
        path = shelf.file(article)
        before, wanted = path.read_bytes(), copy.deepcopy(article["data"])
        saved = shelf.patch(name, etag, operations)
        if edit == "body":
            assert read(path.read_bytes()).raw == read(before).raw
            assert saved["body"].replace("\r\n", "\n") == "New.\n\n---\n\nបាទ\n"
        else:
            apply(wanted, operations[0])
            assert 0 < check_lines(name, entry, before, path.read_bytes()) < 12 or edit == "set", name
        assert saved["data"] == wanted
        expected[path] = wanted
    assert expected, edit
    read_back(shelf, node, expected)


def apply(data: dict[str, Any], operation: dict[str, Any]) -> None:
    holder, place = at(data, operation["path"].removeprefix("/data"))
    if operation["op"] == "remove":
        del holder[place]
    elif operation["op"] == "add" and isinstance(holder, list):
        holder.insert(place, operation["value"])
    else:
        holder[place] = operation["value"]
