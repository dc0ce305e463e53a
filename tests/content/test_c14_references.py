"""C14: an article to which others refer stays where it is, or they follow it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.actions import edit, planning, save
from cms.actions.check import check
from cms.actions.heal import heal
from cms.actions.planning import Editing
from cms.context import Context
from cms.database import intents
from cms.database.engine import read, write
from cms.errors import Invalid
from cms.model.ids import Name
from cms.model.scopes import SERVICE
from cms.store.base import version_of
from tests.api.copying import Editor
from tests.api.editing import ARTICLES, MERGE_PATCH, problem
from tests.conftest import bearer, reconcile, state_of
from tests.forge import desk as desk_in_git
from tests.store.racing import race

FILES = {
    "auth/jo.md": "---\nname: Jo\n---\n",
    "auth/amy.md": "---\nname: Amy\n---\n",
    "posts.cms.json": json.dumps({"references": {"author": "auth", "team.member": "auth", "related": "posts"}}),
    "posts/only.md": "---\n# who\ntitle: 'Only'  # t\nauthor: jo   # theirs\nrelated: [post, \"post\"]\n---\n\nx\n",
    "posts/post.md": "---\ntitle: E\nauthor: amy\nteam:\n  - member: jo # a\n    role: r\n  - member: amy\n---\nx\n",
    "posts/hidden.md": "---\ntitle: H\ndraft: true\nauthor:\n  id: jo\n  collection: auth\n---\n",
    "posts/other.md": "---\ntitle: Jo\ntags: [jo]\nauthor: Jo-Ann\n---\njo\n",
}
PLACES = ("src/content/auth/jo.md", "src/content/posts/only.md")
REFERRERS = ["posts/hidden", "posts/only", "posts/post"]


class Desk:
    """An editor at a site with these files beside its own."""

    def __init__(self, ctx: Context, client: FlaskClient, site: Path, headers: dict[str, str]) -> None:
        self.ctx, self.client, self.headers, self.content = ctx, client, headers, site / "src/content"
        self.put(FILES)

    def put(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            (self.content / path).parent.mkdir(exist_ok=True)
            (self.content / path).write_text(text)
        reconcile(self.ctx)

    def texts(self) -> dict[str, str]:
        found = sorted(path for name in ("auth", "posts") for path in (self.content / name).rglob("*.md"))
        return {str(path.relative_to(self.content)): path.read_text() for path in found}

    def ask(self, method: str, name: str, query: str = "", headers: Any = None, **sent: Any) -> TestResponse:
        url = f"{ARTICLES}/{name}"
        etag = self.client.get(url, headers=self.headers).headers.get("ETag", '"none"')
        asking = {**(headers or self.headers), "If-Match": etag}
        return self.client.open(url + query, method=method, headers=asking, **sent)

    def rename(self, name: str, new_id: str, query: str = "", headers: Any = None) -> TestResponse:
        return self.ask("PATCH", name, query, headers, json={"id": new_id}, content_type=MERGE_PATCH)

    def delete(self, name: str, query: str = "", headers: Any = None) -> TestResponse:
        return self.ask("DELETE", name, query, headers)

    def dangling(self) -> set[tuple[str, str]]:
        return {(found.path, found.pointer) for found in check(self.ctx) if found.code == "reference_missing"}

    def changes(self) -> list[dict[str, Any]]:
        answer = self.client.get("/api/v1/changes?limit=100", headers=self.headers)
        found: list[dict[str, Any]] = answer.get_json()["items"]
        return found


@pytest.fixture
def desk(ctx: Context, client: FlaskClient, site: Path, admin: dict[str, str]) -> Desk:
    return Desk(ctx, client, site, admin)


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_what_others_refer_to_is_neither_renamed_nor_deleted(desk: Desk, query: str) -> None:
    before = state_of(desk.ctx)
    for answer in (desk.rename("auth/jo", "joe", query), desk.delete("auth/jo", query)):
        told = problem(answer, 409, "referenced")
        assert (told["used_by"], told["total"]) == (REFERRERS, 3)
        assert told["references"] == [
            {"article": "posts/hidden", "path": "src/content/posts/hidden.md", "pointer": "/data/author/id"},
            {"article": "posts/only", "path": "src/content/posts/only.md", "pointer": "/data/author"},
            {"article": "posts/post", "path": "src/content/posts/post.md", "pointer": "/data/team/0/member"},
        ]
    told = problem(desk.rename("posts/post", "post-new", query), 409, "referenced")
    assert [place["pointer"] for place in told["references"]] == ["/data/related/0", "/data/related/1"]
    assert state_of(desk.ctx) == before
    assert desk.rename("posts/other", "another", query).status_code == 200


def test_an_edit_that_is_no_rename_is_none_of_their_business(desk: Desk) -> None:
    answer = desk.ask("PATCH", "auth/jo", json={"data": {"name": "Joe"}}, content_type=MERGE_PATCH)
    assert answer.status_code == 200


def test_a_slug_that_would_give_another_id_is_a_rename_too(desk: Desk) -> None:
    change: dict[str, Any] = {"json": {"data": {"slug": "joe"}}, "content_type": MERGE_PATCH}
    before = desk.texts()
    problem(desk.ask("PATCH", "auth/jo", **change), 409, "referenced")
    whole: dict[str, Any] = {"data": b"---\nname: Jo\nslug: joe\n---\n", "content_type": "text/markdown"}
    problem(desk.ask("PUT", "auth/jo", **whole), 409, "referenced")
    assert desk.texts() == before
    assert desk.ask("PATCH", "auth/jo", "?update_references=true", **change).status_code == 200
    expected = {**before, "auth/jo.md": "---\nname: Jo\nslug: joe\n---\n"}
    assert desk.texts() == {
        path: text.replace(": jo ", ": joe ").replace(": jo\n", ": joe\n") for path, text in expected.items()
    }
    assert desk.dangling() == {("src/content/posts/other.md", "/data/author")}


def test_with_a_rename_those_that_refer_to_it_follow_line_by_line(desk: Desk) -> None:
    before, seq = desk.texts(), desk.changes()[0]["seq"]
    planned = desk.rename("auth/jo", "joe", "?update_references=true&dry_run=true").get_json()
    assert [edit["article"] for edit in planned["edits"]] == REFERRERS
    assert "-author: jo   # theirs\n+author: joe   # theirs\n" in planned["edits"][1]["diff"]
    assert desk.texts() == before
    assert desk.rename("auth/jo", "joe", "?update_references=true&message=Renamed").status_code == 200
    expected = {path: text.replace(": jo ", ": joe ").replace(": jo\n", ": joe\n") for path, text in before.items()}
    expected["auth/joe.md"] = expected.pop("auth/jo.md")
    assert desk.texts() == expected
    new = [change for change in desk.changes() if change["seq"] > seq]
    assert [(f"{one['collection']}/{one['id']}", one["action"], one["message"]) for one in reversed(new)] == [
        ("auth/jo", "renamed", "Renamed"),
        ("auth/joe", "renamed", "Renamed"),
        *((name, "updated", "Renamed") for name in REFERRERS),
    ]
    assert desk.dangling() == {("src/content/posts/other.md", "/data/author")}
    with read(desk.ctx.database) as tx:
        assert (intents.begun(tx), intents.keys(tx)) == ([], set())
    settled = state_of(desk.ctx)["table:changes"]
    reconcile(desk.ctx)
    assert state_of(desk.ctx)["table:changes"] == settled


def test_a_reference_to_itself_follows_in_the_same_change(desk: Desk) -> None:
    desk.put({"posts/self.md": "---\ntitle: S\nrelated: [self]\n---\n"})
    assert problem(desk.rename("posts/self", "me"), 409, "referenced")["used_by"] == ["posts/self"]
    assert desk.rename("posts/self", "me", "?update_references=true").status_code == 200
    assert desk.texts()["posts/me.md"] == "---\ntitle: S\nrelated: [me]\n---\n"
    assert desk.delete("posts/me").status_code == 204


def test_with_a_deletion_references_go_where_they_may(desk: Desk) -> None:
    before = desk.texts()
    planned = desk.delete("auth/jo", "?update_references=true&dry_run=true")
    assert planned.get_json()["diff"].endswith("@@ -1,3 +0,0 @@\n----\n-name: Jo\n----\n")
    assert [edit["article"] for edit in planned.get_json()["edits"]] == REFERRERS
    assert desk.texts() == before
    assert desk.delete("auth/jo", "?update_references=true").status_code == 204
    expected = {path: text for path, text in before.items() if path != "auth/jo.md"}
    expected["posts/only.md"] = expected["posts/only.md"].replace("author: jo   # theirs\n", "")
    expected["posts/hidden.md"] = "---\ntitle: H\ndraft: true\n---\n"
    after = desk.texts()
    after_post = after.pop("posts/post.md")
    expected.pop("posts/post.md")
    assert after == expected
    assert ("jo" in after_post, after_post.count("role: r"), after_post.count("amy")) == (False, 1, 2)
    assert desk.delete("posts/post", "?update_references=true").status_code == 204
    assert desk.texts()["posts/only.md"] == expected["posts/only.md"].replace('[post, "post"]', "[]")


def test_what_the_schema_needs_keeps_the_article(desk: Desk) -> None:
    schema = {"type": "object", "properties": {"author": {"type": "string"}}, "required": ["author"]}
    desk.put({"posts.schema.json": json.dumps(schema), "posts/hidden.md": "---\nauthor: amy\n---\n"})
    before = state_of(desk.ctx)
    told = problem(desk.delete("auth/jo", "?update_references=true"), 409, "referenced")
    assert (told["used_by"], "/data/author" in told["detail"]) == (["posts/only"], True)
    assert state_of(desk.ctx) == before


def test_hidden_referrers_count_and_are_not_named(desk: Desk) -> None:
    """As of a photo that hidden articles show."""
    writer = bearer(desk.ctx, "articles:write:auth", "articles:publish:auth")
    before = state_of(desk.ctx)
    for query in ("", "?update_references=true"):
        told = problem(desk.rename("auth/jo", "joe", query, writer), 409, "referenced")
        assert (told["total"], told["used_by"]) == (3, ["posts/only", "posts/post"])
        assert "hidden" not in json.dumps(told)
    assert state_of(desk.ctx)["table:changes"] == before["table:changes"]
    desk.put({"posts/hidden.md": "---\ntitle: H\n---\n"})
    texts = desk.texts()
    for scopes in ((), ("articles:write:posts",)):
        narrow = bearer(desk.ctx, "articles:write:auth", "articles:publish:auth", *scopes)
        problem(desk.rename("auth/jo", "joe", "?update_references=true", narrow), 403)
        problem(desk.delete("auth/jo", "?update_references=true", narrow), 403)
    assert desk.texts() == texts
    wide = bearer(desk.ctx, "articles:write", "articles:publish")
    assert desk.rename("auth/jo", "joe", "?update_references=true", wide).status_code == 200


def test_more_than_a_hundred_do_not_follow(desk: Desk) -> None:
    many = {f"posts/n{number:03}.md": "---\nauthor: amy\n---\n" for number in range(100)}
    desk.put(many)
    before = desk.texts()
    told = problem(desk.rename("auth/amy", "amelie", "?update_references=true"), 409, "referenced")
    assert (told["total"], len(told["references"]), len(told["used_by"])) == (101, 100, 100)
    assert desk.texts() == before
    (desk.content / "posts/n000.md").unlink()
    reconcile(desk.ctx)
    assert desk.rename("auth/amy", "amelie", "?update_references=true").status_code == 200
    assert not any("amy" in text for text in desk.texts().values())
    assert {one["action"] for one in desk.changes()} == {"updated"}


REFERENCE = {
    5: {
        "anyOf": [
            {"type": "string"},
            *(
                {
                    "type": "object",
                    "properties": {key: {"type": "string"}, "collection": {"type": "string"}},
                    "required": [key, "collection"],
                    "additionalProperties": False,
                }
                for key in ("id", "slug")
            ),
        ]
    }
}
REFERENCE[7] = {"anyOf": [{"type": "number"}, *REFERENCE[5]["anyOf"]]}


@pytest.mark.parametrize("version", [5, 7])
def test_the_schema_tells_of_references_by_their_shape(desk: Desk, version: int) -> None:
    own = {
        "type": "object",
        "properties": {"by": REFERENCE[version], "all": {"type": "array", "items": REFERENCE[version]}},
    }
    schema = own if version == 7 else {"$ref": "#/definitions/notes", "definitions": {"notes": own}}
    desk.put(
        {
            "notes.schema.json": json.dumps(schema),
            "notes/a.md": "---\nby: jo\n---\n",
            "notes/b.md": "---\nall: [{id: jo, collection: auth}, {slug: jo, collection: places}, amy]\n---\n",
            "notes/c.md": "---\nby: {id: jo, collection: nowhere}\n---\n",
            "auth/2024.md": "---\nname: N\n---\n",
            "notes/n.md": "---\nby: 2024\n---\n" if version == 7 else "---\nby: '2024'\n---\n",
        }
    )
    told = problem(desk.rename("auth/jo", "joe"), 409, "referenced")
    found = [(place["article"], place["pointer"]) for place in told["references"] if place["article"][:5] == "notes"]
    assert found == [("notes/a", "/data/by"), ("notes/b", "/data/all/0/id")]
    assert problem(desk.delete("auth/2024"), 409, "referenced")["used_by"] == ["notes/n"]
    assert desk.rename("auth/2024", "2025", "?update_references=true").status_code == 200
    assert (desk.content / "notes/n.md").read_text().strip("-\n").strip() in ("by: '2025'", 'by: "2025"')
    # Another collection has such an article, too, and nothing tells which is meant.
    desk.put({"other/jo.md": "---\ntitle: O\n---\n"})
    told = problem(desk.rename("auth/jo", "joe"), 409, "referenced")
    assert [name for name in told["used_by"] if name.startswith("notes")] == ["notes/b"]
    assert desk.delete("other/jo").status_code == 204


def test_no_reference_hides_behind_many_of_the_same_id_to_another_collection(desk: Desk) -> None:
    schema = {"type": "object", "properties": {"by": REFERENCE[5]}}
    others = {f"notes/n{number:04}.md": "---\nby: {id: jo, collection: places}\n---\n" for number in range(1001)}
    mine = {"notes/z.md": "---\nby: {id: jo, collection: auth}\n---\n", "notes.schema.json": json.dumps(schema)}
    desk.put({**others, **mine})
    told = problem(desk.delete("auth/jo"), 409, "referenced")
    assert (told["used_by"], told["total"]) == (["notes/z", *REFERRERS], 4)


def test_a_restore_that_renames_has_others_follow_too(desk: Desk) -> None:
    desk.put({"auth/jo.md": "---\nname: Jo\nslug: jo\n---\n"})
    before = desk.texts()
    assert desk.rename("auth/jo", "joe", "?update_references=true").status_code == 200
    history = "/api/v1/history/auth/joe"
    seq = desk.client.get("/api/v1/history/auth/jo", headers=desk.headers).get_json()["items"][1]["seq"]

    def restore(query: str) -> TestResponse:
        etag = desk.client.get(f"{ARTICLES}/auth/joe").headers["ETag"]
        return desk.client.post(f"{history}?seq={seq}{query}", headers={**desk.headers, "If-Match": etag})

    renamed = desk.texts()
    problem(restore(""), 409, "referenced")
    assert desk.texts() == renamed
    assert restore("&update_references=true").status_code == 200
    assert desk.texts() == before


def test_no_article_gets_another_id_of_its_own_by_following(desk: Desk) -> None:
    desk.put({"posts.cms.json": '{"references": {"slug": "auth"}}', "posts/about.md": "---\nslug: amy\n---\n"})
    before = state_of(desk.ctx)
    for answer in (
        desk.rename("auth/amy", "amelie", "?update_references=true"),
        desk.delete("auth/amy", "?update_references=true"),
    ):
        told = problem(answer, 409, "referenced")
        assert (told["used_by"], "change its slug" in told["detail"]) == (["posts/amy"], True)
    assert state_of(desk.ctx) == before


def test_a_collection_of_data_files_is_not_judged(desk: Desk) -> None:
    desk.put({"posts.cms.json": '{"references": {"author": "people"}}', "people/jo.json": "{}"})
    assert desk.dangling() == set()
    answer = desk.ask("PATCH", "posts/only", json={"data": {"author": "x"}}, content_type=MERGE_PATCH)
    assert answer.status_code == 200, answer.text


def test_what_dangles_by_hand_is_named_and_no_restore_brings_it(desk: Desk) -> None:
    history = "/api/v1/history/posts/only"
    seq = desk.client.get(history, headers=desk.headers).get_json()["items"][0]["seq"]
    desk.put(
        {
            "posts/only.md": "---\ntitle: O\n---\n",
            "posts/post.md": "---\ntitle: P\n---\n",
            "posts/hidden.md": "---\n---\n",
        }
    )
    (desk.content / "auth/jo.md").rename(desk.content / "auth/joe.md")
    reconcile(desk.ctx)
    etag = desk.client.get(f"{ARTICLES}/posts/only").headers["ETag"]
    restored = desk.client.post(f"{history}?seq={seq}", headers={**desk.headers, "If-Match": etag})
    assert [item["code"] for item in problem(restored, 422)["errors"]] == ["reference_missing"]
    desk.put({"posts/only.md": FILES["posts/only.md"]})
    assert ("src/content/posts/only.md", "/data/author") in desk.dangling()
    assert desk.rename("auth/joe", "jo").status_code == 200
    assert ("src/content/posts/only.md", "/data/author") not in desk.dangling()


def test_a_working_copy_keeps_its_text_and_publishes_by_merging(desk: Desk) -> None:
    editor = Editor(desk.client, desk.headers)
    etag = desk.client.get(f"{ARTICLES}/posts/only").headers["ETag"]
    copy = editor.save(etag, {"data": {"title": "Mine"}}, name="posts/only")
    assert copy.status_code == 200, copy.text
    assert desk.rename("auth/jo", "joe", "?update_references=true").status_code == 200
    shown = editor.read("posts/only")
    assert (shown.get_json()["data"]["author"], shown.get_json()["is_stale"]) == ("jo", True)
    problem(editor.publish(shown.headers["ETag"], "posts/only"), 412, "base_changed")
    merged = editor.publish(shown.headers["ETag"], "posts/only", Prefer="handling=merge")
    assert merged.status_code == 200, merged.text
    assert (merged.get_json()["data"]["author"], merged.get_json()["data"]["title"]) == ("joe", "Mine")
    asked = desk.ask("PATCH", "posts/post", "?draft=true&update_references=true", json={}, content_type=MERGE_PATCH)
    problem(asked, 422)


def test_of_a_deletion_and_a_new_reference_at_once_one_is_made(desk: Desk) -> None:
    for number in range(6):
        desk.put({"auth/new.md": f"---\nname: {number}\n---\n", f"posts/r{number}.md": "---\ntitle: R\n---\n"})

        def act(side: int, name: str = f"posts/r{number}") -> int:
            apart = Desk.__new__(Desk)
            apart.client, apart.headers = desk.client.application.test_client(), desk.headers
            if side:
                return apart.delete("auth/new").status_code
            sent = {"data": {"author": "new"}}
            return apart.ask("PATCH", name, json=sent, content_type=MERGE_PATCH).status_code

        deleted_or_saved = sorted(race(2, act))
        assert deleted_or_saved in ([200, 409], [200, 503], [204, 422])
        assert (f"src/content/posts/r{number}.md", "/data/author") not in desk.dangling()
        if 204 not in deleted_or_saved:
            assert desk.delete("auth/new", "?update_references=true").status_code == 204


def test_a_reference_whose_article_goes_before_it_is_saved_is_refused(desk: Desk) -> None:
    etag = desk.client.get(f"{ARTICLES}/posts/other").headers["ETag"].strip('"').partition("-")[0]
    editing = Editing(SERVICE, Name("posts", "other"), etag)
    plan = planning.plan_change(desk.ctx, editing, edit.patch(data={"author": "amy", "related": ["only"]}))
    assert desk.delete("auth/amy", "?update_references=true").status_code == 204
    before = state_of(desk.ctx)
    with pytest.raises(Invalid) as refused:
        save.save(desk.ctx, plan)
    assert [(one.pointer, one.code) for one in refused.value.problems] == [("/data/author", "reference_missing")]
    assert state_of(desk.ctx) == before


def test_what_is_done_is_not_undone_when_its_requests_were_sent_twice(desk: Desk) -> None:
    """In a bucket, intents stay as notes of what may come again; the article is then saved once more."""
    one, other = ((path, version_of(desk.texts()[path[12:]].encode())) for path in PLACES)
    with write(desk.ctx.database) as tx:
        head = intents.add(tx, "editor", (one[0], "old"), (one[0], "new"))
        part = intents.add(tx, "editor", (other[0], "old"), other, part_of=head.id)
        assert intents.close(tx, part.id)
        intents.take_apart(tx, head.id)
        assert intents.close(tx, head.id)
    with read(desk.ctx.database) as tx:
        assert (intents.begun(tx), intents.parts(tx, head.id)) == ([], [])
    before = state_of(desk.ctx)
    heal(desk.ctx)
    assert state_of(desk.ctx) == before


def test_all_that_follows_is_one_commit(tmp_path: Path) -> None:
    with desk_in_git(tmp_path) as at:
        site = Path(at.site.folder)
        at.site.commit({f"src/content/{path}": text for path, text in FILES.items()}, "More")
        reconcile(at.ctx)
        at.save("auth/jo", {"id": "joe"}, update_references="true")
        answer = at.client.delete(
            f"{ARTICLES}/auth/joe?update_references=true", headers={**at.editor, "If-Match": at.tag("auth/joe")}
        )
        assert answer.status_code == 204
        at.keep()
        posts = [f"src/content/{name}.md" for name in REFERRERS]
        assert at.site.commits()[:2] == [
            ("Front Desk", "Delete auth/joe", ["src/content/auth/joe.md", *posts]),
            ("Front Desk", "Rename auth/jo to auth/joe", ["src/content/auth/jo.md", "src/content/auth/joe.md", *posts]),
        ]
        assert at.site.git("status", "--porcelain") == ""
        assert "joe" not in (site / "src/content/posts/only.md").read_text()


def test_a_hundred_that_follow_are_one_commit_too(tmp_path: Path) -> None:
    with desk_in_git(tmp_path) as at:
        many = {f"posts/n{number:03}.md": "---\nauthor: jo\n---\n" for number in range(100)}
        files = {**{path: FILES[path] for path in ("posts.cms.json", "auth/jo.md")}, **many}
        at.site.commit({f"src/content/{path}": text for path, text in files.items()}, "More")
        reconcile(at.ctx)
        at.save("auth/jo", {"id": "joe"}, update_references="true")
        at.keep()
        (_, message, paths), (_, earlier, _), *_ = at.site.commits()
        assert (message, len(paths), earlier) == ("Rename auth/jo to auth/joe", 102, "More")
        assert at.site.git("status", "--porcelain") == ""
