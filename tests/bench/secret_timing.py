"""Whether the time of a refusal tells how much of a secret was right: Welch's t between two kinds of wrong ones.

    python -m tests.bench.secret_timing [--samples N]

One kind is wrong in its first character, the other in its last. They take turns at random, in one process; the slowest
tenth of all is left out, which is what else the machine did. Below 4.5 nobody tells them apart. The last line is what
a leak looks like: two long texts, compared by `==`.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from operator import eq
from pathlib import Path

import click

from tests.conftest import bearer
from tests.forge import SECRET, desk

LONG = "s" * 65_536
BODY = b"{}"
SIGNED = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
Attempt = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=20_000)
    samples = parser.parse_args().samples
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder)) as at:
        token = bearer(at.ctx, "admin")["Authorization"]
        hook = partial(at.client.post, "/hooks/git", data=BODY)
        asked: list[tuple[str, Callable[[str], Attempt], str]] = [
            (
                "a token",
                lambda wrong: partial(at.client.get, "/api/v1/whoami", headers=bearing(token, wrong)),
                token[-43:],
            ),
            (
                "X-Hub-Signature-256",
                lambda wrong: partial(hook, headers={"X-Hub-Signature-256": f"sha256={wrong}"}),
                SIGNED,
            ),
            ("X-Gitea-Signature", lambda wrong: partial(hook, headers={"X-Gitea-Signature": wrong}), SIGNED),
            ("X-Gitlab-Token", lambda wrong: partial(hook, headers={"X-Gitlab-Token": wrong}), SECRET),
            ("by ==", lambda wrong: partial(eq, wrong, LONG), LONG),
        ]
        for name, attempt, secret in asked:
            early, late = measured(attempt, secret, samples)
            medians = f"medians {statistics.median(early):.2f} and {statistics.median(late):.2f} µs"
            click.echo(f"{name:20}  t {welch(early, late):8.2f}  {medians}, {samples:,} samples of each")


def bearing(token: str, secret: str) -> dict[str, str]:
    return {"Authorization": token[:-43] + secret}


def measured(attempt: Callable[[str], Attempt], secret: str, samples: int) -> tuple[list[float], list[float]]:
    """Microseconds of each attempt, without the slowest: wrong in its first character, and wrong in its last."""
    taken: dict[int, list[float]] = {0: [], len(secret) - 1: []}
    order = list(taken) * samples
    random.shuffle(order)
    for place in order:
        # Made anew each time: where in memory a text lies must not be what is measured.
        wrong = attempt(f"{secret[:place]}{'a' if secret[place] != 'a' else 'b'}{secret[place + 1 :]}")
        started = time.perf_counter_ns()
        wrong()
        taken[place].append((time.perf_counter_ns() - started) / 1000)
    early, late = taken.values()
    longest = sorted(early + late)[int(samples * 2 * 0.9)]  # of both: each cut by itself would look steadier than it is
    return [one for one in early if one <= longest], [one for one in late if one <= longest]


def welch(one: list[float], other: list[float]) -> float:
    difference = statistics.fmean(one) - statistics.fmean(other)
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return difference / math.sqrt(spread)


if __name__ == "__main__":
    main()
