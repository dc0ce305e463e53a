"""Texts that may be dates, and what `new Date()` makes of them in Node."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterator, Sequence

READ = """
const values = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(values.map((value) => {
  const time = new Date(value).getTime();
  return Number.isNaN(time) ? null : time;
})));
"""

WHOLE = [
    "Jul 08 2022", "2024/03/01", "March 2, 2024", "2 March 2024", "Mon, 25 Dec 1995 13:30:00 +0430", "2024-03-01 10:00",
    "2024-03-01T10:00", "2024-03-01T10:00:00.1234567Z", "12/25/1995", "25/12/1995", "08-Jul-22", "2024.03.01", "2024",
    "Thu Jan 01 1970 00:00:00 GMT+0200 (CEST)", "2024-05", "20240301", "5", "1/2", "Jan 1", "+275760-09-13", "2024-1-1",
    "-271821-04-20", "+275760-09-13T00:00:00.001Z", "July 4th 2020", "2020-06-31", "10:00 2024-01-01", "1. März 2024",
    "2024-03-01T10:00:00+0700", "2024-03-01 10:00:00 +07:00", "2024-03-01 10:00 PM", "Jan 1 2024 12:00 am", "", " ",
    "Jan 32 2024", "Feb 30 2024", "2024-03-01T10:00:00 Z", "2024-03-01Z", "2024-03-01+07:00", "Post 14", "v1.2", "soon",
]  # fmt: skip
PIECES = """
Jan feb March Sept. JUNE Dec jul mayor am PM a.m. utc UTC gmt GMT EST pdt Z z T t T10:00 Mon Monday, th st of foo é 日
(note) (a(b)c ( ) - + / . , : :: [ _ @ ' 1 2 5 08 12 13 31 32 0 00 60 59 24 99 49 50 100 2024 1999 0024 12345 -000000
+012024 -000001 2022-07-08 2024-3-1 10:00 10:00:00 23:59:59.123 24:00 24:00:00.000 +07:00 -0730 +7 GMT+0100 UTC-8 2.-
2024-01-01T10:00:00+07:00 2024-01-01T10:00:00Z 2024-01-01T 2024-02-30 T24:00:00.0 123456789012 .5 .123456789012 1.5 .-
99999999999 000000000012 275760-09-13 1657238400000 1e3 ½ ٣ K İ GMT+01000301:
""".split()  # noqa: SIM905  a list of these would hide them
PIECES += ["12:30 PM", "12 am", *" \t\n\r\v\f\0\u00a0\ufeff\u2028\u2029\u180e\u200b\u3000\u1680\x85", "  "]


def read_in_javascript(node: str, values: Sequence[str | float]) -> list[int | None]:
    """Return the time of each date in milliseconds, None for an invalid one, where the time zone is UTC."""
    environment = {**os.environ, "TZ": "UTC"}
    done = subprocess.run(
        [node, "-e", READ], input=json.dumps(list(values)), capture_output=True, text=True, check=True, timeout=300,
        env=environment,
    )  # fmt: skip
    found: list[int | None] = json.loads(done.stdout)
    return found


def texts(seed: int) -> Iterator[str]:
    """Yield dates, changed dates and pieces of dates in any order, without end; the same for the same seed."""
    dice = random.Random(seed)
    yield from WHOLE
    while True:
        if dice.random() < 0.5:
            yield dice.choice(["", " ", "", "-", "/"]).join(dice.choice(PIECES) for _ in range(dice.randint(1, 7)))
            continue
        text = dice.choice(WHOLE)
        for _ in range(dice.randint(0, 3)):
            place, kind = dice.randint(0, len(text)), dice.randint(0, 2)
            new = ("", dice.choice(PIECES), dice.choice("0123456789:-+/. ,TZzapm()"))[kind]
            text = text[:place] + new + text[place + (kind != 1) * dice.randint(1, 3) :]
        yield text
