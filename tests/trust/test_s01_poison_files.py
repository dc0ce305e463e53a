"""S1: whatever one file holds, it is at worst broken, alone, and named; all else goes on."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from cms.cli import main
from cms.context import Context
from cms.model import article
from cms.model.annotation import Annotation
from cms.model.field_values import values_of
from cms.model.limits import Limits
from cms.model.visibility import Terms
from tests.api.editing import ARTICLES, patch
from tests.components import cms, cms_server
from tests.conftest import (
    close,
    eventually,
    make_client,
    make_context,
    make_settings,
    reconcile,
)
from tests.trust import poison

NEWS = "src/content/news"
GOOD = ("opening-day", "river-bus")
ANNOTATION = Annotation(terms=Terms(publish="date"))


@pytest.fixture
def poisoned(site: Path) -> Path:
    """The sample site with an odd file for each way to be odd, and a rule that reads dates of all of them."""
    (site / "src/content/news.cms.json").write_text(json.dumps({"publish": "date"}))
    for name, data in poison.files().items():
        (site / f"{NEWS}/en/{name}.md").write_bytes(data)
    return site


@pytest.fixture
def poisoned_ctx(poisoned: Path, tmp_path: Path) -> Iterator[Context]:
    made = make_context(make_settings(poisoned, f"sqlite:///{tmp_path}/poisoned.db"))
    yield made
    close(made)


def test_a_fresh_index_has_every_file_and_serves_the_good_ones(poisoned_ctx: Context) -> None:
    client = make_client(poisoned_ctx)
    for name in GOOD:
        assert client.get(f"{ARTICLES}/news/en/{name}").status_code == 200
    (counted,) = [item for item in client.get("/api/v1/collections").get_json()["items"] if item["name"] == "news"]
    assert counted["published"] > 50
    for sort in ("date", "-date", "title"):
        assert client.get(f"{ARTICLES}?collection=news&sort={sort}&limit=100").status_code == 200
    assert client.get("/api/v1/sync").status_code == 200


def test_a_date_that_utc_does_not_have_is_broken_and_others_are_what_they_say(site: Path, tmp_path: Path) -> None:
    for number, moment in enumerate(poison.MOMENTS):
        (site / f"{NEWS}/en/toml-{number}.md").write_bytes(poison.toml_file(f"date = {moment}"))
    found = {
        finding["path"]: (finding["code"], finding["pointer"])
        for finding in json.loads(cms(site, "check", "--json", "--errors").stdout)
    }
    impossible = [number for number, moment in enumerate(poison.MOMENTS) if moment in poison.IMPOSSIBLE]
    assert found == {f"{NEWS}/en/toml-{number}.md": ("toml_value", "/data/date") for number in impossible}


def test_edits_by_hand_beside_poison_are_indexed(poisoned: Path, poisoned_ctx: Context) -> None:
    client = make_client(poisoned_ctx)
    good = poisoned / f"{NEWS}/en/opening-day.md"
    good.write_text(good.read_text().replace("The garden library opens its doors", "The library is open"))
    (poisoned / f"{NEWS}/en/zz-new.md").write_bytes(poison.yaml_file(""))
    (poisoned / f"{NEWS}/en/zz-bad.md").write_bytes(poison.toml_file(f"date = {poison.IMPOSSIBLE[0]}"))
    reconcile(poisoned_ctx)
    assert client.get(f"{ARTICLES}/news/en/opening-day").get_json()["data"]["title"] == "The library is open"
    assert client.get(f"{ARTICLES}/news/en/zz-new").status_code == 200
    assert client.get(f"{ARTICLES}/news/en/zz-bad").status_code == 404


def test_every_command_goes_on_beside_poison(poisoned: Path, tmp_path: Path) -> None:
    assert cms(poisoned, "sync").returncode == 0
    checked = cms(poisoned, "check", "--json")
    assert checked.returncode == 1
    impossible = f"toml-{poison.MOMENTS.index(poison.IMPOSSIBLE[0])}"
    assert {Path(one["path"]).stem for one in json.loads(checked.stdout)} >= {impossible, "deep-5000", "no-utf-8"}
    assert cms(poisoned, "backup", str(tmp_path / "site.tar")).returncode == 0
    purged = CliRunner(env={"CMS_SITE": str(poisoned)}).invoke(main, ["purge", "--dry-run"], input="secret-word\n")
    assert purged.exit_code == 0, purged.output
    (tmp_path / "new/src/content").mkdir(parents=True)
    assert cms(tmp_path / "new", "restore", str(tmp_path / "site.tar")).returncode == 0


def test_a_server_starts_on_poison_and_takes_over_an_edit(poisoned: Path, tmp_path: Path) -> None:
    with cms_server(poisoned, tmp_path / "cms.log") as server:
        url = f"{server.url}{ARTICLES}/news/en/opening-day"

        def title() -> str:
            with urllib.request.urlopen(url) as answer:  # noqa: S310  # our own server
                return str(json.load(answer)["data"]["title"])

        file = poisoned / f"{NEWS}/en/opening-day.md"
        file.write_text(file.read_text().replace(title(), "The library is open"))
        assert eventually(lambda: title() == "The library is open")


def test_an_article_with_an_impossible_date_can_be_mended_by_the_api(
    site: Path, ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    """A quoted date that no calendar has is a text; each other field can be edited beside it, and it can be removed."""
    file = site / f"{NEWS}/en/odd.md"
    file.write_bytes(poison.yaml_file(f'extra: "{poison.IMPOSSIBLE[0]}"'))
    reconcile(ctx)
    etag = client.get(f"{ARTICLES}/news/en/odd").headers["ETag"]
    edited = patch(client, admin, "news/en/odd", etag, {"data": {"title": "u"}})
    assert edited.status_code == 200, edited.text
    removed = patch(client, admin, "news/en/odd", edited.headers["ETag"], {"data": {"extra": None}})
    assert removed.status_code == 200
    assert file.read_bytes() == poison.yaml_file("").replace(b"title: t", b"title: u").replace(b"\n\n---", b"\n---")


values = st.one_of(
    st.sampled_from([*poison.MOMENTS, *poison.NUMBERS]),
    st.sampled_from(poison.MOMENTS).map(lambda moment: f'"{moment}"'),
    st.sampled_from(poison.DEPTHS).map(lambda depth: "[" * depth + "]" * depth),
    st.text(alphabet="0123456789-+:TZ.e_ [],'\"", max_size=30),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(values, max_size=4), st.sampled_from(["yaml", "toml"]))
def test_reading_and_judging_generated_front_matter_raises_nothing(lines: list[str], kind: str) -> None:
    names = ("date", "extra", "tags2", "list")
    if kind == "yaml":
        data = "---\n" + "".join(f"{name}: {value}\n" for name, value in zip(names, lines, strict=False)) + "---\n"
    else:
        data = "+++\n" + "".join(f"{name} = {value}\n" for name, value in zip(names, lines, strict=False)) + "+++\n"
    found = article.read(f"{NEWS}/en/x.md", data.encode(), "0" * 64, Limits())
    assert article.UNREADABLE not in {problem.code for problem in found.problems}
    for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12"):
        judged = article.judged(found, ANNOTATION, ZoneInfo(zone), 1.7e9)
        assert (judged.status == "broken") == (found.status == "broken")
    values_of(found.data)


def test_schemas_that_refer_to_themselves_keep_nobody_from_the_rest(
    site: Path, ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    reference = {"$ref": "#/definitions/a"}
    doubling = {f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n + 1}"}] * 2} for n in range(18)}
    fans = {
        f"e{n}": {"properties": {f"f{m}": {"$ref": f"#/definitions/e{n + 1}"} for m in range(12)}} for n in range(8)
    }
    schemas: dict[str, Any] = {
        "fans": {"properties": {"f": {"$ref": "#/definitions/e0"}}},
        "selves": {"properties": {f"f{n}": reference for n in range(12)}},
        "doubles": {"allOf": [{"$ref": "#/definitions/d0"}]},
    }
    (site / ".astro/collections").mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        (site / f"src/content/{name}/en").mkdir(parents=True)
        (site / f"src/content/{name}/en/x.md").write_bytes(poison.yaml_file(""))
        text = {
            **reference,
            "definitions": {"a": {"type": "object", **schema}, **doubling, **fans, "d18": {"required": ["z"]}},
        }
        (site / f".astro/collections/{name}.schema.json").write_text(json.dumps(text))
    file = site / f"{NEWS}/en/opening-day.md"
    file.write_text(file.read_text().replace("The garden library opens its doors", "The library is open"))
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/en/opening-day").get_json()["data"]["title"] == "The library is open"
    for name, status in (("selves", 201), ("fans", 201), ("doubles", 422)):
        made = client.post(f"{ARTICLES}/{name}", json={"locale": "en", "slug": "n", "data": {"y": "1"}}, headers=admin)
        assert made.status_code == status, made.text
    checked = CliRunner(env={"CMS_SITE": str(site)}).invoke(main, ["check", "--json", "--errors"])
    found = json.loads(checked.stdout)
    assert [one["path"] for one in found if one["code"] == "rules_unreadable"] == ["src/content/fans"]
