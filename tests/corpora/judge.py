"""Asks Astro's own functions, in Node, what files of Markdown hold."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.components import PACKAGE, node_with_packages

_SCRIPT = Path(__file__).with_name("judge.mjs")
AT_ONCE = 500


def judged(files: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield for each file, given as its path below the collection and its text, what Astro makes of it.

    `data` and `body`, or the `error` of the parser; and the `id`, or `idError`. Dates are `{"$date": ISO string}`.
    """
    node = node_with_packages()
    for start in range(0, len(files), AT_ONCE):
        asked = json.dumps({"packages": str(PACKAGE / "node_modules"), "files": files[start : start + AT_ONCE]})
        done = subprocess.run([node, str(_SCRIPT)], input=asked, capture_output=True, text=True, check=True)
        yield from map(json.loads, done.stdout.removesuffix("\n").split("\n"))  # texts hold other line ends
