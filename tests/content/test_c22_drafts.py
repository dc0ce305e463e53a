"""C22: an article is a draft wherever the site's own `!data.draft` hides it, and `cms check` names odd spellings."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from flask.testing import FlaskClient

from cms.actions.check import check
from cms.context import Context
from tests.api.editing import ARTICLES
from tests.components import PACKAGE
from tests.conftest import bearer, reconcile
from tests.test_javascript_values import SCALARS

HIDING = [
    "true", "True", '"true"', '"false"', "false-ish", "no", "off", "yes", "on", "1", "-1", "0.5", "0x1", "' '",
    "[]", "{}", "[false]", "{a: 1}", "2025-06-24", "|\n  x", "!!str true",
]  # fmt: skip
SHOWING = ["false", "False", "~", "null", "", "0", "0.0", "-0", "0x0", "''", '""']


def take_in(ctx: Context, site: Path, values: list[str], annotation: str = "") -> list[str]:
    """Return the ids of articles with these values of `draft`, in a collection without a schema."""
    folder = site / "src/content/notes"
    folder.mkdir()
    for number, value in enumerate(values):
        (folder / f"n{number:03}.md").write_text(f"---\ntitle: t\ndraft: {value}\n---\nx\n")
    if annotation:
        (site / "src/content/notes.cms.json").write_text(annotation)
    reconcile(ctx)
    return [f"n{number:03}" for number in range(len(values))]


def public(client: FlaskClient) -> set[str]:
    """Return the ids that the public sees in the feed, which are those that lists and articles show it."""
    lines = [json.loads(line) for line in client.get("/api/v1/sync?collection=notes").text.rstrip("\n").split("\n")]
    found = {line["id"] for line in lines if line["type"] == "article"}
    listed = client.get(f"{ARTICLES}?collection=notes&limit=100").get_json()["items"]
    assert {item["id"] for item in listed} == found
    return found


def test_what_javascript_takes_for_true_is_a_draft(ctx: Context, client: FlaskClient, site: Path) -> None:
    names = take_in(ctx, site, [*HIDING, *SHOWING])
    assert public(client) == set(names[len(HIDING) :])
    reader = bearer(ctx, "articles:read-drafts")
    for name in names[: len(HIDING)]:
        assert client.get(f"{ARTICLES}/notes/{name}").status_code == 404
        assert client.get(f"{ARTICLES}/notes/{name}", headers=reader).get_json()["status"] == "draft"
    told = {found.path: found for found in check(ctx) if found.code == "draft_not_boolean"}
    plain = [value in ("true", "True") for value in HIDING]
    odd = [name for name, is_plain in zip(names, plain, strict=False) if not is_plain]
    assert sorted(told) == [f"src/content/notes/{name}.md" for name in odd]
    assert {(found.severity, found.pointer) for found in told.values()} == {("warning", "/data/draft")}
    assert "'false' hides the article" in told["src/content/notes/n003.md"].detail


def test_an_annotation_may_say_which_values_of_draft_hide(ctx: Context, client: FlaskClient, site: Path) -> None:
    names = take_in(ctx, site, ["review", "no", '"false"', "true", "1"], '{"draft": {"draft": "review"}}')
    assert public(client) == {names[1], names[2], names[4]}
    assert not [found for found in check(ctx) if found.code == "draft_not_boolean"]


def test_node_hides_the_same(ctx: Context, client: FlaskClient, site: Path, nodejs: str) -> None:
    """Each scalar of the tests of values, as Astro's parser and JavaScript take it."""
    values = [*HIDING, *SHOWING, *SCALARS]
    names = take_in(ctx, site, values)
    script = (
        "const yaml = require('js-yaml'); const hides = (v) => { try { return !!yaml.load('draft: ' + v).draft }"
        " catch { return null } };"
        "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8')).map(hides)))"
    )
    sent = json.dumps(values)
    done = subprocess.run(
        [nodejs, "-e", script], cwd=PACKAGE, input=sent, capture_output=True, text=True, check=True, timeout=300
    )
    hidden = dict(zip(names, json.loads(done.stdout), strict=True))
    reader = bearer(ctx, "articles:read-drafts")
    items = client.get("/api/v1/sync?collection=notes&drafts=true", headers=reader).text.rstrip("\n").split("\n")
    read = {line["id"] for line in map(json.loads, items) if line["type"] == "article"}
    seen = public(client)
    compared = [name for name, hides in hidden.items() if hides is not None and name in read]
    assert len(compared) > 100
    assert {name for name in compared if name not in seen} == {name for name in compared if hidden[name]}
