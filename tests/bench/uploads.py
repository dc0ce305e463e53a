"""Photos sent through the API into a bucket, beside boto3 that puts the same bytes there, in one run.

    python -m tests.bench.uploads [--rounds N] [--photos N]

The bucket is rclone's. What the upload takes beyond encoding is told in boto3's time; medians of the rounds.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from PIL import Image

from tests.components import cms, cms_server, s3_environment, s3_server
from tests.conftest import SAMPLE, copy_site

BYTES = 5_000_000
SIZES = [(4000, 3000), (4608, 3456), (5184, 3888), (6000, 4000)]
TICKS = os.sysconf("SC_CLK_TCK")

TIMED = """
import json, sys, time
def timed(act):
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""

OURS = """
import pathlib, urllib3
url, token, *names = sys.argv[1:]
fields = [("folder", "new"), *(("files", (pathlib.Path(n).name, pathlib.Path(n).read_bytes())) for n in names)]
body, form = urllib3.encode_multipart_formdata(fields)
def act():
    headers = {"Authorization": f"Bearer {token}", "Content-Type": form}
    answer = urllib3.request("POST", f"{url}/api/v1/images", body=body, headers=headers, retries=False, timeout=600)
    assert answer.status == 201, answer.data
timed(act)
"""

BOTO3 = """
import boto3, pathlib
prefix, *names = sys.argv[1:]
client = boto3.session.Session().client("s3")
timed(lambda: [client.upload_file(name, "photos", f"{prefix}/{pathlib.Path(name).name}") for name in names])
"""

ENCODING = """
import pathlib
from cms.model import photo
from cms.model.limits import Limits
def act():
    for name in sys.argv[2:]:
        with open(name, "rb") as source, open(pathlib.Path(sys.argv[1], pathlib.Path(name).name), "wb") as out:
            photo.prepare(source, out, name, "", Limits())
timed(act)
"""


def photograph(number: int) -> bytes:
    """A JPEG of about `BYTES`, the same each time: soft shapes and the grain of a sensor."""
    chance, size = random.Random(number), SIZES[number % len(SIZES)]
    shapes = Image.frombytes("RGB", (24, 18), chance.randbytes(24 * 18 * 3)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.frombytes("L", size, chance.randbytes(size[0] * size[1])).convert("RGB")
    picture = Image.blend(shapes, grain, 0.1)
    low, high = 20, 96
    while high - low > 1:
        quality = (low + high) // 2
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        low, high = (quality, high) if len(out.getvalue()) < BYTES else (low, quality)
    return out.getvalue()


def run(code: str, *arguments: str) -> tuple[float, float]:
    """Seconds on the clock and of the processor, of what the code does in a process of its own."""
    done = subprocess.run([sys.executable, "-c", TIMED + code, *arguments], check=True, stdout=subprocess.PIPE)
    wall, cpu = json.loads(done.stdout)
    return wall, cpu


def processor_time(group: int) -> float:
    """Seconds that the processes of the group have used, and those that they have waited for."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        total += sum(map(int, values[11:15])) if int(values[2]) == group else 0
    return total / TICKS


@contextmanager
def serving(folder: Path, media: str) -> Iterator[tuple[str, str, int]]:
    """A server whose photos go to the bucket: its URL, a token, and its process group."""
    site = copy_site(SAMPLE, folder / "site")
    token = cms(site, "token", "create", "--name", "bench", "--scope", "admin", CMS_MEDIA=media).stdout.strip()
    with cms_server(site, folder / "log", "--no-worker", CMS_MEDIA=media) as server:
        yield server.url, token, server.process.pid


def measure(folder: Path, number: int, names: list[str]) -> dict[str, tuple[float, float, float]]:
    """Of each way: seconds on the clock, of the client's processor, and of the server's."""
    (folder / "ready").mkdir(parents=True)
    encoding = run(ENCODING, str(folder / "ready"), *names)
    ready = sorted(str(path) for path in (folder / "ready").iterdir())
    with serving(folder, f"s3://photos/ours-{number}") as (url, token, group):
        before = processor_time(group)
        ours = (*run(OURS, url, token, *names), processor_time(group) - before)
    return {"POST /images": ours, "boto3": (*run(BOTO3, f"boto3-{number}", *ready), 0), "encoding": (*encoding, 0)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Photos sent through the API beside boto3.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "buckets/photos").mkdir(parents=True)
        paths = [folder / f"photo-{number}.jpg" for number in range(options.photos)]
        sent = sum(path.write_bytes(photograph(number)) for number, path in enumerate(paths))
        with s3_server(folder / "buckets") as url:
            os.environ.update(s3_environment(url))
            names = [str(path) for path in paths]
            rounds = [measure(folder / f"round-{number}", number, names) for number in range(options.rounds)]
    click.echo(f"{options.photos} photos, {sent / 1e6:.1f} MB sent; seconds, medians of {options.rounds} rounds")
    for way in rounds[0]:
        wall, client, server = (statistics.median(found) for found in zip(*(one[way] for one in rounds), strict=True))
        click.echo(f"{way:14} {wall:7.2f} on the clock {client:7.2f} client's CPU {server:7.2f} server's CPU")
    ratios = [(one["POST /images"][0] - one["encoding"][0]) / one["boto3"][0] for one in rounds]
    click.echo(f"beyond encoding: {statistics.median(ratios):.2f} of boto3's time")


if __name__ == "__main__":
    main()
