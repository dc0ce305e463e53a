"""How long an editor waits for the variants of an upload while those of a stock are in the making, and without one.

The two sides take turns on servers of the same kind, one whose site has got a stock of photos in its files.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import urllib3
from PIL import Image

from tests.bench.made_site import article, path_of, write
from tests.bench.measure import Options, Row, row
from tests.components import CmsServer, cms, cms_server

STOCK = 1000
SIZE = (1920, 1280)
AIM_S = 10.0
HTTP = urllib3.PoolManager(retries=False)


def rows(options: Options) -> Iterator[Row]:
    stock = 20 if options.is_small else STOCK
    with ExitStack() as stack:
        sides = {}
        for name, photos in (("beside", stock), ("without", 0)):
            folder = options.folder / name
            write(path_of(folder / "site", 0), article(0).encode())
            for number in range(photos):
                write(folder / f"site/src/assets/stock/{number:04}.jpg", photograph(number))
            token = cms(folder / "site", "token", "create", "--name", "bench", "--scope", "admin").stdout.strip()
            server = stack.enter_context(cms_server(folder / "site", folder / "log"))
            sides[name] = server, {"Authorization": f"Bearer {token}"}
        await_some(sides["beside"][0])
        found: dict[str, list[float]] = {"beside": [], "without": []}
        for number in range(options.rounds):
            for name, (server, headers) in sides.items():
                found[name].append(wait(server, headers, stock + 2 * number + (name == "beside")))
        left = stock - made(sides["beside"][0])
    work = f"variants of an upload beside a stock of {stock} photos, of which {left} are left"
    yield row(work, "the same without a stock", "s", found["beside"], found["without"])
    longest = max(found["beside"])
    yield Row("the longest of these waits", f"{AIM_S:g} s", "s", longest, AIM_S, aim=1.0)


def photograph(number: int) -> bytes:
    """A photo of soft shapes, the same each time."""
    shapes = Image.frombytes("RGB", (48, 32), random.Random(number).randbytes(48 * 32 * 3))
    out = io.BytesIO()
    shapes.resize(SIZE, Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def made(server: CmsServer) -> int:
    return len(list(Path(server.site).glob(".cms/variants/*/facts-2.json")))


def await_some(server: CmsServer) -> None:
    while made(server) < 3:
        time.sleep(0.1)


def wait(server: CmsServer, headers: dict[str, str], number: int) -> float:
    """Seconds from the answer to the upload to the first that names its variants."""
    fields: list[Any] = [("folder", "new"), ("files", (f"{number}.jpg", photograph(number)))]
    images = f"{server.url}/api/v1/images"
    answer = HTTP.request("POST", images, fields=fields, headers=headers)
    assert answer.status == 201, answer.data
    began = time.perf_counter()
    while HTTP.request("GET", f"{images}/new/{number}.jpg", headers=headers).json()["srcset"] is None:
        time.sleep(0.05)
    return time.perf_counter() - began
