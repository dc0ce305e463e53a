"""What a monitor watches: the same from each process, for those who may know it, and nothing of what articles say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from cms.actions.watch import watch
from cms.context import Context
from cms.model.scopes import SCOPES
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_builds import report
from tests.api.test_webhooks import NAME
from tests.conftest import (
    bearer,
    both_databases,
    close,
    eventually,
    make_client,
    make_context,
    reconcile,
    site_of,
    state_of,
)
from tests.forge import desk
from tests.receiver import Receiver
from tests.telling import deliver_due, make_hook, pass_time

DRAFT = TEXT.replace("tags:", "draft: true\ntags:")
OPENING = "src/content/news/en/opening-day.md"
NEWS = ("collection", "news")
Labels = tuple[tuple[str, str], ...]


@pytest.fixture
def monitor(ctx: Context) -> dict[str, str]:
    return bearer(ctx, "metrics")


def watched(client: FlaskClient, headers: dict[str, str]) -> dict[str, dict[Labels, float]]:
    """Each metric's samples, by their labels."""
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def of_all(found: dict[str, dict[Labels, float]]) -> dict[str, dict[Labels, float]]:
    """Without what a process says of itself."""
    return {name: samples for name, samples in found.items() if "process" not in dict(next(iter(samples)))}


def of(hook: dict[str, Any]) -> Labels:
    return (("target", hook["target"]), ("webhook", hook["id"]))


def test_only_who_has_the_scope_is_told(client: FlaskClient, ctx: Context) -> None:
    tokens = {scope: bearer(ctx, scope) for scope in SCOPES}
    before = state_of(ctx)
    problem(client.get("/metrics"), 401)
    for scope, headers in tokens.items():
        response = client.get("/metrics", headers=headers)
        assert response.status_code == (200 if scope in ("metrics", "admin") else 403), scope
        assert response.headers["Cache-Control"] == "private, no-store"
        assert "cms_articles" not in response.text or scope in ("metrics", "admin")
    for url in ("/api/v1/webhooks", "/api/v1/tokens", "/api/v1/drafts", "/api/v1/changes"):
        problem(client.get(url, headers=tokens["metrics"]), 403)
    assert state_of(ctx) == before


@both_databases
def test_each_process_says_how_much_there_is(
    client: FlaskClient, admin: dict[str, str], ctx: Context, monitor: dict[str, str]
) -> None:
    before = watched(client, monitor)
    etag = create_text(client, admin)
    patch(client, admin, NAME, etag, {"data": {"draft": True}})
    found = watched(client, monitor)
    counts = {dict(labels)["status"]: number for labels, number in found["cms_articles"].items() if NEWS in labels}
    assert counts == {"published": 6, "draft": 2, "scheduled": 0, "broken": 0}
    assert found["cms_changes_total"][()] - before["cms_changes_total"][()] == 2
    assert (found["cms_ready"][()], found["cms_git_conflicts"][()]) == (1, 0)
    assert [dict(labels).keys() for labels in found["cms_build_info"]] == [{"version"}]
    assert "cms_not_live_seconds" not in found, "nobody reports builds"
    other = make_context(ctx.settings)
    assert of_all(watched(make_client(other), monitor)) == of_all(found)
    close(other)


def test_it_tells_of_a_webhook_that_is_behind(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver, monitor: dict[str, str]
) -> None:
    hook = make_hook(client, admin, receiver.url)
    deaf = make_hook(client, admin, receiver.url, events=["content.not_live"])
    assert watched(client, monitor)["cms_webhook_lag_seconds"] == {of(hook): 0}
    create_text(client, admin)
    receiver.statuses = [500]
    deliver_due(ctx)
    pass_time(ctx, 1000)
    found = watched(client, monitor)
    assert 1000 <= found["cms_webhook_lag_seconds"][of(hook)] < 1060
    assert 1000 <= found["cms_webhook_failing_seconds"][of(hook)] < 1060
    assert found["cms_webhook_failing_seconds"][of(deaf)] == 0
    watch(ctx)
    assert watched(client, monitor)["cms_notice_seconds"].keys() == {(("name", "webhooks_failing"),)}
    deliver_due(ctx)
    watch(ctx)
    found = watched(client, monitor)
    assert (found["cms_webhook_lag_seconds"], found.get("cms_notice_seconds")) == ({of(hook): 0}, None)
    assert set(found["cms_webhook_failing_seconds"].values()) == {0}


def test_it_tells_how_long_what_is_published_has_not_been_live(
    client: FlaskClient, admin: dict[str, str], ctx: Context, monitor: dict[str, str]
) -> None:
    report(client, admin)
    assert watched(client, monitor)["cms_not_live_seconds"] == {(): 0}
    create_text(client, admin, "news/en/a-draft", DRAFT)
    assert watched(client, monitor)["cms_not_live_seconds"] == {(): 0}
    create_text(client, admin)
    pass_time(ctx, 1000)
    assert 1000 <= watched(client, monitor)["cms_not_live_seconds"][()] < 1060
    watch(ctx)
    assert (("name", "not_live"),) in watched(client, monitor)["cms_notice_seconds"]
    report(client, admin)
    assert watched(client, monitor)["cms_not_live_seconds"] == {(): 0}


def test_it_counts_answers_by_route_never_by_path_and_those_from_memory(
    ctx: Context, client: FlaskClient, monitor: dict[str, str]
) -> None:
    assert eventually(lambda: ctx.generation.current() is not None)  # before that nothing is kept in memory
    route, name = "/api/v1/articles/<collection>/<path:article_id>", "news/en/opening-day"
    known = {"If-None-Match": client.get(f"{ARTICLES}/{name}").headers["ETag"]}
    for headers in ({}, {}, known):
        client.get(f"{ARTICLES}/{name}", headers=headers)
    client.get(f"{ARTICLES}/{name}", headers=monitor)
    client.get(f"{ARTICLES}/news/en/unheard-of")
    client.open("/unheard-of/one", method="BREW")
    client.get("/unheard-of/another")
    found = watched(client, monitor)
    process = ("process", str(os.getpid()))

    def of_route(method: str, name: str, status: str, source: str) -> Labels:
        return (("method", method), process, ("route", name), ("source", source), ("status", status))

    counts = found["cms_requests_total"]
    assert counts[of_route("GET", route, "2xx", "made")] == 2
    assert counts[of_route("GET", route, "2xx", "memory")] == 2
    assert counts[of_route("GET", route, "3xx", "memory")] == 1
    assert counts[of_route("GET", route, "4xx", "made")] == 1
    assert counts[of_route("other", "none", "4xx", "made")] == counts[of_route("GET", "none", "4xx", "made")] == 1
    assert len(counts) == 6
    timed = (("method", "GET"), process, ("route", route))
    assert found["cms_request_seconds_count"][timed] == 3
    assert 0 < found["cms_request_seconds_sum"][timed] < 60
    assert found["cms_request_seconds_bucket"][(("le", "+Inf"), *timed)] == 3
    assert found["cms_refused_total"] == {(process,): 0}
    assert "unheard-of" not in client.get("/metrics", headers=monitor).text


def test_it_tells_that_deletions_are_held(client: FlaskClient, ctx: Context, monitor: dict[str, str]) -> None:
    for path in (site_of(ctx) / "src/content/news").rglob("*.md"):
        path.unlink()
    reconcile(ctx)
    assert watched(client, monitor)["cms_notice_seconds"].keys() == {(("name", "deletions_held"),)}


def test_it_tells_of_conflicts_with_developers(tmp_path: Path) -> None:
    with desk(tmp_path, "push") as at:
        at.developer.push({OPENING: at.developer.read(OPENING).replace("title:", "title: By Dara #")})
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        at.keep()
        assert len(at.get("conflicts")["items"]) == 1
        assert watched(at.client, at.editor)["cms_git_conflicts"] == {(): 1}


def test_nothing_secret_and_nothing_that_an_article_says_is_in_it(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver, monitor: dict[str, str]
) -> None:
    hook = make_hook(client, admin, receiver.url)
    create_text(client, admin, "news/en/sekret", DRAFT)
    receiver.statuses = [500]
    deliver_due(ctx)
    pass_time(ctx, 1000)
    watch(ctx)
    text = client.get("/metrics", headers=monitor).text
    for hidden in ("sekret", "127.0.0.1", hook["secret"], monitor["Authorization"][7:], str(site_of(ctx))):
        assert hidden not in text
