"""K1: one to three changes of any front matter touch no line that they do not mean, or are refused.

`CMS_TEST_EXAMPLES=100000` tries so many, always others; without it a few hundred, the same each time.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from cms.errors import Invalid
from cms.model.splice import edit
from cms.model.yaml_values import is_same
from tests.content.commented import Made
from tests.content.commented_toml import toml
from tests.content.commented_yaml import yaml
from tests.content.edit_oracle import check
from tests.content.random_edits import trial
from tests.counted import Told
from tests.model.reading import read

EXAMPLES = int(os.environ.get("CMS_TEST_EXAMPLES", "0"))
FIRST = secrets.randbelow(2**40) if EXAMPLES else 0


@pytest.mark.parametrize("make", [yaml, toml])
def test_changes_touch_no_other_line(make: Callable[[Random], Made], counted: Told) -> None:
    outcomes = Counter(try_edits(make, seed) for seed in range(FIRST, FIRST + (EXAMPLES or 500)))
    assert outcomes["edited"] > 0.9 * outcomes.total()
    assert not outcomes["told badly"]
    counted(outcomes)


def is_told_well(error: Invalid) -> bool:
    """Whether a refusal names the entry."""
    return error.problems[0].code == "cannot_edit" and error.problems[0].pointer.startswith("/data/")


def try_edits(make: Callable[[Random], Made], seed: int) -> str:
    """Make one front matter, change it, and return what came of that."""
    try:
        tried = trial(make, seed)
    except Invalid:
        return "no YAML"  # a `- ?` in a list in a list, which the site refuses too
    made, data = tried.made, tried.document.data
    try:
        result = edit(tried.document, tried.wanted, None)
    except Invalid as error:
        return "refused" if is_told_well(error) else "told badly"
    try:
        assert is_same(read(result.encode()).data, tried.wanted)
        check(made, data, tried.edits, result)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}\n{tried.edits}\n{made.text}\n=====\n{result}") from error
    return "edited"
