"""F2: a running service commits while its git remote does not answer, tells operators of it, and ends at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import urllib3

from tests.components import CmsServer, cms, cms_server
from tests.conftest import SAMPLE, eventually
from tests.forge import Clone, share
from tests.trust.held_remote import HeldRemote, url_of

HTTP = urllib3.PoolManager(retries=False)
ARTICLE = "/api/v1/articles/news/en/opening-day"


def save(server: CmsServer, headers: dict[str, str], title: str) -> None:
    tag = {"If-Match": HTTP.request("GET", server.url + ARTICLE).headers["ETag"]}
    named = {**headers, **tag, "Content-Type": "application/merge-patch+json"}
    answer = HTTP.request("PATCH", server.url + ARTICLE, json={"data": {"title": title}}, headers=named)
    assert answer.status == 200, answer.data


def notices(server: CmsServer, headers: dict[str, str]) -> dict[str, Any]:
    found = HTTP.request("GET", f"{server.url}/readyz", headers=headers).json()["notices"]
    return {notice["name"]: notice.get("detail") for notice in found}


def titles(clone: Clone, branch: str = "HEAD") -> list[str]:
    commits = clone.git("log", "--format=%H", "--author=test", branch).splitlines()
    texts = [clone.git("show", f"{commit}:src/content/news/en/opening-day.md") for commit in commits]
    return [text.partition("title: ")[2].partition("\n")[0] for text in texts]


def test_it_commits_tells_and_ends_while_the_remote_does_not_answer(tmp_path: Path) -> None:
    bare, site, developer = share(SAMPLE, tmp_path, "")
    remote = HeldRemote(tmp_path / "ssh")
    remote.hold()
    settings = {"CMS_GIT": "push", "CMS_GIT_REMOTE": url_of(bare), **remote.environment}
    token = cms(site.folder, "token", "create", "--name", "test", "--scope", "admin", **settings).stdout.strip()
    admin = {"Authorization": f"Bearer {token}"}
    with cms_server(site.folder, tmp_path / "log", **settings) as server:
        assert eventually(remote.asked) == 1
        for title in ("One", "Two"):
            save(server, admin, title)
            assert eventually(lambda wanted=title: titles(site)[:1] == [wanted])
        assert remote.asked() == 1, "it has not answered yet"
        assert eventually(lambda: "2 commit(s)" in notices(server, admin).get("git_remote_slow", ""))
        assert notices(server, {}) == {"git_remote_slow": None}
        assert "The git remote is slow" in server.log.read_text()
        remote.release()
        assert eventually(lambda: titles(developer, "origin/main") == ["Two", "One"] or developer.git("fetch", "-q"))
        save(server, admin, "Three")
        assert eventually(lambda: notices(server, admin) == {}), "the last exchange was quick"
        remote.hold()
        before = remote.asked()
        save(server, admin, "Four")
        assert eventually(lambda: remote.asked() > before)
    assert server.process.returncode == 0
    assert "is killed" not in server.log.read_text()
    assert titles(site)[0] == "Four"
    asked = [Path(f"/proc/{path.suffix[1:]}") for path in remote.folder.glob("ssh.asked.*")]
    assert eventually(lambda: not any(process.exists() for process in asked)), "connections outlive the service"
