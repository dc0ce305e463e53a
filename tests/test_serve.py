"""The service as it runs: processes, signals, logs, two servers on one site.

`CMS_TEST_RACES=100` races edits so often; without it they are raced a few times.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3
from standardwebhooks import Webhook

from tests.components import (
    CmsServer,
    cms,
    cms_server,
    descendants,
    free_port,
    program,
    settings_environment,
    wait_for,
)
from tests.components import ending as ending_process
from tests.conftest import eventually
from tests.receiver import Receiver

HTTP = urllib3.PoolManager(retries=False, maxsize=32)
ROUNDS = int(os.environ.get("CMS_TEST_RACES", "10"))
ARTICLE = "/api/v1/articles/news/en/opening-day"


def token(site: Path, *scopes: str, **settings: str) -> dict[str, str]:
    options = [word for scope in scopes for word in ("--scope", scope)]
    result = cms(site, "token", "create", "--name", "test", *options, **settings)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1
    return {"Authorization": f"Bearer {result.stdout.strip()}"}


def patch(url: str, headers: dict[str, str], etag: str, body: dict[str, Any]) -> Any:
    sent = {**headers, "If-Match": etag, "Content-Type": "application/merge-patch+json"}
    return HTTP.request("PATCH", url, body=json.dumps(body).encode(), headers=sent)


def log_lines(server: CmsServer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def test_an_edit_with_a_token_and_a_clean_end(light_site: Path, tmp_path: Path) -> None:
    with cms_server(light_site, tmp_path / "log") as server:
        admin = token(light_site, "admin")
        first = HTTP.request("GET", server.url + ARTICLE)
        assert first.status == 200
        answer = patch(server.url + ARTICLE, admin, first.headers["ETag"], {"data": {"title": "Edited"}})
        assert answer.status == 200, answer.data
        assert "title: Edited\n" in (light_site / "src/content/news/en/opening-day.md").read_text()
        (light_site / "src/content/news/en/by-hand.md").write_text(
            "---\ntitle: By hand\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n---\n"
        )
        url = f"{server.url}/api/v1/articles/news/en/by-hand"
        assert eventually(lambda: HTTP.request("GET", url).status == 200)
        children = descendants(server.process.pid)
        assert len(children) >= 2
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        assert eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    requests = [line for line in log_lines(server) if line["message"] == "request"]
    edit = next(line for line in requests if line["method"] == "PATCH")
    assert (edit["path"], edit["status"], edit["actor"]) == (ARTICLE, 200, "test")
    assert edit["request_id"] == answer.headers["X-Request-Id"]
    assert admin["Authorization"].split("_", 2)[2] not in server.log.read_text()
    assert (light_site / ".cms/.gitignore").read_text() == "*\n"


def test_a_token_is_refused_everywhere_as_soon_as_it_is_revoked(light_site: Path, tmp_path: Path) -> None:
    """AC-17."""
    with (
        cms_server(light_site, tmp_path / "one") as one,
        cms_server(light_site, tmp_path / "two", "--workers", "2") as two,
    ):
        admin, desk = token(light_site, "admin"), token(light_site, "articles:read-drafts")
        urls = [f"{server.url}/api/v1/whoami" for server in (one, two)]
        assert [HTTP.request("GET", url, headers=desk).status for url in urls * 4] == [200] * 8

        def listed() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = HTTP.request("GET", f"{one.url}/api/v1/tokens", headers=admin).json()["items"]
            return found

        assert eventually(lambda: all(item["last_used_at"] for item in listed()))
        assert cms(light_site, "token", "list").stdout.count("  used 2") == 2
        token_id = desk["Authorization"].split("_")[1]
        answer = HTTP.request("DELETE", f"{one.url}/api/v1/tokens/{token_id}", headers=admin)
        assert answer.status == 204
        assert [HTTP.request("GET", url, headers=desk).status for url in urls * 4] == [401] * 8


def test_who_fails_too_often_is_told_to_wait_whatever_the_headers_say(light_site: Path, tmp_path: Path) -> None:
    """AC-29, AC-35."""
    with cms_server(light_site, tmp_path / "log") as server:
        editor = token(light_site, "articles:read-drafts")
        url = f"{server.url}/api/v1/whoami"

        def guess(number: int) -> Any:
            names = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "Host")
            spoofed = dict.fromkeys(names, f"10.0.0.{number}")
            guessed = {"Authorization": f"Bearer cms_{number:016x}_{'x' * 43}"}
            return HTTP.request("GET", url, headers={**spoofed, **guessed})

        answers = [guess(number) for number in range(20)]
        assert [answer.status for answer in answers] == [401] * 10 + [429] * 10
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert answers[-1].headers["Content-Type"] == "application/problem+json"
        assert HTTP.request("GET", url, headers=editor).status == 200
        assert HTTP.request("GET", server.url + ARTICLE).status == 200


def test_no_process_outlives_a_server_that_was_killed(light_site: Path, tmp_path: Path) -> None:
    with cms_server(light_site, tmp_path / "log") as server:
        children = descendants(server.process.pid)
        server.process.kill()
        server.process.wait()
        assert len(children) >= 2
        assert eventually(lambda: not any(_command(child) for child in children))


def _version(etag: str) -> str:
    return etag.partition("-")[0]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_of_racing_edits_through_two_servers_one_wins_each_round(
    light_site: Path, tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    settings = {"CMS_DATABASE": request.getfixturevalue("postgres_url")} if database == "postgres" else {}
    with (
        cms_server(light_site, tmp_path / "one", **settings) as one,
        cms_server(light_site, tmp_path / "two", "--workers", "2", **settings) as two,
    ):
        admin = token(light_site, "admin", **settings)
        etag = HTTP.request("GET", one.url + ARTICLE).headers["ETag"]
        for number in range(ROUNDS):
            etag = _race([one.url, two.url] * 4, admin, etag, number)
        # What follows the version changes as variants of photos are made.
        assert _version(HTTP.request("GET", two.url + ARTICLE).headers["ETag"]) == _version(etag)
        history = HTTP.request("GET", f"{one.url}/api/v1/history/news/en/opening-day?limit=100", headers=admin).json()
        assert [item["source"] for item in history["items"]] == ["api"] * ROUNDS + ["files"]


def _race(urls: list[str], admin: dict[str, str], etag: str, number: int) -> str:
    answers: list[Any] = []

    def edit(url: str, racer: int) -> None:
        answers.append(patch(url + ARTICLE, admin, etag, {"data": {"author": f"{number}-{racer}"}}))

    racers = [threading.Thread(target=edit, args=(url, racer)) for racer, url in enumerate(urls)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    won = [answer for answer in answers if answer.status == 200]
    assert len(won) == 1, [answer.status for answer in answers]
    assert {answer.status for answer in answers} == {200, 412}
    current = won[0].headers["ETag"]
    assert {answer.json()["current_version"] for answer in answers if answer.status == 412} <= {current[1:65]}
    return str(current)


def test_content_that_goes_away_under_a_running_server_is_served_on(light_site: Path, tmp_path: Path) -> None:
    with cms_server(light_site, tmp_path / "log") as server:
        admin = token(light_site, "admin")
        feed = f"{server.url}/api/v1/sync"
        assert eventually(lambda: b'"placeholder":null' not in HTTP.request("GET", feed).data)
        before = HTTP.request("GET", feed)
        aside = (light_site / "src/content").rename(light_site / "src/aside")
        ready = f"{server.url}/readyz"
        assert eventually(lambda: HTTP.request("GET", ready).json()["status"] == "degraded")
        time.sleep(2)
        assert HTTP.request("GET", feed).data == before.data
        etag = HTTP.request("GET", server.url + ARTICLE).headers["ETag"]
        assert patch(server.url + ARTICLE, admin, etag, {"data": {"title": "x"}}).status == 412
        assert any(line["levelname"] == "ERROR" and "accept-deletions" in line["message"] for line in log_lines(server))
        held = cms(light_site, "sync")
        assert held.returncode == 2 or "src/content" in held.stderr
        aside.rename(light_site / "src/content")
        assert eventually(lambda: HTTP.request("GET", ready).json()["status"] == "ready")
        assert patch(server.url + ARTICLE, admin, etag, {"data": {"title": "x"}}).status == 200


def test_one_edit_is_one_signed_post(light_site: Path, tmp_path: Path, receiver: Receiver) -> None:
    settings = {"CMS_WEBHOOKS_ALLOW_PRIVATE": "true"}
    with cms_server(light_site, tmp_path / "log", **settings) as server:
        admin = token(light_site, "admin", **settings)
        hook = {"url": receiver.url, "quiet_s": 5, "max_wait_s": 60}
        made = HTTP.request("POST", f"{server.url}/api/v1/webhooks", json=hook, headers=admin).json()
        receiver.statuses = [500]
        etag = HTTP.request("GET", server.url + ARTICLE).headers["ETag"]
        for number in range(5):
            answer = patch(server.url + ARTICLE, admin, etag, {"data": {"title": f"Edit {number}"}})
            etag = answer.headers["ETag"]
        assert eventually(lambda: len(receiver.messages) == 2)
        time.sleep(2.5)
        assert len(receiver.messages) == 2
        verified = [Webhook(made["secret"]).verify(body, headers) for headers, body in receiver.messages]
        assert verified[0] == verified[1]
        assert verified[0]["ids"] == ["news/en/opening-day"]


def test_a_port_that_is_taken_is_named(light_site: Path, tmp_path: Path) -> None:
    with cms_server(light_site, tmp_path / "log", "--no-worker") as server:
        port = server.url.rpartition(":")[2]
        second = cms(light_site, "serve", "--port", port)
        assert second.returncode == 1
        assert f"Cannot listen on 127.0.0.1:{port}" in second.stderr
        assert "Serving" not in second.stderr


def test_any_wsgi_server_can_serve_it(light_site: Path, tmp_path: Path) -> None:
    port = free_port()
    code = (
        "from wsgiref.simple_server import make_server; from wsgi import app;"
        f" make_server('127.0.0.1', {port}, app).serve_forever()"
    )
    root = Path(__file__).parents[1]
    command = [str(program("python")), "-c", code]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, env=settings_environment(light_site), stdout=log, stderr=log)
        with ending_process(process):
            wait_for(f"http://127.0.0.1:{port}/healthz", process)
            assert HTTP.request("GET", f"http://127.0.0.1:{port}{ARTICLE}").json()["id"] == "en/opening-day"


def test_photos_go_to_a_bucket_and_come_from_it(light_site: Path, tmp_path: Path, s3_url: str) -> None:
    media = {"CMS_MEDIA": f"s3://photos/{tmp_path.name}"}
    with cms_server(light_site, tmp_path / "log", "--no-worker", **media) as server:
        admin = token(light_site, "admin", **media)
        photo = (light_site / "src/assets/news/opening-day/photo-1.jpg").read_bytes()
        fields: dict[str, str | bytes | tuple[str, str | bytes] | tuple[str, str | bytes, str]]
        fields = {"article": "news/en/opening-day", "files": ("minister.jpg", photo, "image/jpeg")}
        answer = HTTP.request("POST", f"{server.url}/api/v1/images", fields=fields, headers=admin)
        assert answer.status == 201, answer.data
        (item,) = answer.json()["items"]
        assert item["path"] == "news/opening-day/minister.jpg"
        assert not (light_site / "src/assets" / item["path"]).exists()
        served = HTTP.request("GET", server.url + item["url"], headers=admin)  # until it is shown, it is hidden
        assert len(served.data) == item["bytes"]
        assert HTTP.request("GET", server.url + item["url"]).status == 404
        answer = HTTP.request("GET", f"{server.url}/api/v1/images?folder=news/opening-day", headers=admin)
        listed = answer.json()["items"]
        assert item["path"] in [other["path"] for other in listed]
        assert len(listed) == 6


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
