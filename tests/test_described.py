"""The check that every test's answers go through notices what the API's description lacks."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import described
from tests.api.editing import problem
from tests.api.test_images import IMAGES, picture, send

PATH = "/api/v1/images/{path}"


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A description without what the test takes out of it."""
    copied: dict[str, Any] = {**described.SPEC, "paths": {**described.SPEC["paths"]}}
    copied["paths"][PATH] = {**copied["paths"][PATH]}
    copied["paths"][PATH]["get"] = {**copied["paths"][PATH]["get"]}
    monkeypatch.setattr(described, "SPEC", copied)
    described._validator.cache_clear()
    return copied


def test_a_status_that_is_not_described(client: FlaskClient, spec: dict[str, Any]) -> None:
    problem(client.get(f"{IMAGES}/none.jpg"), 404)
    spec["paths"][PATH]["get"]["responses"] = {"200": {}}
    with pytest.raises(AssertionError, match="answers 404"):
        client.get(f"{IMAGES}/none.jpg")


def test_a_shape_that_is_not_described(client: FlaskClient, admin: dict[str, str], spec: dict[str, Any]) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="new").get_json()["items"]
    schema = {"type": "object", "required": ["never_told"]}
    spec["paths"][PATH]["get"]["responses"] = {"200": {"content": {"application/json": {"schema": schema}}}}
    with pytest.raises(AssertionError, match="never_told"):
        client.get(f"{IMAGES}/{item['path']}")
    described._validator.cache_clear()
