"""C16: language tags are matched without case, and a locale has one folder, written as the site writes it."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient

from cms.actions.check import check
from cms.actions.reconcile import Report
from cms.context import Context
from tests.api.editing import ARTICLES, patch, problem
from tests.conftest import both_databases, reconcile, site_of, state_of

TAGS = ("pt-BR", "pt-br", "PT-BR", "Pt-bR")
CONTENT = "src/content/guides"
DATA = {"title": "Olá"}


class Case(NamedTuple):
    """The locales that the annotation names, None without one, and the folder that is there, None for none."""

    named: list[str] | None
    folder: str | None

    @property
    def locale(self) -> str | None:
        """What answers have to say, None where nobody knows the locale."""
        return next((tag for tag in self.named if tag.lower() == "pt-br"), None) if self.named else self.folder

    @property
    def written_to(self) -> str | None:
        """The folder of new articles."""
        return self.folder or self.locale


CASES = [
    Case(*one) for one in product((None, ["en", "pt-BR"], ["en", "pt-br"], ["en", "PT-BR"]), ("pt-BR", "pt-br", None))
]


def write(ctx: Context, files: dict[str, str]) -> Report:
    for name, text in files.items():
        path = site_of(ctx) / "src/content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return reconcile(ctx)


def text(title: str) -> str:
    return f"---\ntitle: {title}\n---\nA story of {title}.\n"


def prepare(ctx: Context, case: Case) -> None:
    files = {f"guides/en/{name}.md": text(name) for name in ("both", "english")}
    if case.folder:
        files[f"guides/{case.folder}/both.md"] = text("ambos")
    if case.named is not None:
        files["guides.cms.json"] = json.dumps({"locales": case.named})
    write(ctx, files)


def items(client: FlaskClient, query: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = client.get(f"{ARTICLES}?collection=guides&total=true&{query}", headers=headers)
    assert answer.status_code == 200, (query, answer.text)
    found = answer.get_json()
    assert found["total"] == len(found["items"])
    return {item["id"]: item for item in found["items"]}


def folders(ctx: Context) -> set[str]:
    return {path.name for path in (site_of(ctx) / CONTENT).iterdir()}


@both_databases
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{'-'.join(case.named or ['free'])}-in-{case.folder}")
def test_every_way_takes_a_tag_in_any_case(
    ctx: Context, client: FlaskClient, admin: dict[str, str], case: Case
) -> None:
    prepare(ctx, case)
    known = {"pt-br/both"} if case.folder else set()
    for number, tag in enumerate(TAGS):
        for name, item in items(client, f"locale={tag}").items():
            assert (name in known, item["locale"]) == (True, case.locale)
        assert items(client, f"locale={tag}").keys() == known
        assert items(client, f"locale={tag}&q=ambos").keys() == known & {"pt-br/both"}
        listed = items(client, f"locale={tag}&fallback=EN")
        twins = {name.removeprefix("pt-br/") for name in known}
        assert listed.keys() == known | {f"en/{one}" for one in ("both", "english") if one not in twins}
        assert all(item.get("fallback", False) == (item["locale"] == "en") for item in listed.values())
        if case.locale is None:
            before = state_of(ctx)
            for body in ({"locale": tag, "slug": "x"}, {"id": "pt-br/x"}):
                problem(client.post(f"{ARTICLES}/guides", json={**body, "data": DATA}, headers=admin), 422)
            assert state_of(ctx) == before
            continue
        ways: list[tuple[dict[str, Any], str]] = [
            ({"locale": tag, "slug": f"by-slug-{number}"}, f"by-slug-{number}"),
            ({"locale": tag, "data": {"title": f"By title {number}"}}, f"by-title-{number}"),
            ({"id": f"pt-br/by-id-{number}"}, f"by-id-{number}"),
        ]
        for body, slug in ways:
            made = client.post(f"{ARTICLES}/guides", json={"data": DATA, **body}, headers=admin)
            assert made.status_code == 201, made.text
            assert (made.get_json()["id"], made.get_json()["locale"]) == (f"pt-br/{slug}", case.locale)
            assert made.get_json()["path"] == f"{CONTENT}/{case.written_to}/{slug}.md"
            known.add(f"pt-br/{slug}")
    assert folders(ctx) == {"en", case.written_to} - {None}
    before = items(client, "limit=100")
    reconcile(ctx)
    assert items(client, "limit=100") == before


@both_databases
@pytest.mark.parametrize("case", [case for case in CASES if case.folder], ids=str)
def test_edits_stay_in_the_folder(ctx: Context, client: FlaskClient, admin: dict[str, str], case: Case) -> None:
    prepare(ctx, case)
    etag = client.get(f"{ARTICLES}/guides/pt-br/both").headers["ETag"]
    etag = patch(client, admin, "guides/pt-br/both", etag, {"id": "pt-br/renamed"}).headers["ETag"]
    renamed = client.get(f"{ARTICLES}/guides/pt-br/renamed").get_json()
    assert (renamed["path"], renamed["locale"]) == (f"{CONTENT}/{case.folder}/renamed.md", case.locale)
    etag = patch(client, admin, "guides/pt-br/renamed", etag, {"id": "pt-br/both"}).headers["ETag"]
    english = client.get(f"{ARTICLES}/guides/en/english").headers["ETag"]
    assert patch(client, admin, "guides/en/english", english, {"id": "pt-br/moved/in"}).status_code == 200
    moved = client.get(f"{ARTICLES}/guides/pt-br/moved/in").get_json()
    assert (moved["path"], moved["locale"]) == (f"{CONTENT}/{case.folder}/moved/in.md", case.locale)

    copy = patch(client, admin, "guides/pt-br/both?draft=true", etag, {"data": {"title": "Outro"}})
    assert (copy.status_code, copy.get_json()["locale"]) == (200, case.locale)
    headers = {**admin, "If-Match": copy.headers["ETag"]}
    published = client.post("/api/v1/drafts/guides/pt-br/both", headers=headers)
    assert published.status_code == 200, published.text
    assert published.get_json()["path"] == f"{CONTENT}/{case.folder}/both.md"

    shown = client.get(f"{ARTICLES}/guides/en/both").get_json()
    assert shown["translations"] == [{"locale": case.locale, "id": "pt-br/both", "state": "current"}]
    assert folders(ctx) == {"en", case.folder}
    assert "guides" not in {Path(finding.path).parent.name for finding in check(ctx) if finding.code == "folders_alike"}


@both_databases
@pytest.mark.parametrize("case", CASES, ids=str)
def test_translations_are_named_as_the_site_names_them(
    ctx: Context, client: FlaskClient, admin: dict[str, str], case: Case
) -> None:
    prepare(ctx, case)
    for tag in TAGS:
        answer = client.get(f"/api/v1/collections/guides/translations?locale={tag}", headers=admin).get_json()
        states = {} if case.folder is None else {"pt-br/both": "current"}
        states |= dict.fromkeys({"pt-br/both", "pt-br/english"} - states.keys(), "missing") if case.locale else {}
        assert {item["id"]: item["state"] for item in answer["items"]} == states
        assert {item["locale"] for item in answer["items"]} == ({case.locale} if case.locale else set())
    details = [finding.detail for finding in check(ctx) if finding.code == "translation_missing"]
    assert [one for one in details if "english" in one] == (
        [f"1 of 2 articles are not published in {case.locale}: en/english"] if case.folder else []
    )


@both_databases
def test_the_fallback_is_looked_up_by_truncation(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    """Each article stands in exactly the folders that its name lists, and `best` of these is shown."""
    locales = ("pt-BR", "pt", "en", "zh-Hant-TW", "zh-Hant", "zh")
    names = ["-".join(some) for some in product(("", "0"), ("", "1"), ("", "2"), ("", "3"), ("", "4"), ("", "5"))]
    files = {f"guides/{locales[int(one)]}/a{name}.md": text("x") for name in names for one in name.replace("-", "")}
    write(ctx, {**files, "guides/en/other.md": text("y")})
    for query, chain in (
        ("locale=pt-BR&fallback=en", ("pt-BR", "pt", "en")),
        ("locale=pt-br&fallback=EN-GB", ("pt-BR", "pt", "en")),
        ("locale=zh-hant-tw&fallback=pt", ("zh-Hant-TW", "zh-Hant", "zh", "pt")),
        ("locale=zh-Hant&fallback=en", ("zh-Hant", "zh", "en")),
        ("locale=en&fallback=zh-Hant-TW", ("en", "zh-Hant-TW", "zh-Hant", "zh")),
        ("locale=de-CH&fallback=zh", ("zh",)),
        ("locale=pt-BR", ("pt-BR",)),
    ):
        expected: dict[str, str] = {}
        for locale in reversed(chain):
            expected |= {Path(one).stem: locale for one in files if one.split("/")[1] == locale}
        expected |= {"other": "en"} if "en" in chain else {}
        for more in ("", "&q=x", "&sort=-created_at", "&limit=7"):
            listed = every_page(client, f"{ARTICLES}?collection=guides&{query}{more}")
            want = {name: one for name, one in expected.items() if name != "other" or "q=" not in more}
            assert {name: item["locale"] for name, item in listed.items()} == want, (query, more)
            own = query.partition("&")[0].removeprefix("locale=").lower()
            assert all(item.get("fallback", False) == (item["locale"].lower() != own) for item in listed.values())


def every_page(client: FlaskClient, address: str) -> dict[str, Any]:
    page = client.get(address).get_json()
    found = list(page["items"])
    while page["next_cursor"] is not None:
        page = client.get(f"{address}&cursor={page['next_cursor']}").get_json()
        found += page["items"]
    assert len({item["id"] for item in found}) == len(found)
    return {item["slug"]: item for item in found}


@both_databases
def test_any_folder_that_gives_the_same_ids_is_used(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    files = {"guides/My Trips/Far Away/one.md": text("one"), "guides/My Trips/two.md": text("two")}
    write(ctx, {**files, "guides/elsewhere.md": "---\ntitle: t\nslug: my-trips/a/b\n---\n"})
    for name, path in (
        ("my-trips/new", "My Trips/new"),
        ("my-trips/far-away/new", "My Trips/Far Away/new"),
        ("my-trips/near/new", "My Trips/near/new"),
        ("other/far-away/new", "other/far-away/new"),
        ("my-trips-2/new", "my-trips-2/new"),
    ):
        made = client.post(f"{ARTICLES}/guides", json={"id": name, "data": DATA}, headers=admin)
        assert (made.status_code, made.get_json()["path"]) == (201, f"{CONTENT}/{path}.md")
        assert made.get_json()["id"] == name
    before = items(client, "")
    reconcile(ctx)
    assert items(client, "") == before


def test_two_folders_of_one_locale_are_named(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    """The ids are Astro's, and so they collide; a new article goes to the folder of the first id."""
    files = {
        f"guides/{name}.md": text(name) for name in ("en/a", "en/b", "en/c", "pt-BR/a", "pt-br/b", "pt-BR/x", "pt-br/x")
    }
    write(ctx, files)
    assert items(client, "locale=PT-br").keys() == {"pt-br/a", "pt-br/b", "pt-br/x"}
    found = {finding.code: finding for finding in check(ctx) if finding.path.startswith(f"{CONTENT}/pt")}
    assert found.keys() == {"folders_alike", "id_collision"}
    assert (found["folders_alike"].path, found["folders_alike"].severity) == (f"{CONTENT}/pt-br", "warning")
    assert f"{CONTENT}/pt-BR;" in found["folders_alike"].detail
    (missing,) = [
        one.detail
        for one in check(ctx)
        if one.code == "translation_missing" and "guides" in one.path and "pt" in one.detail.partition(":")[0]
    ]
    assert missing == "1 of 4 articles are not published in pt-BR: en/c"
    made = client.post(f"{ARTICLES}/guides", json={"locale": "pt-br", "slug": "c", "data": DATA}, headers=admin)
    assert made.get_json()["path"] == f"{CONTENT}/pt-BR/c.md"
    etag = client.get(f"{ARTICLES}/guides/pt-br/b").headers["ETag"]
    assert patch(client, admin, "guides/pt-br/b", etag, {"id": "pt-br/d"}).get_json()["path"] == f"{CONTENT}/pt-br/d.md"


@both_databases
def test_a_restored_article_goes_back_to_its_folder(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    named = json.dumps({"locales": ["en", "PT-br"]})
    write(ctx, {"guides/pt-BR/a.md": text("a"), "guides/en/a.md": text("a"), "guides.cms.json": named})
    headers = {**admin, "If-Match": client.get(f"{ARTICLES}/guides/pt-br/a").headers["ETag"]}
    assert client.delete(f"{ARTICLES}/guides/pt-br/a", headers=headers).status_code == 204
    (deleted,) = client.get("/api/v1/changes?action=deleted", headers=admin).get_json()["items"]
    restored = client.post(f"/api/v1/history/guides/pt-br/a?seq={deleted['seq']}", headers=admin)
    assert restored.status_code in (200, 201), restored.text
    shown = client.get(f"{ARTICLES}/guides/pt-br/a").get_json()
    assert (shown["path"], shown["locale"]) == (f"{CONTENT}/pt-BR/a.md", "PT-br")


@both_databases
def test_the_front_page_of_a_locale_is_in_it(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    write(ctx, {"guides/en/index.md": text("home"), "guides/pt-BR/x.md": text("x"), "guides/en/x.md": text("x")})
    home = client.get(f"{ARTICLES}/guides/en").get_json()
    assert (home["id"], home["locale"], home["slug"]) == ("en", "en", "index")
    work = client.get("/api/v1/collections/guides/translations?state=missing", headers=admin).get_json()["items"]
    assert [(item["id"], item["source"]) for item in work] == [("pt-br", "en")]
    for body in ({"id": "pt-br"}, {"locale": "pt-BR", "slug": "index"}):
        made = client.post(f"{ARTICLES}/guides", json={**body, "data": DATA}, headers=admin)
        shown = made.get_json()
        assert (made.status_code, shown["id"], shown["path"]) == (201, "pt-br", f"{CONTENT}/pt-BR/index.md")
        assert (shown["locale"], shown["translations"]) == ("pt-BR", [{"locale": "en", "id": "en", "state": "current"}])
        headers = {**admin, "If-Match": made.headers["ETag"]}
        assert client.delete(f"{ARTICLES}/guides/pt-br", headers=headers).status_code == 204


@pytest.mark.parametrize("tag", TAGS)
def test_texts_of_a_photo_are_found_by_a_tag_in_any_case(
    ctx: Context, client: FlaskClient, admin: dict[str, str], tag: str
) -> None:
    body = "![](@/assets/news/river-bus/photo-1.jpg)\n"
    write(ctx, {"guides/pt-BR/a.md": text("a") + body, "guides/en/a.md": text("a") + body})
    photo = "/api/v1/images/news/river-bus/photo-1.jpg"

    def say(**fields: Any) -> dict[str, Any]:
        etag = client.get(photo).headers["ETag"]
        changed = client.patch(
            photo, json=fields, headers={**admin, "If-Match": etag}, content_type="application/merge-patch+json"
        )
        assert changed.status_code == 200, changed.text
        found: dict[str, Any] = changed.get_json()
        return found

    def alt(name: str) -> str:
        (shown,) = client.get(f"{ARTICLES}/guides/{name}").get_json()["images"]
        return str(shown["alt"])

    say(alt={"*": "A bus", "pt": "Um barco"})
    assert (alt("en/a"), alt("pt-br/a")) == ("A bus", "Um barco")
    say(alt={"pt-BR": "Um ônibus"})
    assert say(alt={tag: "Ônibus"})["alt"] == {"*": "A bus", "pt": "Um barco", tag: "Ônibus"}
    assert alt("pt-br/a") == "Ônibus"
    assert say(alt={tag.swapcase(): None, "pt": None})["alt"] == {"*": "A bus"}
    assert alt("pt-br/a") == "A bus"
