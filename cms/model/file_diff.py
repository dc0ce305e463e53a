"""What differs between two files, as people read it."""

from __future__ import annotations

import difflib


def unified_diff(before: bytes | None, after: bytes | None, name: str, new_name: str | None = None) -> str:
    """From one file's bytes to another's; text that is not UTF-8 is shown as well as can be."""
    old, new = (b"" if data is None else data for data in (before, after))
    lines = difflib.unified_diff(
        old.decode(errors="replace").splitlines(keepends=True),
        new.decode(errors="replace").splitlines(keepends=True),
        f"a/{name}",
        f"b/{new_name or name}",
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
