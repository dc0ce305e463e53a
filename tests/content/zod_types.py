"""Types of Zod with values that may fit them, and what Zod says of each; the schema is exported as Astro exports it."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

JUDGE = """
const { createRequire } = require('module');
const [manifest, version] = process.argv.slice(1);
const load = createRequire(manifest);
const { z } = load(version === '5' ? 'zod/v3' : 'zod/v4');
const override = ({ zodSchema, jsonSchema }) => {
  if (zodSchema._zod.def.type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
};
const dateStrategy = ['format:date-time', 'format:date', 'integer'];
const exported = (type) => version === '5'
  ? load('zod-to-json-schema').zodToJsonSchema(type, { name: 'posts', errorMessages: true, dateStrategy })
  : z.toJSONSchema(type, { unrepresentable: 'any', io: 'input', override });
const revived = (value) => {
  if (Array.isArray(value)) return value.map(revived);
  if (value === null || typeof value !== 'object') return value;
  if ('$date' in value) return new Date(value.$date);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revived(item)]));
};
const judged = ([text, values]) => {
  const type = new Function('z', `return z.object({ field: ${text} })`)(z);
  return [exported(type), values.map((value) => type.safeParse({ field: revived(value) }).success)];
};
const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(cases.map(judged)));
"""
LEAVES: list[tuple[str, list[Any]]] = [
    ("z.date()", [{"$date": "2024-01-15"}, {"$date": "2024-01-15T10:00:00.000Z"}]),
    ("z.string()", ["x", "y", ""]),
    ("z.boolean()", [True, False]),
    ("z.enum(['x', 'y'])", ["x", "y"]),
    ("z.literal('x')", ["x"]),
]
"""Numbers are left out: where `z.date()` stands they may be dates of `z.coerce.date()`, which has the same schema."""


class Type(NamedTuple):
    """A type as Zod is told it, and a value that fits."""

    text: str
    value: Any


def any_type(dice: random.Random, depth: int = 3) -> Type:
    kind = dice.randint(0, 9) if depth else 0
    if kind < 3:
        text, values = dice.choice(LEAVES)
        return Type(text, dice.choice(values))
    one, other = any_type(dice, depth - 1), any_type(dice, depth - 1)
    if kind == 3:
        return Type(f"z.array({one.text})", [one.value] * dice.randint(0, 2))
    if kind == 4:
        return Type(f"z.object({{ a: {one.text}, b: {other.text}.optional() }})", {"a": one.value, "b": other.value})
    if kind == 5:
        return Type(f"z.record(z.string(), {one.text})", {"k": one.value})
    if kind == 6:
        return Type(f"{one.text}.nullable()", dice.choice([None, one.value]))
    if kind == 7:
        return Type(f"z.tuple([{one.text}, {other.text}])", [one.value, other.value])
    if kind == 8:
        both = f"z.object({{ a: {one.text} }}).and(z.object({{ c: {other.text} }}))"
        return Type(both, {"a": one.value, "c": other.value})
    return Type(f"z.union([{one.text}, {other.text}])", dice.choice([one.value, other.value]))


def changed(dice: random.Random, value: Any) -> Any:
    """The value with some of its leaves, or what holds them, replaced by others."""
    if dice.random() < 0.2:
        return dice.choice(["x", True, None, {"$date": "2024-01-15"}, ["x"], [{"$date": "2024-01-15"}], {"a": "x"}])
    if isinstance(value, list):
        return [changed(dice, item) for item in value]
    if isinstance(value, dict) and "$date" not in value:
        return {key: changed(dice, item) for key, item in value.items()}
    return value


def ask_zod(node: str, folder: Path, version: int, cases: Sequence[tuple[str, list[Any]]]) -> list[Any]:
    """Return for each type its JSON Schema and whether each of its values is right; `folder` has Astro's packages."""
    command = [node, "-e", JUDGE, str(folder / "node_modules/astro/package.json"), str(version)]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=True, timeout=300)
    found: list[Any] = json.loads(done.stdout)
    return found
