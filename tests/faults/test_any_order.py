"""Whatever is done in whatever order, the site says what a dictionary says to which the same was done.

`CMS_TEST_ORDERS=5000` tries so many orders.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cms.actions.start import prepare
from cms.database import collections
from cms.database.engine import write
from tests.api.editing import ARTICLES, MERGE_PATCH
from tests.conftest import bearer, close, make_client, make_context, make_settings, reconcile

V1 = "/api/v1"
IDS = st.sampled_from(["en/a", "km/a", "en/b", "en/deep/er"])
WORDS = st.text("abកខ :#'\"-\n", min_size=1, max_size=6)
BODIES = WORDS.map("T{}".format)  # blank lines at the top are no part of a body
SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
EXAMPLES = int(os.environ.get("CMS_TEST_ORDERS", "6"))

moments = itertools.count(1_700_000_000)


class Newsroom(RuleBasedStateMachine):
    """`there` is what each article holds: its front matter and its body."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cms-any-order-"))
        self.news = self.folder / "site/src/content/news"
        self.news.mkdir(parents=True)
        (self.news.parent / "news.schema.json").write_text(json.dumps(SCHEMA))
        (self.news / "first.md").write_text("---\ntitle: First\n---\nFirst.\n")
        self.ctx = make_context(make_settings(self.folder / "site", f"sqlite:///{self.folder}/cms.db"))
        self.client, self.headers = make_client(self.ctx), bearer(self.ctx, "admin")
        self.there: dict[str, dict[str, Any]] = {"first": {"data": {"title": "First"}, "body": "First.\n"}}
        self.old: dict[str, list[str]] = {}
        self.fed: dict[str, Any] = {}
        self.cursor = ""

    def teardown(self) -> None:
        self.follow()
        assert self.fed == self.whole_feed(), "what was told bit by bit is not all there is"
        before = self.told()
        with write(self.ctx.database) as tx:
            collections.set_built(tx, "another")
        prepare(self.ctx)
        assert self.told() == before, "the tables made again say something else"
        close(self.ctx)
        shutil.rmtree(self.folder)

    @rule(name=IDS, title=WORDS, body=BODIES)
    def create(self, name: str, title: str, body: str) -> None:
        answer = self.ask("PUT", name, {"If-None-Match": "*"}, {"data": {"title": title}, "body": body})
        assert answer.status_code == (412 if name in self.there else 201), answer.text
        if name not in self.there:
            self.there[name] = {"data": {"title": title}, "body": body}

    @rule(name=IDS, title=WORDS, is_draft=st.booleans(), is_late=st.booleans())
    def change(self, name: str, title: str, *, is_draft: bool, is_late: bool) -> None:
        if self.may(name, is_late=is_late, method="PATCH", body={"data": {"title": title, "draft": is_draft}}):
            self.there[name]["data"] |= {"title": title, "draft": is_draft}

    @rule(name=IDS, body=BODIES, is_late=st.booleans())
    def replace(self, name: str, body: str, *, is_late: bool) -> None:
        if self.may(name, is_late=is_late, method="PUT", body={"data": {"title": "R"}, "body": body}):
            self.there[name] = {"data": {"title": "R"}, "body": body}

    @rule(name=IDS, is_late=st.booleans())
    def delete(self, name: str, *, is_late: bool) -> None:
        if self.may(name, is_late=is_late, method="DELETE"):
            del self.there[name]

    @rule(name=IDS, new=IDS)
    def rename(self, name: str, new: str) -> None:
        if name not in self.there:
            return
        answer = self.ask("PATCH", name, {"If-Match": self.tag(name)}, {"id": new})
        if new in self.there:
            assert answer.status_code == (200 if new == name else 409), answer.text
        else:
            assert answer.status_code == 200, answer.text
            self.there[new] = self.there.pop(name)

    @rule(name=IDS, pick=st.integers(0, 9))
    def restore(self, name: str, pick: int) -> None:
        url = f"{V1}/history/news/{name}"
        items = self.client.get(url, headers=self.headers).get_json().get("items", [])
        with_text = [item for item in items if item["version"] and item["action"] in ("created", "updated")]
        if not with_text:
            return
        seq = with_text[pick % len(with_text)]["seq"]
        (revision,) = self.client.get(f"{url}?seq={seq}", headers=self.headers).get_json()["items"]
        tag = {"If-Match": self.tag(name)} if name in self.there else {}
        answer = self.client.post(f"{url}?seq={seq}", headers={**self.headers, **tag})
        if answer.status_code == 410 and name not in self.there:
            assert answer.get_json()["code"] == "moved"
            return
        assert answer.status_code in (200, 201), answer.text
        file = self.client.get(f"{ARTICLES}/news/{name}", headers={**self.headers, "Accept": "text/markdown"})
        assert file.text == revision["text"]
        found = answer.get_json()
        self.there[name] = {"data": found["data"], "body": found["body"]}

    @rule(name=IDS, title=WORDS, body=BODIES)
    def write_by_hand(self, name: str, title: str, body: str) -> None:
        path = self.news / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"---\ntitle: {json.dumps(title)}\n---\n{body}", newline="")
        moment = next(moments)
        os.utime(path, (moment, moment))
        reconcile(self.ctx)
        self.there[name] = {"data": {"title": title}, "body": body}

    @rule(name=IDS)
    def delete_by_hand(self, name: str) -> None:
        (self.news / f"{name}.md").unlink(missing_ok=True)
        reconcile(self.ctx)
        self.there.pop(name, None)

    @rule()
    def follow(self) -> None:
        """As a build does that fetches what has changed."""
        for line in self.feed(f"?cursor={self.cursor}" if self.cursor else ""):
            if line["type"] == "article":
                self.fed[line["id"]] = line
            elif line["type"] == "deleted":
                self.fed.pop(line["id"], None)

    @invariant()
    def all_is_there(self) -> None:
        for name, held in self.there.items():
            found = self.client.get(f"{ARTICLES}/news/{name}", headers=self.headers).get_json()
            assert {"data": found["data"], "body": found["body"]} == held, name
            self.old.setdefault(name, []).append(self.tag(name))
        listed = self.client.get(f"{ARTICLES}?collection=news").get_json()["items"]
        public = {name for name, held in self.there.items() if not held["data"].get("draft")}
        assert {item["id"] for item in listed} == public
        files = {path.relative_to(self.news).with_suffix("").as_posix() for path in self.news.rglob("*.md")}
        assert files == self.there.keys()

    def may(self, name: str, *, is_late: bool, method: str, body: Any = None) -> bool:
        """Asks for it, with the present tag or one of before; says whether it was done."""
        now = self.tag(name) if name in self.there else '"none"'
        stale = next((tag for tag in self.old.get(name, ()) if version_of(tag) != version_of(now)), None)
        is_late = is_late and stale is not None
        answer = self.ask(method, name, {"If-Match": stale if is_late and stale else now}, body)
        if name not in self.there:
            assert answer.status_code in (404, 410), answer.text
            return False
        assert answer.status_code == 412 if is_late else answer.status_code in (200, 204), answer.text
        return not is_late

    def ask(self, method: str, name: str, conditions: dict[str, str], body: Any = None) -> Any:
        kind = MERGE_PATCH if method == "PATCH" else "application/json"
        more = {} if body is None else {"json": body, "content_type": kind}
        headers = {**self.headers, **conditions}
        return self.client.open(f"{ARTICLES}/news/{name}", method=method, headers=headers, **more)

    def tag(self, name: str) -> str:
        return str(self.client.get(f"{ARTICLES}/news/{name}", headers=self.headers).headers["ETag"])

    def feed(self, query: str) -> list[dict[str, Any]]:
        *lines, last = map(json.loads, self.client.get(f"{V1}/sync{query}").text.splitlines())
        self.cursor = last["cursor"]
        return lines

    def whole_feed(self) -> dict[str, Any]:
        return {line["id"]: line for line in self.feed("") if line["type"] == "article"}

    def told(self) -> list[str]:
        """All that anybody is told of articles, in the order of lists."""
        urls = [f"{ARTICLES}?collection=news&sort=title&status=all", f"{ARTICLES}?q=a&total=true", f"{V1}/collections"]
        urls += [f"{ARTICLES}/news/{name}" for name in sorted(self.there)]
        answers = [self.client.get(url, headers=self.headers) for url in urls]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.text for answer in answers]


def version_of(tag: str) -> str:
    return tag.strip('"').partition("-")[0]


TestAnyOrder = Newsroom.TestCase
TestAnyOrder.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
