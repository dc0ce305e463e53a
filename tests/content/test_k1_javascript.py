"""K1: what edits make of generated front matter, the site's own parser reads as it was asked for."""

from __future__ import annotations

from random import Random
from typing import Any

from cms.errors import Invalid
from cms.model.splice import edit
from tests.content import front_matter, oracle
from tests.javascript import read_in_javascript
from tests.model.reading import read
from tests.test_lossless import plain

EXAMPLES = 400


def test_the_site_reads_what_was_asked_for(nodejs: str) -> None:
    made: list[tuple[str, dict[str, Any]]] = []
    for seed in range(EXAMPLES):
        random = Random(seed)
        document = read(front_matter.yaml(random).text.encode())
        wanted = oracle.applied(document.data, oracle.some_edits(random, document.data))
        try:
            made.append((edit(document, wanted, None), wanted))
        except Invalid:
            continue
    assert len(made) > 0.98 * EXAMPLES
    found = read_in_javascript(nodejs, [text for text, _ in made])
    for (text, wanted), theirs in zip(made, found, strict=True):
        assert plain(theirs["value"]) == plain(days_as_text(wanted)), text


def days_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: days_as_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [days_as_text(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
