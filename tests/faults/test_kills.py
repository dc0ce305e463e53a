"""Server processes and workers that are killed at random under eight writers and a reader.

`CMS_TEST_KILLS=10000` kills so many; without it a few are.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from tests.api.editing import MERGE_PATCH, TEXT
from tests.components import CmsServer, cms, cms_server_at, descendants, free_port
from tests.conftest import eventually
from tests.counted import Told
from tests.faults.clients import Save
from tests.faults.ledger import check_chains, texts_of
from tests.faults.outsiders import strange_files

KILLS = int(os.environ.get("CMS_TEST_KILLS", "8"))
WRITERS = 8
ARTICLES = 4
FOLDER = "src/content/news/en"
LINES = 300
"""Of a body: so many that one which is torn is seen."""


def body_of(title: str) -> str:
    return f"{title}\n" * LINES


def is_whole(title: str, body: str) -> bool:
    return body.strip() == body_of(title).strip()


@dataclass
class Clients:
    """What they asked for, by the title that they gave, and what came of it."""

    url: str
    headers: dict[str, str]
    saves: list[Save] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    answers: Counter[int | str] = field(default_factory=Counter)
    torn: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self, writers: Iterable[int], readers: int) -> Iterator[Clients]:
        """All of them, for the block; each writer has a number."""
        threads = [threading.Thread(target=self.write, args=(number,)) for number in writers]
        threads += [threading.Thread(target=self.read) for _ in range(readers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def write(self, number: int) -> None:
        http = urllib3.PoolManager(retries=False, timeout=20)
        chance, expect = random.Random(number), dict[str, str]()
        for attempt in itertools.count():
            if self.stop.is_set():
                return
            try:
                self._write_one(http, f"By {number} {attempt}", f"news/en/killed-{chance.randrange(ARTICLES)}", expect)
            except urllib3.exceptions.HTTPError:
                self.answers["none"] += 1
                expect.clear()
                time.sleep(0.05)

    def _write_one(self, http: urllib3.PoolManager, title: str, name: str, expect: dict[str, str]) -> None:
        url = f"{self.url}/api/v1/articles/{name}"
        if name not in expect:
            current = http.request("GET", url)
            if current.status != 200:
                self._refuse(current.status)
                return
            expect[name] = current.headers["ETag"][1:65]
        self.asked.add(title)
        answer = http.request(
            "PATCH",
            url,
            json={"data": {"title": title}, "body": body_of(title)},
            headers={**self.headers, "If-Match": f'"{expect[name]}"', "Content-Type": MERGE_PATCH},
        )
        self.answers[answer.status] += 1
        if answer.status == 200:
            version = answer.headers["ETag"][1:65]
            self.saves.append(Save(name, expect[name], version))
            expect[name] = version
        else:
            expect.pop(name)
            if answer.status == 412:
                self.refused.add(title)

    def _refuse(self, status: int) -> None:
        self.answers[status] += 1
        time.sleep(0.05)

    def read(self) -> None:
        http = urllib3.PoolManager(retries=False, timeout=20)
        for number in itertools.count():
            if self.stop.is_set():
                return
            try:
                answer = http.request("GET", f"{self.url}/api/v1/articles/news/en/killed-{number % ARTICLES}")
                if answer.status != 200:
                    self._refuse(answer.status)
                    continue
                found = answer.json()
                if not is_whole(found["data"]["title"], found["body"]):
                    self.torn.append(found["data"]["title"])
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)


def put_articles(site: Path) -> None:
    for number in range(ARTICLES):
        text = TEXT.replace("'A day at the library'", "By nobody").partition("First paragraph")[0]
        (site / FOLDER / f"killed-{number}.md").write_text(text + body_of("By nobody"))


def kill_some(server: CmsServer, clients: Clients, chance: random.Random, most: int) -> int:
    """Kill one process after the other, and at last all of them."""
    killed = 0
    while killed < most - 1 and chance.random() < 0.8:
        let_save(server, clients, chance)
        if server.process.poll() is not None:
            break  # one process, killed twice within seconds, passes for a loop of crashes, which ends the server
        if children := descendants(server.process.pid):
            os.kill(chance.choice(children), signal.SIGKILL)
            killed += 1
    let_save(server, clients, chance)
    with suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    assert server.process.wait() in (1, -signal.SIGKILL)
    return killed + 1


def let_save(server: CmsServer, clients: Clients, chance: random.Random) -> None:
    """Wait for a moment, and mostly until so many saves as there are writers were acknowledged before it began."""
    wanted = len(clients.saves) + chance.choice((0, WRITERS, WRITERS, WRITERS))
    assert eventually(lambda: len(clients.saves) >= wanted or server.process.poll() is not None)
    time.sleep(chance.uniform(0, 0.2))


def test_nothing_acknowledged_is_lost_when_processes_are_killed(site: Path, tmp_path: Path, counted: Told) -> None:
    put_articles(site)
    token = cms(site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    port, chance, killed, began = free_port(), random.Random(11), 0, time.monotonic()
    clients = Clients(f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"})
    with clients.at_work(range(WRITERS), 1):
        while killed < KILLS:
            with cms_server_at(port, site, tmp_path / f"log-{killed}", "--workers", "2") as server:
                killed += kill_some(server, clients, chance, KILLS - killed)
    synced = cms(site, "sync")
    assert synced.returncode == 0, synced.stderr
    check_chains(site, clients.saves)
    texts = [(_title(text), _body(text)) for text in texts_of(site, "en/killed-")]
    titles = {title for title, _ in texts}
    torn = [title for title, body in texts if not is_whole(title, body)]
    phantoms = titles & clients.refused
    counted({
        "kills": killed, "acknowledged": len(clients.saves), "answers": dict(clients.answers),
        "lost": 0, "torn": len(torn) + len(clients.torn), "phantom": len(phantoms),
        "seconds": round(time.monotonic() - began),
    })  # fmt: skip
    assert (torn, clients.torn, phantoms) == ([], [], set())
    assert titles - {"By nobody"} <= clients.asked
    assert len(clients.saves) > 3 * KILLS
    assert set(clients.answers) <= {200, 412, 503, "none"}
    assert strange_files(site / FOLDER, *(path.name for path in (site / FOLDER).glob("*.md"))) == []


def test_nothing_acknowledged_is_lost_when_what_is_left_after_a_while_is_killed(
    light_site: Path, tmp_path: Path
) -> None:
    """As systemd's `KillMode=mixed` has it: SIGTERM to the main process, and, when time is up, SIGKILL to all."""
    put_articles(light_site)
    token = cms(light_site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    with cms_server_at(free_port(), light_site, tmp_path / "log", "--workers", "2", "--drain", "600") as server:
        clients = Clients(server.url, {"Authorization": f"Bearer {token}"})
        with clients.at_work(range(WRITERS), 0):
            assert eventually(lambda: len(clients.saves) >= WRITERS)
            group, started = server.process.pid, descendants(server.process.pid)
            assert len(started) >= 3
            assert {os.getpgid(pid) for pid in started} == {group}, "none has gone where no signal finds it"
            server.process.send_signal(signal.SIGTERM)
            assert eventually(lambda: urllib3.request("GET", f"{server.url}/readyz", retries=False).status == 503)
            before = len(clients.saves)
            assert eventually(lambda: len(clients.saves) >= before + WRITERS), "it goes on serving for a while"
            os.killpg(group, signal.SIGKILL)
            server.process.wait()
            assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
    assert set(clients.answers) <= {200, 412, 503, "none"}
    synced = cms(light_site, "sync")
    assert synced.returncode == 0, synced.stderr
    check_chains(light_site, clients.saves)


def test_a_worker_that_was_killed_is_started_again(site: Path, tmp_path: Path) -> None:
    with cms_server_at(free_port(), site, tmp_path / "log") as server:
        (worker,) = _workers(server)
        os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: _workers(server) not in ([], [worker]))
        (site / FOLDER / "by-hand.md").write_text(TEXT)
        url = f"{server.url}/api/v1/articles/news/en/by-hand"
        assert eventually(lambda: urllib3.request("GET", url).status == 200)


def _workers(server: CmsServer) -> list[int]:
    commands = {pid: Path(f"/proc/{pid}/cmdline") for pid in descendants(server.process.pid)}
    return [pid for pid, path in commands.items() if path.exists() and b"\0worker\0" in path.read_bytes()]


def _title(text: bytes) -> str:
    found = re.search(r"^title: (.*?)( *#.*)?$", text.decode(), re.MULTILINE)
    return found[1].strip("'\"") if found else ""


def _body(text: bytes) -> str:
    return text.decode().split("\n---\n", 1)[1]
