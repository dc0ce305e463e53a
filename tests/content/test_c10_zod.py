"""C10: whether a date may stand somewhere is what the site's own Zod says, for any type and any value."""

from __future__ import annotations

import json
import os
import random
from datetime import date, datetime
from typing import Any

import pytest

from cms.model.article import json_form
from cms.model.schema import Schema
from tests.astro_site import INSTALLED
from tests.components import node_with_packages
from tests.content.zod_types import any_type, ask_zod, changed

NUMBER = int(os.environ.get("CMS_TEST_TYPES") or 400)


def revived(value: Any) -> Any:
    """The value as front matter has it, with dates."""
    if isinstance(value, list):
        return [revived(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$date" not in value:
        return {key: revived(item) for key, item in value.items()}
    text: str = value["$date"]
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)


@pytest.mark.parametrize("astro", [5, 7])
def test_dates_are_right_where_zod_takes_them(nodejs: str, astro: int) -> None:
    dice = random.Random(NUMBER)
    types = [any_type(dice) for _ in range(NUMBER)]
    cases = [(one.text, [one.value, *(changed(dice, one.value) for _ in range(5))]) for one in types]
    node_with_packages(INSTALLED[astro])
    judged = ask_zod(nodejs, INSTALLED[astro], astro, cases)
    wrong = []
    for (text, values), (exported, right) in zip(cases, judged, strict=True):
        schema = Schema(json.dumps(exported))
        for value, is_right in zip(values, right, strict=True):
            data, dates = json_form({"field": revived(value)})
            problems = schema.problems(data, dates=dates)
            if is_right == any(problem.code != "unknown_field" for problem in problems):
                wrong.append((text, value, is_right, problems))
    assert not wrong, wrong[:5]
