"""Why a bucket does not answer is told to operators by the server's own code, and never to the public."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from botocore.config import Config
from click.testing import CliRunner
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.cli import main
from cms.context import Context
from cms.store import s3_client
from cms.store.s3_causes import ADVICE
from tests.api.test_images import IMAGES, picture, send
from tests.certificates import make_certificate, speaking_tls
from tests.components import cms, free_port, s3_environment
from tests.conftest import bearer, close, make_client, make_context, make_settings
from tests.receiver import speaking
from tests.storage.telling_causes import SECRETS, check_told, refusing

PHOTO = "/media/news/opening-day/photo-1.jpg"
Open = Callable[[str], Context]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client tries once and not for long."""
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=1)
    monkeypatch.setattr(s3_client, "PORTABLE", s3_client.PORTABLE.merge(once))


@pytest.fixture
def opened(light_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Makes the parts of the site as of another process, its photos in that bucket, by the environment as it is."""
    made: list[Context] = []
    environment = {**s3_environment("http://127.0.0.1:1"), "AWS_SECRET_ACCESS_KEY": "right-secret"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    close(make_context(make_settings(light_site, f"sqlite:///{tmp_path}/cms.db")))

    def make(bucket: str) -> Context:
        for name, value in (("SITE", str(light_site)), ("MEDIA", f"s3://{bucket}")):
            monkeypatch.setenv(f"CMS_{name}", value)
        monkeypatch.setenv("CMS_DATABASE", f"sqlite:///{tmp_path}/cms.db")
        made.append(make_context(make_settings(light_site, f"sqlite:///{tmp_path}/cms.db", media=f"s3://{bucket}")))
        return made[-1]

    yield make
    for ctx in made:
        close(ctx)


def check(ctx: Context, words: tuple[str, ...], caplog: pytest.LogCaptureFixture) -> None:
    """Public and editors, log, `/readyz` and a command say what they are to say, and nothing is changed."""
    client, admin, editor = make_client(ctx), bearer(ctx, "admin"), bearer(ctx, "images:write")
    before = state_of_index(ctx)

    def upload() -> TestResponse:
        return send(client, editor, (picture(), "a.jpg"), folder="apart")

    check_told(client, admin, [partial(client.get, PHOTO)], words, caplog)
    answer = upload()
    assert answer.status_code == 503
    assert not [word for word in (*words, *SECRETS) if word in answer.text]
    result = CliRunner().invoke(main, ["images", "pull"])
    assert result.exit_code == 1
    assert not [word for word in words if word not in result.output], result.output
    assert not [word for word in SECRETS if word in result.output]
    assert state_of_index(ctx) == before


def state_of_index(ctx: Context) -> list[str]:
    client = make_client(ctx)
    return [item["path"] for item in client.get(IMAGES).get_json()["items"]]


def test_each_code_of_a_server_is_told_with_what_to_do(
    opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    codes = [code for code in ADVICE if not code.isdigit() and code != "RequestTimeTooSkewed"]
    with refusing() as (server, url):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url.replace("http://", "http://me:s3cret-in-url@"))
        ctx = opened("shop")
        client, admin = make_client(ctx), bearer(ctx, "admin")
        for code in (*codes, "Unheard-Of", "bearer of it", "x" * 100):
            known = code if len(code) < 65 and " " not in code else "an unknown code"
            server.status, server.code = 503 if ADVICE.get(code) == ADVICE["SlowDown"] else 403, code
            words = (
                url,
                "bucket shop",
                f"{known} (403)" if server.status == 403 else "status 503",
                ADVICE.get(code, "S3 at"),
            )
            caplog.clear()
            answer = client.get(PHOTO)
            assert answer.status_code == 503
            assert answer.get_json()["detail"] == "The object storage does not answer as it should; try again."
            shown = client.get("/readyz", headers=admin).get_json()["notices"]
            assert [all(word in one["detail"] for word in words) for one in shown] == [True], (code, shown)
            assert not [word for word in SECRETS if word in f"{shown}{caplog.text}"]
        server.status, server.code = 403, "RequestTimeTooSkewed"
        check(ctx, ("S3 at http", "shop", "RequestTimeTooSkewed (403)", "clock"), caplog)
        server.list_status, server.code = 501, "NotImplemented"
        assert client.get(PHOTO).status_code == 503
        shown = client.get("/readyz", headers=admin).get_json()["notices"]
        assert ["HeadObject is answered with HTTP status 403" in one["detail"] for one in shown] == [True], shown


def test_wrong_keys_and_buckets_of_a_real_server(
    s3_url: str, opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in s3_environment(s3_url).items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", "REQUESTKEY")
        check(opened("photos"), (s3_url, "bucket photos", "InvalidAccessKeyId (403)", "AWS_ACCESS_KEY_ID"), caplog)
    with monkeypatch.context() as patched:
        patched.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
        check(opened("photos"), (s3_url, "bucket photos", "SignatureDoesNotMatch (403)", "AWS_SECRET"), caplog)
    ctx = opened("nowhere")
    answer = send(make_client(ctx), bearer(ctx, "images:write"), (picture(), "a.jpg"), folder="apart")
    assert answer.status_code == 503
    shown = make_client(ctx).get("/readyz", headers=bearer(ctx, "admin")).get_json()["notices"]
    assert ["NoSuchBucket (404). Create the bucket" in one["detail"] for one in shown] == [True]
    result = cms(Path(ctx.settings.site.removeprefix("file://")), "images", "pull", CMS_MEDIA="s3://nowhere")
    assert (result.returncode, result.stdout) == (1, "")
    assert "bucket nowhere: ListObjectsV2 is answered with NoSuchBucket (404)" in result.stderr
    assert "Traceback" not in result.stderr


def silent(line: socket.socket) -> None:
    while line.recv(65536):  # until the client has had enough
        pass


def test_a_server_that_is_away_or_speaks_otherwise(
    opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def check_at(url: str, *words: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        check(opened("shop"), (url, "bucket shop", *words), caplog)

    def check_command_at(url: str, *words: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        output = CliRunner().invoke(main, ["images", "pull"]).output
        assert not [word for word in (url, "bucket shop", *words) if word not in output], output

    check_at(f"http://127.0.0.1:{free_port()}", "Connection refused (ECONNREFUSED)", "start the server")
    check_command_at("http://no-such-host.invalid:9000", "the name is not resolved", "AWS_ENDPOINT_URL_S3")
    with refusing() as (_, url):
        check_at(url.replace("http:", "https:"), "TLS fails (WRONG_VERSION_NUMBER)", "http or https")
    with speaking(silent) as url:
        check_command_at(url.rstrip("/"), "no answer in time", "start the server")
    with speaking_tls(make_certificate(tmp_path)) as url:
        check_at(url, "the certificate is not trusted", "AWS_CA_BUNDLE")


def test_variables_that_make_no_sense_are_named(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    opened("shop")  # which sets what the command is to read
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "no url")
    result = CliRunner().invoke(main, ["sync"])
    assert (result.exit_code, "AWS_ENDPOINT_URL_S3 is no URL" in result.output) == (1, True), result.output


def test_an_outage_is_logged_when_it_begins_and_when_it_is_over(
    opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        port = held.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
    ctx = opened("shop")
    client = make_client(ctx)
    assert {client.get(PHOTO).status_code for _ in range(20)} == {503}
    assert notices(client) == ["storage"]
    with refusing() as (server, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        caplog.clear()
        other = opened("shop")
        assert make_client(other).get(PHOTO).status_code == 200
        server.status, server.code = 403, "AccessDenied"
        assert make_client(other).get(PHOTO).status_code == 503
        server.status = 0
        assert make_client(other).get(PHOTO).status_code == 200
        assert notices(make_client(other)) == ["storage"], "some requests may still be refused"
    assert len([record for record in caplog.records if "AccessDenied" in record.getMessage()]) == 1


def notices(client: FlaskClient) -> list[str]:
    return [notice["name"] for notice in client.get("/readyz").get_json()["notices"]]
