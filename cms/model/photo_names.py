"""What an editor's photo is called in the site: by the editor's name for it, or by the site's own count."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from cms.model import ids
from cms.model.limits import Limits

MOST_ALIKE = 1000
_NUMBERED = re.compile(r"photo-([0-9]{1,6})")
_BY_CAMERA = re.compile(r"(img|image|photo|dsc[nf]?|pxl|mvimg|dji|gopr|p)?[-_]?[0-9][0-9_-]*(wa[0-9]+|mp)?")


def candidates(sent: str, extension: str, taken: Collection[str], limits: Limits) -> Iterator[str]:
    """File names for the photo that was sent as `sent`, best first, none of them `taken`.

    Khmer names stay. In a folder of `photo-1`, `photo-2`, … a camera's own name becomes the next number.
    """
    file = sent.replace("\\", "/").rpartition("/")[2]
    wanted = ids.new_slug(file.rpartition(".")[0] or file, limits)
    base = wanted if wanted and not ids.check_new_id(wanted, limits) else "photo"
    numbers = [int(match[1]) for name in taken if (match := _NUMBERED.fullmatch(name.rpartition(".")[0]))]
    folded = {ids.fold(name) for name in taken}
    for stem in _stems(base, max(numbers, default=0)):
        if ids.fold(name := f"{stem}.{extension}") not in folded:
            yield name


def _stems(base: str, last: int) -> Iterator[str]:
    is_counted = last > 0 and bool(_BY_CAMERA.fullmatch(base))
    if not is_counted or _NUMBERED.fullmatch(base):
        yield base
    if is_counted:
        yield from (f"photo-{number}" for number in range(last + 1, last + MOST_ALIKE))
    else:
        yield from (f"{base}-{number}" for number in range(2, MOST_ALIKE))
