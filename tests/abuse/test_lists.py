"""Lists, parts and readiness under questions that nobody means well, and ids that somebody guesses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cms.context import Context
from cms.model.js_date import read_date
from tests.abuse.operations import operations
from tests.api.editing import ARTICLES, TEXT, problem
from tests.api.test_images import picture, send
from tests.asking import listen
from tests.conftest import make_client, reconcile, site_of, state_of

FIELDS = ("title", "description", "date", "author", "tags", "image", "draft")


@pytest.fixture
def statements(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What the database was asked, apart from the values, and these."""
    asked: list[tuple[str, object]] = []
    listen(ctx.database, monkeypatch, lambda statement, values: asked.append((statement, values)))
    return asked


def test_a_value_is_never_part_of_a_statement(client: FlaskClient, statements: list[tuple[str, object]]) -> None:
    """AC-09: whatever is asked for, the statements are those for any other value."""
    url = f"{ARTICLES}?collection=news&total=true&sort=-date&filter[title][contains]={{}}&q=a{{}}&locale=en"
    texts = set()
    for value in ("x", "x%27%20OR%20%271%27=%271", "x;DROP TABLE log--", "x%22%5C%25_", "x%27)%20UNION%20SELECT%201"):
        statements.clear()
        assert client.get(url.replace("{}", value)).status_code == 200
        texts.add(tuple(text for text, _ in statements))
        assert any("drop" in str(parameters).lower() for _, parameters in statements) or "DROP" not in value
    assert len(texts) == 1


names = st.one_of(
    st.sampled_from(["token_hash", "author.token", "t1.x", "__class__", "a->b", "json", "t.digest", "sqlite_master"]),
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz_.$>();", min_size=3, max_size=12),
).filter(lambda name: name not in FIELDS)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(name=names, op=st.sampled_from(["eq", "ne", "in", "contains", "exists", "regex", "like", "$where"]))
def test_what_is_no_field_is_not_told_from_one_that_is_private(ctx: Context, name: str, op: str) -> None:
    """AC-07, AC-08."""
    client = make_client(ctx)

    def told(query: dict[str, str], name: str) -> str:
        answer = client.get(ARTICLES, query_string={"collection": "news", **query})
        return str(problem(answer, 422)["errors"]).replace(name, "NAME")

    for make in (lambda one: {f"filter[{one}][{op}]": "x"}, lambda one: {"sort": one}, lambda one: {"fields": one}):
        own, other = told(make(name), name), told(make("no_such_field"), "no_such_field")
        assert own == other


DEEP = ["filter[title][eq][eq][eq]=x", "filter[and][0][or][0][title][eq]=x", "filter[title][eq][]=x",
        f"filter[title][in]={','.join(['x'] * 1500)}", "filter[title][like]=%25%25%25"]  # fmt: skip


def test_ac_08_filters_are_flat_and_few(client: FlaskClient) -> None:
    for query in DEEP:
        problem(client.get(f"{ARTICLES}?collection=news&{query}"), 422)


RANGES = [
    ("bytes=0-0", 206), ("bytes=-1", 206), ("bytes=0-999999", 206), ("bytes=-0", 416), ("bytes=999999-", 416),
    ("bytes=5-2", 200), ("bytes=abc", 200), ("chars=0-1", 200), ("bytes=", 200),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(1000)), 416), ("bytes=" + "9" * 3000 + "-", 416),
]  # fmt: skip


def test_ib_43_a_range_is_one_range(client: FlaskClient, admin: dict[str, str]) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="new").get_json()["items"]
    whole = client.get(item["url"]).data
    for asked, status in RANGES:
        answer = client.get(item["url"], headers={"Range": asked})
        # RFC 9110 lets one be ignored that makes no sense.
        assert answer.status_code in ((200, 416) if status == 200 else (status,)), asked
        assert len(answer.data) <= max(len(whole), 1000)
        assert answer.status_code != 200 or answer.data == whole


DATES = ["0001-01-01", "0000-01-01", "9999-12-31", "275760-09-13", "2025-02-30", "2016-12-31T23:59:60Z", "99-01-01",
         "2025-06-24T00:00:00+14:00", "2025-06-24T00:00:00-12:00", "2025-03-30T02:30:00", "-0001-01-01", "2025-W10",
         "1e400", "2025-06-24T25:00:00Z", "12/31/2025", "2025-06-24T10:00:00.123456789Z"]  # fmt: skip


def test_ib_50_odd_dates_are_refused_or_keep_their_order(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    data = {"title": "t", "description": "d", "author": "a", "tags": []}
    for number, date in enumerate(DATES):
        new = {"id": f"en/date-{number}", "data": {**data, "date": date}}
        answer = client.post(f"{ARTICLES}/news", json=new, headers=admin)
        assert answer.status_code in (201, 422), (date, answer.text)
        (site_of(ctx) / f"src/content/news/en/file-{number}.md").write_text(TEXT.replace("2025-06-24", date))
    reconcile(ctx)
    for sort in ("date", "-date"):
        for query in ("", "&filter[date][gte]=2000-01-01", "&filter[date][lt]=9999-12-31"):
            page = client.get(f"{ARTICLES}?collection=news&sort={sort}&limit=100{query}")
            assert page.status_code == 200, page.text
    items = client.get(f"{ARTICLES}?collection=news&sort=date&limit=100&fields=data").get_json()["items"]
    read = [read_date(item["data"]["date"]) for item in items]
    dates = [date.ms for date in read if date is not None]
    assert dates == sorted(dates)
    assert None not in read[: len(dates)]
    assert client.get("/api/v1/sync").status_code == 200


def test_ac_14_what_is_guessed_is_not_there(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    before = state_of(ctx)
    guessed = ("token_id", "webhook_id", "delivery_id", "trash_id", "upload_id", "preview")
    asked = 0
    for operation in operations(client, "GET", "POST", "PATCH", "DELETE"):
        if not set(operation.names) & set(guessed):
            continue
        for guess in ("0" * 16, "1", "f" * 32, "me", "*", "%", "0" * 15 + "g"):
            (url,) = operation.urls({name: [guess] for name in operation.names})
            sent: dict[str, Any] = {"json": {"quiet_s": 1}} if operation.method == "PATCH" else {}
            problem(client.open(url, method=operation.method, headers=admin, **sent), 404)
            asked += 1
    assert asked > 60
    assert state_of(ctx) == before


def test_ac_36_readiness_asks_for_what_was_found_and_looks_at_nothing(
    client: FlaskClient, statements: list[tuple[str, object]]
) -> None:
    for _ in range(20):
        statements.clear()
        assert client.get("/readyz").status_code == 200
        assert len(statements) <= 3
        assert not [text for text, _ in statements if re.match(r"(?i)insert|update|delete|pragma", text)]
    for _ in range(20):
        statements.clear()
        assert client.get("/healthz").status_code == 200
        assert statements == []
