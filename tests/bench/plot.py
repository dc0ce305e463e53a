"""Cost against size as a picture: both axes by powers of ten, one line for each kind of work."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

from tests.bench.measure import Row

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 460, 70, 330, 20, 40
COLOURS = ("#0b6e4f", "#c1121f", "#1d3557", "#e09f3e", "#7b2cbf", "#495057", "#0077b6", "#9c6644")


def plot(rows: Iterable[Row]) -> str:
    """An SVG of the rows that have a size."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row.size is not None:
            lines.setdefault(f"{row.work} ({row.unit})", []).append((row.size, row.ours))
    every = [point for line in lines.values() for point in line] or [(1, 1.0)]
    across = _scale([size for size, _ in every], LEFT, WIDTH - RIGHT)
    up = _scale([cost for _, cost in every], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' font-family="sans-serif" font-size="11"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    ]
    for size in sorted({size for size, _ in every}):
        x = across(size)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{size:,}</text>')
    for power in _powers([cost for _, cost in every]):
        y = up(power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{power:g}</text>')
    for number, (name, points) in enumerate(sorted(lines.items())):
        colour, line = COLOURS[number % len(COLOURS)], sorted(points)
        path = " ".join(f"{across(size):.1f},{up(cost):.1f}" for size, cost in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(size):.1f}" cy="{up(cost):.1f}" r="3" fill="{colour}"/>' for size, cost in line]
        y = TOP + 14 + 16 * number
        parts.append(f'<text x="{WIDTH - RIGHT + 16}" y="{y}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    low, high = math.log10(min(values)), math.log10(max(values))
    width = high - low or 1.0
    return lambda value: start + (math.log10(value) - low) / width * (end - start)


def _powers(values: Sequence[float]) -> list[float]:
    first, last = math.ceil(math.log10(min(values))), math.floor(math.log10(max(values)))
    return [10.0**power for power in range(first, last + 1)]
