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
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
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
        with open(name, "rb") as source, open(pathlib.Path(sys.argv[1], pathlib.Path(name).name), "w+b") as out:
            photo.prepare(source, out, name, "", Limits())
timed(act)
"""


Times = dict[str, tuple[float, ...]]
"""Of each way: seconds on the clock, of the client's processor, and of the server's."""


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


def measure(folder: Path, names: list[str], ready: list[str]) -> Times:
    """The upload, and before and after it what it is compared with: a machine that gets slower does so for all."""
    media = f"s3://photos/{folder.name}"

    def compare() -> tuple[tuple[float, float], tuple[float, float]]:
        shutil.rmtree(folder.parent / "buckets/photos" / folder.name, ignore_errors=True)
        return run(BOTO3, folder.name, *ready), run(ENCODING, str(folder), *names)

    folder.mkdir()
    before = compare()
    with serving(folder, media) as (url, token, group):
        used = processor_time(group)
        ours = (*run(OURS, url, token, *names), processor_time(group) - used)
    boto3, encoding = (
        tuple(map(statistics.mean, zip(*pair, strict=True))) for pair in zip(before, compare(), strict=True)
    )
    shutil.rmtree(folder)
    return {"POST /images": ours, "boto3": (*boto3, 0), "encoding": (*encoding, 0)}


def photos(folder: Path, count: int) -> tuple[list[str], list[str]]:
    """The files to send, and what they are stored as."""
    sent, ready = folder / "sent", folder / "ready"
    sent.mkdir()
    ready.mkdir()
    for number in range(count):
        (sent / f"{number:02}.jpg").write_bytes(photograph(number))
    names = sorted(str(path) for path in sent.iterdir())
    run(ENCODING, str(ready), *names)
    return names, sorted(str(path) for path in ready.iterdir())


def report(name: str, of: Callable[[Iterable[float]], float], rounds: list[Times]) -> None:
    found = {way: [of(values) for values in zip(*(one[way] for one in rounds), strict=True)] for way in rounds[0]}
    for way, (wall, client, server) in found.items():
        click.echo(f"{name:8} {way:12} {wall:6.2f} s  CPU of the client {client:5.2f} s, of the server {server:5.2f} s")
    ours, boto3, encoding = (found[way] for way in ("POST /images", "boto3", "encoding"))
    wall, cpu = (ours[0] - encoding[0]) / boto3[0], (ours[1] + ours[2] - encoding[1]) / boto3[1]
    click.echo(f"{name:8} beyond encoding: {wall:.2f} of boto3's time, {cpu:.2f} of its CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description="Photos sent through the API beside boto3.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cms-bench-") as name:
        folder = Path(name)
        (folder / "buckets/photos").mkdir(parents=True)
        names, ready = photos(folder, options.photos)
        sent, stored = (sum(Path(path).stat().st_size for path in paths) / 1e6 for paths in (names, ready))
        click.echo(f"{len(names)} photos, {sent:.1f} MB as sent, {stored:.1f} MB as stored")
        with s3_server(folder / "buckets") as url:
            os.environ.update(s3_environment(url))
            rounds = [measure(folder / f"round-{number}", names, ready) for number in range(options.rounds)]
    report("median", statistics.median, rounds)
    # On a busy machine these say more of the clock.
    report("quickest", min, rounds)


if __name__ == "__main__":
    main()
