"""F3 to F7: what is stored and every variant look like the original as sharp shows it, pixel by pixel.

CMS_TEST_LOOKS=1 tries each combination of the matrix, else there is one of each kind of file.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions import renditions
from cms.context import Context
from tests.api.test_images import IMAGES, send
from tests.components import PACKAGE
from tests.conftest import close, make_context, make_settings, reconcile
from tests.counted import Told
from tests.photos.matrix import Case, cases, file_of, judge_of, some_cases

JUDGE = Path(__file__).with_name("sharp_judge.mjs")
IS_WHOLE = bool(os.environ.get("CMS_TEST_LOOKS"))
AT_ONCE = 20

MOST = {"exact": (0.1, 0.0), "stored": (1.5, 0.015), "variant": (1.5, 0.02), "placeholder": (9.0, 0.3)}
"""The mean distance from sharp's pixels, of 255, and the share of pixels more than 24 from them, where edges are."""

MOST_COLOUR = 12


@pytest.fixture
def ctx(light_site: Path) -> Iterator[Context]:
    made = make_context(make_settings(light_site, f"sqlite:///{light_site}/.cms/cms.db"))
    yield made
    close(made)


def take_in(
    client: FlaskClient, headers: dict[str, str], ctx: Context, site: Path, tried: list[Case]
) -> dict[Case, str]:
    """Send the photos, put the site's own into it, and return the path of each."""
    paths: dict[Case, str] = {}
    own = site / "src/assets/own"
    own.mkdir()
    for case in (case for case in tried if not case.is_sent):
        paths[case] = f"own/{case.name.replace(' ', '-')}.{case.format}"
        (site / "src/assets" / paths[case]).write_bytes(file_of(case))
    sent = [case for case in tried if case.is_sent]
    for start in range(0, len(sent), AT_ONCE):
        some = sent[start : start + AT_ONCE]
        files = [(file_of(case), f"{case.name}.{case.format}") for case in some]
        answer = send(client, headers, *files, folder=f"sent-{start}")
        answer.request.environ["wsgi.input"].close()  # a request so large is in a file
        assert answer.status_code == 201, answer.text
        items = answer.get_json()["items"]
        paths |= {case: item["path"] for case, item in zip(some, items, strict=True)}
    reconcile(ctx)
    return paths


def judged_files(client: FlaskClient, folder: Path, case: Case, path: str) -> tuple[dict[str, Path], str | None]:
    """Write what the API shows of the photo into files, by kind; return these and the colour that it tells."""
    shown = client.get(f"{IMAGES}/{path}").get_json()
    name = case.name.replace(" ", "-")
    data = {f"variant {item['format']}": client.get(item["url"]).data for item in shown["variants"]}
    assert len(data) == 2, (case.name, shown)
    if case.is_sent:
        is_exact = case.format == "png" or (case.format, case.depth) == ("webp", 8)
        data["exact" if is_exact else "stored"] = client.get(shown["url"]).data
    data["placeholder"] = base64.b64decode(shown["placeholder"].partition(",")[2])
    files = {}
    for kind, content in data.items():
        files[kind] = folder / f"{name} {kind}".replace(" ", "-")
        files[kind].write_bytes(content)
    return files, shown["colour"]


def judge(node: str, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    command = [node, str(JUDGE), str(PACKAGE / "package.json")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_f03_to_f07_every_kind_of_photo_looks_as_sharp_shows_it(
    client: FlaskClient,
    admin: dict[str, str],
    ctx: Context,
    light_site: Path,
    nodejs: str,
    counted: Told,
) -> None:
    tried = list(cases()) if IS_WHOLE else some_cases()
    paths = take_in(client, admin, ctx, light_site, tried)
    renditions.make(ctx)
    folder = light_site.parent / "judged"
    folder.mkdir()
    asked, known = [], []
    for case, path in paths.items():
        files, colour = judged_files(client, folder, case, path)
        expected = folder / case.name.replace(" ", "-")
        expected.write_bytes(file_of(judge_of(case)))
        asked.append({"expected": str(expected), "ours": [str(file) for file in files.values()]})
        known.append((case, list(files), colour))
    wrong, seen = [], defaultdict(list)
    for (case, kinds, colour), found in zip(known, judge(nodejs, asked), strict=True):
        for kind, one in zip(kinds, found["ours"], strict=True):
            mean, far = MOST[kind.split()[0]]
            seen[kind].append(one["mean"])
            if one["mean"] > mean or one["far"] > far:
                wrong.append(f"{case.name}: {kind} is {one} away")
            if kind in ("exact", "stored") and (one["width"], one["height"]) != (found["width"], found["height"]):
                wrong.append(f"{case.name}: {kind} is {one['width']} x {one['height']}")
        if colour is None or any(
            abs(a - b) > MOST_COLOUR
            for a, b in zip(bytes.fromhex(colour[1:]), found["colour"].to_bytes(3), strict=True)
        ):
            wrong.append(f"{case.name}: {colour} is not {found['colour']:06x}")
    worst = (f"{kind} {max(means):.2f}" for kind, means in seen.items())
    counted({"photos": len(tried), "worst means:": ", ".join(worst)})
    assert not wrong, "\n".join(wrong)
