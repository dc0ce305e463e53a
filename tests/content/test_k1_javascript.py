"""K1: what edits make of generated front matter, the site's own parser reads as it was asked for."""

from __future__ import annotations

from typing import Any

from cms.errors import Invalid
from cms.model.splice import edit
from tests.content.commented_yaml import yaml
from tests.content.random_edits import trial
from tests.content.verdict import plain
from tests.javascript import read_in_javascript

EXAMPLES = 400


def test_the_site_reads_what_was_asked_for(nodejs: str) -> None:
    made: list[tuple[str, dict[str, Any]]] = []
    for seed in range(EXAMPLES):
        tried = trial(yaml, seed)
        try:
            made.append((edit(tried.document, tried.wanted, None), tried.wanted))
        except Invalid:
            continue
    assert len(made) > 0.98 * EXAMPLES
    found = read_in_javascript(nodejs, [text for text, _ in made])
    for (text, wanted), theirs in zip(made, found, strict=True):
        assert theirs["value"] == plain(wanted), text
