"""Front matter that takes a quadratic time to read or to edit is refused, or compared only once."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.model import splice
from cms.model.document import read
from cms.model.yaml_guard import YamlLimits
from tests.api.editing import ARTICLES, problem
from tests.conftest import state_of

LIMITS = YamlLimits()


KEYS = {"bare": "a." * 30_000 + "a", "blanks": '" " . ' * 10_000 + "a", "quoted": 'a.\'b.c\'."\\"".' * 11 + "a"}


@pytest.mark.parametrize("name", KEYS)
def test_a_toml_key_of_many_parts_is_refused_before_it_is_read(
    ctx: Context, client: FlaskClient, admin: dict[str, str], name: str
) -> None:
    key, before = KEYS[name], state_of(ctx)
    for line in (f"{key} = 1", f"[{key}]", f"a = {{ {key} = 1 }}"):
        response = client.put(
            f"{ARTICLES}/news/en/deep",
            data=f"+++\n{line}\n+++\nbody\n",
            headers={**admin, "If-None-Match": "*"},
            content_type="text/markdown",
        )
        assert problem(response, 422)["errors"][0]["code"] == "toml_too_deep"
    assert state_of(ctx) == before


def test_dots_that_part_no_key_are_read() -> None:
    dots = "a." * 40 + "b"
    lines = (f'a = "\\"{dots}"', f"b = '{dots}'", f'c = """\n{dots}\\\n"""', f"d = '''{dots}'''", f'"{dots}" = 1')
    front_matter = "\n".join(f"{line} # {dots}" for line in lines)
    found = read(f"+++\n{front_matter}\n+++\n".encode(), LIMITS).data
    assert found == {"a": f'"{dots}', "b": dots, "c": dots, "d": dots, dots: 1}


def test_lists_of_lists_are_edited_item_by_item() -> None:
    """Each list takes the place of the one with most in common; 100 of 60 items took 3 seconds."""
    lists = [[f"{number}-{place}" for place in range(60)] for number in range(99)]
    text = "---\nl:\n" + "".join(f"- [{', '.join(items)}]\n" for items in lists) + "---\nbody\n"
    wanted = [[*items[:-1], "x"] for items in lists[1:]]
    edited = splice.edit(read(text.encode(), LIMITS), {"l": wanted}, None)
    assert edited == "---\nl:\n" + "".join(f"- [{', '.join(items)}]\n" for items in wanted) + "---\nbody\n"
