"""AC-17: a token that is revoked in the middle of a long upload opens nothing more; what is under way may end."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import urllib3

from tests.api.test_images import IMAGES
from tests.components import CmsServer, cms, cms_server
from tests.conftest import eventually
from tests.faults.test_upload_kills import photo
from tests.test_serve import token


def form(data: bytes, folder: str = "apart") -> bytes:
    head = '--edge\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    named = head.format("files", '; filename="a.jpg"\r\nContent-Type: image/jpeg').encode()
    return head.format("folder", "").encode() + f"{folder}\r\n".encode() + named + data + b"\r\n--edge--\r\n"


def begin(server: CmsServer, headers: dict[str, str], body: bytes) -> HTTPConnection:
    """Send half of it."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", IMAGES)
    kind = {"Content-Type": "multipart/form-data; boundary=edge", "Content-Length": str(len(body))}
    for name, value in {**headers, **kind}.items():
        connection.putheader(name, value)
    connection.endheaders(body[: len(body) // 2])
    return connection


def files_of(site: Path) -> set[str]:
    return {str(path.relative_to(site)) for path in (site / "src").rglob("*")}


def test_a_token_that_is_revoked_in_the_middle_of_uploads(light_site: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    before = files_of(light_site)
    with cms_server(light_site, tmp_path / "log", "--no-worker", TMPDIR=str(tmp_path / "temporary")) as server:
        admin, desk = token(light_site, "admin"), token(light_site, "images:write")
        own = desk["Authorization"].split("_")[1]

        def ask(method: str, path: str, headers: dict[str, str]) -> Any:
            return urllib3.request(method, f"{server.url}/api/v1{path}", headers=headers, retries=False)

        def is_known() -> bool:
            """Whether the token was found good: only then is the request under way."""
            (item,) = (item for item in ask("GET", "/tokens", admin).json()["items"] if item["id"] == own)
            return item["last_used_at"] is not None

        body = form(photo())
        broken = begin(server, desk, form(photo(), "broken"))
        running = begin(server, desk, body)
        assert eventually(is_known)
        assert ask("DELETE", f"/tokens/{own}", admin).status == 204
        assert ask("GET", "/whoami", desk).status == 401
        late = begin(server, desk, body)
        assert late.getresponse().status == 401
        late.close()
        broken.close()
        running.send(body[len(body) // 2 :])
        answer = running.getresponse()
        stored = json.loads(answer.read())
        running.close()
        assert (answer.status, [item["path"] for item in stored["items"]]) == (201, ["apart/a.jpg"])
        assert eventually(lambda: list((tmp_path / "temporary").iterdir()) == [])
    assert cms(light_site, "sync").returncode == 0
    assert files_of(light_site) - before == {"src/assets/apart", "src/assets/apart/a.jpg"}
