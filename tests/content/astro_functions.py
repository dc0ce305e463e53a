"""Asks functions of Astro, in Node, what a site makes of texts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.astro_site import INSTALLED
from tests.components import node_with_packages

HERE = Path(__file__).parent


def asked(script: str, version: int, **sent: object) -> Any:
    """Return the JSON that a script of this folder answers with the packages of a version of Astro."""
    node = node_with_packages(INSTALLED[version])
    text = json.dumps({"packages": str(INSTALLED[version] / "node_modules"), **sent})
    done = subprocess.run(
        [node, str(HERE / script)], input=text, capture_output=True, text=True, check=True, timeout=600
    )
    return json.loads(done.stdout)


def rendered(version: int, bodies: Sequence[str]) -> list[dict[str, Any]]:
    """Return what Astro renders of each body: `html`, `headings` and local `images`, or the `error`."""
    found: list[dict[str, Any]] = asked("astro_markdown.mjs", version, bodies=list(bodies))
    return found


def entries(version: int, folder: Path, pattern: str) -> dict[str, str]:
    """Return the paths of the entries that Astro's glob loader makes of a folder's files, by their ids."""
    found = asked("astro_entries.mjs", version, base=str(folder), pattern=pattern)
    assert "error" not in found, found
    return dict(found["entries"])
