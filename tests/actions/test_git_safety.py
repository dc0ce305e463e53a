"""Nothing that a repository holds runs anything here, or leads out of the site; nothing secret is told."""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path
from urllib.parse import quote

import pytest
import urllib3

from cms.errors import Invalid
from cms.settings import load
from cms.store import repository
from tests.actions.test_git_pull import OPENING, RIVER, log_of
from tests.api.editing import MERGE_PATCH
from tests.components import cms, cms_server
from tests.conftest import eventually
from tests.forge import Clone, desk, exchange, keep

HOOKS = (
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "prepare-commit-msg",
    "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge", "pre-push", "pre-auto-gc", "post-rewrite",
    "fsmonitor-watchman", "post-index-change", "reference-transaction", "pre-receive", "update", "post-receive",
)  # fmt: skip


def plant(site: Clone, marker: Path) -> None:
    """Let every way that git knows of running a program lead to one that leaves a mark."""
    script = marker.with_name("script")
    script.write_text(f"#!/bin/sh\necho $0 $* >> '{marker}'\ncat\n")
    script.chmod(0o755)
    hooks = site.folder / ".git/planted"
    for folder in (hooks, site.folder / ".git/hooks"):
        folder.mkdir(exist_ok=True)
        for name in HOOKS:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(script)
    included = site.folder / ".git/included"
    included.write_text(f"[core]\n\tfsmonitor = {script}\n")
    settings = {
        "core.hooksPath": str(hooks), "core.fsmonitor": str(script), "core.sshCommand": str(script),
        "core.editor": str(script), "core.pager": str(script), "core.askPass": str(script),
        "core.gitProxy": str(script), "core.alternateRefsCommand": str(script), "commit.gpgSign": "true",
        "push.gpgSign": "true", "gpg.program": str(script), "credential.helper": f"!{script}",
        "filter.evil.clean": str(script), "filter.evil.smudge": str(script), "filter.evil.process": str(script),
        "filter.evil.required": "true", "diff.evil.command": str(script), "diff.evil.textconv": str(script),
        "diff.external": str(script), "merge.evil.driver": f"{script} %O %A %B", "sequence.editor": str(script),
        "uploadpack.packObjectsHook": str(script), "alias.fetch": f"!{script}", "protocol.ext.allow": "always",
        "interactive.diffFilter": str(script), "include.path": str(included), "remote.origin.uploadpack": str(script),
        "remote.origin.receivepack": str(script), "gc.auto": "1", "gc.recentObjectsHook": str(script),
        "maintenance.auto": "true", "trailer.x.command": str(script), "log.showSignature": "true",
    }  # fmt: skip
    for name, value in settings.items():
        site.git("config", name, value)
    for place in (site.folder / ".git/info/attributes", site.folder / ".gitattributes"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("* filter=evil diff=evil merge=evil\n")


def test_nothing_that_is_planted_in_a_repository_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AC-44."""
    monkeypatch.setattr(repository, "MOST_LOOSE", -1)
    marker = tmp_path / "marker"
    with desk(tmp_path, "push") as at:
        at.developer.push({OPENING: at.developer.read(OPENING) + "\nDara.\n", "a.txt": "a", RIVER: None})
        plant(at.site, marker)
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        exchange(at)
        at.developer.git("pull", "-q", "--ff-only")
        assert not marker.exists(), marker.read_text()
        assert at.notices() == {}
        assert at.site.read("a.txt") == "a"
        assert [author for author, _ in log_of(at.site)[:1]] == ["Markdown CMS"]
        assert "By the editor" in at.developer.read(OPENING)
        assert at.get("history/news/en/river-bus")["items"][0]["actor"] == "Dara Dev"
        # The trap itself works: git as people use it walks into it.
        at.site.git("status", check=False)
        assert marker.exists()


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% MARKER", "--upload-pack=touch MARKER", "/REMOTE", "file:///REMOTE", "../remote.git",
            "ssh://-oProxyCommand=touch MARKER/x", "fd::7", "git://127.0.0.1:1/x"],
)  # fmt: skip
def test_the_sites_own_config_names_a_remote_by_https_or_ssh_alone(tmp_path: Path, url: str) -> None:
    marker = tmp_path / "marker"
    with desk(tmp_path, "push", git_remote=None) as at:
        named = url.replace("MARKER", str(marker)).replace("/REMOTE", str(at.remote))
        (at.site.folder / ".git/config").write_text(
            f'[core]\n\tbare = false\n[remote "origin"]\n\turl = "{named}"\n[protocol]\n\tallow = always\n'
        )
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        keep(at.ctx)
        assert "CMS_GIT_REMOTE" in at.notices()["git_remote"]
        assert log_of(at.site)[0][0] == "Front Desk"
        assert not marker.exists()


def test_what_developers_push_stays_in_the_work_tree(tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("not yours")
    with desk(tmp_path, "push") as at:
        link = at.developer.folder / "src/content/news/en/link.md"
        link.symlink_to(outside)
        (at.developer.folder / "src/pages").symlink_to(tmp_path)
        at.developer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(at.remote), "src/sub")
        at.developer.push({"tool.sh": "#!/bin/sh\n"})
        exchange(at)
        assert at.client.get("/api/v1/articles/news/en/link").status_code == 404
        assert (at.site.folder / "src/content/news/en/link.md").is_symlink()
        assert not list((at.site.folder / "src").glob("sub/*"))
        at.developer.git("rm", "-q", "--cached", "src/pages")
        (at.developer.folder / "src/pages").unlink()
        at.developer.push({"src/pages/outside.md": "theirs", "src/content/news/en/link.md": None})
        exchange(at)
        assert outside.read_text() == "not yours"
        assert at.site.read("src/pages/outside.md") == "theirs"
        assert at.notices() == {}


@pytest.mark.parametrize("name", ["..", ".git", ".GIT", "git~1"])
def test_a_tree_that_leads_out_of_the_work_tree_is_refused(tmp_path: Path, name: str) -> None:
    with desk(tmp_path, "push") as at:
        blob = at.developer.git("rev-parse", f"HEAD:{OPENING}")
        inner = bytes_of_tree(at.developer, {"hooked.md": ("100644", blob)})
        whole = bytes_of_tree(at.developer, {name: ("40000", inner)}, at.developer.git("ls-tree", "HEAD"))
        commit = at.developer.git("commit-tree", "-p", "HEAD", "-m", "Out", whole)
        at.developer.git("push", "-q", "origin", f"{commit}:main")
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        keep(at.ctx)
        assert list(tmp_path.rglob("hooked.md")) == []
        assert "git_remote" in at.notices()
        assert log_of(at.site)[0] == ("Front Desk", "Update news/en/opening-day: title")


def bytes_of_tree(clone: Clone, entries: dict[str, tuple[str, str]], listed: str = "") -> str:
    """A tree with these entries beside the listed ones, however odd their names; its id."""
    found = dict(entries)
    for line in listed.splitlines():
        facts, _, name = line.partition("\t")
        mode, _, oid = facts.split(" ")
        found[name] = (mode.lstrip("0"), oid)
    order = sorted(found, key=lambda name: name + ("/" if found[name][0] == "40000" else ""))
    data = b"".join(f"{found[name][0]} {name}\0".encode() + bytes.fromhex(found[name][1]) for name in order)
    file = clone.folder.parent / "tree"
    file.write_bytes(data)
    return clone.git("hash-object", "-t", "tree", "-w", "--literally", str(file))


@pytest.mark.parametrize("named_by", ["setting", "repository"])
def test_passwords_of_a_remote_are_told_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture, named_by: str) -> None:
    """AC-47."""
    caplog.set_level(logging.DEBUG)
    url = "http://robot:hunter2secret@127.0.0.1:1/x.git"
    with desk(tmp_path, "push", git_remote=url if named_by == "setting" else None) as at:
        at.site.git("remote", "set-url", "origin", url)
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        keep(at.ctx)
        assert "127.0.0.1" in at.notices()["git_remote"]
        told = [json.dumps(at.get(path)) for path in ("conflicts", "history/news/en/opening-day")]
        told += [at.client.get("/readyz", headers=at.editor).text, caplog.text, repr(at.ctx.settings)]
        told += [
            path.read_text(errors="replace") for path in (at.site.folder / ".cms/git").rglob("*") if path.is_file()
        ]
        assert "hunter2secret" not in "".join(told)


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    (tmp_path / "src/content").mkdir(parents=True)
    environ = {"CMS_SITE": str(tmp_path), "PATH": os.environ["PATH"]}
    assert load(environ).git == "off"
    for wrong in ({"CMS_GIT": "yes"}, {"CMS_GIT": "commit"}, {"CMS_GIT_HOOK_SECRET": "short"}):
        with pytest.raises(Invalid) as caught:
            load({**environ, **wrong})
        assert {problem.pointer for problem in caught.value.problems} == set(wrong)
        assert "short" not in str(caught.value.detail)
    (tmp_path / ".git").mkdir()
    assert load({**environ, "CMS_GIT": "push"}).git == "push"
    with pytest.raises(Invalid):
        load({**environ, "CMS_GIT": "push", "PATH": str(tmp_path)})


def test_a_killed_service_has_committed_each_save_once(tmp_path: Path) -> None:
    with desk(tmp_path, "push") as at:
        remote, site, developer = at.remote, at.site, at.developer
    settings = {"CMS_GIT": "push", "CMS_GIT_REMOTE": str(remote)}
    token = cms(site.folder, "token", "create", "--name", "Night Desk", "--scope", "admin", **settings).stdout.strip()
    titles: list[str] = []
    for start in range(2):
        with cms_server(site.folder, tmp_path / f"log{start}", **settings) as server:
            for number in range(12):
                titles.append(f"Title {start}-{number}")
                save(server.url, token, titles[-1])
            if start == 0:
                os.killpg(server.process.pid, signal.SIGKILL)
            else:
                assert eventually(lambda: len(pushed(developer)) >= len(titles))
    subjects = pushed(developer)
    assert subjects == titles[::-1]
    assert site.git("status", "--porcelain") == ""


def save(url: str, token: str, title: str) -> None:
    """Change the article's title, and say so in the message."""
    article = f"{url}/api/v1/articles/news/en/opening-day"
    tag = urllib3.request("HEAD", article).headers["ETag"]
    headers = {"Authorization": f"Bearer {token}", "If-Match": tag, "Content-Type": MERGE_PATCH}
    body = json.dumps({"data": {"title": title}}).encode()
    response = urllib3.request("PATCH", f"{article}?message={quote(title)}", body=body, headers=headers)
    assert response.status == 200, response.data


def pushed(developer: Clone) -> list[str]:
    """What the editor's commits say, the newest first."""
    developer.git("fetch", "-q")
    lines = developer.git("log", "--format=%an%x00%s", "origin/main").splitlines()
    return [line.split("\0")[1] for line in lines if line.startswith("Night Desk")]
