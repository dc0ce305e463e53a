"""A page of another origin puts a photo straight into the bucket, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.store.s3_client import connect
from tests.api.test_images import PLANTED, picture
from tests.api.test_uploads import announce, complete, file
from tests.browser import chromium_page, serving
from tests.components import s3_environment
from tests.conftest import bearer, close, make_client, make_context, make_settings
from tests.servers import CEPH

PAGE = """<!doctype html>
<input type="file">
<script>
  async function send(item) {
    const body = document.querySelector('input').files[0];
    const { status } = await fetch(item.url, { method: item.method, headers: item.headers, body });
    return status;
  }
</script>
"""


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """Where the page comes from."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page/index.html").write_text(PAGE)
    with serving(tmp_path / "page") as url:
        yield url


@pytest.fixture(params=[CEPH])
def ctx(
    request: pytest.FixtureRequest, site: Path, tmp_path: Path, origin: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    """The sample site with a bucket of its own, which lets pages of that one origin put photos."""
    for name, value in s3_environment(request.getfixturevalue(request.param)).items():
        monkeypatch.setenv(name, value)
    bucket = tmp_path.name.replace("_", "-").lower()
    storage = connect()
    storage.create_bucket(Bucket=bucket)
    storage.put_bucket_cors(
        Bucket=bucket,
        CORSConfiguration={
            "CORSRules": [{"AllowedOrigins": [origin], "AllowedMethods": ["PUT"], "AllowedHeaders": ["content-type"]}]
        },
    )
    made = make_context(make_settings(site, f"sqlite:///{tmp_path}/cms.db", media=f"s3://{bucket}/site"))
    yield made
    close(made)


def test_a_page_of_another_origin_uploads(ctx: Context, origin: str, tmp_path: Path) -> None:
    client, headers = make_client(ctx), bearer(ctx, "images:write")
    photo = tmp_path / "រូបថត.jpg"
    photo.write_bytes(picture(size=(300, 200)))
    announced = file(photo.read_bytes(), photo.name)
    wanted, other = announce(client, headers, announced, announced).get_json()["items"]
    with chromium_page() as page:
        page.goto(origin)
        page.set_input_files("input", photo)
        assert page.evaluate("item => send(item)", wanted) == 200
        page.goto(origin.replace("127.0.0.1", "localhost"))
        page.set_input_files("input", photo)
        refused: str = page.evaluate("item => send(item).catch((error) => error.name)", other)
        assert refused == "TypeError", "the bucket lets no other origin in"
    item = _taken_in(client, headers, wanted)
    assert item["path"] == "apart/រូបថត.jpg"
    served = client.get(item["url"], headers=headers).data
    assert len(served) == item["bytes"]
    assert PLANTED not in served


def _taken_in(client: FlaskClient, headers: dict[str, str], item: dict[str, Any]) -> dict[str, Any]:
    response = complete(client, headers, item)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.get_json()
    return found
