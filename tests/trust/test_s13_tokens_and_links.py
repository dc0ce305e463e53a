"""S13: a preview link ends with the token that made it, an article has few of them, and no token touches a stronger
one; a scope names one collection."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, insert, select, update

from cms.actions.previews import MOST_LINKS
from cms.context import Context
from cms.database.engine import write
from cms.database.tables import previews, tokens
from cms.model.scopes import SCOPES
from tests.api.copying import PREVIEWS, Editor
from tests.api.editing import create_text, problem
from tests.api.test_tokens import NAMES, NARROWED, TOKENS, allowed
from tests.components import cms
from tests.conftest import bearer, both_databases, site_of, state_of

DRAFT = "articles:read-drafts"


@pytest.fixture
def copied(client: FlaskClient, admin: dict[str, str]) -> Editor:
    """Somebody who may do everything, and has a working copy of an article."""
    editor = Editor(client, admin)
    assert editor.save(create_text(client, admin), {"data": {"title": "Mine"}}).status_code == 200
    return editor


def made_token(editor: Editor, *scopes: str, **more: Any) -> tuple[str, Editor]:
    """A token's id, and its holder."""
    body = {"name": "n", "scopes": scopes, **more}
    made = editor.client.post(TOKENS, json=body, headers=editor.headers)
    assert made.status_code == 201, made.text
    found = made.get_json()
    return found["id"], Editor(editor.client, {"Authorization": f"Bearer {found['token']}"})


def url_of(editor: Editor) -> str:
    made = editor.preview()
    assert made.status_code == 201, made.text
    url: str = made.get_json()["url"]
    return url


@both_databases
def test_a_link_ends_when_its_makers_token_is_revoked(copied: Editor) -> None:
    token_id, holder = made_token(copied, DRAFT)
    _, other = made_token(copied, DRAFT)
    own, others = url_of(holder), url_of(other)
    assert copied.client.delete(f"{TOKENS}/{token_id}", headers=copied.headers).status_code == 204
    problem(copied.client.get(own), 404)
    assert copied.client.get(others).status_code == 200
    assert len(copied.client.get(PREVIEWS, headers=copied.headers).get_json()["items"]) == 1


def test_a_link_from_before_goes_on(copied: Editor, ctx: Context) -> None:
    token_id, holder = made_token(copied, DRAFT)
    url = url_of(holder)
    with write(ctx.database) as tx:
        tx.execute(update(previews).values(token_id=None))
    copied.client.delete(f"{TOKENS}/{token_id}", headers=copied.headers)
    assert copied.client.get(url).status_code == 200


def test_a_link_ends_also_when_an_earlier_version_revokes_the_token(copied: Editor, ctx: Context) -> None:
    token_id, holder = made_token(copied, DRAFT)
    url = url_of(holder)
    with write(ctx.database) as tx:
        tx.execute(delete(tokens).where(tokens.c.id == token_id))
    problem(copied.client.get(url), 404)
    assert copied.client.get(PREVIEWS, headers=copied.headers).get_json()["items"] == []


def test_a_link_lives_no_longer_than_its_makers_token(copied: Editor) -> None:
    expires_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    _, holder = made_token(copied, DRAFT, expires_at=expires_at)
    assert holder.preview(expires_s=86_400).get_json()["expires_at"] == expires_at.replace("Z", ".000Z")


def test_an_article_has_at_most_so_many_live_links(copied: Editor, ctx: Context) -> None:
    first = copied.preview().get_json()
    with write(ctx.database) as tx:
        row = tx.execute(select(previews)).one()._asdict()
        others = [{**row, "id": f"{number}", "digest": f"{number}"} for number in range(1, MOST_LINKS)]
        others.append({**row, "id": "expired", "digest": "e", "expires_at": time.time() - 1})
        others.append({**row, "id": "of another", "digest": "o", "name": "en/another"})
        tx.execute(insert(previews), others)
    before = state_of(ctx)
    refused = problem(copied.preview(), 409, "too_many_previews")
    assert "DELETE /previews" in refused["detail"]
    assert state_of(ctx) == before
    copied.client.delete(f"{PREVIEWS}/{first['preview_id']}", headers=copied.headers)
    assert copied.preview().status_code == 201


def test_no_token_revokes_a_stronger_one(client: FlaskClient, ctx: Context, admin: dict[str, str]) -> None:
    """Each pair of scopes: a token that could not have made the other one does not revoke it."""
    editor = Editor(client, admin)
    revokers = {own: bearer(ctx, "tokens", own) for own in (*SCOPES, *NARROWED)}
    for scope in (*SCOPES, *NARROWED):
        target, _ = made_token(editor, scope)
        refusing = [own for own in revokers if not allowed(scope) <= allowed(own) | allowed("tokens")]
        before = state_of(ctx)
        for own in refusing:
            problem(client.delete(f"{TOKENS}/{target}", headers=revokers[own]), 403)
        assert state_of(ctx) == before
        (weakest,) = {own for own in revokers if own == scope}
        assert client.delete(f"{TOKENS}/{target}", headers=revokers[weakest]).status_code == 204


WRONG = ("*", "news,places", "news places", "news*", "?", "[ab]", "{a,b}", "news|places", "news;", '"news"', "a/b", "")
PLAIN = (*NAMES, "not-there-yet", "with.dot", "with_line", "2025", "ព័ត៌មាន", "новости")


def test_a_scope_that_only_looks_as_if_it_granted_something_is_refused(
    client: FlaskClient, ctx: Context, admin: dict[str, str]
) -> None:
    narrow = [scope for scope in SCOPES if scope.startswith(("articles:", "images:"))]
    before = state_of(ctx)
    for scope, name in product(narrow, WRONG):
        body = {"name": "n", "scopes": [f"{scope}:{name}"]}
        (error,) = problem(client.post(TOKENS, json=body, headers=admin), 422)["errors"]
        assert (error["pointer"], error["code"]) == ("/scopes", "scope")
    made = cms(site_of(ctx), "token", "create", "--name", "n", "--scope", "articles:write:*")
    assert (made.returncode, made.stdout) == (1, "")
    assert "articles:write:*" in made.stderr
    assert state_of(ctx) == before
    for scope, name in product(narrow, PLAIN):
        body = {"name": "n", "scopes": [f"{scope}:{name}"]}
        assert client.post(TOKENS, json=body, headers=admin).status_code == 201, name
