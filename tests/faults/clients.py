"""A client that saves titles of articles. Little is imported, so that many may run, each in a process of its own."""

from __future__ import annotations

import random
import time
from typing import NamedTuple

import urllib3


class Save(NamedTuple):
    """A save that was answered by 2xx: the article, the version that it named, and the one that it made."""

    name: str
    expect: str
    version: str


class Seen(NamedTuple):
    """A version that was read, or made when `is_write`, between two moments of one clock."""

    name: str
    version: str
    began: float
    ended: float
    is_write: bool


class Client:
    """A client that saves titles; `url` is an article's."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=60)
        self._headers = headers

    def version(self, url: str) -> str:
        # As an editor: what the public reads from the memory of another node may be some milliseconds old.
        return str(self._http.request("GET", url, headers=self._headers).headers["ETag"][1:65])

    def save(self, url: str, expect: str, title: str) -> tuple[int, str]:
        """The status, and the version that there is now by what was told."""
        while True:
            headers = {**self._headers, "If-Match": f'"{expect}"'}
            answer = self._http.request("PATCH", url, json={"data": {"title": title}}, headers=headers)
            if answer.status == 200:
                return 200, answer.headers["ETag"][1:65]
            if answer.status == 412:
                return 412, answer.json()["current_version"]
            assert answer.status == 503, answer.data
            time.sleep(0.05)


def act(url: str, headers: dict[str, str], number: int, articles: int, requests: int) -> tuple[list[Seen], list[Save]]:
    """Read and save `news/en/wanted-…` as chance has it."""
    client, chance = Client(headers), random.Random(number)
    seen: list[Seen] = []
    saves: list[Save] = []
    known: dict[str, str] = {}
    for request in range(requests):
        name = f"news/en/wanted-{chance.randrange(articles)}"
        began = time.monotonic()
        if name not in known or chance.random() < 0.4:
            known[name] = client.version(f"{url}/{name}")
            seen.append(Seen(name, known[name], began, time.monotonic(), is_write=False))
            continue
        status, version = client.save(f"{url}/{name}", known[name], f"By {number}, {request}")
        if status == 200:
            seen.append(Seen(name, version, began, time.monotonic(), is_write=True))
            saves.append(Save(name, known[name], version))
        known[name] = version
    return seen, saves
