"""What people say of a photo: alt texts, captions, credit, copyright, the place that has to stay in sight."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from cms.database.derived import derived
from tests.api.editing import ARTICLES, MERGE_PATCH, problem
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import bearer, close, make_client, make_context, reconcile, site_of, state_of

PATH = "news/river-bus/photo-1.jpg"
URL = f"{IMAGES}/{PATH}"
ARTICLE = f"{ARTICLES}/news/en/river-bus"


def describe(client: FlaskClient, headers: dict[str, str], said: Any, path: str = PATH) -> TestResponse:
    tag = client.get(f"{IMAGES}/{path}").headers["ETag"]
    return client.patch(f"{IMAGES}/{path}", json=said, headers={**headers, "If-Match": tag}, content_type=MERGE_PATCH)


def shown_in(client: FlaskClient, article: str) -> list[dict[str, Any]]:
    images = client.get(article).get_json()["images"]
    return [image for image in images if image["path"] == PATH]


def test_fields_are_set_changed_one_by_one_and_taken_back(client: FlaskClient, admin: dict[str, str]) -> None:
    before = client.get(URL).get_json()
    said = {
        "alt": {"en": "The book boat", "km": "ទូកសៀវភៅ"},
        "caption": {"*": "2025"},
        "credit": "S. Dara",
        "copyright": "Reading Room",
        "focal_point": {"x": 0.25, "y": 1},
    }
    first = describe(client, admin, said)
    assert first.status_code == 200, first.text
    assert {name: first.get_json()[name] for name in said} == said
    assert first.get_json()["version"] == f"{before['sha256']}.1"
    assert client.get(URL).headers["ETag"].startswith(f'"{before["sha256"]}.1-')
    second = describe(client, admin, {"alt": {"km": None}, "credit": None, "focal_point": None}).get_json()
    assert (second["alt"], second["caption"]) == ({"en": "The book boat"}, {"*": "2025"})
    assert (second["credit"], second["copyright"], second["focal_point"]) == (None, "Reading Room", None)
    assert describe(client, admin, {"alt": None}).get_json()["alt"] == {}


def test_the_same_words_again_are_no_change(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    describe(client, admin, {"credit": "S. Dara"})
    before = state_of(ctx)
    assert describe(client, admin, {"credit": "S. Dara"}).status_code == 200
    assert state_of(ctx) == before


def test_an_article_tells_them_in_its_language(client: FlaskClient, admin: dict[str, str]) -> None:
    before = client.get(ARTICLE)
    feed = client.get("/api/v1/sync").text.splitlines()
    describe(client, admin, {"alt": {"en": "A boat", "km": "ទូក"}, "caption": {"en": "On its way"}, "credit": "S. D."})
    after = client.get(ARTICLE)
    assert after.get_json()["version"] == before.get_json()["version"]
    assert after.get_json()["digest"] != before.get_json()["digest"]
    english = shown_in(client, ARTICLE)
    khmer = shown_in(client, f"{ARTICLES}/news/km/river-bus")
    assert {(item["caption"], item["credit"]) for item in english} == {("On its way", "S. D.")}
    assert {(item["caption"], item["credit"]) for item in khmer} == {(None, "S. D.")}
    # The author's own alt text stays; where there is none, the photo's stands in.
    assert [item["alt"] for item in english if item["field"] is not None] in ([], ["A boat"])
    own = [image["alt"] for image in before.get_json()["images"] if image["path"] == PATH and image["field"] is None]
    assert [item["alt"] for item in english if item["field"] is None] == [alt or "A boat" for alt in own]
    cursor = feed[-1].partition('"cursor":"')[2].rstrip('"}')
    lines = client.get(f"/api/v1/sync?cursor={cursor}").text
    assert f'"type":"image","path":"{PATH}"' in lines
    assert '"id":"en/river-bus"' in lines


def test_a_photo_without_words_of_the_author_says_its_own(client: FlaskClient, admin: dict[str, str]) -> None:
    body = {"data": {"title": "T", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}, "locale": "en"}
    made = client.post(f"{ARTICLES}/news", json={**body, "body": f"![](@/assets/{PATH})\n"}, headers=admin)
    assert made.status_code == 201, made.text
    describe(client, admin, {"alt": {"*": 'A "boat" & more'}})
    article = client.get(made.headers["Location"]).get_json()
    assert [image["alt"] for image in article["images"]] == ['A "boat" & more']
    assert article["html"].count("alt=") == 1
    assert 'alt="A &quot;boat&quot; &amp; more"' in article["html"]
    describe(client, admin, {"alt": None})
    article = client.get(made.headers["Location"]).get_json()
    assert [image["alt"] for image in article["images"]] == [""]


def test_they_outlive_the_index(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    said = describe(client, admin, {"alt": {"en": "A boat"}}).get_json()
    with ctx.database.begin() as tx:
        derived.drop_all(tx)
    again = make_context(ctx.settings)
    shown = make_client(again).get(URL).get_json()
    assert {name: shown[name] for name in said} == said
    close(again)


def test_they_stay_with_a_photo_that_comes_back_and_not_with_another(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    describe(client, admin, {"credit": "S. Dara"}, item["path"])
    file = site_of(ctx) / "src/assets" / item["path"]
    data = file.read_bytes()
    for content, credit in ((data, "S. Dara"), (picture(size=(50, 50)), None)):
        file.unlink()
        reconcile(ctx)
        problem(client.get(f"{IMAGES}/{item['path']}"), 404)
        file.write_bytes(content)
        reconcile(ctx)
        assert client.get(f"{IMAGES}/{item['path']}").get_json()["credit"] == credit


def test_who_took_it_is_kept_when_asked(client: FlaskClient, admin: dict[str, str]) -> None:
    # As phones write it: UTF-8, and blanks to fill the field.
    data = picture(artist="  Sok  DaraXXXXXX", copyright="Reading Room").replace(b"XXXXXX", "តា".encode())
    (item,) = send(client, admin, (data, "a.jpg"), folder="apart", keep_credit="true").get_json()["items"]
    assert (item["credit"], item["copyright"]) == ("Sok Daraតា", "Reading Room")
    other = picture(size=(61, 40), artist="Sok Dara")
    (item,) = send(client, admin, (other, "b.jpg"), folder="apart").get_json()["items"]
    assert (item["credit"], item["copyright"], item["version"]) == (None, None, item["sha256"])
    problem(send(client, admin, (data, "a.jpg"), folder="apart", keep_credit="yes"), 422)


@pytest.mark.parametrize(
    "said",
    [
        {"alt": "text"}, {"alt": {"english": "x"}}, {"alt": {"en": ""}}, {"alt": {"en": 1}},
        {"alt": {"en": "x" * 1001}}, {"alt": {"en": "a\0b"}}, {"alt": {"en": "\ud800"}},
        {"focal_point": {"x": 2, "y": 0}}, {"focal_point": {"x": 0}}, {"focal_point": [0, 0]},
        {"focal_point": {"x": "NaN", "y": 0}}, {"credit": "x" * 201}, {"width": 5}, {"sha256": "x"}, [],
        {"unknown": None},
    ],
)  # fmt: skip
def test_what_cannot_be_said_changes_nothing(
    client: FlaskClient, admin: dict[str, str], ctx: Context, said: Any
) -> None:
    before = state_of(ctx)
    problem(describe(client, admin, said), 422)
    assert state_of(ctx) == before


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ({"alt": {"en": "", "km": "x", "english": "x"}}, ["/alt/en", "/alt/english"]),
        ({"caption": {"en": {"value": 1}}}, ["/caption/en"]),
        ({"focal_point": {"y": 0}}, ["/focal_point/x"]),
        ({"focal_point": {}}, ["/focal_point/x", "/focal_point/y"]),
        ({"focal_point": {"x": None, "y": 2}}, ["/focal_point/x", "/focal_point/y"]),
        ({"focal_point": {"x": 0, "y": 0, "z": 0}}, ["/focal_point/z"]),
        ({"focal_point": [0, 0]}, ["/focal_point"]),
    ],
)
def test_each_mistake_is_told_at_its_place(
    client: FlaskClient, admin: dict[str, str], ctx: Context, said: Any, pointers: list[str]
) -> None:
    before = state_of(ctx)
    found = problem(describe(client, admin, said), 422)
    assert sorted(error["pointer"] for error in found["errors"]) == pointers
    assert state_of(ctx) == before


def test_half_a_focal_point_is_merged_with_the_one_there_is(client: FlaskClient, admin: dict[str, str]) -> None:
    describe(client, admin, {"focal_point": {"x": 0.25, "y": 1}})
    assert describe(client, admin, {"focal_point": {"x": 0.5}}).get_json()["focal_point"] == {"x": 0.5, "y": 1}
    assert describe(client, admin, {"focal_point": {}}).get_json()["focal_point"] == {"x": 0.5, "y": 1}


def test_whoever_comes_second_is_told(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    tag = client.get(URL).headers["ETag"]
    describe(client, admin, {"credit": "first"})
    reader = bearer(ctx, "articles:write")
    before = state_of(ctx)
    send_patch = {"json": {"credit": "second"}, "content_type": MERGE_PATCH}
    found = problem(client.patch(URL, **send_patch, headers={**admin, "If-Match": tag}), 412)
    assert found["current_version"].endswith(".1")
    problem(client.patch(URL, **send_patch, headers=admin), 428)
    problem(client.patch(URL, **send_patch, headers={**reader, "If-Match": tag}), 403)
    problem(client.patch(URL, **send_patch, headers={"If-Match": tag}), 401)
    problem(client.patch(URL, json={}, headers={**admin, "If-Match": tag}), 415)
    problem(client.patch(f"{IMAGES}/none.jpg", **send_patch, headers={**admin, "If-Match": tag}), 404)
    assert state_of(ctx) == before
